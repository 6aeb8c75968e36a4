// The deliveries that wait, in lanes: one for each endpoint and ticket.

import Contracts
import Database
import Messaging

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A lane holds what waits for one endpoint about one ticket (or whatever else events are about). One request of a lane is
/// under way at a time, the event with the lowest number first; lanes don't wait for each other.
///
/// Whoever adds deliveries locks their lane's row, and so does whoever finishes one, before it looks whether there are more:
/// a lane never ends while something is being added to it.
enum WebhookQueue {
    /// A lane that somebody works on until the lease ends.
    struct Lane: Sendable, Hashable {
        let tenantId: UUID
        let endpointId: UUID
        let aggregateId: UUID
        /// Another after every claim: what a worker does whose lease has ended is refused.
        let lease: UUID

        var condition: SQL {
            "tenant_id = \(tenantId) AND endpoint_id = \(endpointId) AND aggregate_id = \(aggregateId)"
        }
    }

    /// A delivery to be.
    struct New: Sendable {
        let tenantId: UUID
        let endpointId: UUID
        let eventId: UUID
        let eventName: String
        let aggregateId: UUID
        let sequence: Int64

        init(_ message: RawMessage, endpointId: UUID) {
            self.init(
                tenantId: message.envelope.tenantId, endpointId: endpointId, eventId: message.envelope.eventId,
                eventName: message.name, aggregateId: message.aggregate.id, sequence: message.envelope.sequence)
        }

        init(tenantId: UUID, endpointId: UUID, eventId: UUID, eventName: String, aggregateId: UUID, sequence: Int64) {
            self.tenantId = tenantId
            self.endpointId = endpointId
            self.eventId = eventId
            self.eventName = eventName
            self.aggregateId = aggregateId
            self.sequence = sequence
        }
    }

    // MARK: Filling

    /// Keeps what is to be sent, once for all endpoints.
    static func keep(_ messages: [RawMessage], in tx: Transaction) async throws {
        try await tx.execute(
            """
            INSERT INTO webhook_events
                (tenant_id, event_id, name, schema_ref, aggregate_id, sequence, occurred_at, payload)
            SELECT * FROM unnest(
                \(messages.map(\.envelope.tenantId)), \(messages.map(\.envelope.eventId)), \(messages.map(\.name)),
                \(messages.map(\.schemaRef)), \(messages.map(\.aggregate.id)), \(messages.map(\.envelope.sequence)),
                \(messages.map(\.envelope.occurredAt)), \(messages.map { String(decoding: $0.body, as: UTF8.self) }))
            ON CONFLICT (tenant_id, event_id) DO NOTHING
            """)
    }

    /// Adds deliveries whose events are kept; those that there are already stay as they are. Answers how many were new.
    @discardableResult
    static func add(_ new: [New], at now: Timestamp, in tx: Transaction) async throws -> Int {
        guard !new.isEmpty else { return 0 }
        let added = try await tx.query(
            """
            INSERT INTO webhook_deliveries (
                tenant_id, webhook_endpoint_id, id, created_at, event_id, event_name, aggregate_id, sequence, status, tries,
                next_try_at)
            SELECT n.tenant_id, n.endpoint_id, n.id, \(now), n.event_id, n.event_name, n.aggregate_id, n.sequence,
                'pending', 0, \(now)
            FROM unnest(
                \(new.map(\.tenantId)), \(new.map(\.endpointId)), \(new.map { _ in UUID.v7() }), \(new.map(\.eventId)),
                \(new.map(\.eventName)), \(new.map(\.aggregateId)), \(new.map(\.sequence))
            ) AS n (tenant_id, endpoint_id, id, event_id, event_name, aggregate_id, sequence)
            ON CONFLICT (tenant_id, webhook_endpoint_id, event_id) DO NOTHING
            RETURNING tenant_id, webhook_endpoint_id, aggregate_id
            """
        ).map { try $0.decode((UUID, UUID, UUID).self) }
        try await open(added, at: now, hurrying: false, in: tx)
        return added.count
    }

