// Past events, once more.

import Contracts
import Database
import Messaging

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The kept events of a time that an endpoint is sent again.
struct WebhookReplay: Sendable {
    static let countMax = 10_000

    let endpointId: UUID
    let tenantId: UUID
    let patterns: [String]
    let since: Timestamp
    let until: Timestamp
    /// Also what has arrived.
    let includesDelivered: Bool

    /// Answers how many are sent, and from when on there are more.
    func run(at now: Timestamp, in tx: Transaction) async throws -> (count: Int, next: Timestamp?) {
        let topics = patterns.compactMap { TopicPattern(checking: $0) }
        let events = try await tx.query(
            """
            SELECT event_id, name, aggregate_id, sequence, occurred_at FROM webhook_events
            WHERE tenant_id = \(tenantId) AND occurred_at >= \(since) AND occurred_at <= \(until)
            ORDER BY occurred_at LIMIT \(Self.countMax + 1)
            """
        ).map { try $0.decode((UUID, String, UUID, Int64, Timestamp).self) }
        // What happened at the instant that begins the rest is left to the rest, unless it is all that there is.
        let next = events.count > Self.countMax ? events.last?.4 : nil
        let page = events.prefix(Self.countMax).filter {
            next == nil || $0.4 < (next ?? .max) || next == events.first?.4
        }
        let wanted = page.filter { event in topics.contains { $0.matches(event.1) } }
        guard !wanted.isEmpty else { return (0, next) }
        let finished: SQL = includesDelivered ? "d.status IN ('delivered', 'failed')" : "d.status = 'failed'"
        let again = try await WebhookQueue.again(
            """
            d.tenant_id = \(tenantId) AND d.webhook_endpoint_id = \(endpointId)
                AND d.event_id = ANY(\(wanted.map(\.0))) AND \(finished)
            """, at: now, in: tx)
        let added = try await WebhookQueue.add(
            wanted.map { event in
                WebhookQueue.New(
                    tenantId: tenantId, endpointId: endpointId, eventId: event.0, eventName: event.1,
                    aggregateId: event.2,
                    sequence: event.3)
            }, at: now, in: tx)
        return (again + added, next)
    }
}
