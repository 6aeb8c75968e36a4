// What answers questions: articles, with their revisions, readers and translations.
import Contracts
import Database
import Markup
import Search
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Articles, written in Markdown. What readers see is rendered and made safe when it is saved.
struct Articles: Resource {
    static let store: ResourceStore<Articles> = ResourceStore(Articles())

    let path = "kb_articles"
    let entity = "kb_article"
    let summary = "Articles of the knowledge base, written in Markdown."
    let softDelete = true
    let permissions = ResourcePermissions(read: "knowledge.read", write: "knowledge.write")
    let writeParameters = [
        Parameter("note", .text(length: 0...500, format: nil), "What was changed and why; kept with the revision.")
    ]
    let fields: [Field] = [
        .uuid("sectionId").required.filterable,
        .text("title", 1...300).required.sortable.searchable.example("Reset your password"),
        .text("slug", 1...200).notNull.filterable.described(
            "In its address; by default made of the title. Where a published one changes, the old one leads to the new one."
        ),
        .text("body", 0...bodyLengthMax).defaults(to: "").described("Markdown (CommonMark with GitHub's extensions)."),
        .text("bodyHtml", 0...4 * bodyLengthMax).hiddenUnless(expand: "bodyHtml").described("Rendered, safe to show."),
        .text("bodyText", 0...bodyLengthMax).hidden,
        .text("summary", 0...1_000),
        .choice("status", ArticleStatus.self).readOnly.notNull.filterable,
        .choice("visibility", ArticleVisibility.self).defaults(to: "public").filterable
            .described("Everybody, signed-in customers, agents, or the members of `groupIds`."),
        .uuids("groupIds"),
        .strings("labels", each: 1...50, count: 0...30),
        .uuid("authorId").filterable.described("By default who writes it."),
        .uuid("ownerId").filterable.described("Who keeps it up to date."),
        .date("reviewBy").rangeFilterable.sortable.described("When it is to be looked at again."),
        .text("locale", 2...35).defaults(to: "en").immutable.filterable.described("BCP 47, lower case.").example("en"),
        .uuid("translationOf").immutable.filterable.described("The article that this one says in another language."),
        .integer("sourceRevision").readOnly.described("The revision of that article that was translated."),
        .boolean("isStale").notNull.filterable.computed(staleness)
            .described("The article that it translates has changed since."),
        .integer("revision").readOnly.notNull,
        .timestamp("publishAt").readOnly.rangeFilterable.described("When it will be published."),
        .timestamp("publishedAt").readOnly.sortable.rangeFilterable.described("When it was first published."),
        .timestamp("archivedAt").readOnly,
        .integer("position", -1_000_000...1_000_000).defaults(to: 0).sortable,
        .json("attachments", attachmentsSchema).defaults(to: []).described("Files that are kept elsewhere."),
    ]

    static let bodyLengthMax = 100_000

    private static let staleness = """
        coalesce((SELECT s.revision > t.source_revision FROM kb_articles AS s
            WHERE s.tenant_id = t.tenant_id AND s.id = t.translation_of), false)
        """

    private static let attachmentsSchema: JSON = [
        "type": "array", "maxItems": 50,
        "items": [
            "type": "object", "required": ["name", "url"], "additionalProperties": false,
            "properties": [
                "name": ["type": "string", "minLength": 1, "maxLength": 255],
                "url": ["type": "string", "minLength": 1, "maxLength": 2048],
                "mediaType": ["type": "string", "maxLength": 255], "sizeBytes": ["type": "integer", "minimum": 0],
            ],
        ],
    ]

    let filters = [
        Filter(Parameter("label", .text(length: 1...50, format: nil), "Has one of these labels.").list) { filter in
            "t.labels && \(filter.strings)"
        },
        Filter(Parameter("categoryId", .uuid, "In a section of this category.").list) { filter in
            """
            EXISTS (SELECT FROM kb_sections AS s
                WHERE s.tenant_id = t.tenant_id AND s.id = t.section_id AND s.category_id = ANY(\(filter.uuids)))
            """
        },
        Filter(Parameter("imageId", .uuid, "Shows this image.").list) { filter in
            """
            EXISTS (SELECT FROM kb_article_images AS r
                WHERE r.tenant_id = t.tenant_id AND r.article_id = t.id AND r.image_id = ANY(\(filter.uuids)))
            """
        },
    ]

    let expansions = [ArticleFigures.expansion]

    func visible(to caller: Caller) -> SQL? { ArticleAudience(caller).condition }

    // MARK: Writing

    func willCreate(_ draft: inout Draft, _ op: Operation) async throws {
        let locale = try Locales.checked(draft.values.string("locale") ?? "en")
        draft.values.set("locale", locale)
        draft.values.set("status", ArticleStatus.draft.rawValue)
        draft.values.set("revision", Int64(1))
        if draft.values.uuid("authorId") == nil, let author = op.actor.userId { draft.values.set("authorId", author) }
        try checkGroups(of: draft)
        try await render(&draft, op)
        if let given = draft.values.string("slug") {
            draft.values.set("slug", try Slug.checked(given))
        } else {
            draft.values.set("slug", try await freeSlug(for: draft, locale: locale, op))
        }
        if let source = draft.values.uuid("translationOf") {
            let source = try await text(ofSource: source, op)
            guard source.locale != locale else {
                let detail = "The article that it translates is in this language already."
                throw Problem.invalid([Fault(.pointer("/locale"), "same_as_source", detail)])
            }
            draft.values.set("sourceRevision", source.revision)
        }
    }

