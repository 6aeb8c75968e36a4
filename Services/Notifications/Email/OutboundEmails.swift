// What is told of mail on its way out, beside what is told of every notification.

import Contracts
import Database
import Mail
import Messaging

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Publishes `outbound_email.*` in the transactions that take deliveries on and note what came of them. A mail's events are
/// those of one aggregate: it was queued, then it was sent or failed, then something may be reported of it.
struct OutboundEmails: Sendable {
    /// The sender of tenants that have set none.
    let usual: EmailAddress

    private static let provider = "smtp"
    private static let queuedVersion: Int64 = 1
    private static let overVersion: Int64 = 2

    /// Mail that is tried for the first time.
    func queued(_ messages: [OutboundMessage], in tx: Transaction) async throws {
        let fresh = messages.filter { $0.attempt == 1 }
        guard !fresh.isEmpty else { return }
        let tenants = Array(Set(fresh.map(\.tenantId)))
        var senders: [UUID: String] = [:]
        for row in try await tx.query(
            "SELECT tenant_id, from_address FROM email_settings WHERE tenant_id = ANY(\(tenants))")
        {
            let (tenantId, address) = try row.decode((UUID, String?).self)
            senders[tenantId] = address
        }
        for message in fresh {
            let event = OutboundEmailQueued(
                messageId: message.id, threadId: Self.thread(message.contextType, message.contextId),
                ticketId: Self.ticket(message.contextType, message.contextId),
                from: senders[message.tenantId] ?? usual.text, to: [message.address], subject: message.subject,
                queuedAt: message.queuedAt, provider: Self.provider)
            try tx.publish(event, version: Self.queuedVersion, actor: .system, tenantId: message.tenantId)
        }
    }

    /// A mail that is over: accepted by the server, or given up.
    struct Outcome {
        let tenantId: UUID
        let id: UUID
        let contextType: String?
        let contextId: UUID?
        /// Nil if it is given up.
        let providerMessageId: String?
        let errorCode: String?
        let errorMessage: String?
    }

    func over(_ outcome: Outcome, at now: Timestamp, in tx: Transaction) throws {
        let thread = Self.thread(outcome.contextType, outcome.contextId)
        let ticket = Self.ticket(outcome.contextType, outcome.contextId)
        if let providerMessageId = outcome.providerMessageId {
            try tx.publish(
                OutboundEmailSent(
                    messageId: outcome.id, providerMessageId: providerMessageId, threadId: thread, ticketId: ticket,
                    sentAt: now, provider: Self.provider),
                version: Self.overVersion, actor: .system, occurredAt: now, tenantId: outcome.tenantId)
        } else {
            try tx.publish(
                OutboundEmailFailed(
                    messageId: outcome.id, threadId: thread, ticketId: ticket, failedAt: now, provider: Self.provider,
                    errorCode: outcome.errorCode, errorMessage: outcome.errorMessage ?? outcome.errorCode ?? "",
                    retryable: false),
                version: Self.overVersion, actor: .system, occurredAt: now, tenantId: outcome.tenantId)
        }
    }

    private static func thread(_ type: String?, _ id: UUID?) -> String? {
        type.flatMap { type in id.map { EmailThread.name(type, $0) } }
    }

    private static func ticket(_ type: String?, _ id: UUID?) -> UUID? { type == "ticket" ? id : nil }
}
