// Text messages.

import Contracts
import Outbound
import ServiceKit

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Sends text messages by Twilio's Messages API, or one that is like it. The address is an E.164 number: `+4912345678`.
struct SMSChannel: Channel {
    struct Account: Sendable {
        /// `https://api.twilio.com`
        var url: String
        var id: String
        var token: String
        /// A number, a name, or the id of a messaging service (`MG…`).
        var sender: String
    }

    let name = "sms"
    let concurrency = 8
    let client: OutboundClient
    let account: Account

    func send(_ message: OutboundMessage) async throws(DeliveryFailure) -> DeliveryReceipt {
        guard Self.isNumber(message.address) else {
            throw .permanent(code: "bad_number", detail: "It must be a number such as +4912345678.", suppress: true)
        }
        let credentials = Data("\(account.id):\(account.token)".utf8).base64EncodedString()
        let answer = try await client.exchange(
            "\(account.url)/2010-04-01/Accounts/\(account.id)/Messages.json",
            headers: [
                ("authorization", "Basic \(credentials)"), ("content-type", "application/x-www-form-urlencoded"),
                ("accept", "application/json"), ("idempotency-key", message.id.text),
            ],
            body: Array(form(message).utf8))
        guard answer.isSuccess else { throw Self.failure(answer, at: .now) }
        let id = (try? JSON.parse(answer.body))?["sid"]?.stringValue
        return DeliveryReceipt(providerMessageId: id, isDelivered: false)
    }

    private func form(_ message: OutboundMessage) -> String {
        let sender = account.sender.hasPrefix("MG") ? "MessagingServiceSid" : "From"
        return [("To", message.address), (sender, account.sender), ("Body", Self.text(of: message))]
            .map { "\($0)=\(Self.escaped($1))" }.joined(separator: "&")
    }

    private static let textMax = 1_600

    /// What fits: the provider refuses longer ones.
    static func text(of message: OutboundMessage) -> String {
        guard message.text.unicodeScalars.count > textMax else { return message.text }
        var text = ""
        var count = 0
        for character in message.text {
            count += character.unicodeScalars.count
            if count > textMax - 1 { break }
            text.append(character)
        }
        return text + "…"
    }

    /// E.164: a plus and up to fifteen digits, the first of which is no zero.
    static func isNumber(_ text: String) -> Bool {
        let digits = text.utf8.dropFirst()
        return text.hasPrefix("+") && (7...15).contains(digits.count) && digits.first != 48
            && digits.allSatisfy { (48...57).contains($0) }
    }

    /// `application/x-www-form-urlencoded` (WHATWG URL, section 5.2).
    static func escaped(_ text: String) -> String {
        let hex = Array("0123456789ABCDEF".utf8)
        var escaped: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case 32: escaped.append(UInt8(ascii: "+"))
            case 48...57, 65...90, 97...122, UInt8(ascii: "*"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
                escaped.append(byte)
            default: escaped += [UInt8(ascii: "%"), hex[Int(byte >> 4)], hex[Int(byte & 15)]]
            }
        }
        return String(decoding: escaped, as: UTF8.self)
    }

    /// The number is none, can't get text messages, or its owner wants none from us.
    private static let hopeless: Set<Int64> = [21_211, 21_214, 21_217, 21_610, 21_614]
    /// The account's queue is full.
    private static let passing: Set<Int64> = [20_429, 21_611, 30_001]

    static func failure(_ answer: OutboundAnswer, at now: Timestamp) -> DeliveryFailure {
        let json = try? JSON.parse(answer.body)
        let detail = json?["message"]?.stringValue.map { String($0.prefix(300)) } ?? answer.excerpt
        switch (answer.status, json?["code"]?.intValue) {
        case (_, let code?) where hopeless.contains(code):
            return .permanent(code: "provider_\(code)", detail: detail, suppress: true)
        case (_, let code?) where passing.contains(code):
            return .transient(code: "provider_\(code)", detail: detail, retryAfter: answer.retryAfter(at: now))
        case (401, _), (403, _):
            // The account's fault, which its owner repairs; the message is as good then.
            return .transient(code: "provider_account", detail: detail, retryAfter: nil)
        default:
            return DeliveryFailure(answer, at: now)
        }
    }
}

extension SMSChannel {
    private static let url = "SMS_API_URL"
    private static let id = "SMS_ACCOUNT_ID"
    private static let token = "SMS_AUTH_TOKEN"
    private static let sender = "SMS_SENDER"

    static let settings: [Setting] = [
        .url(
            url, schemes: ["http", "https"], default: "https://api.twilio.com", "Where text messages are handed over."),
        .text(id, "Account that text messages are sent from (Twilio's Account SID); none are sent when unset.").checked
        {
            isPlain($0) ? nil : "must be letters and digits"
        },
        .text(token, "Password of that account.").secret,
        .text(sender, "Number, name or messaging service that text messages come from."),
    ]

    private static func isPlain(_ text: String) -> Bool {
        text.utf8.allSatisfy { (97...122).contains($0) || (65...90).contains($0) || (48...57).contains($0) }
    }

    /// Nil where no account is set.
    init?(_ settings: Settings, client: OutboundClient) {
        guard let id = settings.optionalText(Self.id), let token = settings.optionalText(Self.token),
            let sender = settings.optionalText(Self.sender)
        else { return nil }
        var url = settings.text(Self.url)
        while url.last == "/" { url.removeLast() }
        self.init(client: client, account: Account(url: url, id: id, token: token, sender: sender))
    }
}
