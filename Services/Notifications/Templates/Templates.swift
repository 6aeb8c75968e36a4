// The words that a tenant uses instead of the shipped ones.

import Contracts
import Database
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Templates per type, channel and language. Every version is kept.
struct Templates: Resource {
    static let store: ResourceStore<Templates> = ResourceStore(Templates())

    let path = "notification_templates"
    let entity = "notification_template"
    let summary = "What notifications say, in Mustache: per type, channel and language, before the shipped words."
    let permissions = ResourcePermissions("notifications")
    let fields: [Field] = [
        .choice("type", NotificationType.all.map(\.name)).required.immutable.filterable,
        .choice("channel", [TemplateBook.anyChannel] + ChannelName.all).defaults(to: .string(TemplateBook.anyChannel))
            .immutable.filterable.described("`all` for those that have none of their own."),
        .text("locale", 2...35, localeFormat).defaults(to: "en").immutable.filterable.example("de-at")
            .described("BCP 47, lower case."),
        .text("subject", 0...500).required.searchable.example("{{ticket.key}} is yours"),
        .text("text", 0...20_000).required.searchable.example("{{actor.name}} gave you {{ticket.key}}."),
        .text("html", 0...60_000).described("Values are escaped in it. Without it, email shows the text."),
    ]

    private static let localeFormat = Field.TextFormat(
        pattern: "^[a-z]{2,3}(-[a-z0-9]{1,8})*$", description: "a BCP 47 language tag in lower case"
    ) { text in
        let parts = text.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte) }
        func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
        return (2...3).contains(parts[0].count) && parts[0].allSatisfy(isLetter)
            && parts.dropFirst().allSatisfy { part in
                (1...8).contains(part.count) && part.allSatisfy { isLetter($0) || isDigit($0) }
            }
    }

    func willCreate(_ draft: inout Draft, _ op: Operation) async throws { try Self.check(draft) }
    func willUpdate(_ draft: inout Draft, _ op: Operation) async throws { try Self.check(draft) }
    func didCreate(_ mutation: inout Mutation, _ op: Operation) async throws { Self.keep(mutation.record, op) }
    func didUpdate(_ mutation: inout Mutation, _ op: Operation) async throws { Self.keep(mutation.record, op) }

    func willDelete(_ draft: inout Draft, _ op: Operation) async throws {
        let used = try await op.tx.first(
            "SELECT id FROM notification_rules WHERE tenant_id = \(op.tenantId) AND template_id = \(draft.id) LIMIT 1")
        if used != nil { throw Problem.conflict("A rule uses the template.", code: "still_referenced") }
    }

    private static func check(_ draft: Draft) throws {
        guard let type = draft.string("type").flatMap({ NotificationType.byName[$0] }) else { return }
        var faults: [Fault] = []
        for field in ["subject", "text", "html"] {
            guard let template = draft.values.string(field) else { continue }
            faults += TemplateCheck.faults(in: template, of: type, at: "/\(field)")
        }
        if !faults.isEmpty { throw Problem.invalid(faults) }
    }

    private static func keep(_ template: Record, _ op: Operation) {
        op.tx.enqueue(
            """
            INSERT INTO notification_template_revisions (
                tenant_id, notification_template_id, id, created_at, created_by, number, subject, text, html)
            VALUES (\(template.tenantId), \(template.id), \(UUID.v7()), \(op.now), \(op.actorId), \(template.version),
                \(template.string("subject")), \(template.string("text")), \(template.string("html")))
            """)
    }
}

/// What a template said before: one for each version of it.
struct TemplateRevisions: Resource {
    let path = "revisions"
    let entity = "notification_template_revision"
    let table = "notification_template_revisions"
    let summary = "What a template said, version by version."
    let parent: Parent? = .of(Templates())
    let operations: ResourceOperations = .readOnly
    let stamps: ResourceStamps = [.createdAt, .createdBy]
    let permissions = ResourcePermissions("notifications")
    let fields: [Field] = [
        .integer("number", 1...Int64.max).readOnly.notNull.sortable.described("The template's version."),
        .text("subject").readOnly.notNull, .text("text").readOnly.notNull, .text("html").readOnly,
    ]
}

/// What is wrong with a template, at its place in a body.
enum TemplateCheck {
    static func faults(in template: String, of type: NotificationType, at pointer: String) -> [Fault] {
        let faults = TemplateTags.faults(in: template, variables: type.variables, isHTML: pointer == "/html")
        guard faults.isEmpty else {
            return faults.map { Fault(.pointer(pointer), $0.code, $0.detail, allowed: $0.allowed(type)) }
        }
        guard Renderer.isWellFormed(template) else {
            return [Fault(.pointer(pointer), "syntax", "It is no Mustache template.")]
        }
        return []
    }
}

extension TemplateTags.Fault {
    fileprivate func allowed(_ type: NotificationType) -> [String]? {
        code == "unknown_variable" ? type.variables : nil
    }
}
