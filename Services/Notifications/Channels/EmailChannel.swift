// Email, by SMTP.

import Contracts
import Crypto
import Logging
import Mail

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Sends by the operator's SMTP server, in the tenant's name, signed with the tenant's keys.
struct EmailChannel: Channel {
    let name = "email"
    let client: SMTPClient
    let senders: EmailSenders
    /// Where bounces go; nil for the sender.
    let returnPath: EmailAddress?
    let links: UnsubscribeLinks
    let emails: OutboundEmails?

    var concurrency: Int { client.configuration.connectionsMax }

    func send(_ message: OutboundMessage) async throws(DeliveryFailure) -> DeliveryReceipt {
        let letter = try letter(for: message, from: try await sender(of: message))
        do throws(SMTPError) {
            // The connection takes no other mail before this one is noted: at most the last of each connection is sent again
            // by whoever takes over from a process that was killed.
            let handover = try await client.handOver(letter.envelope, letter.bytes)
            return DeliveryReceipt(
                providerMessageId: letter.messageId.text, isDelivered: false, release: { handover.release() })
        } catch {
            throw DeliveryFailure(error)
        }
    }

    private struct Letter {
        let envelope: SMTPEnvelope
        let bytes: [UInt8]
        let messageId: MessageID
    }

    private func sender(of message: OutboundMessage) async throws(DeliveryFailure) -> EmailSender {
        do {
            return try await senders.sender(of: message.tenantId, authorId: message.authorId)
        } catch {
            throw .transient(code: "no_sender", detail: "The sender can't be read: \(error)", retryAfter: nil)
        }
    }

    private func letter(for message: OutboundMessage, from sender: EmailSender) throws(DeliveryFailure) -> Letter {
        do {
            let now = Timestamp.now
            let url = message.isMandatory ? nil : links.url(for: message)
            let mail = try EmailComposer.compose(message, from: sender, unsubscribeURL: url, at: now)
            let bytes = try sender.signer?.signed(mail.composed(), at: now) ?? mail.composed()
            let envelope = SMTPEnvelope(
                from: returnPath ?? sender.from.address, to: mail.to.map(\.address), id: message.id.text)
            return Letter(envelope: envelope, bytes: bytes, messageId: mail.messageId)
        } catch {
            throw .permanent(code: "invalid_message", detail: String(describing: error), suppress: false)
        }
    }
}

extension DeliveryFailure {
    /// What an SMTP error means for a delivery. What is not known to have failed is tried again, under the same Message-ID: rather
    /// twice than never.
    init(_ error: SMTPError) {
        let code = error.reply.map { $0.status?.description ?? String($0.code) } ?? error.kind.rawValue
        if error.isPermanent {
            self = .permanent(code: code, detail: error.description, suppress: error.bounce == .hard)
        } else {
            self = .transient(code: code, detail: error.description, retryAfter: nil)
        }
    }
}
