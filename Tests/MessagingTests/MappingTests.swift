import AMQP
import Contracts
import Foundation
import TestKit
import Testing

@testable import Messaging

@Suite("Names, messages and their forms")
struct MappingTests {
    @Test(
        "Patterns match as topic exchanges do",
        arguments: [
            ("ticket.created", "ticket.created", true),
            ("ticket.*", "ticket.created", true),
            ("ticket.*", "ticket.sla.breached", false),
            ("*.created", "ticket.created", true),
            ("#", "ticket.created", true),
            ("#", "", true),
            ("ticket.#", "ticket", true),
            ("ticket.#", "ticket.a.b", true),
            ("#.created", "ticket.created", true),
            ("#.b.#", "a.b.c", true),
            ("#.b.#", "a.c", false),
            ("ticket", "tickets", false),
        ])
    func patterns(pattern: String, name: String, matches: Bool) {
        #expect(TopicPattern(pattern).matches(name) == matches)
    }

    @Test("A routing key is the exchange's name and the event's, both ways")
    func routingKeys() {
        let topology = Topology(exchange: "shop.floor")
        #expect(topology.routingKey("item.moved") == "shop.floor.item.moved")
        #expect(topology.eventName(routingKey: "shop.floor.item.moved") == "item.moved")
        #expect(topology.eventName(routingKey: "shop.item.moved") == nil)
    }

    @Test(
        "A cursor's text reads back, and other texts don't",
        arguments: ["", "1", "-", "1-", "-1", "1-2-3", "1--2", "x-1"])
    func cursors(text: String) {
        let cursor = EventCursor(xid: .max, position: 7)
        #expect(EventCursor(cursor.description) == cursor)
        #expect(EventCursor(text) == nil)
        #expect(EventCursor(xid: 2, position: 0) > EventCursor(xid: 1, position: 9))
    }

    @Test("Aggregates spread over the outbox's partitions, whatever the kind of their ids")
    func partitions() {
        let kinds: [[UUID]] = [
            (0..<4000).map { _ in UUID.v7() },
            (0..<4000).map { _ in UUID() },
            (0..<4000).map {
                UUID(text: String(repeating: "0", count: 8) + "-0000-0000-0000-" + String(100_000_000_000 + $0))!
            },
        ]
        for ids in kinds {
            var counts = [Int](repeating: 0, count: OutboxPartition.count)
            for id in ids { counts[OutboxPartition.of(id)] += 1 }
            #expect(counts.min()! > 150 && counts.max()! < 350, "\(counts)")
        }
    }

    @Test("An event's message carries what the conventions say")
    func message() throws {
        var record = EventRecord.made(position: 5, aggregate: UUID(), sequence: 3)
        record.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        let publication = record.publication(service: "tickets", topology: Topology())
        #expect(publication.exchange == "support")
        #expect(publication.routingKey == "support.item.moved")
        let message = publication.message
        #expect(message.deliveryMode == .persistent)
        #expect(message.contentType == "application/json")
        #expect(message.messageId == record.eventId.text)
        #expect(message.type == "payload.ItemMoved.v1")
        #expect(message.appId == "tickets")
        #expect(message.timestamp == UInt64(record.occurredAt.milliseconds / 1000))
        #expect(message.headers["cloudEvents_specversion"] == "1.0")
        #expect(message.headers["cloudEvents_type"] == "support.item.moved")
        #expect(message.headers["cloudEvents_id"] == .string(record.eventId.text))
        #expect(message.headers["cloudEvents_time"] == .string(record.occurredAt.rfc3339))
        #expect(message.headers["tenant-id"] == .string(record.tenantId.text))
        #expect(message.headers["aggregate-id"] == .string(record.aggregate.id.text))
        #expect(message.headers["aggregate-version"] == 1)
        #expect(message.headers["aggregate-sequence"] == 3)
        #expect(message.headers["traceparent"] == .string(try #require(record.traceparent)))
    }

    @Test("A message that waits in the database comes out as it went in")
    func storage() {
        let message = AMQPMessage(
            body: [0, 1, 255], contentType: "application/json", contentEncoding: "x", priority: 3, correlationId: "c",
            replyTo: "r", messageId: "m", timestamp: 1_700_000_000, type: "t", appId: "a",
            headers: [
                "text": "é", "number": -5, "truth": true, "fraction": 1.5, "nothing": nil, "list": [1, "two", [3]],
                "table": ["bytes": "not bytes", "inner": ["timestamp": 1]], "bytes": .bytes([0, 171]),
                "time": .timestamp(7),
            ])
        let json = MessageStorage.json(message)
        #expect(MessageStorage.message(properties: json, body: message.body) == message)
    }

    @Test("Dead-lettering and requeueing leave the original headers alone, and take off those that would send copies")
    func headers() {
        let headers: [String: AMQPValue] = [
            "tenant-id": "1", "CC": ["elsewhere"], "Bcc": ["elsewhere"], "x-death": [], "dead-letter-reason": "x",
            "requeued-for": "h",
        ]
        #expect(DeadLetter.originalHeaders(headers) == ["tenant-id": "1"])
    }

    @Test("The ladder has a wait for each failure but the last")
    func ladder() {
        let policy = RetryPolicy.standard
        let delays = (1...7).map { policy.delay(afterFailures: $0) }
        #expect(delays == [.seconds(1), .seconds(5), .seconds(30), .seconds(300), .seconds(1800), nil, nil])
    }

    @Test(
        "Unreadable messages say why",
        arguments: [
            ("{", DeadLetterReason.undecodable), ("[]", .undecodable), ("{}", .badSchema),
            (#"{"eventId":"x"}"#, .badSchema),
        ])
    func poison(body: String, reason: DeadLetterReason) {
        let error = #expect(throws: PoisonMessage.self) {
            try RawMessage(
                message: AMQPMessage(body: Array(body.utf8)), routingKey: "support.item.moved", topology: Topology())
        }
        #expect(error?.reason == reason)
    }

    @Test("Sequence numbers tell next, stale and gap")
    func sequences() {
        #expect(SequenceGuard.verdict(last: 0, incoming: 1) == .next)
        #expect(SequenceGuard.verdict(last: 4, incoming: 4) == .stale)
        #expect(SequenceGuard.verdict(last: 4, incoming: 7) == .gap(expected: 5))
    }
}
