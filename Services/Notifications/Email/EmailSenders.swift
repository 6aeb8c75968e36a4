import Contracts
import Database
import Logging
import Mail
import ServiceKit
import Synchronization
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Reads in whose name each tenant's mail goes out, and each author's signature, and remembers them for a while: thousands of
/// messages of one tenant need them once.
final class EmailSenders: Sendable {
    private struct Known {
        let sender: EmailSender
        let until: ContinuousClock.Instant
    }

    /// Who writes for whom.
    private struct Key: Hashable {
        let tenantId: UUID
        let authorId: UUID?
    }

    private let database: Database
    private let box: SecretBox
    private let usual: Mailbox
    private let memory: Duration
    private let known = Mutex<[Key: Known]>([:])
    private static let knownMax = 10_000
    private static let logger = Logger(label: "notifications.email")

    /// - Parameters:
    ///   - usual: The sender of tenants that have none.
    ///   - memory: How long a change may take to be noticed.
    init(database: Database, box: SecretBox, usual: Mailbox, memory: Duration = .seconds(10)) {
        self.database = database
        self.box = box
        self.usual = usual
        self.memory = memory
    }

    /// - Parameter authorId: Whose signature stands above the organization's.
    func sender(of tenantId: UUID, authorId: UUID? = nil) async throws -> EmailSender {
        let now = ContinuousClock.now
        let key = Key(tenantId: tenantId, authorId: authorId)
        if let known = known.withLock({ $0[key] }), known.until > now { return known.sender }
        let sender = try await read(tenantId, authorId)
        known.withLock { known in
            if known.count >= Self.knownMax { known.removeAll() }
            known[key] = Known(sender: sender, until: now + memory)
        }
        return sender
    }

    private func read(_ tenantId: UUID, _ authorId: UUID?) async throws -> EmailSender {
        let (settings, keys, signature) = try await database.transaction(as: .tenant(tenantId), readOnly: true) { tx in
            let settings = try await tx.first(
                """
                SELECT from_name, from_address, reply_to_name, reply_to_address, signature_text, signature_html
                FROM email_settings WHERE tenant_id = \(tenantId)
                """)
            // Of several keys of one kind the latest is used: that is how keys are replaced.
            let keys = try await tx.query(
                """
                SELECT DISTINCT ON (domain, algorithm) id, domain, selector, algorithm, sealed_key FROM email_dkim_keys
                WHERE tenant_id = \(tenantId) AND is_active ORDER BY domain, algorithm, id DESC
                """)
            let signature = try await tx.first(
                "SELECT text, html FROM email_signatures WHERE tenant_id = \(tenantId) AND user_id = \(authorId)")
            return (
                try settings?.decode((String?, String?, String?, String?, String?, String?).self),
                try keys.map { try $0.decode((UUID, String, String, String, String).self) },
                try signature?.decode((String?, String?).self)
            )
        }
        let (fromName, fromAddress, replyName, replyAddress, text, html) =
            settings ?? (nil, nil, nil, nil, nil, nil)
        let address = fromAddress.flatMap { try? EmailAddress($0) } ?? usual.address
        var sender = EmailSender(from: Mailbox(name: fromName ?? usual.name, address))
        sender.replyTo = replyAddress.flatMap { try? EmailAddress($0) }.map { Mailbox(name: replyName, $0) }
        sender.signatures = [
            signature.flatMap { Signature(text: $0.0, html: $0.1) }, Signature(text: text, html: html),
        ].compactMap(\.self)

        let selected = keys.compactMap { id, domain, selector, algorithm, sealed -> DKIMSigner.Selected? in
            guard domain == address.asciiDomain, let algorithm = DKIMKey.Algorithm(rawValue: algorithm) else {
                return nil
            }
            guard let bytes = Base64URL.decode(sealed).flatMap({ box.open($0, at: tenantId.text, id.text) }),
                let key = try? DKIMKey(algorithm, privateBytes: bytes)
            else {
                Self.logger.error(
                    "a DKIM key can't be read: it was made with another secret", metadata: ["key": "\(id.text)"])
                return nil
            }
            return try? DKIMSigner.Selected(selector: selector, key: key)
        }
        if !selected.isEmpty, let domain = try? DomainName(address.domain) {
            sender.signer = DKIMSigner(domain: domain, keys: selected)
        }
        return sender
    }
}
