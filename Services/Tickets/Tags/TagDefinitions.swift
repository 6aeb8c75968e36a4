// The tags a tenant uses.
import Contracts
import Database
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The tag definitions of a tenant. A tag that is put on a ticket for the first time gets one by itself. The name is what
/// tickets show, so it is never changed; a tag that is in use can't be deleted.
struct TagDefinitions: Resource {
    static let store: ResourceStore<TagDefinitions> = ResourceStore(TagDefinitions())

    let path = "tags"
    let entity = "tag"
    let summary = "The tags that a tenant uses."
    let permissions = ResourcePermissions(read: "tickets.read", write: "tickets.update")
    let fields: [Field] = [
        .text("name", 1...TicketState.tagLengthMax).required.immutable.filterable.sortable.searchable
            .described("Lower case.").example("vpn"),
        .text("description", 0...1_000),
        .text("color", 0...32).example("#cc0000"),
    ]

    func willCreate(_ draft: inout Draft, _ op: Operation) async throws {
        guard let name = draft.values.string("name"), let normalized = TicketState.normalized(tag: name) else {
            throw Problem.invalid([Fault(.pointer("/name"), "too_long", "It is too long as a tag.")])
        }
        draft.values.set("name", normalized)
    }

    /// A tag by id and name.
    struct Tag: Sendable, Hashable {
        var id: UUID
        var name: String
    }

    /// The definitions of tags, made where there are none yet.
    /// - Parameter names: normalized.
    static func named(_ names: [String], _ op: Operation) async throws -> [Tag] {
        var tags = try await find(names, op)
        let missing = Set(names).subtracting(tags.map(\.name)).sorted()
        guard !missing.isEmpty else { return tags }
        // Two requests may put the same new tag on two tickets: the second one waits here and then finds it.
        try await op.tx.execute(
            """
            SELECT pg_advisory_xact_lock(hashtextextended(\(op.tenantId.text) || n, 1))
            FROM (SELECT n FROM unnest(\(missing)) AS n ORDER BY n) AS sorted
            """)
        tags = try await find(names, op)
        for name in missing where !tags.contains(where: { $0.name == name }) {
            let definition = try await store.create(["name": name], in: op)
            tags.append(Tag(id: definition.id, name: name))
        }
        return tags.sorted { $0.name < $1.name }
    }

    private static func find(_ names: [String], _ op: Operation) async throws -> [Tag] {
        let rows = try await op.tx.query(
            "SELECT id, name FROM tags WHERE tenant_id = \(op.tenantId) AND name = ANY(\(names)) ORDER BY name")
        return try rows.map { row in
            let (id, name) = try row.decode((UUID, String).self)
            return Tag(id: id, name: name)
        }
    }
}
