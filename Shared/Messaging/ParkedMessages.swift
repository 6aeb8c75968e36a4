import AMQP
import Contracts
import Database

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A message that waits for its handler, with everything needed to handle it or to give it up.
struct ParkedMessage: Sendable {
    var handler: String
    var tenantId: UUID
    var eventId: UUID
    var aggregateId: UUID
    var position: Int64
    /// Failed attempts so far.
    var attempts: Int
    var received: ReceivedMessage
}

/// Messages that wait: a queue per handler and aggregate, whose first has the time of its next attempt.
enum ParkedMessages {
    /// Parks entries behind what is parked of their aggregates already.
    static func parkBehind(_ entries: [InboxEntry]) -> SQL {
        insertion(entries, attempts: 0, delay: nil, reason: nil)
    }

    /// Parks a message whose handling failed, first of its aggregate.
    static func park(_ entry: InboxEntry, attempts: Int, delay: Duration, reason: String) -> SQL {
        insertion([entry], attempts: attempts, delay: delay, reason: reason)
    }

    /// Only what is first gets a time. An event that is parked already stays as it is.
    private static func insertion(_ entries: [InboxEntry], attempts: Int, delay: Duration?, reason: String?) -> SQL {
        let seconds = delay.map { $0 / .seconds(1) }
        return """
            INSERT INTO parked_messages (
                tenant_id, consumer, event_id, aggregate_id, attempts, next_attempt_at, reason, exchange, routing_key,
                properties, body
            )
            SELECT
                i.tenant_id, i.consumer, i.event_id, i.aggregate_id, \(attempts),
                CASE
                    WHEN EXISTS (
                        SELECT
                        FROM parked_messages AS p
                        WHERE p.tenant_id = i.tenant_id AND p.consumer = i.consumer AND p.aggregate_id = i.aggregate_id
                    ) THEN NULL
                    ELSE clock_timestamp() + make_interval(secs => \(seconds as Double?))
                END,
                \(reason as String?), i.exchange, i.routing_key, i.properties, i.body
            FROM unnest(
                \(entries.map(\.message.envelope.tenantId)), \(entries.map(\.handler)),
                \(entries.map(\.message.envelope.eventId)), \(entries.map(\.message.aggregate.id)),
                \(entries.map(\.received.exchange)), \(entries.map(\.received.routingKey)),
                \(entries.map { MessageStorage.json($0.received.message) }), \(entries.map(\.received.message.body))
            ) WITH ORDINALITY AS i (
                tenant_id, consumer, event_id, aggregate_id, exchange, routing_key, properties, body, ordinal
            )
            ORDER BY i.ordinal
            ON CONFLICT (tenant_id, consumer, event_id) DO NOTHING
            """
    }

    /// Claims the message that has been due for longest, until the end of the transaction; nil when none is due.
    static func claim(handlers: [String], in tx: Transaction) async throws -> ParkedMessage? {
        let row = try await tx.first(
            """
            SELECT
                consumer, tenant_id, event_id, aggregate_id, position, attempts::bigint, exchange, routing_key, properties,
                body
            FROM parked_messages
            WHERE next_attempt_at <= clock_timestamp() AND consumer = ANY (\(handlers))
            ORDER BY next_attempt_at
            LIMIT 1
            FOR NO KEY UPDATE SKIP LOCKED
            """)
        guard let row else { return nil }
        let message = MessageStorage.message(properties: try row.get(8), body: try row.get(9, as: [UInt8].self))
        return ParkedMessage(
            handler: try row.get(0), tenantId: try row.get(1), eventId: try row.get(2), aggregateId: try row.get(3),
            position: try row.get(4), attempts: try row.get(5),
            received: ReceivedMessage(exchange: try row.get(6), routingKey: try row.get(7), message: message))
    }

    /// Leaves the message parked for another attempt.
    static func postpone(_ parked: ParkedMessage, attempts: Int, delay: Duration, reason: String) -> SQL {
        """
        UPDATE parked_messages
        SET
            attempts = \(attempts),
            next_attempt_at = clock_timestamp() + make_interval(secs => \(delay / .seconds(1))),
            reason = \(reason)
        WHERE tenant_id = \(parked.tenantId) AND consumer = \(parked.handler) AND event_id = \(parked.eventId)
        """
    }

    /// Removes a message that is done with, and gives the next of its aggregate its turn. Two statements, because the removal
    /// may have to wait for someone who parks a message behind, and the second must see it.
    static func finish(_ parked: ParkedMessage) -> [SQL] {
        [
            """
            DELETE FROM parked_messages
            WHERE tenant_id = \(parked.tenantId) AND consumer = \(parked.handler) AND event_id = \(parked.eventId)
            """,
            """
            UPDATE parked_messages
            SET next_attempt_at = clock_timestamp()
            WHERE tenant_id = \(parked.tenantId) AND consumer = \(parked.handler) AND aggregate_id = \(parked.aggregateId)
                AND position = (
                    SELECT min(position)
                    FROM parked_messages
                    WHERE tenant_id = \(parked.tenantId) AND consumer = \(parked.handler)
                        AND aggregate_id = \(parked.aggregateId)
                )
                AND next_attempt_at IS NULL
            """,
        ]
    }

    /// How many are parked, counted up to 100,000, and how long until the first is due.
    static func status(handlers: [String], in tx: Transaction) async throws -> (count: Int, dueIn: Duration?) {
        let results = try await tx.batch([
            "SELECT count(*) FROM (SELECT FROM parked_messages LIMIT 100000) AS p",
            """
            SELECT (extract(epoch FROM min(next_attempt_at) - clock_timestamp()) * 1000)::bigint
            FROM parked_messages
            WHERE next_attempt_at IS NOT NULL AND consumer = ANY (\(handlers))
            """,
        ])
        let milliseconds = try results[1].first?.get(0, as: Int64?.self) ?? nil
        return (try results[0].first?.get(0) ?? 0, milliseconds.map { .milliseconds(max(0, $0)) })
    }
}