    /// Sends deliveries again that are done, or sooner those that wait: the ones that meet a condition over `d`.
    /// - Returns: how many.
    static func again(_ condition: SQL, at now: Timestamp, in tx: Transaction) async throws -> Int {
        // Lanes before deliveries, as whoever works on one does.
        try await tx.execute(
            """
            SELECT FROM webhook_lanes AS l
            WHERE (l.tenant_id, l.endpoint_id, l.aggregate_id) IN (
                SELECT d.tenant_id, d.webhook_endpoint_id, d.aggregate_id FROM webhook_deliveries AS d WHERE \(condition))
            ORDER BY l.tenant_id, l.endpoint_id, l.aggregate_id FOR UPDATE
            """)
        let changed = try await tx.query(
            """
            UPDATE webhook_deliveries AS d
            SET status = 'pending', tries = 0, next_try_at = \(now), finished_at = NULL
            WHERE \(condition)
            RETURNING tenant_id, webhook_endpoint_id, aggregate_id
            """
        ).map { try $0.decode((UUID, UUID, UUID).self) }
        try await open(changed, at: now, hurrying: true, in: tx)
        return changed.count
    }

    /// Sees to it that there are lanes; in the order of their keys, so that two who do so never wait for each other in a circle.
    /// One that there is already is due when it was, or at once, unless somebody works on it.
    private static func open(_ keys: [(UUID, UUID, UUID)], at now: Timestamp, hurrying: Bool, in tx: Transaction)
        async throws
    {
        guard !keys.isEmpty else { return }
        try await tx.execute(
            """
            INSERT INTO webhook_lanes AS l (tenant_id, endpoint_id, aggregate_id, due_at)
            SELECT DISTINCT tenant_id, endpoint_id, aggregate_id, \(now)
            FROM unnest(\(keys.map(\.0)), \(keys.map(\.1)), \(keys.map(\.2))) AS k (tenant_id, endpoint_id, aggregate_id)
            ORDER BY 1, 2, 3
            ON CONFLICT (tenant_id, endpoint_id, aggregate_id) DO UPDATE SET due_at = CASE
                WHEN \(hurrying) AND l.lease IS NULL THEN least(l.due_at, excluded.due_at) ELSE l.due_at END
            """)
    }

    // MARK: Emptying

    /// Takes lanes that are due, of each endpoint no more than it lets be under way at once, over all processes.
    static func claim(
        upTo count: Int, for worker: UUID, leasedFor lease: Duration, at now: Timestamp, in tx: Transaction
    ) async throws -> [Lane] {
        // From endpoint to endpoint along the index: what it costs does not grow with what waits for one of them.
        let open = try await tx.query(
            """
            WITH RECURSIVE waiting AS (
                (SELECT tenant_id, endpoint_id FROM webhook_lanes ORDER BY tenant_id, endpoint_id LIMIT 1)
                UNION ALL
                SELECT n.tenant_id, n.endpoint_id
                FROM waiting AS w CROSS JOIN LATERAL (
                    SELECT l.tenant_id, l.endpoint_id FROM webhook_lanes AS l
                    WHERE (l.tenant_id, l.endpoint_id) > (w.tenant_id, w.endpoint_id)
                    ORDER BY l.tenant_id, l.endpoint_id LIMIT 1
                ) AS n
            )
            SELECT e.tenant_id, e.id, e.concurrency::bigint
            FROM webhook_endpoints AS e
            WHERE e.enabled AND (e.tenant_id, e.id) IN (SELECT tenant_id, endpoint_id FROM waiting) AND EXISTS (
                SELECT FROM webhook_lanes AS l
                WHERE l.tenant_id = e.tenant_id AND l.endpoint_id = e.id AND l.due_at <= \(now))
            ORDER BY random() LIMIT \(count)
            FOR NO KEY UPDATE OF e SKIP LOCKED
            """
        ).map { try $0.decode((UUID, UUID, Int64).self) }
        guard !open.isEmpty else { return [] }
        // A statement of its own: it sees what those have taken who held the endpoints before.
        return try await tx.query(
            """
            WITH taken AS (
                SELECT l.tenant_id, l.endpoint_id, l.aggregate_id
                FROM unnest(\(open.map(\.0)), \(open.map(\.1)), \(open.map(\.2))) AS o (tenant_id, endpoint_id, concurrency)
                CROSS JOIN LATERAL (
                    SELECT l.* FROM webhook_lanes AS l
                    WHERE l.tenant_id = o.tenant_id AND l.endpoint_id = o.endpoint_id AND l.due_at <= \(now)
                    ORDER BY l.due_at
                    LIMIT greatest(0, o.concurrency - (
                        SELECT count(*) FROM webhook_lanes AS b
                        WHERE b.tenant_id = o.tenant_id AND b.endpoint_id = o.endpoint_id AND b.lease IS NOT NULL
                            AND b.due_at > \(now)))
                ) AS l
                LIMIT \(count)
            )
            UPDATE webhook_lanes AS l SET lease = gen_random_uuid(), due_at = \(now + lease), worker = \(worker)
            FROM taken AS t
            WHERE l.tenant_id = t.tenant_id AND l.endpoint_id = t.endpoint_id AND l.aggregate_id = t.aggregate_id
                AND l.due_at <= \(now)
            RETURNING l.tenant_id, l.endpoint_id, l.aggregate_id, l.lease
            """
        ).map { row in
            let (tenantId, endpointId, aggregateId, lease) = try row.decode((UUID, UUID, UUID, UUID).self)
            return Lane(tenantId: tenantId, endpointId: endpointId, aggregateId: aggregateId, lease: lease)
        }
    }

