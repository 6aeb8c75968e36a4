// A ticket's figures as rows: made with the ticket, then kept by listening to its events.
import Contracts
import Database
import Messaging
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The figures of a ticket, one row each, whose id is the ticket's. They follow the ticket at the distance of an event, and
/// are no part of it: no version of the ticket and no event comes of them.
struct Metrics: Resource {
    static let store: ResourceStore<Metrics> = ResourceStore(Metrics())

    let path = "metrics"
    let entity = "ticket_metrics"
    let table = "ticket_metrics"
    let summary = "Replies, reopenings and spans of a ticket."
    let operations: ResourceOperations = .readOnly
    let stamps: ResourceStamps = [.version, .createdAt, .updatedAt]
    let parent: Parent? = .of(TicketResource())
    let permissions = ResourcePermissions(read: "metrics.read", write: "metrics.write")
    let fields: [Field] = [
        .integer("replies", 0...Int64.max).readOnly.notNull.described("Public messages."),
        .integer("agentReplies", 0...Int64.max).readOnly.notNull,
        .integer("customerReplies", 0...Int64.max).readOnly.notNull,
        .integer("internalNotes", 0...Int64.max).readOnly.notNull,
        .integer("reopens", 0...Int64.max).readOnly.notNull,
        .integer("firstResponseSeconds", 0...Int64.max).readOnly
            .described("From creation to the first public message of an agent."),
        .integer("resolutionSeconds", 0...Int64.max).readOnly
            .described("From creation to the last resolution; absent while it is not resolved."),
        .integer("waitingSeconds", 0...Int64.max).readOnly.notNull
            .described("Spent in waiting_for_response, without the present stay."),
    ]
}

/// The figures under an administrator's hand: to put right what a rebuild can't, where the history has been dropped. What
/// is written here stays until the ticket's next event or the next rebuild.
struct MetricsByHand: Resource {
    let path = "metrics"
    let entity = "ticket_metrics"
    let table = "ticket_metrics"
    let component = "TicketMetricsByHand"
    let summary = "The figures of a ticket, written by hand."
    let operations: ResourceOperations = [.create, .update, .delete]
    let stamps: ResourceStamps = [.version, .createdAt, .updatedAt]
    let parent: Parent? = .of(TicketResource())
    let mounts: Set<Route.Mount> = [.admin]
    let permissions = ResourcePermissions(read: "metrics.read", write: "metrics.write")
    let events = ResourceEvents.none
    let fields: [Field] = [
        .integer("replies", 0...Int64.max).defaults(to: 0),
        .integer("agentReplies", 0...Int64.max).defaults(to: 0),
        .integer("customerReplies", 0...Int64.max).defaults(to: 0),
        .integer("internalNotes", 0...Int64.max).defaults(to: 0),
        .integer("reopens", 0...Int64.max).defaults(to: 0),
        .integer("firstResponseSeconds", 0...Int64.max),
        .integer("resolutionSeconds", 0...Int64.max),
        .integer("waitingSeconds", 0...Int64.max).defaults(to: 0),
        .timestamp("ticketCreatedAt").hidden,
        .text("status").hidden,
        .timestamp("statusSince").hidden,
        .integer("lastSequence", 0...Int64.max).hidden,
    ]

    func willCreate(_ draft: inout Draft, _ op: Operation) async throws {
        // Nothing is counted twice: what has happened so far is in what is written.
        draft.values.set("ticketCreatedAt", op.now)
        draft.values.set("status", TicketStatus.open.rawValue)
        draft.values.set("statusSince", op.now)
        draft.values.set("lastSequence", 0)
    }
}

/// Reads and writes figures.
enum MetricsTable {
    /// The events that change a figure.
    static let changes = [TicketStatusChanged.name, TicketReopened.name, TicketMessageAdded.name]

    /// A ticket of a tenant.
    struct Key: Hashable, Sendable {
        var tenantId: UUID
        var ticketId: UUID
    }

    /// The statement that gives tickets their first figures, in the transaction that makes them.
    static func beginning(_ tickets: [(id: UUID, createdAt: Timestamp, status: TicketStatus)], _ op: Operation) -> SQL {
        storing(
            tickets.map { ticket in
                (
                    key: Key(tenantId: op.tenantId, ticketId: ticket.id),
                    figures: TicketMetrics(createdAt: ticket.createdAt, status: ticket.status, happened: op.now)
                )
            })
    }

    /// Takes events into the figures. Those of one ticket are in order.
    static func take(_ events: [(key: Key, event: TicketEvent)], in tx: Transaction) async throws {
        // A rebuild of the tenant waits for us, or we for it.
        let tenants = Set(events.map(\.key.tenantId)).sorted()
        tx.enqueue(
            "SELECT pg_advisory_xact_lock_shared(hashtextextended(t, 2)) FROM unnest(\(tenants.map(\.text))) AS t")
        var figures = try await load(Set(events.map(\.key)), in: tx)
        var changed: Set<Key> = []
        for (key, event) in events {
            let before = figures[key]
            let after = TicketMetrics.folding(event, into: before)
            guard after != before else { continue }
            figures[key] = after
            changed.insert(key)
        }
        let rows = changed.sorted { ($0.tenantId, $0.ticketId) < ($1.tenantId, $1.ticketId) }
        if !rows.isEmpty { tx.enqueue(storing(rows.compactMap { key in figures[key].map { (key, $0) } })) }
    }

