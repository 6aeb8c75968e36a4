import Contracts
import Database
import HTTPTypes

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The routes of a resource, made of its declaration.
struct ResourceRoutes<R: Resource>: Sendable {
    let store: ResourceStore<R>

    init(_ resource: R) { store = ResourceStore(resource) }

    private var resource: R { store.resource }
    private var layout: Layout { store.layout }

    /// `tickets/{ticketId}/messages`
    private var collection: String {
        layout.parent.map { "\($0.path)/{\($0.field)}/\(resource.path)" } ?? resource.path
    }

    private var singleton: String { "\(collection)/{\(idParameter)}" }
    private var idParameter: String { layout.idField }
    private var tag: String { resource.path }
    private var reference: JSON { ["$ref": .string("#/components/schemas/\(resource.component)")] }
    private var words: String { Name.words(resource.entity) }

    /// Paths that are served although no method is: they answer 405, not 404.
    var reserved: [(path: String, mounts: Set<Route.Mount>)] {
        [(collection, resource.mounts), (singleton, resource.mounts)]
    }

    /// What paths below a row of this resource need.
    var target: MountedRoute.Target {
        MountedRoute.Target(path: singleton) { call in
            _ = try await call.read(once: knowsTenant(call)) { tx in try await read(call, in: tx, expand: []) }
        }
    }

    var routes: [Route] {
        let operations = resource.operations
        var routes: [Route] = []
        if operations.contains(.list) { routes.append(list) }
        if operations.contains(.create) { routes += resource.mounts.sorted { "\($0)" < "\($1)" }.map(create) }
        if operations.contains(.get) { routes.append(get) }
        if operations.contains(.update) { routes.append(patch) }
        if operations.contains(.delete) { routes.append(delete) }
        if operations.contains(.restore), resource.softDelete { routes.append(restore) }
        return routes
    }

    // MARK: Reading

    private var list: Route {
        Route(
            .get, collection, on: resource.mounts, access: resource.permissions.readAccess,
            summary: "List \(Name.words(resource.path))",
            description: resource.summary, tag: tag, parameters: layout.listParameters,
            answers: [
                AnswerSpec(
                    .ok, "A page.", schema: ["$ref": .string("#/components/schemas/\(resource.component)Page")],
                    example: pageExample)
            ],
            operationId: "list\(plural)"
        ) { call in
            let request = try store.pageRequest(
                call.arguments, place: String(call.path), caller: call.caller, now: call.now)
            let page = try await call.read(once: request.expand.isEmpty && knowsTenant(call)) { tx in
                let parentId = try parentId(call)
                return try await store.page(
                    request, in: tx, tenantId: try await tenant(call, of: parentId, in: tx), parentId: parentId,
                    caller: call.caller, now: call.now)
            }
            var answer = Answer.json(bytes: page.bytes)
            if let next = page.next { answer.headers[.link] = "<\(call.nextPage(cursor: next))>; rel=\"next\"" }
            return answer
        }
    }

    private var get: Route {
        Route(
            .get, singleton, on: resource.mounts, access: resource.permissions.readAccess, summary: "Get a \(words)",
            tag: tag, parameters: layout.getParameters,
            answers: [
                AnswerSpec(
                    .ok, "The \(words).", schema: reference, example: FieldSchema.entityExample(layout.fields)),
                AnswerSpec(.notModified, "It still has the version that If-None-Match names."),
            ],
            operationId: "get\(resource.component)"
        ) { call in
            let expand = call.arguments.strings("expand")
            if let instant = call.arguments.timestamp("asOf") {
                guard expand.isEmpty else {
                    let fault = Fault(
                        .parameter("expand"), "conflicting", "What is shown beside it has no earlier state.")
                    throw Problem.badRequest(errors: [fault])
                }
                let entity = try await call.read { tx in
                    try await store.entity(
                        try call.id(idParameter), asOf: instant, in: tx, tenantId: call.tenantId, caller: call.caller)
                }
                return .json(entity)
            }
            return try await call.read(once: expand.isEmpty && knowsTenant(call)) { tx in
                let record = try await self.read(call, in: tx, expand: expand)
                return expand.isEmpty
                    ? try answer(record, call) : try await answer(record, expand: expand, in: tx, call)
            }
        }
    }

    private func read(_ call: Call, in tx: Transaction, expand: [String]) async throws -> Record {
        let id = try call.id(idParameter)
        let parentId = try parentId(call)
        let tenantId = try await tenant(call, of: parentId, in: tx)
        if layout.projection(expanding: expand) === layout.base {
            let record = try await store.find(
                id, in: tx, tenantId: tenantId, parentId: parentId, caller: call.caller)
            guard let record else { throw store.notFound }
            return record
        }
        let record = try await store.find(
            id, in: tx, tenantId: tenantId, parentId: parentId, caller: call.caller,
            projection: layout.projection(expanding: expand))
        guard let record else { throw store.notFound }
        return record
    }