    /// The lane's first delivery; none where there is none, the endpoint is disabled or the lease has ended.
    static func first(of lane: Lane) -> SQL {
        """
        SELECT d.id, d.event_id, d.tries::bigint, e.url, v.name, v.schema_ref, v.occurred_at, v.payload
        FROM webhook_deliveries AS d
        JOIN webhook_events AS v ON v.tenant_id = d.tenant_id AND v.event_id = d.event_id
        JOIN webhook_endpoints AS e ON e.tenant_id = d.tenant_id AND e.id = d.webhook_endpoint_id
        WHERE d.tenant_id = \(lane.tenantId) AND d.webhook_endpoint_id = \(lane.endpointId)
            AND d.aggregate_id = \(lane.aggregateId) AND d.status = 'pending' AND e.enabled AND EXISTS (
                SELECT FROM webhook_lanes WHERE \(lane.condition) AND lease = \(lane.lease))
        ORDER BY d.sequence, d.id LIMIT 1
        """
    }

    /// Keeps the lane, or lets it go until an instant; false where it is somebody else's by now, or gone. Its endpoint is held before
    /// it: who deletes an endpoint locks that first, its lanes and deliveries then.
    static func hold(_ lane: Lane, keeping: Bool, until due: Timestamp, in tx: Transaction) async throws -> Bool {
        tx.enqueue(
            "SELECT FROM webhook_endpoints WHERE tenant_id = \(lane.tenantId) AND id = \(lane.endpointId) FOR KEY SHARE"
        )
        return try await tx.execute(
            """
            UPDATE webhook_lanes SET due_at = \(due), lease = \(keeping ? lane.lease : nil)
            WHERE \(lane.condition) AND lease = \(lane.lease)
            """) > 0
    }

    /// A lane that was let go is due when its first delivery is.
    static func reschedule(_ lane: Lane, in tx: Transaction) async throws {
        try await tx.execute(
            """
            UPDATE webhook_lanes SET due_at = coalesce((
                SELECT d.next_try_at FROM webhook_deliveries AS d
                WHERE d.tenant_id = \(lane.tenantId) AND d.webhook_endpoint_id = \(lane.endpointId)
                    AND d.aggregate_id = \(lane.aggregateId) AND d.status = 'pending'
                ORDER BY d.sequence, d.id LIMIT 1), due_at)
            WHERE \(lane.condition) AND lease IS NULL
            """)
    }

    /// Ends the lane if nothing is left in it; only behind ``hold(_:keeping:until:in:)``. Answers whether it has ended.
    static func endIfEmpty(_ lane: Lane, in tx: Transaction) async throws -> Bool {
        try await tx.execute(
            """
            DELETE FROM webhook_lanes
            WHERE \(lane.condition) AND NOT EXISTS (
                SELECT FROM webhook_deliveries AS d
                WHERE d.tenant_id = \(lane.tenantId) AND d.webhook_endpoint_id = \(lane.endpointId)
                    AND d.aggregate_id = \(lane.aggregateId) AND d.status = 'pending')
            """) > 0
    }
}
