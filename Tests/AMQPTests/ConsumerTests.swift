import AMQP
import TestKit
import Testing

private func fill(_ client: AMQPClient, _ queue: String, _ count: Int) async throws {
    let outcomes = try await client.publish(
        (0..<count).map {
            AMQPPublication(
                exchange: "", routingKey: queue, message: AMQPMessage(body: Array("\($0)".utf8), messageId: "\($0)"))
        })
    #expect(outcomes.allSatisfy { $0.isConfirmed })
}

@Suite("Consuming")
struct ConsumerTests {
    @Test("No more than the prefetch is unsettled at a time")
    func prefetch() async throws {
        try await TestBroker.with { broker in
            try await broker.withClient { client in
                try await client.declareQueue("q")
                try await fill(client, "q", 25)
                let consumer = try await client.consume("q", prefetch: 10)
                var held: [AMQPDelivery] = []
                while held.count < 10 { held += await consumer.next(upTo: 10) }
                #expect(held.count == 10)
                #expect(try await client.queueStatus("q")?.messageCount == 15)
                consumer.ack(held[3].tag, multiple: true)
                var more: [AMQPDelivery] = []
                while more.count < 4 { more += await consumer.next(upTo: 10) }
                #expect(more.compactMap(\.message.messageId) == ["10", "11", "12", "13"])
            }
        }
    }

    @Test("A refused message comes back as redelivered, or goes to the dead letters")
    func refusals() async throws {
        try await TestBroker.with { broker in
            try await broker.withClient { client in
                try await client.declareQueue("dead")
                try await client.declareQueue(
                    "q", arguments: ["x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"])
                try await fill(client, "q", 1)
                let consumer = try await client.consume("q")
                let first = try #require(await consumer.next())
                #expect(!first.redelivered)
                consumer.nack(first.tag, requeue: true)
                let again = try #require(await consumer.next())
                #expect(again.redelivered)
                #expect(again.message == first.message)
                consumer.nack(again.tag, requeue: false)
                try await eventually("dead-lettered") { try await client.queueStatus("dead")?.messageCount == 1 }
                let dead = try #require(try await client.get("dead"))
                let reason = dead.message.headers["x-death"]?.arrayValue?.first?.tableValue?["reason"]
                #expect(reason == .string("rejected"))
            }
        }
    }

    @Test("Dropping or closing a consumer returns what it held")
    func closing() async throws {
        try await TestBroker.with { broker in
            try await broker.withClient { client in
                try await client.declareQueue("q")
                try await fill(client, "q", 5)
                do {
                    let consumer = try await client.consume("q")
                    _ = await consumer.next()
                }
                try await eventually("all are back") { try await client.queueStatus("q")?.messageCount == 5 }
                let consumer = try await client.consume("q")
                #expect(await consumer.next()?.redelivered == true)
                consumer.close()
                #expect(await consumer.next() == nil)
                #expect(consumer.end?.kind == .closed)
                try await eventually("all are back") { try await client.queueStatus("q")?.messageCount == 5 }
            }
        }
    }

    @Test("After cancelling, what has arrived can still be settled")
    func cancelling() async throws {
        try await TestBroker.with { broker in
            try await broker.withClient { client in
                try await client.declareQueue("q")
                try await fill(client, "q", 3)
                let consumer = try await client.consume("q")
                let first = try #require(await consumer.next())
                try await eventually("all have arrived") { try await client.queueStatus("q")?.messageCount == 0 }
                try await consumer.cancel()
                try await fill(client, "q", 1)
                consumer.ack(first.tag)
                var rest = 0
                for await delivery in consumer {
                    consumer.ack(delivery.tag)
                    rest += 1
                }
                #expect(rest == 2)
                consumer.close()
                try await eventually("only the new one is left") {
                    try await client.queueStatus("q") == AMQPQueueStatus(name: "q", messageCount: 1, consumerCount: 0)
                }
            }
        }
    }

    @Test("A deleted queue ends its consumers", arguments: ["classic", "quorum"])
    func deletedQueue(type: String) async throws {
        try await TestBroker.with { broker in
            try await broker.withClient { client in
                try await client.declareQueue("q", arguments: ["x-queue-type": .string(type)])
                let consumer = try await client.consume("q")
                async let ended: AMQPDelivery? = consumer.next()
                try await client.deleteQueue("q")
                #expect(await ended == nil)
                #expect(consumer.end?.kind == .consumerCancelled)
                #expect(client.isConnected)
            }
        }
    }

    @Test("Acknowledging what is unknown ends the consumer with 406 and nothing else")
    func unknownTag() async throws {
        try await TestBroker.with { broker in
            try await broker.withClient { client in
                try await client.declareQueue("q")
                let consumer = try await client.consume("q")
                let other = try await client.consume("q")
                consumer.ack(99)
                #expect(await consumer.next() == nil)
                #expect(consumer.end?.isPreconditionFailed == true)
                try await fill(client, "q", 1)
                #expect(await other.next() != nil)
            }
        }
    }

    @Test("An exclusive consumer keeps others out")
    func exclusive() async throws {
        try await TestBroker.with { broker in
            try await broker.withClient { client in
                try await client.declareQueue("q")
                let consumer = try await client.consume("q", exclusive: true)
                let error = await #expect(throws: AMQPError.self) { try await client.consume("q") }
                #expect(error?.code == 403)
                #expect(consumer.end == nil)
            }
        }
    }

    @Test("A cancelled task stops waiting for deliveries, and the next one gets them")
    func cancelledTask() async throws {
        try await TestBroker.with { broker in
            try await broker.withClient { client in
                try await client.declareQueue("q")
                let consumer = try await client.consume("q")
                let waiting = Task { await consumer.next() }
                waiting.cancel()
                #expect(await waiting.value == nil)
                try await fill(client, "q", 1)
                #expect(await consumer.next()?.message.messageId == "0")
            }
        }
    }

    @Test("Browsing shows messages and leaves them")
    func browsing() async throws {
        try await TestBroker.with { broker in
            try await broker.withClient { client in
                try await client.declareQueue("q", arguments: ["x-queue-type": "quorum"])
                try await fill(client, "q", 5)
                #expect(try await client.browse("q", limit: 3).compactMap(\.message.messageId) == ["0", "1", "2"])
                try await eventually("all are back") { try await client.queueStatus("q")?.messageCount == 5 }
                #expect(try await client.browse("q", limit: 100).count == 5)
                try await eventually("all are back") { try await client.queueStatus("q")?.messageCount == 5 }

                try await client.withPuller("q") { puller in
                    let first = try #require(try await puller.next())
                    _ = try await puller.next()
                    puller.ack(first.tag)
                }
                try await eventually("one is gone") { try await client.queueStatus("q")?.messageCount == 4 }
            }
        }
    }
}