    /// The entity, or 304 where the caller has this version.
    private func answer(_ record: Record, _ call: Call) throws -> Answer {
        let tag = EntityTag.text(record.version)
        var headers: HTTPFields = [.eTag: tag, .cacheControl: "private, no-cache"]
        if EntityTag.matches(call.headers[.ifNoneMatch], tag: tag) { return Answer(.notModified, headers: headers) }
        if resource.operations.contains(.update) { headers[.acceptPatch] = Self.acceptPatch }
        return .json(bytes: try record.bytes(), headers: headers)
    }

    /// The same with what is shown beside the entity; its tag covers all of it.
    private func answer(
        _ record: Record, expand: [String], in tx: Transaction, _ call: Call
    ) async throws -> Answer {
        var additions: [(name: String, bytes: [UInt8]?)] = []
        for expansion in layout.expansions where expand.contains(expansion.name) {
            let input = ExpansionInput(tx: tx, records: [record], caller: call.caller, now: call.now)
            additions.append((expansion.name, try await expansion.load(input)[record.id]))
        }
        var writer = JSONWriter(reservingCapacity: 2_048)
        try record.write(to: &writer, adding: additions)
        let digest = Base64URL.encode(Cursor.binding(String(decoding: writer.bytes, as: UTF8.self)))
        let tag = "\"\(record.version)-\(digest)\""
        let headers: HTTPFields = [.eTag: tag, .cacheControl: "private, no-cache"]
        if EntityTag.matches(call.headers[.ifNoneMatch], tag: tag) { return Answer(.notModified, headers: headers) }
        return .json(bytes: writer.bytes, headers: headers)
    }

    // MARK: Writing

    private func create(on mount: Route.Mount) -> Route {
        // Across tenants, the body says for which one; a nested row is its parent's.
        let needsTenant = mount == .admin && layout.parent == nil
        let fields = needsTenant ? [Field.uuid("tenantId").required] + settable : settable
        return Route(
            .post, collection, on: [mount], permission: resource.permissions.create, summary: "Create a \(words)",
            tag: tag, parameters: resource.writeParameters,
            body: .own(schema: FieldSchema.input(fields), example: FieldSchema.inputExample(fields)),
            answers: [
                AnswerSpec(
                    .created, "The new \(words).", schema: reference,
                    example: FieldSchema.entityExample(layout.fields))
            ],
            operationId: "create\(resource.component)"
        ) { call in
            let (body, tenantId) = try needsTenant ? splitTenant(call) : (try call.body(), call.tenantId)
            let values = try store.validate(creating: body)
            let parentId = try parentId(call)
            return try await mapping {
                try await call.write { op in
                    var op = op
                    if let tenantId { op = op.on(tenant: tenantId) }
                    if op.isTenantOpen { op = op.on(tenant: try await parentTenant(parentId, op.tx)) }
                    let record = try await store.create(values, parentId: parentId, in: op)
                    return answer(record, try record.bytes(), .created)
                        .with(.location, call.location(record.id.text))
                }
            }
        }
    }

    /// The body of an admin creation without its `tenantId`, and that.
    private func splitTenant(_ call: Call) throws -> (JSON, UUID?) {
        guard case .object(var object) = try call.body() else { return (try call.body(), call.tenantId) }
        let given = object["tenantId"]
        object["tenantId"] = nil
        if let tenantId = given?.uuidValue ?? (given == nil ? call.tenantId : nil) {
            return (.object(object), tenantId)
        }
        let fault =
            given == nil
            ? Fault(.pointer("/tenantId"), "required", "It is needed.")
            : Fault(.pointer("/tenantId"), "bad_format", "It must be a UUID.")
        do {
            _ = try store.validate(creating: .object(object))
        } catch let problem as Problem {
            throw Problem.invalid([fault] + problem.errors)
        }
        throw Problem.invalid([fault])
    }

    /// The tenant whose rows are read. Across tenants a nested row is looked for in its parent's: its keys begin with it.
    private func tenant(_ call: Call, of parentId: UUID?, in tx: Transaction) async throws -> UUID? {
        guard call.tenantId == nil, let parentId else { return call.tenantId }
        return try await parentTenant(parentId, tx)
    }

    /// Whether nothing has to be asked to know the tenant.
    private func knowsTenant(_ call: Call) -> Bool { call.tenantId != nil || layout.parent == nil }

    private func parentTenant(_ parentId: UUID?, _ tx: Transaction) async throws -> UUID {
        guard let parent = layout.parent, let parentId else { throw Problem.notFound() }
        let row = try await tx.first("SELECT tenant_id FROM \(identifier: parent.table) WHERE id = \(parentId)")
        guard let row else { throw Problem.notFound("There is no such \(parent.entity).") }
        return try row.get(0)
    }

