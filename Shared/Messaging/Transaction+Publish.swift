import Contracts
import Database

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// An event as a value, for resources that declare their contracts as values.
public struct EventDraft: Sendable {
    public var contract: EventContract
    public var aggregate: Aggregate
    /// The payload beside the envelope.
    public var fields: JSONObject
    /// The aggregate's version after the change.
    public var version: Int64
    /// Defaults to the context's actor.
    public var actor: Actor?
    /// Defaults to now.
    public var occurredAt: Timestamp?
    /// Defaults to the context's request or event.
    public var causationId: String?
    public var idempotencyKey: String?
    /// Defaults to the transaction's tenant, then to the context's.
    public var tenantId: UUID?
    /// Nothing of the kind has happened: somebody tries out what subscribers do.
    public var isSimulated: Bool

    public init(
        contract: EventContract, aggregate: Aggregate, fields: JSONObject, version: Int64, actor: Actor? = nil,
        occurredAt: Timestamp? = nil, causationId: String? = nil, idempotencyKey: String? = nil, tenantId: UUID? = nil,
        isSimulated: Bool = false
    ) {
        self.contract = contract
        self.aggregate = aggregate
        self.fields = fields
        self.version = version
        self.actor = actor
        self.occurredAt = occurredAt
        self.causationId = causationId
        self.idempotencyKey = idempotencyKey
        self.tenantId = tenantId
        self.isSimulated = isSimulated
    }
}

/// Why an event can't be published: a mistake of the program, not of its user.
public struct PublishError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Reason: Sendable, Equatable {
        /// A transaction that is no tenant's published without saying for which one.
        case noTenant
        /// A transaction for one tenant published for another.
        case otherTenant
        case tooLarge(bytes: Int, limit: Int)
        /// The version of an aggregate counts from 1.
        case invalidVersion(Int64)
    }

    public let event: String
    public let reason: Reason

    public var description: String {
        switch reason {
        case .noTenant: "\(event): a transaction that is no tenant's must say for which one it publishes"
        case .otherTenant: "\(event): a tenant's transaction can't publish for another tenant"
        case .tooLarge(let bytes, let limit): "\(event): \(bytes) bytes are more than the \(limit) allowed"
        case .invalidVersion(let version): "\(event): an aggregate's version is at least 1, not \(version)"
        }
    }
}

extension Transaction {
    /// Most bytes of one event's payload.
    public static let eventSizeBytesMax = 8 << 20

    /// Publishes an event with this transaction: it commits with it and reaches the broker soon after, or neither.
    ///
    /// The event's sequence number is taken at commit; until then nothing is sent to the database. What is not given comes
    /// from `MessagingContext.current`.
    /// - Returns: the event's id.
    @discardableResult
    public func publish<E: Event>(
        _ event: E, version: Int64, actor: Actor? = nil, occurredAt: Timestamp? = nil, causationId: String? = nil,
        idempotencyKey: String? = nil, tenantId: UUID? = nil
    ) throws -> UUID {
        try publish(
            name: E.name, schemaVersion: E.version, schemaRef: E.schemaRef, aggregate: event.aggregate,
            fields: Wire.encode(event), version: version, actor: actor, occurredAt: occurredAt,
            causationId: causationId,
            idempotencyKey: idempotencyKey, tenantId: tenantId, isSimulated: false)
    }

    /// Publishes an event that is declared as a value; see `publish(_:version:…)`.
    @discardableResult
    public func publish(_ draft: EventDraft) throws -> UUID {
        try publish(
            name: draft.contract.name, schemaVersion: draft.contract.version, schemaRef: draft.contract.schemaRef,
            aggregate: draft.aggregate, fields: JSON.object(draft.fields).serialized(), version: draft.version,
            actor: draft.actor, occurredAt: draft.occurredAt, causationId: draft.causationId,
            idempotencyKey: draft.idempotencyKey, tenantId: draft.tenantId, isSimulated: draft.isSimulated)
    }

    private func publish(
        name: String, schemaVersion: Int, schemaRef: String, aggregate: Aggregate, fields: [UInt8], version: Int64,
        actor: Actor?, occurredAt: Timestamp?, causationId: String?, idempotencyKey: String?, tenantId: UUID?,
        isSimulated: Bool
    ) throws -> UUID {
        let context = MessagingContext.current
        let tenant = try publishingTenant(given: tenantId, context: context, event: name)
        guard version > 0 else { throw PublishError(event: name, reason: .invalidVersion(version)) }
        let envelope = EventEnvelope(
            eventId: UUID.v7(), tenantId: tenant, occurredAt: occurredAt ?? .now, actor: actor ?? context.actor,
            version: version, sequence: 0, causationId: causationId ?? context.causationId,
            idempotencyKey: idempotencyKey ?? context.idempotencyKey, simulated: isSimulated ? true : nil)
        let parts = envelope.payloadParts(encodedFields: fields)
        let size = parts.head.count + parts.tail.count
        guard size <= Self.eventSizeBytesMax else {
            throw PublishError(event: name, reason: .tooLarge(bytes: size, limit: Self.eventSizeBytesMax))
        }
        buffer(
            PendingEvent(
                envelope: envelope, name: name, schemaVersion: schemaVersion, schemaRef: schemaRef,
                aggregate: aggregate,
                traceparent: TraceContext.current(), head: parts.head, tail: parts.tail))
        return envelope.eventId
    }

