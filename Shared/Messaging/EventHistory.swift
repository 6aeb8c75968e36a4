import AMQP
import Contracts
import Database

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Every event that the service published and still keeps, to be read in a fixed order and sent again.
///
/// The order is that of transaction ids, not of commits; within an aggregate it is that of sequence numbers. A page ends before
/// the oldest transaction that still runs, so nothing ever appears behind a reader.
public struct EventHistory: Sendable {
    /// Some events in order, and where to go on.
    public struct Page: Sendable {
        public var events: [EventRecord]
        /// Pass this as `after` for the next page; unchanged when there was nothing.
        public var next: EventCursor
        /// Whether more is there at once.
        public var hasMore: Bool
    }

    /// What to read.
    public struct Filter: Sendable, Hashable {
        public var tenantId: UUID?
        /// Event names or patterns of them; empty means all.
        public var patterns: [String]

        public init(tenantId: UUID? = nil, patterns: [String] = []) {
            self.tenantId = tenantId
            self.patterns = patterns
        }

        public static let all = Filter()
    }

    public static let pageSizeMax = 1000

    private let database: Database

    public init(database: Database) {
        self.database = database
    }

    private func scope(_ tenantId: UUID?) -> Scope { tenantId.map(Scope.tenant) ?? .admin }

    /// The events after a place.
    public func page(after cursor: EventCursor, limit: Int = 200, filter: Filter = .all) async throws -> Page {
        let limit = max(1, min(limit, Self.pageSizeMax))
        let topics = filter.patterns.map(TopicPattern.init)
        // Literal names are left to the database; patterns are matched here, on a page that may come out short.
        let names = topics.isEmpty || topics.contains { !$0.isLiteral } ? nil : filter.patterns
        let nameClause: SQL = names.map { "AND e.name = ANY (\($0))" } ?? .empty
        let tenantClause: SQL = filter.tenantId.map { "AND e.tenant_id = \($0)" } ?? .empty
        let rows = try await database.transaction(as: scope(filter.tenantId), readOnly: true) { tx in
            try await tx.query(
                """
                SELECT \(EventRecord.columns)
                FROM events AS e
                WHERE (e.xid, e.position) > (\(String(cursor.xid))::text::xid8, \(cursor.position))
                    AND e.xid < pg_snapshot_xmin(pg_current_snapshot())
                    \(tenantClause) \(nameClause)
                ORDER BY e.xid, e.position
                LIMIT \(limit + 1)
                """)
        }
        let read = try rows.prefix(limit).map(EventRecord.init(row:))
        let events = topics.isEmpty ? read : read.filter { event in topics.contains { $0.matches(event.name) } }
        return Page(events: events, next: read.last?.cursor ?? cursor, hasMore: rows.count > limit)
    }

    /// The place just before the first event that was recorded at an instant or later.
    public func cursor(at instant: Timestamp) async throws -> EventCursor {
        let row = try await database.transaction(as: .admin, readOnly: true) { tx in
            try await tx.first(
                """
                SELECT xid::text, position
                FROM events
                WHERE recorded_at >= \(instant)
                ORDER BY xid, position
                LIMIT 1
                """)
        }
        if let row { return try Self.before(row) }
        return try await end()
    }

    /// The place of an event; nil when it is not kept (any more). Reading after it leaves the event out.
    ///
    /// An event's id tells when it was made, so only the partitions around that time are looked at.
    public func cursor(of eventId: UUID, tenantId: UUID? = nil) async throws -> EventCursor? {
        let around: SQL =
            eventId.v7Timestamp.map {
                "AND recorded_at BETWEEN \($0 - .seconds(86_400)) AND \($0 + .seconds(86_400))"
            } ?? .empty
        let tenant: SQL = tenantId.map { "AND tenant_id = \($0)" } ?? .empty
        let row = try await database.transaction(as: scope(tenantId), readOnly: true) { tx in
            try await tx.first(
                "SELECT xid::text, position FROM events WHERE event_id = \(eventId) \(tenant) \(around) LIMIT 1")
        }
        guard let row else { return nil }
        return EventCursor(xid: UInt64(try row.get(0, as: String.self)) ?? 0, position: try row.get(1))
    }

    /// The place behind everything that can be read now: where a reader starts who wants only what comes.
    public func end() async throws -> EventCursor {
        let row = try await database.transaction(as: .admin, readOnly: true) { tx in
            try await tx.first("SELECT pg_snapshot_xmin(pg_current_snapshot())::text")
        }
        let xmin = try row.flatMap { UInt64(try $0.get(0, as: String.self)) } ?? 0
        return EventCursor(xid: xmin > 0 ? xmin - 1 : 0, position: .max)
    }

    private static func before(_ row: Row) throws -> EventCursor {
        let position = try row.get(1, as: Int64.self)
        return EventCursor(xid: UInt64(try row.get(0, as: String.self)) ?? 0, position: position - 1)
    }
}

extension TopicPattern {
    /// Whether it matches one name only.
    var isLiteral: Bool { !text.contains("*") && !text.contains("#") }
}