    private static func load(_ keys: Set<Key>, in tx: Transaction) async throws -> [Key: TicketMetrics] {
        let keys = Array(keys)
        let rows = try await tx.query(
            """
            SELECT m.tenant_id, m.ticket_id, m.replies, m.agent_replies, m.customer_replies, m.internal_notes, m.reopens,
                m.first_response_seconds, m.resolution_seconds, m.waiting_seconds, m.ticket_created_at, m.status,
                m.status_since, m.last_sequence, m.updated_at
            FROM unnest(\(keys.map(\.tenantId)), \(keys.map(\.ticketId))) AS k (tenant_id, ticket_id)
            JOIN ticket_metrics AS m USING (tenant_id, ticket_id)
            ORDER BY m.tenant_id, m.ticket_id
            FOR UPDATE OF m
            """)
        var figures: [Key: TicketMetrics] = [:]
        for row in rows {
            let key = Key(tenantId: try row.get(0), ticketId: try row.get(1))
            figures[key] = TicketMetrics(
                replies: try row.get(2), agentReplies: try row.get(3), customerReplies: try row.get(4),
                internalNotes: try row.get(5), reopens: try row.get(6), firstResponseSeconds: try row.get(7),
                resolutionSeconds: try row.get(8), waitingSeconds: try row.get(9), ticketCreatedAt: try row.get(10),
                status: TicketStatus(rawValue: try row.get(11)) ?? .open, statusSince: try row.get(12),
                lastSequence: try row.get(13), lastEventAt: try row.get(14))
        }
        return figures
    }

    private static func storing(_ rows: [(key: Key, figures: TicketMetrics)]) -> SQL {
        let figures = rows.map(\.figures)
        return """
            INSERT INTO ticket_metrics AS m (
                tenant_id, id, ticket_id, version, last_sequence, created_at, updated_at, replies, agent_replies,
                customer_replies, internal_notes, reopens, first_response_seconds, resolution_seconds, waiting_seconds,
                ticket_created_at, status, status_since)
            SELECT n.tenant_id, n.ticket_id, n.ticket_id, n.last_sequence, n.last_sequence, n.ticket_created_at, n.updated_at,
                n.replies, n.agent_replies, n.customer_replies, n.internal_notes, n.reopens, n.first_response_seconds,
                n.resolution_seconds, n.waiting_seconds, n.ticket_created_at, n.status, n.status_since
            FROM unnest(
                \(rows.map(\.key.tenantId)), \(rows.map(\.key.ticketId)), \(figures.map(\.lastSequence)),
                \(figures.map(\.lastEventAt)), \(figures.map(\.replies)), \(figures.map(\.agentReplies)),
                \(figures.map(\.customerReplies)), \(figures.map(\.internalNotes)), \(figures.map(\.reopens)),
                \(figures.map(\.firstResponseSeconds)), \(figures.map(\.resolutionSeconds)),
                \(figures.map(\.waitingSeconds)), \(figures.map(\.ticketCreatedAt)), \(figures.map(\.status.rawValue)),
                \(figures.map(\.statusSince))
            ) AS n (
                tenant_id, ticket_id, last_sequence, updated_at, replies, agent_replies, customer_replies, internal_notes,
                reopens, first_response_seconds, resolution_seconds, waiting_seconds, ticket_created_at, status,
                status_since)
            ON CONFLICT (tenant_id, ticket_id) DO UPDATE SET
                version = excluded.version, last_sequence = excluded.last_sequence, updated_at = excluded.updated_at,
                replies = excluded.replies, agent_replies = excluded.agent_replies,
                customer_replies = excluded.customer_replies, internal_notes = excluded.internal_notes,
                reopens = excluded.reopens, first_response_seconds = excluded.first_response_seconds,
                resolution_seconds = excluded.resolution_seconds, waiting_seconds = excluded.waiting_seconds,
                status = excluded.status, status_since = excluded.status_since
            """
    }

    // MARK: Rebuilding

    private static let rebuildPage = 1_000

    /// Makes the figures of a tenant's tickets anew from the history of events, in one transaction: the consumer waits
    /// meanwhile, and goes on behind the last event that is in the new figures.
    /// - Returns: how many tickets have figures now.
    static func rebuild(_ tenantId: UUID, in tx: Transaction) async throws -> Int {
        tx.enqueue("SELECT pg_advisory_xact_lock(hashtextextended(\(tenantId.text), 2))")
        tx.enqueue("DELETE FROM ticket_metrics WHERE tenant_id = \(tenantId)")
        try await tx.execute(
            """
            DECLARE history NO SCROLL CURSOR FOR
            SELECT e.aggregate_id, e.name, e.sequence, e.occurred_at, e.payload FROM events AS e
            WHERE e.tenant_id = \(tenantId) AND e.name = ANY(\([TicketCreated.name] + changes)) ORDER BY e.aggregate_id, e.sequence
            """)
        var done: [(key: Key, figures: TicketMetrics)] = []
        var current: (key: Key, figures: TicketMetrics?)?
        var count = 0
        func finish() {
            if let (key, figures) = current, let figures { done.append((key, figures)) }
            current = nil
        }
        while true {
            let rows = try await tx.query(SQL(unsafe: "FETCH \(rebuildPage) FROM history"))
            for row in rows {
                let key = Key(tenantId: tenantId, ticketId: try row.get(0))
                if current?.key != key {
                    finish()
                    current = (key, nil)
                }
                let payload = try JSON.parse(try row.get(4, as: String.self))
                let event = TicketEvent(
                    name: try row.get(1), sequence: try row.get(2), occurredAt: try row.get(3),
                    payload: payload.objectValue ?? [:])
                let figures = TicketMetrics.folding(event, into: current?.figures)
                current?.figures = figures
            }
            if rows.count < rebuildPage { finish() }
            if !done.isEmpty { tx.enqueue(storing(done)) }
            count += done.count
            done = []
            if rows.count < rebuildPage { break }
        }
        tx.enqueue("CLOSE history")
        return count
    }
}
