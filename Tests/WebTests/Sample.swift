import Contracts
import Database
import Foundation
import HTTPTypes
import Messaging
import NIOCore
import Web

/// A service with one resource of every kind, for the tests of the engine.
enum Sample {
    static let migrations: [Migration] = [.platform, .messaging, .web, tables]

    private static let tables = Migration(
        version: 100, name: "sample",
        sql: """
            CREATE TABLE categories (
                tenant_id uuid NOT NULL,
                id uuid NOT NULL,
                name text NOT NULL,
                version bigint NOT NULL,
                created_at timestamptz(3) NOT NULL,
                updated_at timestamptz(3) NOT NULL,
                created_by uuid,
                updated_by uuid,
                PRIMARY KEY (tenant_id, id)
            );
            SELECT secure_tenant_table('categories');

            CREATE TABLE counters (tenant_id uuid PRIMARY KEY, last_number bigint NOT NULL);
            SELECT secure_tenant_table('counters');

            CREATE TABLE gadgets (
                tenant_id uuid NOT NULL,
                id uuid NOT NULL,
                number bigint NOT NULL,
                name text NOT NULL,
                code text,
                status text NOT NULL,
                size integer,
                weight double precision,
                active boolean NOT NULL,
                owner_id uuid,
                category_id uuid,
                due_at timestamptz(3),
                made_on date,
                attributes jsonb NOT NULL,
                tags text[] NOT NULL,
                watchers uuid[] NOT NULL,
                email text,
                secret text,
                views integer NOT NULL DEFAULT 0,
                retired_at timestamptz(3),
                version bigint NOT NULL,
                created_at timestamptz(3) NOT NULL,
                updated_at timestamptz(3) NOT NULL,
                created_by uuid,
                updated_by uuid,
                deleted_at timestamptz(3),
                deleted_by uuid,
                PRIMARY KEY (tenant_id, id),
                CONSTRAINT gadgets_size_check CHECK (size <> 13),
                CONSTRAINT gadgets_status_check CHECK (status <> 'draft' OR name <> 'undrafted'),
                CONSTRAINT gadgets_category_id_fkey FOREIGN KEY (tenant_id, category_id)
                    REFERENCES categories (tenant_id, id)
            );
            CREATE UNIQUE INDEX gadgets_name_key ON gadgets (tenant_id, name) WHERE deleted_at IS NULL;
            SELECT secure_tenant_table('gadgets');

            CREATE TABLE parts (
                tenant_id uuid NOT NULL,
                id uuid NOT NULL,
                gadget_id uuid NOT NULL,
                label text NOT NULL,
                version bigint NOT NULL,
                created_at timestamptz(3) NOT NULL,
                updated_at timestamptz(3) NOT NULL,
                created_by uuid,
                updated_by uuid,
                PRIMARY KEY (tenant_id, id),
                CONSTRAINT parts_gadget_id_fkey FOREIGN KEY (tenant_id, gadget_id) REFERENCES gadgets (tenant_id, id)
            );
            SELECT secure_tenant_table('parts');

            CREATE TABLE remarks (
                tenant_id uuid NOT NULL,
                id uuid NOT NULL,
                gadget_id uuid NOT NULL,
                text text NOT NULL,
                created_at timestamptz(3) NOT NULL,
                created_by uuid,
                PRIMARY KEY (tenant_id, id)
            );
            SELECT secure_append_only_table('remarks');
            """)

    static let resources: [any Resource] = [
        Categories(), Gadgets(), Parts(), Remarks(), AuditTrail(), AuditTrail(of: Gadgets()),
    ]
    static let routes: [Route] = [GadgetRoutes.retire, GadgetRoutes.echo, GadgetRoutes.upload, GadgetRoutes.explode]
}

/// As plain as a resource can be.
struct Categories: Resource {
    let path = "categories"
    let entity = "category"
    let fields: [Field] = [.text("name", 1...50).required.sortable]
}

struct Gadgets: Resource {
    let path = "gadgets"
    let entity = "gadget"
    let summary = "Things of all kinds of fields."
    let softDelete = true
    let fields: [Field] = [
        .integer("number", 1...Int64.max).readOnly.notNull.sortable.filterable,
        .text("label").computed("'G-' || t.number").notNull,
        .text("name", 1...50).required.sortable.searchable.filterable,
        .text("code", 1...20, .key).immutable,
        .choice("status", ["draft", "live", "retired"]).defaults(to: "draft").filterable,
        .integer("size", 0...1_000).filterable.rangeFilterable.sortable,
        .number("weight", 0...1e6).rangeFilterable,
        .boolean("active").defaults(to: true).filterable,
        .uuid("ownerId").filterable,
        .uuid("categoryId").filterable,
        .timestamp("dueAt").rangeFilterable.filterable.sortable,
        .date("madeOn").rangeFilterable.filterable.sortable,
        .json("attributes").defaults(to: [:]),
        .strings("tags", each: 1...20, count: 0...5).filterable,
        .uuids("watchers", count: 0...3),
        .text("email", 0...254, .email),
        .text("secret").hidden,
        .integer("views").hiddenUnless(expand: "views"),
        .timestamp("retiredAt").readOnly,
    ]
    let filters = [
        Filter(.prefixed("attributes.", .text(length: 0...100, format: nil), "An attribute's text.")) { filter in
            "t.attributes ->> \(filter.suffix(after: "attributes.")) = \(filter.value)"
        }
    ]
    let sorts = [
        SortKey("rank", .integer(0...10), by: "array_position(ARRAY['draft', 'live', 'retired'], t.status)")
    ]
    let expansions = [
        Expansion("parts", "Its parts.", schema: ["type": ["array", "null"]], inLists: true) { input in
            let rows = try await input.tx.query(
                """
                SELECT gadget_id, jsonb_agg(label ORDER BY label) FROM parts
                WHERE tenant_id = ANY(\(input.tenantIds)) AND gadget_id = ANY(\(input.ids)) GROUP BY gadget_id
                """)
            return try rows.reduce(into: [:]) { parts, row in
                parts[try row.get(0)] = try row.get(1, as: JSON.self).serialized()
            }
        }
    ]

