import AMQP
import Contracts
import Database

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A published event as the history keeps it.
public struct EventRecord: Sendable, Equatable {
    public var tenantId: UUID
    public var eventId: UUID
    /// Where it stands in the history.
    public var cursor: EventCursor
    public var occurredAt: Timestamp
    public var recordedAt: Timestamp
    /// `ticket.created`
    public var name: String
    /// `payload.TicketCreated.v1`
    public var schemaRef: String
    public var aggregate: Aggregate
    public var aggregateVersion: Int64
    public var sequence: Int64
    public var traceparent: String?
    /// The whole payload as JSON text.
    public var payload: [UInt8]
}

extension EventRecord {
    /// An event that is kept elsewhere than in a service's own history.
    public init(
        tenantId: UUID, eventId: UUID, occurredAt: Timestamp, recordedAt: Timestamp, name: String, schemaRef: String,
        aggregate: Aggregate, aggregateVersion: Int64, sequence: Int64, traceparent: String?, payload: [UInt8]
    ) {
        self.tenantId = tenantId
        self.eventId = eventId
        cursor = .start
        self.occurredAt = occurredAt
        self.recordedAt = recordedAt
        self.name = name
        self.schemaRef = schemaRef
        self.aggregate = aggregate
        self.aggregateVersion = aggregateVersion
        self.sequence = sequence
        self.traceparent = traceparent
        self.payload = payload
    }

    /// The columns of `events`, in the order in which `init(row:)` reads them.
    static let columns: SQL = """
        e.tenant_id, e.event_id, e.xid::text, e.position, e.occurred_at, e.recorded_at, e.name, e.schema_ref,
        e.aggregate_type, e.aggregate_id, e.aggregate_version, e.sequence, e.traceparent, e.payload
        """

    init(row: Row) throws {
        tenantId = try row.get(0)
        eventId = try row.get(1)
        cursor = EventCursor(xid: UInt64(try row.get(2, as: String.self)) ?? 0, position: try row.get(3))
        occurredAt = try row.get(4)
        recordedAt = try row.get(5)
        name = try row.get(6)
        schemaRef = try row.get(7)
        aggregate = Aggregate(type: try row.get(8), id: try row.get(9))
        aggregateVersion = try row.get(10)
        sequence = try row.get(11)
        traceparent = try row.get(12)
        payload = row[13].bytes.map(Array.init) ?? []
    }
}

/// A place in the history: a transaction and an event of it. Places are passed only when nothing can appear before them.
public struct EventCursor: Sendable, Hashable, Comparable, LosslessStringConvertible {
    /// PostgreSQL's 64-bit transaction id.
    public var xid: UInt64
    public var position: Int64

    public init(xid: UInt64, position: Int64) {
        self.xid = xid
        self.position = position
    }

    /// Before everything.
    public static let start = EventCursor(xid: 0, position: 0)

    public init?(_ text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, let xid = UInt64(parts[0]), let position = Int64(parts[1]), position >= 0 else {
            return nil
        }
        self.init(xid: xid, position: position)
    }

    public var description: String { "\(xid)-\(position)" }

    public static func < (left: EventCursor, right: EventCursor) -> Bool {
        (left.xid, left.position) < (right.xid, right.position)
    }
}
