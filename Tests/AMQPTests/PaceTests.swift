import AMQP
import Foundation
import TestKit
import Testing

/// Measures the client against a quorum queue; asked for with `DESKWIRE_TEST_PACE=1`, best in a release build.
@Suite("Pace", .enabled(if: ProcessInfo.processInfo.environment["DESKWIRE_TEST_PACE"] != nil), .serialized)
struct PaceTests {
    @Test("Confirmed publishes and acknowledged deliveries per second", arguments: [100, 500, 2000])
    func quorumQueue(batchSize: Int) async throws {
        let count = 60_000
        try await TestBroker.with { broker in
            try await broker.withClient { client in
                try await client.declareQueue("q", arguments: ["x-queue-type": "quorum"])
                let message = AMQPMessage(
                    body: Array(repeating: UInt8(ascii: "x"), count: 600), contentType: "application/json",
                    messageId: UUID().uuidString, timestamp: 1_700_000_000, type: "payload.TicketCreated.v1",
                    appId: "tickets",
                    headers: [
                        "tenant-id": .string(UUID().uuidString), "aggregate-id": .string(UUID().uuidString),
                        "aggregate-sequence": 1, "aggregate-version": 1,
                        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                    ])
                let batch = Array(
                    repeating: AMQPPublication(exchange: "", routingKey: "q", message: message), count: batchSize)
                let clock = ContinuousClock()
                let publishing = try await clock.measure {
                    // Two batches are under way at a time, as a relay has them.
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        for _ in 0..<2 {
                            group.addTask {
                                for _ in 0..<(count / batchSize / 2) {
                                    let outcomes = try await client.publish(batch)
                                    #expect(outcomes.allSatisfy { $0.isConfirmed })
                                }
                            }
                        }
                        try await group.waitForAll()
                    }
                }
                let consumer = try await client.consume("q", prefetch: 1000)
                var received = 0
                let consuming = await clock.measure {
                    while received < count / batchSize / 2 * 2 * batchSize {
                        let deliveries = await consumer.next(upTo: 100)
                        guard let last = deliveries.last else { return }
                        received += deliveries.count
                        consumer.ack(last.tag, multiple: true)
                    }
                }
                print(
                    "batches of \(batchSize): \(Int(Double(count) / (publishing / .seconds(1)))) confirmed publishes/s,",
                    "\(Int(Double(received) / (consuming / .seconds(1)))) acknowledged deliveries/s")
            }
        }
    }
}
