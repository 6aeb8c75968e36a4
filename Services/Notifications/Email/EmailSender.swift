// In whose name a tenant's mail goes out, and how a message of it looks: plain values.

import Contracts
import Mail

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// In whose name mail goes out.
struct EmailSender: Sendable {
    var from: Mailbox
    var replyTo: Mailbox?
    /// The organization's, and before it the author's.
    var signatures: [Signature] = []
    /// Signs for the sender's domain; nil where there is no key in use.
    var signer: DKIMSigner?
}

/// What stands below a mail.
struct Signature: Sendable, Equatable {
    var text: String?
    /// Safe to show.
    var html: String?

    /// Nil where there is neither.
    init?(text: String?, html: String?) {
        self.text = text.flatMap { $0.isEmpty ? nil : $0 }
        self.html = html.flatMap { $0.isEmpty ? nil : $0 }
        if self.text == nil, self.html == nil { return nil }
    }
}

/// Ids of messages, made so that whoever sees one in a reply or in a report knows what it is about.
enum EmailThread {
    /// The id of a delivery's message: the same at every try.
    static func messageId(delivery: UUID, domain: DomainName) throws(MailFault) -> MessageID {
        try MessageID(left: "delivery.\(delivery.text)", domain: domain)
    }

    /// What all messages about one thing refer to (RFC 5322, section 3.6.4). No message has this id: it stands for the
    /// conversation, so that mail programs show its messages together whichever of them they have.
    static func root(_ contextType: String, _ contextId: UUID, domain: DomainName) throws(MailFault) -> MessageID {
        try MessageID(left: name(contextType, contextId), domain: domain)
    }

    /// What a conversation is called: `ticket.<id>`.
    static func name(_ contextType: String, _ contextId: UUID) -> String {
        let type = contextType.filter { $0.isASCII && ($0.isLetter || $0.isNumber) }.prefix(40)
        return "\(type).\(contextId.text)"
    }

    /// The delivery that a message id of ours names.
    static func delivery(of id: MessageID) -> UUID? {
        let left = id.bare.prefix { $0 != "@" }
        guard left.hasPrefix("delivery.") else { return nil }
        return UUID(text: left.dropFirst("delivery.".count))
    }
}

/// Makes an email of a message.
enum EmailComposer {
    /// - Parameter unsubscribeURL: Nil for what its recipient can't refuse.
    static func compose(
        _ outbound: OutboundMessage, from sender: EmailSender, unsubscribeURL: String?, at now: Timestamp
    ) throws(MailFault) -> MailMessage {
        let domain = try DomainName(sender.from.address.domain)
        var message = MailMessage(
            from: sender.from, to: [Mailbox(name: outbound.recipientName, try EmailAddress(outbound.address))],
            replyTo: sender.replyTo.map { [$0] } ?? [], subject: outbound.subject, date: now,
            messageId: try EmailThread.messageId(delivery: outbound.id, domain: domain),
            text: text(outbound.text, signatures: sender.signatures.compactMap(\.text)),
            html: outbound.html.map { html($0, signatures: sender.signatures.compactMap(\.html)) })
        if let type = outbound.contextType, let id = outbound.contextId {
            let root = try EmailThread.root(type, id, domain: domain)
            message.inReplyTo = [root]
            message.references = [root]
        }
        if let unsubscribeURL {
            message.unsubscribe = try MailMessage.Unsubscribe(url: unsubscribeURL)
            message.listId = MailMessage.ListID(
                name: sender.from.name ?? "Notifications",
                id: try DomainName("\(outbound.tenantId.text).notifications.\(domain.ascii)"))
        }
        return message
    }

    /// The signatures stand below the line that mail programs know it by: two hyphens and a space (RFC 3676, section 4.3).
    static func text(_ text: String, signatures: [String]) -> String {
        guard !signatures.isEmpty else { return text }
        return "\(text)\(text.hasSuffix("\n") ? "" : "\n")\n-- \n\(signatures.joined(separator: "\n\n"))\n"
    }

    /// The signatures go to the end of what is shown.
    static func html(_ html: String, signatures: [String]) -> String {
        guard !signatures.isEmpty else { return html }
        let block = signatures.map { "<div class=\"signature\"><br>\($0)</div>" }.joined()
        let bytes = Array(html.utf8)
        let tag = Array("</body>".utf8)
        guard bytes.count >= tag.count else { return html + block }
        for at in stride(from: bytes.count - tag.count, through: 0, by: -1)
        where zip(bytes[at...], tag).allSatisfy({ $0 == $1 || (0x41...0x5A).contains($0) && $0 + 0x20 == $1 }) {
            return String(decoding: bytes[..<at] + Array(block.utf8) + bytes[at...], as: UTF8.self)
        }
        return html + block
    }
}
