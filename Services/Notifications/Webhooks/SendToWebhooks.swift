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
struct SendToWebhooks: OccasionalHandler {
    let name = "send_to_webhooks"
    let patterns = ["#"]
    let bell: Bell

    /// Disabled endpoints count: what they would have been sent is kept.
    func isWanted(in tx: Transaction) async throws -> Bool {
        try await tx.first("SELECT FROM webhook_endpoints LIMIT 1") != nil
    }

    /// Events that no endpoint asks for are most of all that pass.
    func concerned(with messages: [RawMessage], in tx: Transaction) async throws -> [Bool] {
        let listeners = try await Listeners(of: messages, in: tx)
        return messages.map { !listeners.of($0).isEmpty }
    }

    func handle(_ messages: [RawMessage], in tx: Transaction) async throws {
        let listeners = try await Listeners(of: messages, in: tx)
        // What a disabled endpoint would have been sent is kept for it, to be replayed.
        let kept = messages.filter { !listeners.of($0).isEmpty }
        guard !kept.isEmpty else { return }
        let deliveries = kept.flatMap { message in
            listeners.of(message).filter(\.isEnabled).map { WebhookQueue.New(message, endpointId: $0.id) }
        }
        try await WebhookQueue.keep(kept, in: tx)
        try await WebhookQueue.add(deliveries, at: .now, in: tx)
        tx.afterCommit { [bell] in bell.ring() }
    }

    /// The endpoints of the messages' tenants.
    private struct Listeners {
        private let byTenant: [UUID: [Listener]]

        init(of messages: [RawMessage], in tx: Transaction) async throws {
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
            byTenant = Dictionary(grouping: endpoints, by: \.tenantId)
        }

        func of(_ message: RawMessage) -> [Listener] {
            (byTenant[message.envelope.tenantId] ?? []).filter { listener in
                listener.patterns.contains { $0.matches(message.name) }
            }
        }
    }

    private struct Listener {
        let tenantId: UUID
        let id: UUID
        let patterns: [TopicPattern]
        let isEnabled: Bool
    }
}
