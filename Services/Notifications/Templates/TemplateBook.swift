// Which words are used: the tenant's before the shipped ones, in the recipient's language before others.

import Contracts
import Database

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

enum TemplateLocale {
    static let last = "en"

    /// `de-at`, `de`, the tenant's own, `en`: each once.
    static func chain(_ locale: String?, tenant: String?) -> [String] {
        var chain: [String] = []
        for tag in [locale, tenant, last].compactMap(\.self) {
            var parts = tag.lowercased().split { $0 == "-" || $0 == "_" }
            while !parts.isEmpty {
                let candidate = parts.joined(separator: "-")
                if !chain.contains(candidate) { chain.append(candidate) }
                parts.removeLast()
            }
        }
        return chain
    }
}

/// The templates of a tenant that matter at the moment, over the shipped ones.
struct TemplateBook: Sendable {
    /// Stands for all channels that have no template of their own.
    static let anyChannel = "all"

    private struct Key: Hashable {
        var type: String
        var channel: String
        var locale: String
    }

    private var own: [Key: TemplateText] = [:]
    private var byId: [UUID: TemplateText] = [:]

    /// The statement that ``init(rows:)`` reads.
    static func query(_ tenantId: UUID, types: [String], ids: [UUID] = []) -> SQL {
        """
        SELECT id, type, channel, locale, subject, text, html FROM notification_templates
        WHERE tenant_id = \(tenantId) AND (type = ANY(\(types)) OR id = ANY(\(ids)))
        """
    }

    init(rows: [Row] = []) throws {
        for row in rows {
            let (id, type, channel, locale, subject, text, html) = try row.decode(
                (UUID, String, String, String, String, String, String?).self)
            add(
                TemplateText(id: id, subject: subject, text: text, html: html), type: type, channel: channel,
                locale: locale)
        }
    }

    mutating func add(_ template: TemplateText, type: String, channel: String, locale: String) {
        own[Key(type: type, channel: channel, locale: locale)] = template
        if let id = template.id { byId[id] = template }
    }

    /// The words for somebody, and the language that they are in.
    func template(
        for type: NotificationType, channel: String, locale: String?, tenantLocale: String?, fixed: UUID? = nil
    ) -> (text: TemplateText, locale: String) {
        let chain = TemplateLocale.chain(locale, tenant: tenantLocale)
        if let fixed, let template = byId[fixed] { return (template, chain[0]) }
        for candidate in chain {
            for channel in [channel, Self.anyChannel] {
                if let template = own[Key(type: type.name, channel: channel, locale: candidate)] {
                    return (template, candidate)
                }
            }
            if let words = type.words[candidate] {
                return (TemplateText(subject: words.subject, text: words.text), candidate)
            }
        }
        return (TemplateText(subject: type.summary, text: type.summary), TemplateLocale.last)
    }
}
