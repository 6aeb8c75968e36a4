// Chats, by incoming webhooks as Slack has them.

import Contracts
import Database
import Outbound
import ServiceKit

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Posts to an incoming webhook of Slack, or of a chat that understands the same (Mattermost, Rocket.Chat, Discord's /slack).
/// The address is the hook's id.
struct SlackChannel: Channel {
    let name = "slack"
    let concurrency = 16
    let database: Database
    let client: OutboundClient
    let box: SecretBox

    func send(_ message: OutboundMessage) async throws(DeliveryFailure) -> DeliveryReceipt {
        guard let id = UUID(text: message.address), let url = try await url(id, of: message.tenantId).get() else {
            throw .permanent(code: "unsubscribed", detail: "There is no such hook any more.", suppress: false)
        }
        let answer = try await client.exchange(
            url, headers: [("content-type", "application/json"), ("idempotency-key", message.id.text)],
            body: Self.body(of: message))
        if answer.isSuccess { return DeliveryReceipt(providerMessageId: nil, isDelivered: true) }
        throw Self.failure(answer, at: .now)
    }

    private func url(_ id: UUID, of tenantId: UUID) async -> Result<String?, DeliveryFailure> {
        do {
            let row = try await database.lookup(as: .tenant(tenantId)) { tx in
                try await tx.first("SELECT sealed_url FROM slack_hooks WHERE tenant_id = \(tenantId) AND id = \(id)")
            }
            guard let sealed = try row?.get(0, as: String.self) else { return .success(nil) }
            guard let url = box.open(sealed, tenantId: tenantId, id: id) else { return .failure(.unreadable) }
            return .success(url)
        } catch {
            return .failure(.transient(code: "database", detail: "\(error)", retryAfter: nil))
        }
    }

    static func body(of message: OutboundMessage) -> [UInt8] {
        let title = message.subject.isEmpty ? "" : "*\(escaped(message.subject))*\n"
        return JSON.object(["text": .string(title + escaped(message.text.prefix(textMax)))]).serialized()
    }

    private static let textMax = 12_000

    /// The three characters that have a meaning in a message's text; nobody mentions anybody by what a ticket says.
    static func escaped(_ text: some StringProtocol) -> String {
        text.reduce(into: "") { escaped, character in
            switch character {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            default: escaped.append(character)
            }
        }
    }

    /// 404 and 410 say that there is no such webhook or channel (any more).
    static func failure(_ answer: OutboundAnswer, at now: Timestamp) -> DeliveryFailure {
        if answer.status == 404 || answer.status == 410 {
            return .permanent(code: "gone", detail: answer.excerpt, suppress: true)
        }
        return DeliveryFailure(answer, at: now)
    }
}
