import AMQP
import Logging
import TestKit
import Testing

@Suite("A broker in trouble")
struct BrokerFaultTests {
    private func publications(_ range: Range<Int>) -> [AMQPPublication] {
        range.map { number in
            AMQPPublication(
                exchange: "", routingKey: "q",
                message: AMQPMessage(body: Array("\(number)".utf8), messageId: "\(number)"))
        }
    }

    @Test("Out of memory, it blocks publishers and still takes acknowledgements; killed, it keeps what it confirmed")
    func memoryAndCrash() async throws {
        try await TestRabbitMQ.with { broker in
            let client = AMQPClient(
                try AMQPConfiguration(
                    url: broker.url, connectionName: "test",
                    requestTimeout: .seconds(120), confirmTimeout: .seconds(120),
                    backoff: AMQPBackoff(first: .milliseconds(50), limit: .milliseconds(500)),
                    logger: Logger(label: "amqp", factory: { _ in SwiftLogNoOpLogHandler() })))
            async let life: Void = client.run()
            try await client.waitUntilConnected()
            try await client.declareQueue("q", arguments: ["x-queue-type": "quorum"])
            #expect(try await client.publish(publications(0..<10)).allSatisfy { $0.isConfirmed })

            // No memory: the publisher is held up, the consumer is not.
            try await broker.control("set_vm_memory_high_watermark", "absolute", "1")
            // The broker blocks a connection when it publishes.
            async let held = client.publish(publications(10..<20))
            try await eventually("publishers are blocked") {
                if case .blocked = client.state { true } else { false }
            }
            #expect(client.isConnected)
            do {
                let consumer = try await client.consume("q")
                let first = try #require(await consumer.next())
                consumer.ack(first.tag)
                #expect(first.message.messageId == "0")
            }
            try await eventually("the rest is back, the acknowledged one is gone") {
                guard let count = try await client.queueStatus("q")?.messageCount else { return false }
                return count == 9 || count == 19
            }
            async let waiting = client.publish(publications(20..<30))
            try await broker.control("set_vm_memory_high_watermark", "0.4")
            let outcomes = try await (held, waiting)
            #expect((outcomes.0 + outcomes.1).allSatisfy { $0.isConfirmed })
            #expect(client.state == .connected)

            // Killed: the client comes back, and so does every confirmed message, in order.
            try await broker.settleQueues()
            try broker.crash()
            try await eventually("the client noticed") { !client.isConnected }
            try await eventually("the client is back") { client.isConnected }
            let consumer = try await client.consume("q")
            var numbers: [Int] = []
            while numbers.count < 29 {
                let deliveries = await consumer.next(upTo: 50)
                guard let last = deliveries.last else { break }
                numbers += deliveries.compactMap { $0.message.messageId.flatMap { Int($0) } }
                consumer.ack(last.tag, multiple: true)
            }
            #expect(numbers == Array(1..<30))
            client.stop()
            try await life
        }
    }
}
