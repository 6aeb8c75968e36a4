import Contracts
import Database
import Logging
import Mail
import Synchronization

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Reads in whose name each tenant's mail goes out, and remembers it for a while: thousands of messages of one tenant need it once.
final class EmailSenders: Sendable {
    private struct Known {
        let sender: EmailSender
        let until: ContinuousClock.Instant
    }

    private let database: Database
    private let sealer: Sealer
    private let usual: Mailbox
    private let memory: Duration
    private let known = Mutex<[UUID: Known]>([:])
    private static let tenantsMax = 10_000
    private static let logger = Logger(label: "notifications.email")

    /// - Parameters:
    ///   - usual: The sender of tenants that have none.
    ///   - memory: How long a change may take to be noticed.
    init(database: Database, sealer: Sealer, usual: Mailbox, memory: Duration = .seconds(10)) {
        self.database = database
        self.sealer = sealer
        self.usual = usual
        self.memory = memory
    }

    func sender(of tenantId: UUID) async throws -> EmailSender {
        let now = ContinuousClock.now
        if let known = known.withLock({ $0[tenantId] }), known.until > now { return known.sender }
        let sender = try await read(tenantId)
        known.withLock { known in
            if known.count >= Self.tenantsMax { known.removeAll() }
            known[tenantId] = Known(sender: sender, until: now + memory)
        }
        return sender
    }

    private func read(_ tenantId: UUID) async throws -> EmailSender {
        let (settings, keys) = try await database.transaction(as: .tenant(tenantId), readOnly: true) { tx in
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
            return (
                try settings?.decode((String?, String?, String?, String?, String?, String?).self),
                try keys.map { try $0.decode((UUID, String, String, String, String).self) }
            )
        }
        let (fromName, fromAddress, replyName, replyAddress, signature, signatureHTML) =
            settings ?? (nil, nil, nil, nil, nil, nil)
        let address = fromAddress.flatMap { try? EmailAddress($0) } ?? usual.address
        var sender = EmailSender(from: Mailbox(name: fromName ?? usual.name, address))
        sender.replyTo = replyAddress.flatMap { try? EmailAddress($0) }.map { Mailbox(name: replyName, $0) }
        sender.signatureText = signature
        sender.signatureHTML = signatureHTML

        let selected = keys.compactMap { id, domain, selector, algorithm, sealed -> DKIMSigner.Selected? in
            guard domain == address.asciiDomain, let algorithm = DKIMKey.Algorithm(rawValue: algorithm) else {
                return nil
            }
            guard let bytes = sealer.open(sealed, tenantId: tenantId, id: id),
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
