import AMQP
import TestKit
import Testing

@Suite("Topology")
struct TopologyTests {
    @Test("Declaring twice is fine, declaring otherwise is 406, and the connection lives on")
    func declarations() async throws {
        try await TestBroker.with { broker in
            try await broker.withClient { client in
                for _ in 0..<2 {
                    try await client.declareExchange("e", type: "topic")
                    let status = try await client.declareQueue("q", arguments: ["x-queue-type": "quorum"])
                    #expect(status == AMQPQueueStatus(name: "q", messageCount: 0, consumerCount: 0))
                }
                let exchange = await #expect(throws: AMQPError.self) {
                    try await client.declareExchange("e", type: "fanout")
                }
                #expect(exchange?.isPreconditionFailed == true)
                let queue = await #expect(throws: AMQPError.self) { try await client.declareQueue("q") }
                #expect(queue?.isPreconditionFailed == true)
                #expect(try await client.exchangeExists("e"))
                #expect(try await client.exchangeExists("f") == false)
                #expect(client.isConnected)
            }
        }
    }

    @Test("Binding, unbinding and deleting do what they say")
    func bindings() async throws {
        try await TestBroker.with { broker in
            try await broker.withClient { client in
                try await client.declareExchange("source", type: "topic")
                try await client.declareExchange("hash", type: "x-consistent-hash", arguments: ["hash-header": "id"])
                try await client.bindExchange("hash", to: "source", routingKey: "support.#")
                let queues = (0..<3).map { "q\($0)" }
                for queue in queues {
                    try await client.declareQueue(queue)
                    try await client.bindQueue(queue, to: "hash", routingKey: "1")
                }

                let publications = (0..<300).map { index in
                    AMQPPublication(
                        exchange: "source", routingKey: "support.ticket.created", mandatory: true,
                        message: AMQPMessage(body: [], headers: ["id": .string("\(index % 100)")]))
                }
                let outcomes = try await client.publish(publications)
                #expect(outcomes.allSatisfy { $0.isConfirmed })
                var counts: [Int] = []
                for queue in queues { counts.append(try await client.purgeQueue(queue)) }
                #expect(counts.reduce(0, +) == 300)
                #expect(counts.allSatisfy { $0 > 0 && $0 % 3 == 0 }, "one id goes to one queue")

                for queue in queues { try await client.unbindQueue(queue, from: "hash", routingKey: "1") }
                try await client.unbindExchange("hash", from: "source", routingKey: "support.#")
                let outcome = try await client.publish(publications[0])
                #expect(outcome == .returned(code: 312, text: "NO_ROUTE"))
                #expect(try await client.deleteQueue("q0") == 0)
                try await client.deleteExchange("hash")
                #expect(try await client.queueStatus("q0") == nil)
            }
        }
    }

    @Test("What does not exist is 404")
    func missing() async throws {
        try await TestBroker.with { broker in
            try await broker.withClient { client in
                let error = await #expect(throws: AMQPError.self) {
                    try await client.bindQueue("none", to: "amq.topic", routingKey: "#")
                }
                #expect(error?.isNotFound == true)
                await #expect(throws: AMQPError.self) { try await client.consume("none") }
                await #expect(throws: AMQPError.self) { try await client.browse("none", limit: 1) }
                await #expect(throws: AMQPError.self) { try await client.get("none") }
                #expect(client.isConnected)
            }
        }
    }

    @Test("Many requests at once are each answered")
    func concurrency() async throws {
        try await TestBroker.with { broker in
            try await broker.withClient { client in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for index in 0..<60 {
                        group.addTask {
                            if index % 3 == 0 {
                                #expect(try await client.queueStatus("missing-\(index)") == nil)
                            } else {
                                let status = try await client.declareQueue("q\(index)")
                                #expect(status.name == "q\(index)")
                            }
                        }
                    }
                    try await group.waitForAll()
                }
            }
        }
    }
}
