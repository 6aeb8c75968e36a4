#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What every payload carries beside the event's own fields, in the same object.
public struct EventEnvelope: Sendable, Codable, Hashable {
    public var eventId: UUID
    public var tenantId: UUID
    public var occurredAt: Timestamp
    public var actorType: ActorType?
    public var actorUserId: UUID?
    public var actorContactId: UUID?
    /// The event or request behind this event.
    public var causationId: String?
    /// The key under which the producer was asked, where it was given one.
    public var idempotencyKey: String?
    /// True for events that somebody made up to test an integration.
    public var simulated: Bool?
    /// The aggregate's version after the change; the events of one change share it.
    public var version: Int64
    /// The aggregate's own event counter: 1, 2, 3 … without gaps.
    public var sequence: Int64

    public init(
        eventId: UUID, tenantId: UUID, occurredAt: Timestamp, actor: Actor? = nil, version: Int64, sequence: Int64,
        causationId: String? = nil, idempotencyKey: String? = nil, simulated: Bool? = nil
    ) {
        self.eventId = eventId
        self.tenantId = tenantId
        self.occurredAt = occurredAt
        self.actorType = actor?.type
        self.actorUserId = actor?.userId
        self.actorContactId = actor?.contactId
        self.causationId = causationId
        self.idempotencyKey = idempotencyKey
        self.simulated = simulated
        self.version = version
        self.sequence = sequence
    }

    public var actor: Actor? {
        actorType.map { Actor(type: $0, userId: actorUserId, contactId: actorContactId) }
    }
}

extension EventEnvelope {
    /// The payload's text before and after the sequence number, which the database assigns at commit: the whole payload
    /// is `head`, the number in decimal, `tail`. This envelope's own `sequence` is not used.
    public func payloadParts(fields: some Encodable) throws -> (head: [UInt8], tail: [UInt8]) {
        payloadParts(encodedFields: try Wire.encode(fields))
    }

    /// The same for fields that are JSON text already: one object.
    public func payloadParts(encodedFields: [UInt8]) -> (head: [UInt8], tail: [UInt8]) {
        var writer = JSONWriter()
        writer.beginObject()
        writeMembers(to: &writer)
        writer.key("sequence")
        let own = encodedFields.dropFirst()
        guard own.count > 1 else { return (writer.bytes, [UInt8(ascii: "}")]) }
        return (writer.bytes, [UInt8(ascii: ",")] + own)
    }

    private func writeMembers(to writer: inout JSONWriter) {
        writer.key("eventId")
        writer.uuid(eventId)
        writer.key("tenantId")
        writer.uuid(tenantId)
        writer.key("occurredAt")
        writer.timestamp(occurredAt)
        if let actorType {
            writer.key("actorType")
            writer.string(actorType.rawValue)
        }
        if let actorUserId {
            writer.key("actorUserId")
            writer.uuid(actorUserId)
        }
        if let actorContactId {
            writer.key("actorContactId")
            writer.uuid(actorContactId)
        }
        if let causationId {
            writer.key("causationId")
            writer.string(causationId)
        }
        if let idempotencyKey {
            writer.key("idempotencyKey")
            writer.string(idempotencyKey)
        }
        if let simulated {
            writer.key("simulated")
            writer.bool(simulated)
        }
        writer.key("version")
        writer.int(version)
    }
}

/// An event with its envelope, as it travels.
public struct Message<E: Event>: Sendable, Equatable {
    public var envelope: EventEnvelope
    public var event: E

    public init(envelope: EventEnvelope, event: E) {
        self.envelope = envelope
        self.event = event
    }
}

extension Message: Codable {
    public init(from decoder: any Decoder) throws {
        envelope = try EventEnvelope(from: decoder)
        event = try E(from: decoder)
    }

    public func encode(to encoder: any Encoder) throws {
        try envelope.encode(to: encoder)
        try event.encode(to: encoder)
    }
}
