import AMQP
import TestKit
import Testing

private func publication(_ queue: String, _ text: String, mandatory: Bool = false) -> AMQPPublication {
    AMQPPublication(
        exchange: "", routingKey: queue, mandatory: mandatory,
        message: AMQPMessage(body: Array(text.utf8), messageId: text))
}

@Suite("Publishing")
struct PublishTests {
    @Test("A message arrives exactly as it was sent, with headers of every kind")
    func roundTrip() async throws {
        try await TestBroker.with { broker in
            try await broker.withClient { client in
                try await client.declareQueue("q")
                var generator = SeededGenerator(seed: 1)
                var sent: [AMQPMessage] = []
                for _ in 0..<50 {
                    var message = AMQPMessage.random(using: &generator)
                    // The broker checks these two.
                    message.userId = broker.address.user
                    message.expiration = "60000"
                    sent.append(message)
                }
                let outcomes = try await client.publish(
                    sent.map { AMQPPublication(exchange: "", routingKey: "q", message: $0) })
                #expect(outcomes == Array(repeating: .confirmed, count: sent.count))
                for message in sent {
                    let delivery = try #require(try await client.get("q"))
                    #expect(delivery.message == message)
                    #expect(delivery.routingKey == "q")
                    #expect(!delivery.redelivered)
                }
                #expect(try await client.get("q") == nil)
            }
        }
    }

    @Test("Bodies from nothing to several frames", arguments: [0, 1, 131_064, 131_065, 300_000, 4_000_000])
    func sizes(count: Int) async throws {
        try await TestBroker.with { broker in
            try await broker.withClient { client in
                try await client.declareQueue("q")
                let body = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7) }
                let outcome = try await client.publish(
                    AMQPPublication(exchange: "", routingKey: "q", message: AMQPMessage(body: body)))
                #expect(outcome == .confirmed)
                let delivery = try #require(try await client.get("q"))
                #expect(delivery.message.body == body)
            }
        }
    }

    @Test("Thousands are on their way at a time, by several callers, each told its own outcomes")
    func manyInFlight() async throws {
        try await TestBroker.with { broker in
            try await broker.withClient { client in
                try await client.declareQueue("q", arguments: ["x-queue-type": "quorum"])
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for caller in 0..<4 {
                        group.addTask {
                            let batch = (0..<2500).map { index in
                                publication(index % 5 == 0 ? "nowhere" : "q", "\(caller)-\(index)", mandatory: true)
                            }
                            let outcomes = try await client.publish(batch)
                            for (index, outcome) in outcomes.enumerated() {
                                if index % 5 == 0 {
                                    #expect(outcome == .returned(code: 312, text: "NO_ROUTE"))
                                } else {
                                    #expect(outcome == .confirmed)
                                }
                            }
                        }
                    }
                    try await group.waitForAll()
                }
                #expect(try await client.purgeQueue("q") == 8000)
            }
        }
    }

    @Test("Messages of one call keep their order")
    func order() async throws {
        try await TestBroker.with { broker in
            try await broker.withClient { client in
                try await client.declareQueue("q", arguments: ["x-queue-type": "quorum"])
                let expected = (0..<3000).map { "\($0)" }
                _ = try await client.publish(expected.map { publication("q", $0) })
                let consumer = try await client.consume("q", prefetch: 500)
                var received: [String] = []
                while received.count < expected.count {
                    let batch = await consumer.next(upTo: 100)
                    if batch.isEmpty { break }
                    received += batch.map { String(decoding: $0.message.body, as: UTF8.self) }
                    if let last = batch.last { consumer.ack(last.tag, multiple: true) }
                }
                #expect(received == expected)
            }
        }
    }

    @Test("A missing exchange fails its own messages and nothing else")
    func missingExchange() async throws {
        try await TestBroker.with { broker in
            try await broker.withClient { client in
                try await client.declareQueue("q")
                let missing = AMQPPublication(exchange: "nope", routingKey: "k", message: AMQPMessage(body: [1]))
                let outcomes = try await client.publish([publication("q", "a"), missing, publication("q", "b")])
                #expect(outcomes[0] == .confirmed)
                #expect(outcomes[2] == .confirmed)
                guard case .lost(let error) = outcomes[1] else {
                    Issue.record("unexpected \(outcomes[1])")
                    return
                }
                #expect(error.isNotFound)
                #expect(error.message.contains("nope"))
                #expect(client.isConnected)

                // The same exchange works as soon as it exists.
                try await client.declareExchange("nope", type: "fanout")
                #expect(try await client.publish(missing) == .confirmed)
            }
        }
    }

    @Test("A full queue that rejects publishers says so")
    func rejected() async throws {
        try await TestBroker.with { broker in
            try await broker.withClient { client in
                try await client.declareQueue(
                    "q", arguments: ["x-max-length": 2, "x-overflow": "reject-publish"])
                let outcomes = try await client.publish((0..<4).map { publication("q", "\($0)") })
                #expect(outcomes == [.confirmed, .confirmed, .rejected, .rejected])
            }
        }
    }

    @Test("What the protocol can't carry is told, and the rest goes out")
    func invalid() async throws {
        try await TestBroker.with { broker in
            try await broker.withClient { client in
                try await client.declareQueue("q")
                let long = publication(String(repeating: "k", count: 256), "x")
                let outcomes = try await client.publish([publication("q", "a"), long, publication("q", "b")])
                #expect(outcomes[0] == .confirmed)
                #expect(outcomes[2] == .confirmed)
                guard case .lost(let error) = outcomes[1] else {
                    Issue.record("unexpected \(outcomes[1])")
                    return
                }
                #expect(error.kind == .invalidRequest)
            }
        }
    }

    @Test("Nothing to publish is no error")
    func nothing() async throws {
        try await TestBroker.with { broker in
            try await broker.withClient { client in
                let outcomes = try await client.publish([])
                #expect(outcomes == [])
            }
        }
    }

    @Test("Without a connection, publishing fails at once")
    func notConnected() async throws {
        let client = AMQPClient(try AMQPConfiguration(url: "amqp://127.0.0.1:1"))
        let error = await #expect(throws: AMQPError.self) { try await client.publish(publication("q", "a")) }
        #expect(error?.kind == .notConnected)
        #expect(error?.isTransient == true)
    }
}
