// What the help center shows, read from the database.
import Contracts
import Database

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The organization whose help center is asked for.
struct HelpSite: Sendable {
    var tenantId: UUID
    var slug: String
    var name: String

    static func find(_ slug: String, in database: Database) async throws -> HelpSite? {
        let row = try await database.transaction(as: .admin, readOnly: true) { tx in
            try await tx.first(
                "SELECT id, name FROM organizations WHERE slug = \(slug) AND deleted_at IS NULL ORDER BY id LIMIT 1")
        }
        guard let (tenantId, name) = try row?.decode((UUID, String?).self) else { return nil }
        return HelpSite(tenantId: tenantId, slug: slug, name: name ?? slug)
    }

    /// Languages with articles that everybody may read; the one with most first.
    func locales(in database: Database) async throws -> [String] {
        try await database.transaction(as: .tenant(tenantId), readOnly: true) { tx in
            try await tx.query(
                """
                SELECT locale FROM kb_articles AS t
                WHERE tenant_id = \(tenantId) AND deleted_at IS NULL AND \(HelpContent.isShown)
                GROUP BY locale ORDER BY count(*) DESC, locale
                """
            ).map { try $0.get(0, as: String.self) }
        }
    }

    /// The language of those that there are that an `Accept-Language` (RFC 9110, section 12.5.4) asks for, else the first.
    static func locale(accepted header: String?, of locales: [String]) -> String {
        let wanted = (header ?? "").prefix(500).lowercased().split(separator: ",").prefix(20).map { range in
            let parts = range.split(separator: ";").map { $0.trimmingPrefix(while: { $0 == " " }) }
            let weight = parts.dropFirst().first { $0.hasPrefix("q=") }.flatMap { Double($0.dropFirst(2)) } ?? 1
            return (tag: String(parts.first ?? ""), weight: weight)
        }
        for (tag, weight) in wanted.enumerated().sorted(by: { ($0.1.weight, -$0.0) > ($1.1.weight, -$1.0) }).map(\.1)
        where weight > 0 {
            if locales.contains(tag) { return tag }
            let language = tag.prefix { $0 != "-" }
            if let near = locales.first(where: { $0.prefix { $0 != "-" } == language }) { return near }
        }
        return locales.first ?? "en"
    }
}

/// Rows of the pages.
enum HelpContent {
    /// Over the row `t`: published for everybody.
    static var isShown: SQL { ArticleAudience.everybody.condition ?? "true" }

    struct Section: Sendable {
        var id: UUID
        var name: String
        var slug: String
        var description: String?
    }

    struct Category: Sendable {
        var name: String
        var slug: String
        var description: String?
        var sections: [Section]
    }

    struct Teaser: Sendable {
        var sectionId: UUID
        var title: String
        var slug: String
        var summary: String?
        var publishedAt: Timestamp
        var updatedAt: Timestamp
        var id: UUID
        var locale: String
    }

    struct Article: Sendable {
        var id: UUID
        var title: String
        var slug: String
        var summary: String?
        var html: String
        var updatedAt: Timestamp
        var attachments: JSON
        var section: Section
        var category: Section
        /// The article in other languages.
        var translations: [(locale: String, slug: String, title: String)]
    }

    /// Categories with their sections in which there is something to read.
    static func categories(_ site: HelpSite, _ locale: String, in tx: Transaction) async throws -> [Category] {
        let rows = try await tx.query(
            """
            SELECT c.name, c.slug, c.description, s.id, s.name, s.slug, s.description
            FROM kb_categories AS c JOIN kb_sections AS s ON s.tenant_id = c.tenant_id AND s.category_id = c.id
            WHERE c.tenant_id = \(site.tenantId) AND EXISTS (
                SELECT FROM kb_articles AS t WHERE t.tenant_id = s.tenant_id AND t.section_id = s.id
                    AND t.locale = \(locale) AND t.deleted_at IS NULL AND \(isShown))
            ORDER BY c.position, c.name, c.id, s.position, s.name, s.id
            """)
        var categories: [Category] = []
        for row in rows {
            let (name, slug, description, id, sectionName, sectionSlug, sectionDescription) = try row.decode(
                (String, String, String?, UUID, String, String, String?).self)
            if categories.last?.slug != slug {
                categories.append(Category(name: name, slug: slug, description: description, sections: []))
            }
            categories[categories.count - 1].sections.append(
                Section(id: id, name: sectionName, slug: sectionSlug, description: sectionDescription))
        }
        return categories
    }

