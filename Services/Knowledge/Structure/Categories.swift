// What articles are sorted into: categories, which may be nested, and their sections.
import Contracts
import Database
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

struct Categories: Resource {
    let path = "kb_categories"
    let entity = "kb_category"
    let summary = "Categories of the knowledge base, nested, each with its sections."
    let permissions = ResourcePermissions(read: "knowledge.read", write: "knowledge.write")
    let defaultSort = "position"
    let fields: [Field] =
        [.uuid("parentId").filterable.described("The category that this one is in; none at the top.")]
        + structureFields(example: "Getting started")

    /// Categories within categories.
    static let depthMax = 5

    func willCreate(_ draft: inout Draft, _ op: Operation) async throws {
        try setSlug(&draft)
        try await check(parentOf: draft, op)
    }

    func willUpdate(_ draft: inout Draft, _ op: Operation) async throws {
        try setSlug(&draft)
        if draft.values.contains("parentId") { try await check(parentOf: draft, op) }
    }

    /// No category is in itself, and none is deeper than `depthMax`.
    private func check(parentOf draft: Draft, _ op: Operation) async throws {
        guard let parentId = draft.values.uuid("parentId") else { return }
        // Two moves at once could make a circle that neither sees.
        op.tx.enqueue("SELECT pg_advisory_xact_lock(hashtextextended('kb_categories:' || \(op.tenantId.text), 0))")
        let row = try await op.tx.first(
            """
            WITH RECURSIVE above AS (
                SELECT id, parent_id, 1 AS depth FROM kb_categories
                WHERE tenant_id = \(op.tenantId) AND id = \(parentId)
                UNION ALL
                SELECT c.id, c.parent_id, a.depth + 1 FROM above AS a
                JOIN kb_categories AS c ON c.tenant_id = \(op.tenantId) AND c.id = a.parent_id
                WHERE a.depth <= \(Self.depthMax)
            ), below AS (
                SELECT id, 1 AS depth FROM kb_categories WHERE tenant_id = \(op.tenantId) AND id = \(draft.id)
                UNION ALL
                SELECT c.id, b.depth + 1 FROM below AS b
                JOIN kb_categories AS c ON c.tenant_id = \(op.tenantId) AND c.parent_id = b.id
                WHERE b.depth <= \(Self.depthMax)
            )
            SELECT (SELECT count(*) FROM above), EXISTS (SELECT FROM above WHERE id = \(draft.id)),
                coalesce((SELECT max(depth) FROM below), 1)::bigint
            """)
        guard let (above, isCircle, below) = try row?.decode((Int64, Bool, Int64).self) else { return }
        if above == 0 {
            throw Problem.invalid([Fault(.pointer("/parentId"), "unknown", "There is no such category.")])
        }
        if isCircle {
            throw Problem.invalid([Fault(.pointer("/parentId"), "circular", "A category can't be within itself.")])
        }
        if above + below > Self.depthMax {
            let detail = "Categories are at most \(Self.depthMax) deep."
            throw Problem.invalid([Fault(.pointer("/parentId"), "too_deep", detail)])
        }
    }
}

/// The sections of a category: what articles are in.
struct Sections: Resource {
    let path = "kb_sections"
    let entity = "kb_section"
    let summary = "Sections of a category: what articles are in."
    let permissions = ResourcePermissions(read: "knowledge.read", write: "knowledge.write")
    let defaultSort = "position"
    let fields: [Field] = [.uuid("categoryId").required.filterable] + structureFields(example: "Your account")

    func willCreate(_ draft: inout Draft, _ op: Operation) async throws { try setSlug(&draft) }
    func willUpdate(_ draft: inout Draft, _ op: Operation) async throws { try setSlug(&draft) }
}

private func structureFields(example: JSON) -> [Field] {
    [
        .text("name", 1...200).required.sortable.searchable.example(example),
        .text("slug", 1...200).notNull.filterable.described("In addresses; by default made of the name."),
        .text("description", 0...2_000),
        .integer("position", -1_000_000...1_000_000).defaults(to: 0).sortable
            .described("Lower ones are shown first."),
    ]
}

extension Resource {
    /// Makes a slug of what was given, or of the name where a new row was given none.
    fileprivate func setSlug(_ draft: inout Draft) throws {
        if let given = draft.values.string("slug") {
            draft.values.set("slug", try Slug.checked(given))
        } else if draft.action == .create, let name = draft.values.string("name") {
            draft.values.set("slug", Slug.normalized(name) ?? draft.id.text)
        } else if draft.values.isNull("slug") {
            draft.values.remove("slug")
        }
    }
}

extension Slug {
    /// The slug as it is kept; a 422 where nothing of it can be.
    static func checked(_ given: String) throws(Problem) -> String {
        guard let slug = normalized(given) else {
            throw .invalid([Fault(.pointer("/slug"), "format", "It needs a letter or a digit.")])
        }
        return slug
    }
}
