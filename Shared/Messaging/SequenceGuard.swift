import Contracts
import Database

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// How an event stands to what a handler has seen of its aggregate.
public enum SequenceVerdict: Sendable, Hashable {
    /// The next one.
    case next
    /// Seen already, or overtaken by a later one.
    case stale
    /// Later than the next: those from `expected` on are missing.
    case gap(expected: Int64)
}

/// Compares sequence numbers, for handlers that must not apply an event out of order.
///
/// A projection that keeps the last sequence in its own row compares by itself: `WHERE sequence < excluded.sequence`. This is for
/// the others. Gaps mean something only to a handler that gets all events of an aggregate.
public enum SequenceGuard {
    /// - Parameter last: of the aggregate's events handled so far; 0 for none.
    public static func verdict(last: Int64, incoming: Int64) -> SequenceVerdict {
        if incoming <= last { return .stale }
        return incoming == last + 1 ? .next : .gap(expected: last + 1)
    }

    /// Moves a handler's progress to the message's sequence unless the message is stale, and says how it stood before.
    ///
    /// With `requiringAll`, a gap moves nothing; throw `Snooze` to let the missing events come first.
    public static func advance(
        _ consumer: String, to message: RawMessage, requiringAll: Bool = false, in tx: Transaction
    ) async throws -> SequenceVerdict {
        try await advance(
            consumer, tenantId: message.envelope.tenantId, aggregateId: message.aggregate.id,
            sequence: message.envelope.sequence, requiringAll: requiringAll, in: tx)
    }

    public static func advance(
        _ consumer: String, tenantId: UUID, aggregateId: UUID, sequence: Int64, requiringAll: Bool = false,
        in tx: Transaction
    ) async throws -> SequenceVerdict {
        let row = try await tx.first(
            """
            INSERT INTO aggregate_progress AS p (tenant_id, consumer, aggregate_id, last_sequence)
            VALUES (\(tenantId), \(consumer), \(aggregateId), 0)
            ON CONFLICT (tenant_id, consumer, aggregate_id) DO UPDATE SET last_sequence = p.last_sequence
            RETURNING last_sequence
            """)
        let verdict = verdict(last: try row?.get(0) ?? 0, incoming: sequence)
        if verdict == .next || (verdict != .stale && !requiringAll) {
            tx.enqueue(
                """
                UPDATE aggregate_progress
                SET last_sequence = \(sequence)
                WHERE tenant_id = \(tenantId) AND consumer = \(consumer) AND aggregate_id = \(aggregateId)
                """)
        }
        return verdict
    }
}
