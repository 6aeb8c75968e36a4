// In whose name a tenant's mail goes out, as it is set up.

import Contracts
import Database
import Mail
import Markup
import ServiceKit
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A tenant's sender and signature: at most one row each.
struct EmailSettings: Resource {
    let path = "email_settings"
    let entity = "email_setting"
    let component = "EmailSettings"
    let summary = "In whose name a tenant's mail goes out; at most one per tenant."
    let permissions = ResourcePermissions(read: "notifications.write", write: "notifications.write")
    let fields: [Field] = [
        .text("fromName", 1...200).example("Acme Support").described("By default the operator's."),
        .text("fromAddress", 3...254).example("support@acme.example").described(
            "By default the operator's. The operator's server must be allowed to send for its domain."),
        .text("replyToName", 1...200),
        .text("replyToAddress", 3...254).example("support@acme.example").described("Where answers go."),
        .text("signatureText", 0...2_000).described("Stands below the text of every mail."),
        .text("signatureHtml", 0...10_000).described("Stands below the HTML of every mail; made safe to show."),
    ]

    func willCreate(_ draft: inout Draft, _ op: Operation) async throws { try check(&draft) }
    func willUpdate(_ draft: inout Draft, _ op: Operation) async throws { try check(&draft) }

    private func check(_ draft: inout Draft) throws {
        var faults: [Fault] = []
        for name in ["fromAddress", "replyToAddress"] {
            guard let given = draft.values.string(name) else { continue }
            do throws(MailFault) {
                let address = try EmailAddress(given)
                // A sender whom only some servers can name could not be answered by the others.
                guard !address.needsSMTPUTF8 else {
                    throw MailFault("bad_format", "The part before the @ must be ASCII.")
                }
                draft.values.set(name, address.text)
            } catch {
                faults.append(Fault(.pointer("/\(name)"), error.code, error.hint))
            }
        }
        guard faults.isEmpty else { throw Problem.invalid(faults) }
        if let html = draft.values.string("signatureHtml") {
            draft.values.set("signatureHtml", HTMLSanitizer.sanitize(html).html)
        }
    }
}

/// What stands below the mails that carry an agent's words, above the organization's signature: each user's own, at most one.
struct EmailSignatures: Resource {
    let path = "email_signatures"
    let entity = "email_signature"
    let summary = "Signatures of agents, which stand below mail with what they wrote; each user's own."
    let permissions = ResourcePermissions(read: "notifications.read", write: "notifications.read")
    let fields: [Field] = [
        .uuid("userId").notNull.immutable.filterable.described("Whose; by default the caller's own."),
        .text("text", 0...2_000).example("Ada Lovelace\nSupport"),
        .text("html", 0...10_000).described("Below the HTML of a mail; made safe to show."),
    ]

    func visible(to caller: Caller) -> SQL? { OwnRows.condition("user_id", caller) }

    func willCreate(_ draft: inout Draft, _ op: Operation) async throws {
        try OwnRows.own("userId", &draft, op)
        sanitize(&draft)
    }

    func willUpdate(_ draft: inout Draft, _ op: Operation) async throws { sanitize(&draft) }

    private func sanitize(_ draft: inout Draft) {
        if let html = draft.values.string("html") { draft.values.set("html", HTMLSanitizer.sanitize(html).html) }
    }
}

/// Keys that a tenant's mail is signed with (RFC 6376). Made here; the private half never leaves the service.
struct DKIMKeys: Resource {
    let path = "email_dkim_keys"
    let entity = "email_dkim_key"
    let component = "EmailDkimKey"
    let summary = "Keys that mail is signed with, and the DNS records that make the signatures known."
    let permissions = ResourcePermissions(read: "notifications.write", write: "notifications.write")
    let fields: [Field] = [
        .text("domain", 3...253).required.immutable.filterable.example("acme.example")
            .described("Signs mail that is sent from addresses of it."),
        .text("selector", 1...63).immutable.notNull.example("deskwire-1")
            .described("Names the key among those of the domain; by default made of its id."),
        .choice("algorithm", DKIMKey.Algorithm.self).immutable.defaults(to: .string(DKIMKey.Algorithm.rsa.rawValue))
            .described("Most receivers know RSA only; mail may be signed with one key of each."),
        .boolean("isActive").defaults(to: false).filterable
            .described("Whether mail is signed with it: from when the record is in the DNS."),
        .text("dnsName").readOnly.notNull.example("deskwire-1._domainkey.acme.example"),
        .text("dnsRecord").readOnly.notNull.example("v=DKIM1; k=rsa; p=MIIB…").described("Text of the TXT record."),
        .text("sealedKey").hidden.notNull,
    ]

    let box: SecretBox

    func willCreate(_ draft: inout Draft, _ op: Operation) async throws {
        let domain = try Self.name(draft.values.string("domain") ?? "", at: "/domain")
        // The end of the id: its beginning is the time, which keys that are made together have in common.
        let usual = "dw\(draft.id.text.suffix(12))"
        let selector = try Self.name(draft.values.string("selector") ?? usual, at: "/selector")
        let algorithm = draft.values.string("algorithm").flatMap(DKIMKey.Algorithm.init(rawValue:)) ?? .rsa
        let key = try await DKIMKey.generateAside(algorithm)
        draft.values.set("domain", domain.ascii)
        draft.values.set("selector", selector.ascii)
        draft.values.set("dnsName", "\(selector.ascii)._domainkey.\(domain.ascii)")
        draft.values.set("dnsRecord", key.dnsRecord)
        let sealed = try box.seal(key.privateBytes, at: op.tenantId.text, draft.id.text)
        draft.values.set("sealedKey", Base64URL.encode(sealed))
    }

    private static func name(_ text: String, at pointer: String) throws(Problem) -> DomainName {
        do throws(MailFault) {
            return try DomainName(text)
        } catch {
            throw .invalid([Fault(.pointer(pointer), error.code, error.hint)])
        }
    }
}
