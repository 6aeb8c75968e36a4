import Contracts
import Database
import HTTPTypes
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The organizations: each is a tenant, and its id is the tenant's. Platform administrators create them; a tenant
/// administrator changes what is the tenant's own business.
struct Organizations: Resource {
    let path = "organizations"
    let entity = "organization"
    let summary = "Organizations: the tenants of the platform."
    let operations: ResourceOperations = [.list, .get, .update]
    let permissions = ResourcePermissions(read: "organization.read", write: "organization.write")
    let epochs: Epochs

    let fields: [Field] = [
        .text("name", 1...200).required.sortable.searchable,
        .text("slug", 2...63, .slug).filterable.described("A short name for logins, unique on the platform."),
        .choice("kind", ["platform", "customer"]).readOnly.defaults(to: "customer").filterable,
        .choice("status", ["active", "suspended"]).defaults(to: "active").filterable
            .described("Suspending an organization suspends those below it. For platform administrators."),
        .choice("plan", Plan.self).defaults(to: .string(Plan.standard.rawValue)).filterable
            .described("Sets the rate limits. For platform administrators."),
        .uuid("parentId").filterable.described("The organization above it. For platform administrators."),
        .text("ticketPrefix", 1...10, .ticketPrefix).defaults(to: "T").described("Begins the keys of its tickets."),
        .text("locale", 2...35).defaults(to: "en"),
        .text("timezone", 1...64).defaults(to: "UTC"),
        .strings("corsOrigins", each: 1...255, count: 0...50)
            .described(
                "Origins whose pages may use its routes: `https://help.example.com`, `https://*.example.com`, `*`."),
        .json("settings", ["type": "object"]).defaults(to: [:]),
        .json("branding", ["type": "object"]).defaults(to: [:]),
    ]

    /// Fields that only a platform administrator may change, because they are not the tenant's own business.
    private static let reserved = ["status", "plan", "parentId"]

    var events: ResourceEvents { .typed([OrganizationCreated.contract, OrganizationUpdated.contract]) }

    func willCreate(_ draft: inout Draft, _ op: Operation) async throws {
        try await check(draft, op)
    }

    func willUpdate(_ draft: inout Draft, _ op: Operation) async throws {
        if op.caller?.platformAdmin == false {
            let faults = Self.reserved.filter(draft.values.contains).map {
                Fault(.pointer("/\($0)"), "forbidden", "Only platform administrators may change it.")
            }
            if !faults.isEmpty {
                throw Problem(
                    .forbidden, code: "forbidden", title: "Not allowed",
                    detail: "Some fields are for platform administrators.", errors: faults)
            }
        }
        try await check(draft, op)
        if draft.values.string("status") == "suspended", draft.before?.string("kind") == "platform" {
            throw Problem.conflict("The platform's own organization can't be suspended.")
        }
    }

    func didCreate(_ mutation: inout Mutation, _ op: Operation) async throws {
        keepSlug(of: mutation.record, op)
    }

    func didUpdate(_ mutation: inout Mutation, _ op: Operation) async throws {
        if mutation.changed("slug") { keepSlug(of: mutation.record, op) }
        var affected: Set<UUID> = [mutation.record.tenantId]
        if mutation.changed("status") || mutation.changed("parentId") {
            affected.formUnion(try await below(mutation.record.id, op))
        }
        for id in affected.sorted() { try await op.tx.raiseEpoch(of: id, in: epochs) }
    }

    func announcement(of mutation: Mutation) throws -> Announcement? {
        let record = mutation.record
        switch mutation.action {
        case .create:
            return .event(
                OrganizationCreated(
                    organizationId: record.id, organizationName: record.string("name") ?? "",
                    parentId: record.uuid("parentId"), createdByUserId: record.uuid("createdBy"),
                    createdAt: record.timestamp("createdAt") ?? .now,
                    snapshot: try record.json().objectValue))
        case .update:
            return .event(
                OrganizationUpdated(
                    organizationId: record.id, updatedByUserId: record.uuid("updatedBy"),
                    updatedAt: record.timestamp("updatedAt") ?? .now, updatedFields: mutation.updatedFields,
                    changes: try mutation.changesByField()))
        case .delete, .restore:
            return nil
        }
    }

