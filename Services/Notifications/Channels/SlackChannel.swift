// Chats, by incoming webhooks as Slack has them.

import Contracts
import Outbound

/// Posts to an incoming webhook of Slack, or of a chat that understands the same (Mattermost, Rocket.Chat, Discord's /slack).
/// The address is the webhook's URL.
struct SlackChannel: Channel {
    let name = "slack"
    let concurrency = 16
    let client: OutboundClient

    func send(_ message: OutboundMessage) async throws(DeliveryFailure) -> DeliveryReceipt {
        let answer = try await client.exchange(
            message.address, headers: [("content-type", "application/json"), ("idempotency-key", message.id.text)],
            body: Self.body(of: message))
        if answer.isSuccess { return DeliveryReceipt(providerMessageId: nil, isDelivered: true) }
        throw Self.failure(answer, at: .now)
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