    private var patch: Route {
        Route(
            .patch, singleton, on: resource.mounts, permission: resource.permissions.update,
            summary: "Change a \(words)", description: "A JSON merge patch (RFC 7396): null clears, absent keeps.",
            tag: tag, parameters: resource.writeParameters,
            body: .own(
                schema: FieldSchema.patch(layout.fields), example: FieldSchema.patchExample(layout.fields),
                mediaTypes: [Body.mergePatch, Body.json]),
            answers: [
                AnswerSpec(
                    .ok, "The \(words) after it.", schema: reference,
                    example: FieldSchema.entityExample(layout.fields))
            ],
            operationId: "update\(resource.component)"
        ) { call in
            let body = try call.body()
            return try await mapping {
                try await call.write { op in
                    let record = try await load(call, op)
                    let changes = try store.validate(patching: record, with: body)
                    let updated = try await store.update(record, changes: changes, in: op)
                    return answer(updated, try updated.bytes(), .ok)
                }
            }
        }
    }

    private var delete: Route {
        Route(
            .delete, singleton, on: resource.mounts, permission: resource.permissions.delete,
            summary: "Delete a \(words)", tag: tag, parameters: resource.writeParameters, answers: [.noContent],
            operationId: "delete\(resource.component)"
        ) { call in
            do {
                return try await call.write { op in
                    try await store.delete(try await load(call, op), in: op)
                    return .noContent
                }
            } catch let preview as Preview {
                return .json(preview.json)
            } catch let error as DatabaseError where error.kind == .foreignKey {
                throw Problem.conflict("Other rows refer to the \(words).", code: "still_referenced")
            }
        }
    }

    private var restore: Route {
        Route(
            .post, singleton + "/restore", on: resource.mounts, permission: resource.permissions.delete,
            summary: "Bring a deleted \(words) back", tag: tag,
            answers: [.entity(resource.component)], operationId: "restore\(resource.component)"
        ) { call in
            try await mapping {
                try await call.write { op in
                    let record = try await store.load(
                        try call.id(idParameter), in: op, parentId: try parentId(call), forUpdate: true, deleted: true)
                    let restored = try await store.restore(record, in: op)
                    return answer(restored, try restored.bytes(), .ok)
                }
            }
        }
    }

    // MARK: Helpers

    static var acceptPatch: String { "\(Body.mergePatch), \(Body.json)" }

    private var settable: [Field] { layout.fields.filter { !$0.isReadOnly } }

    private var plural: String { Name.capitalized(layout.parent?.entity ?? "") + Name.capitalized(resource.path) }

    private func load(_ call: Call, _ op: Operation) async throws -> Record {
        try await store.loadForChange(try call.id(idParameter), in: op, parentId: try parentId(call))
    }

    private func parentId(_ call: Call) throws -> UUID? { try layout.parent.map { try call.id($0.field) } }

    private func answer(_ record: Record, _ bytes: [UInt8], _ status: HTTPResponse.Status) -> Answer {
        .json(bytes: bytes, status: status, headers: [.eTag: EntityTag.text(record.version)])
    }

    /// Database errors in the words of this resource's fields.
    private func mapping(_ body: () async throws -> Answer) async throws -> Answer {
        do {
            return try await body()
        } catch let preview as Preview {
            return .json(preview.json)
        } catch let error as DatabaseError {
            if error.kind == .foreignKey, let parent = layout.parent, error.field == parent.field {
                throw Problem.notFound("There is no such \(parent.entity).")
            }
            throw Problem(error, fields: layout.fields) ?? error
        }
    }

    private var pageExample: JSON {
        [
            "data": [FieldSchema.entityExample(layout.fields)],
            "page": ["next": .null, "hasMore": false],
        ]
    }

    /// The documentation's components of this resource.
    var components: [(name: String, schema: JSON)] {
        var entity = FieldSchema.entity(layout.fields, description: resource.summary)
        for expansion in layout.expansions {
            var schema = expansion.schema.objectValue ?? [:]
            schema["description"] = .string("With expand=\(expansion.name): \(expansion.summary)")
            schema["readOnly"] = true
            entity["properties"]?[expansion.name] = .object(schema)
        }
        let page: JSON = [
            "type": "object",
            "properties": [
                "data": ["type": "array", "items": reference],
                "page": ["$ref": "#/components/schemas/Page"],
            ],
            "required": ["data", "page"],
        ]
        return [(resource.component, entity), (resource.component + "Page", page)]
    }

    /// The contracts of its events.
    func contracts(owner: String) -> [EventContract] {
        if case .typed(let contracts) = resource.events { return contracts }
        return GenericEvents.actions(of: resource).compactMap { action in
            var contract = layout.contracts[action]
            contract?.owner = owner
            return contract
        }
    }
}

extension Call {
    /// This list's address with another cursor.
    func nextPage(cursor: String) -> String {
        var parts = query.items.filter { $0.name != "cursor" && $0.name != "offset" }
            .map { "\(Percent.encode($0.spelling))=\(Percent.encode($0.value))" }
        parts.append("cursor=\(cursor)")
        return "\(path)?\(parts.joined(separator: "&"))"
    }
}
