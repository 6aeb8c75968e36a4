import AMQP
import Contracts
import Database

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A received message on its way to one handler.
struct InboxEntry: Sendable {
    var handler: String
    var message: RawMessage
    var received: ReceivedMessage
}

/// A message as it came, to be kept or passed on unchanged.
struct ReceivedMessage: Sendable {
    var exchange: String
    var routingKey: String
    var message: AMQPMessage

    /// The handler that a requeued dead letter is for; nil for all other messages.
    var requeuedFor: String? { message.headers[MessageHeader.requeuedFor]?.stringValue }
}

/// What the inbox says about a message and a handler.
enum Arrival: Sendable, Equatable {
    /// To be handled, in this transaction.
    case fresh
    /// Handled or given up before: nothing to do.
    case duplicate
    /// Earlier messages of the aggregate are parked: to be parked behind them.
    case behindParked
}

/// Remembers what each handler has done with each event, in the transaction of the effects; of handlers that may repeat
/// themselves, what they have given up.
enum Inbox {
    /// Says which entries are to be handled, and notes them unless their handler is one of the repeatable. Each pair of
    /// handler and event comes once.
    ///
    /// The last parked message of an aggregate is locked, so that it can't be finished before what is parked behind it now is
    /// committed: whoever finishes it finds its successor.
    static func arrive(
        _ entries: [InboxEntry], repeatable: Set<String> = [], in tx: Transaction
    ) async throws -> [Arrival] {
        if entries.isEmpty { return [] }
        forgetDeadLetters(entries, in: tx)
        let exceptions = try await tx.query(
            """
            WITH input AS (
                SELECT *
                FROM unnest(
                    \(entries.map(\.message.envelope.tenantId)), \(entries.map(\.handler)),
                    \(entries.map(\.message.envelope.eventId)), \(entries.map(\.message.aggregate.id)),
                    \(entries.map { !repeatable.contains($0.handler) })
                ) WITH ORDINALITY AS i (tenant_id, consumer, event_id, aggregate_id, is_noted, ordinal)
            ),
            behind AS MATERIALIZED (
                SELECT input.ordinal
                FROM input
                CROSS JOIN LATERAL (
                    SELECT
                    FROM parked_messages AS p
                    WHERE p.tenant_id = input.tenant_id AND p.consumer = input.consumer
                        AND p.aggregate_id = input.aggregate_id
                    ORDER BY p.position DESC
                    LIMIT 1
                    FOR KEY SHARE
                ) AS parked
                -- Most of the time nothing is parked at all.
                WHERE EXISTS (SELECT FROM parked_messages)
            ),
            fresh AS (
                INSERT INTO inbox (tenant_id, consumer, event_id)
                SELECT tenant_id, consumer, event_id
                FROM input
                WHERE is_noted AND NOT EXISTS (SELECT FROM behind WHERE behind.ordinal = input.ordinal)
                ORDER BY tenant_id, consumer, event_id
                ON CONFLICT DO NOTHING
                RETURNING tenant_id, consumer, event_id
            )
            SELECT ordinal, ordinal IN (SELECT ordinal FROM behind)
            FROM input
            WHERE ordinal IN (SELECT ordinal FROM behind)
                OR CASE
                    WHEN is_noted THEN
                        (tenant_id, consumer, event_id) NOT IN (SELECT tenant_id, consumer, event_id FROM fresh)
                    ELSE (
                        SELECT true
                        FROM inbox AS known
                        WHERE known.tenant_id = input.tenant_id AND known.consumer = input.consumer
                            AND known.event_id = input.event_id)
                END
            """)
        var arrivals = [Arrival](repeating: .fresh, count: entries.count)
        for row in exceptions {
            let (ordinal, isBehind) = try row.decode((Int, Bool).self)
            arrivals[ordinal - 1] = isBehind ? .behindParked : .duplicate
        }
        return arrivals
    }

    /// Notes one parked message that gets its turn. False when it was handled before.
    static func arrive(_ entry: InboxEntry, in tx: Transaction) async throws -> Bool {
        forgetDeadLetters([entry], in: tx)
        let noted = try await tx.execute(
            """
            INSERT INTO inbox (tenant_id, consumer, event_id)
            VALUES (\(entry.message.envelope.tenantId), \(entry.handler), \(entry.message.envelope.eventId))
            ON CONFLICT DO NOTHING
            """)
        return noted > 0
    }

    /// A message that was given up and has been requeued is to be handled after all.
    private static func forgetDeadLetters(_ entries: [InboxEntry], in tx: Transaction) {
        let requeued = entries.filter { $0.received.requeuedFor == $0.handler }
        if requeued.isEmpty { return }
        tx.enqueue(
            """
            DELETE FROM inbox AS i
            USING unnest(
                \(requeued.map(\.message.envelope.tenantId)), \(requeued.map(\.handler)),
                \(requeued.map(\.message.envelope.eventId))
            ) AS r (tenant_id, consumer, event_id)
            WHERE i.tenant_id = r.tenant_id AND i.consumer = r.consumer AND i.event_id = r.event_id
                AND i.outcome = 'dead_lettered'
            """)
    }

    enum Outcome: String {
        case handled
        case discarded
        case deadLettered = "dead_lettered"
    }

    /// Notes an outcome that has no effects to go with it.
    static func note(_ outcome: Outcome, handler: String, message: RawMessage) -> SQL {
        """
        INSERT INTO inbox (tenant_id, consumer, event_id, outcome)
        VALUES (\(message.envelope.tenantId), \(handler), \(message.envelope.eventId), \(outcome.rawValue))
        ON CONFLICT (tenant_id, consumer, event_id)
        DO UPDATE SET outcome = excluded.outcome, handled_at = excluded.handled_at
        """
    }

    /// Forgets what was handled longer ago than `age`, a bounded number of rows at a time. A message that comes again after
    /// that is handled again.
    static func prune(olderThan age: Duration, limit: Int, in tx: Transaction) async throws -> Int {
        try await tx.execute(
            """
            DELETE FROM inbox
            WHERE ctid = ANY (ARRAY(
                SELECT ctid
                FROM inbox
                WHERE handled_at < clock_timestamp() - make_interval(secs => \(age / .seconds(1)))
                LIMIT \(limit)
            ))
            """)
    }

    /// Forgets everything that a handler has done, so that a replay rebuilds what it keeps.
    static func forget(handler: String, in tx: Transaction) async throws -> Int {
        try await tx.execute("DELETE FROM inbox WHERE consumer = \(handler)")
    }
}