    /// Articles that everybody may read.
    static func teasers(
        _ site: HelpSite, where condition: SQL = "true", order: SQL = "t.position, t.title, t.id", limit: Int64,
        in tx: Transaction
    ) async throws -> [Teaser] {
        try await tx.query(
            """
            SELECT t.section_id, t.title, t.slug, t.summary, t.published_at, t.updated_at, t.id, t.locale
            FROM kb_articles AS t
            WHERE t.tenant_id = \(site.tenantId) AND t.deleted_at IS NULL AND \(isShown) AND \(condition)
            ORDER BY \(order) LIMIT \(limit)
            """
        ).map { row in
            let (section, title, slug, summary, published, updated, id, locale) = try row.decode(
                (UUID, String, String, String?, Timestamp?, Timestamp, UUID, String).self)
            return Teaser(
                sectionId: section, title: title, slug: slug, summary: summary, publishedAt: published ?? updated,
                updatedAt: updated, id: id, locale: locale)
        }
    }

    static func article(_ site: HelpSite, _ locale: String, _ slug: String, in tx: Transaction) async throws -> Article?
    {
        let row = try await tx.first(
            """
            SELECT t.id, t.title, t.slug, t.summary, t.body_html, t.updated_at, t.attachments,
                s.id, s.name, s.slug, c.id, c.name, c.slug, coalesce(t.translation_of, t.id)
            FROM kb_articles AS t
            JOIN kb_sections AS s ON s.tenant_id = t.tenant_id AND s.id = t.section_id
            JOIN kb_categories AS c ON c.tenant_id = s.tenant_id AND c.id = s.category_id
            WHERE t.tenant_id = \(site.tenantId) AND t.locale = \(locale) AND t.slug = \(slug) AND t.deleted_at IS NULL
                AND \(isShown)
            """)
        guard let row else { return nil }
        let source = try row.get(13, as: UUID.self)
        let id = try row.get(0, as: UUID.self)
        let others = try await tx.query(
            """
            SELECT t.locale, t.slug, t.title FROM kb_articles AS t
            WHERE t.tenant_id = \(site.tenantId) AND (t.id = \(source) OR t.translation_of = \(source)) AND t.id <> \(id)
                AND t.deleted_at IS NULL AND \(isShown)
            ORDER BY t.locale
            """)
        return Article(
            id: id, title: try row.get(1), slug: try row.get(2), summary: try row.get(3), html: try row.get(4),
            updatedAt: try row.get(5), attachments: try row.get(6),
            section: Section(id: try row.get(7), name: try row.get(8), slug: try row.get(9)),
            category: Section(id: try row.get(10), name: try row.get(11), slug: try row.get(12)),
            translations: try others.map { row in
                let (locale, slug, title) = try row.decode((String, String, String).self)
                return (locale, slug, title)
            })
    }

    /// The present slug of an article that was found under another one.
    static func redirect(_ site: HelpSite, _ locale: String, _ slug: String, in tx: Transaction) async throws -> String?
    {
        try await tx.first(
            """
            SELECT t.slug FROM kb_article_redirects AS r
            JOIN kb_articles AS t ON t.tenant_id = r.tenant_id AND t.id = r.article_id
            WHERE r.tenant_id = \(site.tenantId) AND r.locale = \(locale) AND r.slug = \(slug) AND t.deleted_at IS NULL
                AND \(isShown)
            """)?.get(0)
    }
}
