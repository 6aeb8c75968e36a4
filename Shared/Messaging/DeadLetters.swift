import AMQP
import Contracts

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A message that a service has given up.
public struct DeadLetter: Sendable {
    /// Nil where the message has none, as a message that is no event.
    public var eventId: UUID?
    public var tenantId: UUID?
    /// `ticket.created`, as far as it is known.
    public var name: String?
    public var aggregateId: UUID?
    public var sequence: Int64?
    /// A `DeadLetterReason`, or what other software wrote there.
    public var reason: String
    public var detail: String
    public var attempts: Int
    /// The handler that gave up; nil where none was asked.
    public var handler: String?
    public var service: String
    public var deadLetteredAt: Timestamp?
    /// The routing key that it came with.
    public var routingKey: String
    /// As it came.
    public var body: [UInt8]
    /// All headers as text, for people.
    public var headers: [String: String]

    /// The payload, where it is JSON.
    public var payload: JSON? { try? JSON.parse(body) }

    init(_ delivery: AMQPDelivery, service: String, topology: Topology) {
        let message = delivery.message
        let headers = message.headers
        let payload = try? JSON.parse(message.body)
        eventId = message.messageId.flatMap(UUID.init(text:)) ?? payload?["eventId"]?.uuidValue
        tenantId =
            headers[MessageHeader.tenantId]?.stringValue.flatMap(UUID.init(text:)) ?? payload?["tenantId"]?.uuidValue
        aggregateId = headers[MessageHeader.aggregateId]?.stringValue.flatMap(UUID.init(text:))
        sequence = headers[MessageHeader.aggregateSequence]?.intValue ?? payload?["sequence"]?.intValue
        routingKey = Self.originalRoutingKey(delivery)
        name = topology.eventName(
            routingKey: headers[MessageHeader.cloudEventsType]?.stringValue ?? routingKey)
        // The broker's own dead-lettering leaves its own headers only.
        reason =
            headers[MessageHeader.deadLetterReason]?.stringValue ?? headers["x-first-death-reason"]?.stringValue
            ?? "unknown"
        detail = headers[MessageHeader.deadLetterDetail]?.stringValue ?? ""
        attempts = Int(
            headers[MessageHeader.deadLetterAttempts]?.intValue ?? headers["x-delivery-count"]?.intValue ?? 0)
        handler = headers[MessageHeader.deadLetterHandler]?.stringValue
        self.service = headers[MessageHeader.deadLetterService]?.stringValue ?? service
        deadLetteredAt = headers[MessageHeader.deadLetterAt]?.stringValue.flatMap(Timestamp.init(rfc3339:))
        body = message.body
        self.headers = headers.mapValues(Self.text)
    }

    static func originalRoutingKey(_ delivery: AMQPDelivery) -> String {
        let headers = delivery.message.headers
        if let key = headers[MessageHeader.deadLetterRoutingKey]?.stringValue { return key }
        let death = headers["x-death"]?.arrayValue?.first?.tableValue
        return death?["routing-keys"]?.arrayValue?.first?.stringValue ?? delivery.routingKey
    }

    /// The headers without those that dead-lettering added, and without those that would send copies elsewhere.
    static func originalHeaders(_ headers: [String: AMQPValue]) -> [String: AMQPValue] {
        headers.filter { name, _ in
            !name.hasPrefix("dead-letter-") && !name.hasPrefix("x-") && name != MessageHeader.requeuedFor
                && name.uppercased() != "CC" && name.uppercased() != "BCC"
        }
    }

    private static func text(_ value: AMQPValue) -> String {
        switch value {
        case .null: "null"
        case .bool(let value): "\(value)"
        case .int(let value): "\(value)"
        case .double(let value): "\(value)"
        case .string(let value): value
        case .bytes(let value): "\(value.count) bytes"
        case .timestamp(let value): Timestamp(milliseconds: Int64(clamping: value) * 1000).rfc3339
        case .array(let values): "[" + values.map(text).joined(separator: ", ") + "]"
        case .table(let entries):
            "{" + entries.sorted { $0.key < $1.key }.map { "\($0.key): \(text($0.value))" }.joined(separator: ", ")
                + "}"
        }
    }
}