    private func publishingTenant(given: UUID?, context: MessagingContext, event: String) throws -> UUID {
        switch scope {
        case .tenant(let own):
            guard given == nil || given == own else { throw PublishError(event: event, reason: .otherTenant) }
            return own
        case .admin:
            guard let tenant = given ?? context.tenantId else { throw PublishError(event: event, reason: .noTenant) }
            return tenant
        case .none:
            throw PublishError(event: event, reason: .noTenant)
        }
    }

    private func buffer(_ event: PendingEvent) {
        var events = self[.pendingEvents] ?? PendingEvents()
        if events.isEmpty {
            beforeCommit { transaction in transaction.flushEvents() }
        }
        events.append(event)
        self[.pendingEvents] = events
    }

    /// Sends the buffered events along with the COMMIT that follows.
    private func flushEvents() {
        guard let events = self[.pendingEvents], !events.isEmpty else { return }
        self[.pendingEvents] = nil
        enqueue(PendingEvent.insertion(of: events.all))
        afterCommit { OutboxSignal.committed() }
    }
}

extension TransactionKey where Value == PendingEvents {
    static var pendingEvents: TransactionKey<PendingEvents> { TransactionKey("messaging.events") }
}

/// The events of a transaction so far, in order: a prefix of a list that only grows. A transaction keeps the value from
/// before a savepoint and puts it back when that is rolled back; the next append then cuts off what came after it.
struct PendingEvents {
    private final class Storage {
        var events: [PendingEvent] = []
    }

    private let storage = Storage()
    private var count = 0

    var isEmpty: Bool { count == 0 }

    var all: [PendingEvent] { Array(storage.events.prefix(count)) }

    mutating func append(_ event: PendingEvent) {
        storage.events.removeSubrange(count...)
        storage.events.append(event)
        count += 1
    }
}

/// A published event that waits for its transaction's commit.
struct PendingEvent: Sendable {
    let envelope: EventEnvelope
    let name: String
    let schemaVersion: Int
    let schemaRef: String
    let aggregate: Aggregate
    let traceparent: String?
    /// The payload's text before and after the sequence number.
    let head: [UInt8]
    let tail: [UInt8]

    /// One statement for all events of a transaction, so that they cost no round trip of their own.
    static func insertion(of events: [PendingEvent]) -> SQL {
        // How many events of the same aggregate follow in this transaction: what its number is below the last one taken.
        var followers = [Int](repeating: 0, count: events.count)
        var counts: [AggregateKey: Int] = [:]
        for index in events.indices.reversed() {
            let key = AggregateKey(tenantId: events[index].envelope.tenantId, aggregateId: events[index].aggregate.id)
            followers[index] = counts[key, default: 0]
            counts[key, default: 0] += 1
        }
        return """
            WITH input AS (
                SELECT *
                FROM unnest(
                    \(events.map(\.envelope.tenantId)), \(events.map(\.envelope.eventId)), \(events.map(\.name)),
                    \(events.map(\.schemaVersion)), \(events.map(\.schemaRef)), \(events.map(\.aggregate.type)),
                    \(events.map(\.aggregate.id)), \(events.map { OutboxPartition.of($0.aggregate.id) }),
                    \(events.map(\.envelope.version)), \(followers), \(events.map(\.envelope.occurredAt)),
                    \(events.map(\.traceparent)), \(events.map { String(decoding: $0.head, as: UTF8.self) }),
                    \(events.map { String(decoding: $0.tail, as: UTF8.self) })
                ) AS i (
                    tenant_id, event_id, name, schema_version, schema_ref, aggregate_type, aggregate_id, partition,
                    aggregate_version, followers, occurred_at, traceparent, head, tail
                )
            ),
            -- Taken in the order of the keys, so that two transactions never wait for each other in a circle.
            taken AS (
                INSERT INTO aggregate_sequences AS s (tenant_id, aggregate_id, last_sequence)
                SELECT tenant_id, aggregate_id, count(*) FROM input GROUP BY 1, 2 ORDER BY 1, 2
                ON CONFLICT (tenant_id, aggregate_id) DO UPDATE SET last_sequence = s.last_sequence + excluded.last_sequence
                RETURNING tenant_id, aggregate_id, last_sequence
            ),
            -- The sort comes after all numbers are taken and before any position is: positions rise with the numbers.
            recorded AS (
                INSERT INTO events (
                    tenant_id, event_id, occurred_at, name, schema_version, schema_ref, aggregate_type, aggregate_id,
                    aggregate_version, sequence, traceparent, payload
                )
                SELECT
                    tenant_id, event_id, occurred_at, name, schema_version, schema_ref, aggregate_type, aggregate_id,
                    aggregate_version, last_sequence - followers, traceparent,
                    head || (last_sequence - followers) || tail
                FROM input JOIN taken USING (tenant_id, aggregate_id)
                ORDER BY event_id
                RETURNING tenant_id, event_id, position, aggregate_id, sequence, xid, recorded_at
            )
            INSERT INTO outbox (tenant_id, position, partition, aggregate_id, sequence, event_id, xid, recorded_at)
            SELECT r.tenant_id, r.position, input.partition, r.aggregate_id, r.sequence, r.event_id, r.xid, r.recorded_at
            FROM recorded AS r JOIN input USING (event_id)
            """
    }
}