    /// Callers with a contact see what is theirs.
    func visible(to caller: Caller) -> SQL? {
        guard let contact = caller.actor.contactId else { return nil }
        return "t.owner_id = \(contact)"
    }

    func willCreate(_ draft: inout Draft, _ op: Web.Operation) async throws {
        draft.with(
            "counter",
            """
            INSERT INTO counters AS c (tenant_id, last_number) VALUES (\(op.tenantId), 1)
            ON CONFLICT (tenant_id) DO UPDATE SET last_number = c.last_number + 1 RETURNING last_number
            """)
        draft.values.set("number", sql: "(SELECT last_number FROM counter)")
        draft.values.set("secret", "s3cret")
    }

    func willUpdate(_ draft: inout Draft, _ op: Web.Operation) async throws {
        guard let before = draft.before?.string("status"), let after = draft.values.string("status"), before != after
        else { return }
        let allowed = ["draft": ["live"], "live": ["retired"], "retired": []][before] ?? []
        guard allowed.contains(after) else {
            throw Problem.conflict(
                "A \(before) gadget can't become \(after).", code: "bad_transition", allowed: allowed)
        }
        if after == "retired" { draft.values.set("retiredAt", op.now) }
    }

    func didUpdate(_ mutation: inout Mutation, _ op: Web.Operation) async throws {
        guard mutation.changed("status"), mutation.record.string("status") == "retired" else { return }
        mutation.announce(GadgetRetired(gadgetId: mutation.record.id, number: mutation.record.int("number") ?? 0))
    }
}

/// An event beside the generic ones.
struct GadgetRetired: Event {
    static let name = "gadget.retired"
    static let summary = "A gadget was retired."
    static let category = "gadget"
    static let owner = "sample"
    static let status = EventStatus.emitted
    static let example = GadgetRetired(gadgetId: UUID(), number: 1)

    var gadgetId: UUID
    var number: Int64
    var aggregate: Aggregate { Aggregate(type: "gadget", id: gadgetId) }
}

/// Nested, plain.
struct Parts: Resource {
    let path = "parts"
    let entity = "part"
    let parent: Parent? = .of(Gadgets())
    let fields: [Field] = [.text("label", 1...50).required.filterable]
}

/// Nested, never changed, and a change of its parent.
struct Remarks: Resource {
    static let gadgets = ResourceStore(Gadgets())

    let path = "remarks"
    let entity = "remark"
    let operations: ResourceOperations = [.list, .create]
    let parent: Parent? = .of(Gadgets(), locked: true)
    let fields: [Field] = [.text("text", 1...1_000).required]

    func didCreate(_ mutation: inout Mutation, _ op: Web.Operation) async throws {
        guard let gadget = mutation.parent else { return }
        mutation.version = try await Self.gadgets.update(gadget, changes: [:], in: op, touching: true).version
    }
}

enum GadgetRoutes {
    static let store = ResourceStore(Gadgets())

    static let retire = Route(
        .post, "gadgets/{gadgetId}/retire", permission: "gadgets.retire", summary: "Retire a gadget",
        body: .fields([.text("reason", 0...100)], required: false), answers: [.entity("Gadget")]
    ) { call in
        try await call.write { op in
            let gadget = try await store.loadForChange(try call.id("gadgetId"), in: op)
            let retired = try await store.update(gadget, changes: ["status": "retired"], in: op)
            return .json(bytes: try retired.bytes())
        }
    }

    /// Whatever meets the schema.
    static let echo = Route(
        .post, "gadgets/echo", access: .caller, summary: "Echo",
        parameters: [Parameter("times", .integer(1...3)).required],
        body: .json([
            "type": "object", "properties": ["n": ["type": "integer"]], "required": ["n"],
            "additionalProperties": false,
        ])
    ) { call in
        .json(["times": .int(call.arguments.int("times") ?? 0), "body": try call.body()])
    }

    static let upload = Route(
        .post, "gadgets/upload", access: .caller, summary: "Upload", body: .stream(["text/csv"], bytesMax: 1_000)
    ) { call in
        var count = 0
        for try await part in call.stream { count += part.readableBytes }
        return .json(["bytes": .int(Int64(count))])
    }

    /// Fails like a bug.
    static let explode = Route(.get, "gadgets/explode", access: .caller, summary: "Fail") { call in
        try await call.read { tx in
            _ = try await tx.query("SELECT top_secret_column FROM gadgets")
            return .noContent
        }
    }
}
