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
    var signatureText: String?
    /// Safe to show.
    var signatureHTML: String?
    /// Signs for the sender's domain; nil where there is no key in use.
    var signer: DKIMSigner?
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
            text: text(outbound.text, signature: sender.signatureText),
            html: outbound.html.map { html($0, signature: sender.signatureHTML) })
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

    /// The signature stands below the line that mail programs know it by: two hyphens and a space (RFC 3676, section 4.3).
    static func text(_ text: String, signature: String?) -> String {
        guard let signature, !signature.isEmpty else { return text }
        return "\(text)\(text.hasSuffix("\n") ? "" : "\n")\n-- \n\(signature)\n"
    }

    /// The signature goes to the end of what is shown.
    static func html(_ html: String, signature: String?) -> String {
        guard let signature, !signature.isEmpty else { return html }
        let block = "<div class=\"signature\"><br>\(signature)</div>"
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