    func didCreate(_ mutation: inout Mutation, _ op: Operation) async throws {
        try await Revisions.keep(mutation.record, op)
        noteWords(mutation.record, op)
    }

    func willUpdate(_ draft: inout Draft, _ op: Operation) async throws {
        guard let before = draft.before else { return }
        try checkGroups(of: draft)
        if let given = draft.values.string("slug") {
            let slug = try Slug.checked(given)
            draft.values.set("slug", slug)
            if let old = before.string("slug"), old != slug, !before.isNull("publishedAt") {
                redirect(from: old, to: slug, before, op)
            }
        } else if draft.values.isNull("slug") {
            draft.values.remove("slug")
        }
        guard Revisions.fields.contains(where: { draft.values.contains($0) && draft.string($0) != before.string($0) })
        else { return }
        try await render(&draft, op)
        draft.values.set("revision", (before.int("revision") ?? 0) + 1)
        if let source = before.uuid("translationOf") {
            draft.values.set("sourceRevision", try await text(ofSource: source, op).revision)
        }
    }

    func didUpdate(_ mutation: inout Mutation, _ op: Operation) async throws {
        guard mutation.changed("revision") else { return }
        try await Revisions.keep(mutation.record, op)
        noteWords(mutation.record, op)
    }

    /// An article for groups names at least one: nobody would find it.
    private func checkGroups(of draft: Draft) throws(Problem) {
        let isConcerned =
            draft.before == nil || draft.values.contains("visibility") || draft.values.contains("groupIds")
        guard isConcerned, draft.string("visibility") == ArticleVisibility.groups.rawValue else { return }
        let groups =
            draft.values.contains("groupIds") ? draft.values.uuids("groupIds") : draft.before?.uuids("groupIds")
        guard groups?.isEmpty ?? true else { return }
        throw .invalid([Fault(.pointer("/groupIds"), "required", "An article for groups needs at least one.")])
    }

    func didDelete(_ mutation: inout Mutation, _ op: Operation) async throws {
        ShownImages.forget(of: mutation.record, op)
    }

    func didRestore(_ mutation: inout Mutation, _ op: Operation) async throws {
        let rich = Markdown.render(mutation.record.string("body") ?? "")
        try await ShownImages(in: rich, of: op.tenantId).keep(for: mutation.record.id, mayLack: true, op)
    }

    private func render(_ draft: inout Draft, _ op: Operation) async throws {
        guard let body = draft.values.string("body") else { return }
        let rich = Markdown.render(body)
        try await ShownImages(in: rich, of: op.tenantId).keep(for: draft.id, op)
        draft.values.set("bodyHtml", rich.html)
        draft.values.set("bodyText", rich.text)
    }

    private func noteWords(_ article: Record, _ op: Operation) {
        let words = ["title", "summary", "bodyText"].compactMap { article.string($0) }.joined(separator: "\n")
        op.tx.enqueue(
            SearchSchema.noting(
                words: "\(words)", locale: "\(article.string("locale") ?? "en")", of: table,
                tenantId: "\(article.tenantId)"))
    }

    private func freeSlug(for draft: Draft, locale: String, _ op: Operation) async throws -> String {
        let slug = Slug.normalized(draft.values.string("title") ?? "") ?? draft.id.text
        let rows = try await op.tx.query(
            """
            SELECT slug FROM kb_articles
            WHERE tenant_id = \(op.tenantId) AND locale = \(locale) AND starts_with(slug, \(slug)) AND deleted_at IS NULL
            UNION ALL
            SELECT slug FROM kb_article_redirects
            WHERE tenant_id = \(op.tenantId) AND locale = \(locale) AND starts_with(slug, \(slug))
            """)
        return Slug.free(slug, taken: Set(try rows.map { try $0.get(0) }))
    }

    private func redirect(from old: String, to new: String, _ article: Record, _ op: Operation) {
        let locale = article.string("locale") ?? "en"
        op.tx.enqueue(
            """
            DELETE FROM kb_article_redirects
            WHERE tenant_id = \(article.tenantId) AND locale = \(locale) AND slug = \(new)
            """)
        op.tx.enqueue(
            """
            INSERT INTO kb_article_redirects (tenant_id, locale, slug, article_id)
            VALUES (\(article.tenantId), \(locale), \(old), \(article.id))
            ON CONFLICT (tenant_id, locale, slug) DO UPDATE SET article_id = excluded.article_id
            """)
    }

    /// What is translated; a 422 where there is nothing to translate.
    private func text(ofSource source: UUID, _ op: Operation) async throws -> (revision: Int64, locale: String) {
        let row = try await op.tx.first(
            """
            SELECT revision::bigint, locale FROM kb_articles
            WHERE tenant_id = \(op.tenantId) AND id = \(source) AND translation_of IS NULL AND deleted_at IS NULL
            """)
        guard let row else {
            let detail = "There is no such article, or it is a translation itself."
            throw Problem.invalid([Fault(.pointer("/translationOf"), "unknown", detail)])
        }
        let (revision, locale) = try row.decode((Int64, String).self)
        return (revision, locale)
    }
}
