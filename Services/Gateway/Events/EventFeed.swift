import Contracts
import Database

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// An event as the gateway keeps it: the payload byte for byte as it was published.
struct FeedEvent: Sendable {
    let tenantId: UUID
    /// Its place in the feed: greater than that of everything received before it. Zero before it is written.
    var position: Int64 = 0
    let eventId: UUID
    /// Without the exchange: `ticket.created`.
    let name: String
    let schemaRef: String
    let aggregate: Aggregate
    let sequence: Int64
    let occurredAt: Timestamp
    /// The service that published it.
    let source: String?
    let traceparent: String?
    let payload: [UInt8]
}

/// The history of all services' events in the gateway's schema: what is read by page, followed by streams and replayed.
enum EventFeed {
    static let pageMax = 1000

    /// Adds events at the end, in their order. The head of the feed stays locked until the commit, so that positions
    /// become visible in their order: make this the last statement of a transaction.
    static func append(_ events: [FeedEvent], in tx: Transaction) async throws {
        guard !events.isEmpty else { return }
        _ = try await tx.execute(
            """
            INSERT INTO event_feed
                (tenant_id, position, event_id, name, schema_ref, aggregate_type, aggregate_id, sequence, occurred_at,
                    source, traceparent, payload)
            SELECT e.tenant_id, head.last_position + e.number, e.event_id, e.name, e.schema_ref, e.aggregate_type,
                e.aggregate_id, e.sequence, e.occurred_at, e.source, e.traceparent, e.payload
            FROM take_feed_positions(\(events.count)::bigint) AS head (last_position),
                unnest(
                    \(events.map(\.tenantId)), \(events.map(\.eventId)), \(events.map(\.name)),
                    \(events.map(\.schemaRef)), \(events.map(\.aggregate.type)), \(events.map(\.aggregate.id)),
                    \(events.map(\.sequence)), \(events.map(\.occurredAt)), \(events.map(\.source)),
                    \(events.map(\.traceparent)),
                    \(events.map { String(decoding: $0.payload, as: UTF8.self) })
                ) WITH ORDINALITY
                AS e (tenant_id, event_id, name, schema_ref, aggregate_type, aggregate_id, sequence, occurred_at,
                    source, traceparent, payload, number)
            """)
    }

    /// The last position that can be seen.
    static func head(in tx: Transaction) async throws -> Int64 {
        try await tx.first("SELECT last_position FROM feed_head")?.decode(Int64.self) ?? 0
    }

    /// Events after a position, in order; of one tenant, or of all.
    static func page(
        of tenantId: UUID?, after position: Int64, upTo last: Int64 = .max, limit: Int, in tx: Transaction
    ) async throws -> [FeedEvent] {
        let tenant: SQL = tenantId.map { "tenant_id = \($0) AND " } ?? ""
        let rows = try await tx.query(
            """
            SELECT \(columns)
            FROM event_feed
            WHERE \(tenant)position > \(position) AND position <= \(last)
            ORDER BY position
            LIMIT \(limit)
            """)
        return try rows.map(event)
    }

    /// Where an event of a tenant lies; nil where it is not known, or no longer.
    static func position(of eventId: UUID, tenantId: UUID?, in tx: Transaction) async throws -> Int64? {
        let tenant: SQL = tenantId.map { "tenant_id = \($0) AND " } ?? ""
        return try await tx.first("SELECT position FROM event_feed WHERE \(tenant)event_id = \(eventId) LIMIT 1")?
            .decode(Int64.self)
    }

    /// The position that everything received from an instant on lies behind.
    static func position(before instant: Timestamp) -> Int64 { instant.microseconds - 1 }

    private static let columns: SQL = """
        tenant_id, position, event_id, name, schema_ref, aggregate_type, aggregate_id, sequence, occurred_at, source,
            traceparent, payload
        """

    private static func event(_ row: Row) throws -> FeedEvent {
        FeedEvent(
            tenantId: try row.get(0), position: try row.get(1), eventId: try row.get(2), name: try row.get(3),
            schemaRef: try row.get(4), aggregate: Aggregate(type: try row.get(5), id: try row.get(6)),
            sequence: try row.get(7), occurredAt: try row.get(8), source: try row.get(9), traceparent: try row.get(10),
            payload: row[11].bytes.map(Array.init) ?? [])
    }
}
