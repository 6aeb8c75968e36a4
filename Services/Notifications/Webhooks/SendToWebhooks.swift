// Events become deliveries.

import Contracts
import Database
import Messaging

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Makes a delivery of every event for every endpoint whose patterns it matches, in the consumer's transaction. An event that
/// comes twice has one: the pair is unique.
struct SendToWebhooks: BatchEventHandler {
    let name = "send_to_webhooks"
    let patterns = ["#"]
    let bell: Bell

    func handle(_ messages: [RawMessage], in tx: Transaction) async throws {
        let tenants = Array(Set(messages.map(\.envelope.tenantId)))
        // Held, so that none of them is deleted before its deliveries are written.
        let endpoints = try await tx.query(
            """
            SELECT tenant_id, id, events, enabled FROM webhook_endpoints WHERE tenant_id = ANY(\(tenants)) FOR KEY SHARE
            """
        ).map { row in
            let (tenantId, id, patterns, isEnabled) = try row.decode((UUID, UUID, [String], Bool).self)
            return Listener(
                tenantId: tenantId, id: id, patterns: patterns.compactMap { TopicPattern(checking: $0) },
                isEnabled: isEnabled)
        }
        guard !endpoints.isEmpty else { return }
        let byTenant = Dictionary(grouping: endpoints, by: \.tenantId)
        var kept: [RawMessage] = []
        var deliveries: [WebhookQueue.New] = []
        for message in messages {
            let listeners = (byTenant[message.envelope.tenantId] ?? []).filter { listener in
                listener.patterns.contains { $0.matches(message.name) }
            }
            // What a disabled endpoint would have been sent is kept for it, to be replayed.
            if !listeners.isEmpty { kept.append(message) }
            deliveries += listeners.filter(\.isEnabled).map { WebhookQueue.New(message, endpointId: $0.id) }
        }
        guard !kept.isEmpty else { return }
        try await WebhookQueue.keep(kept, in: tx)
        try await WebhookQueue.add(deliveries, at: .now, in: tx)
        tx.afterCommit { [bell] in bell.ring() }
    }

    private struct Listener {
        let tenantId: UUID
        let id: UUID
        let patterns: [TopicPattern]
        let isEnabled: Bool
    }
}