    private func keepSlug(of record: Record, _ op: Operation) {
        op.tx.enqueue("DELETE FROM organization_slugs WHERE organization_id = \(record.id)")
        guard let slug = record.string("slug") else { return }
        op.tx.enqueue("INSERT INTO organization_slugs (slug, organization_id) VALUES (\(slug), \(record.id))")
    }

    // MARK: - Checks

    private func check(_ draft: Draft, _ op: Operation) async throws {
        var faults: [Fault] = []
        for (index, origin) in (draft.values.strings("corsOrigins") ?? []).enumerated() where !CORS.isOrigin(origin) {
            faults.append(
                Fault(.pointer("/corsOrigins/\(index)"), "bad_format", "It must be scheme://host[:port], or *."))
        }
        if let zone = draft.values.string("timezone"), try await !op.tx.knowsTimeZone(zone) {
            faults.append(Fault(.pointer("/timezone"), "unknown_value", "It must be the name of an IANA time zone."))
        }
        if let parentId = draft.values.uuid("parentId") {
            if try await !exists(parentId, op) {
                faults.append(Fault(.pointer("/parentId"), "not_found", "There is no such organization."))
            } else if try await below(draft.id, op).union([draft.id]).contains(parentId) {
                faults.append(Fault(.pointer("/parentId"), "cycle", "It is this organization itself, or below it."))
            }
        }
        if !faults.isEmpty { throw Problem.invalid(faults) }
    }

    private func exists(_ id: UUID, _ op: Operation) async throws -> Bool {
        try await op.tx.first("SELECT 1 FROM organizations WHERE tenant_id = \(id) AND id = \(id)") != nil
    }

    /// Everything below an organization, as far as the transaction may see: all of it in an administrator's.
    private func below(_ id: UUID, _ op: Operation) async throws -> Set<UUID> {
        let rows = try await op.tx.query(
            """
            WITH RECURSIVE line AS (
                SELECT id FROM organizations WHERE parent_id = \(id)
                UNION
                SELECT child.id FROM line JOIN organizations AS child ON child.parent_id = line.id
            )
            SELECT id FROM line
            """)
        return Set(try rows.map { try $0.get(0, as: UUID.self) })
    }
}

extension Field.TextFormat {
    static let slug = Field.TextFormat(
        pattern: "^[a-z0-9][a-z0-9-]*[a-z0-9]$", description: "lower-case letters, digits and - between them"
    ) { text in
        let bytes = text.utf8
        return bytes.first != UInt8(ascii: "-") && bytes.last != UInt8(ascii: "-")
            && bytes.allSatisfy {
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || $0 == UInt8(ascii: "-")
            }
    }

    static let ticketPrefix = Field.TextFormat(
        pattern: "^[A-Z][A-Z0-9]{0,9}$", description: "upper-case letters and digits, beginning with a letter"
    ) { text in
        guard let first = text.utf8.first, (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(first) else { return false }
        return text.utf8.allSatisfy {
            (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
        }
    }
}

extension Transaction {
    /// Whether PostgreSQL, which does the arithmetic with it, knows a time zone by that name.
    func knowsTimeZone(_ name: String) async throws -> Bool {
        try await first("SELECT 1 FROM pg_timezone_names WHERE name = \(name)") != nil
    }
}

extension Organizations {
    /// Creating one is the platform's business alone, and its id is its tenant.
    var routes: [Route] {
        let store = ResourceStore(self)
        let settable = fields.filter { !$0.isReadOnly }
        return [
            Route(
                .post, path, on: [.admin], access: .platformAdmin, summary: "Create an organization",
                body: .fields(settable), answers: [.entity(component, .created)], operationId: "createOrganization"
            ) { call in
                try await call.write { op in
                    let id = UUID.v7()
                    let record = try await store.create(call.values, id: id, in: op.on(tenant: id))
                    return .created(record, at: call.location(id.text), try record.bytes())
                }
            }
        ]
    }
}

extension Answer {
    /// A created entity with its version and its place.
    static func created(_ record: Record, at location: String, _ bytes: [UInt8]) -> Answer {
        .json(bytes: bytes, status: .created, headers: [.eTag: "\"\(record.version)\"", .location: location])
    }

    /// An entity with its version.
    static func entity(_ record: Record) throws -> Answer {
        .json(bytes: try record.bytes(), headers: [.eTag: "\"\(record.version)\""])
    }
}