/// A service's dead-letter queue, for operators: looking does not change it.
public struct DeadLetters: Sendable {
    /// Which dead letters an operation is about.
    public enum Selection: Sendable, Hashable {
        case all
        case event(UUID)
    }

    private let service: String
    private let topology: Topology
    private let amqp: AMQPClient

    public init(service: String, topology: Topology, amqp: AMQPClient) {
        self.service = service
        self.topology = topology
        self.amqp = amqp
    }

    private var queue: String { Topology.deadLetters(service) }

    /// How many there are.
    public func count() async throws -> Int {
        try await amqp.queueStatus(queue)?.messageCount ?? 0
    }

    /// The oldest dead letters.
    public func list(limit: Int = 100) async throws -> [DeadLetter] {
        guard try await amqp.queueStatus(queue) != nil else { return [] }
        return try await amqp.browse(queue, limit: limit).map {
            DeadLetter($0, service: service, topology: topology)
        }
    }

    /// The dead letters of one event: one per handler that gave it up.
    public func show(_ eventId: UUID) async throws -> [DeadLetter] {
        var found: [DeadLetter] = []
        try await visit { letter, _ in
            if letter.eventId == eventId { found.append(letter) }
            return .keep
        }
        return found
    }

    /// Sends dead letters back to this service's own handling, and to the handler that gave up alone. Answers how many.
    public func requeue(_ selection: Selection) async throws -> Int {
        try await visit { letter, delivery in
            guard Self.isSelected(letter, selection) else { return .keep }
            var message = delivery.message
            message.headers = DeadLetter.originalHeaders(message.headers)
            if let handler = letter.handler { message.headers[MessageHeader.requeuedFor] = .string(handler) }
            let outcome = try await amqp.publish(
                AMQPPublication(
                    exchange: Topology.partitioned(service), routingKey: letter.routingKey, mandatory: true,
                    message: message))
            guard outcome.isConfirmed else {
                throw AMQPError(.connectionLost, "the service's queues did not take a dead letter: \(outcome)")
            }
            return .remove
        }
    }

    /// Deletes dead letters for good. Answers how many.
    public func drop(_ selection: Selection) async throws -> Int {
        try await visit { letter, _ in Self.isSelected(letter, selection) ? .remove : .keep }
    }

    private static func isSelected(_ letter: DeadLetter, _ selection: Selection) -> Bool {
        switch selection {
        case .all: true
        case .event(let id): letter.eventId == id
        }
    }

    private enum Verdict {
        case keep
        case remove
    }

    /// Goes once through what was in the queue when this began. What is kept goes back to its place; so does the rest when
    /// something fails.
    ///
    /// The end is where the broker has no more, not where its count says: a quorum queue counts late. What is given up again
    /// meanwhile, perhaps because we have just requeued it, is younger than the beginning and is kept.
    @discardableResult
    private func visit(_ body: (DeadLetter, AMQPDelivery) async throws -> Verdict) async throws -> Int {
        guard try await amqp.queueStatus(queue) != nil else { return 0 }
        let begin = Timestamp.now
        return try await amqp.withPuller(queue) { puller in
            var removed = 0
            var visited = 0
            var lastKept: UInt64?
            while visited < Self.visitMax, let delivery = try await puller.next() {
                visited += 1
                let letter = DeadLetter(delivery, service: service, topology: topology)
                let isYounger = letter.deadLetteredAt.map { $0 > begin } ?? false
                let verdict = isYounger ? .keep : try await body(letter, delivery)
                if verdict == .remove {
                    puller.ack(delivery.tag)
                    removed += 1
                } else {
                    lastKept = delivery.tag
                }
            }
            // Left to the end of the channel, it would be back some time after we have answered.
            if let lastKept { puller.nack(lastKept, multiple: true, requeue: true) }
            return removed
        }
    }

    /// Most dead letters that one operation goes through: they are held unsettled meanwhile.
    private static let visitMax = 100_000
}
