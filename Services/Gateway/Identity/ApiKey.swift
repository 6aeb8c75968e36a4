import Contracts
import Database
import HTTPTypes
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The keys with which other systems come in. A key's secret is shown in the answer that creates it, and never again.
struct ApiKeys: Resource {
    let path = "api_keys"
    let entity = "api_key"
    let summary = "API keys: how other systems come in."
    let operations: ResourceOperations = .readOnly
    let stamps: ResourceStamps = .all
    let epochs: Epochs

    let fields: [Field] = [
        .text("name", 1...200).required.sortable.searchable,
        .text("hint", 1...80).readOnly.described("Its beginning and its end, to recognise it by."),
        .strings("roles", each: 1...40, count: 1...10).defaults(to: ["integration"]).immutable,
        .strings("scopes", each: 1...80, count: 1...200).defaults(to: ["*"])
            .described("Narrows what the roles allow: names of permissions, or * for all of them."),
        .integer("requestsPerMinute", 1...10_000_000).described("Instead of the plan's limit."),
        .timestamp("expiresAt").rangeFilterable.described("When it ends by itself."),
        .timestamp("revokedAt").readOnly,
        .text("keyHash").hidden,
    ]

    var expansions: [Expansion] {
        [
            Expansion(
                "lastUsedAt", "When it was last used, to within some seconds.",
                schema: ["type": ["string", "null"], "format": "date-time"], inLists: true
            ) { input in
                let rows = try await input.tx.query(
                    """
                    SELECT api_key_id, last_used_at FROM api_key_uses
                    WHERE tenant_id = ANY(\(input.tenantIds)) AND api_key_id = ANY(\(input.ids))
                    """)
                var uses: [UUID: [UInt8]] = [:]
                for row in rows {
                    let (id, at) = try row.decode((UUID, Timestamp).self)
                    uses[id] = JSON.timestamp(at).serialized()
                }
                return uses
            }
        ]
    }

    var events: ResourceEvents {
        .typed([ApiKeyCreated.contract, ApiKeyRevoked.contract])
    }

    func willCreate(_ draft: inout Draft, _ op: Operation) async throws {
        let roles = draft.values.strings("roles") ?? []
        let scopes = Set(draft.values.strings("scopes") ?? [])
        var faults = RoleGrant.faults(in: roles, tenantId: op.tenantId)
        for (index, scope) in (draft.values.strings("scopes") ?? []).enumerated()
        where scope != Permission.every && !Permission.names.contains(scope) {
            faults.append(
                Fault(
                    .pointer("/scopes/\(index)"), "unknown_value", "There is no such permission.",
                    allowed: Permission.names.sorted()))
        }
        if let expiresAt = draft.values.timestamp("expiresAt"), expiresAt <= op.now {
            faults.append(Fault(.pointer("/expiresAt"), "in_the_past", "It must be in the future."))
        }
        if !faults.isEmpty { throw Problem.invalid(faults) }
        try RoleGrant.check(roles, scopes: scopes, by: op.caller)
    }

    func willUpdate(_ draft: inout Draft, _ op: Operation) async throws {
        guard let before = draft.before else { return }
        try RoleGrant.check(before.strings("roles"), scopes: Set(before.strings("scopes")), by: op.caller)
    }

    func didUpdate(_ mutation: inout Mutation, _ op: Operation) async throws {
        try await op.tx.raiseEpoch(of: mutation.record.tenantId, in: epochs)
    }

    func announcement(of mutation: Mutation) throws -> Announcement? {
        let record = mutation.record
        switch mutation.action {
        case .create:
            return .event(
                ApiKeyCreated(
                    apiKeyId: record.id, apiKeyName: record.string("name") ?? "", scopes: record.strings("scopes"),
                    expiresAt: record.timestamp("expiresAt"), createdByUserId: record.uuid("createdBy"),
                    createdAt: record.timestamp("createdAt") ?? .now, snapshot: try record.json().objectValue))
        case .update:
            // Revoking is the only change that there is, and announces itself.
            return nil
        case .delete, .restore:
            return nil
        }
    }
}

extension ApiKeys {
    var routes: [Route] { [create(on: .tenant), create(on: .admin), revoke] }

    private func create(on mount: Route.Mount) -> Route {
        let store = ResourceStore(self)
        let settable = fields.filter { !$0.isReadOnly && !$0.isHidden }
        return Route(
            .post, path, on: [mount], permission: permissions.create, summary: "Create an API key",
            description:
                "The answer has the key's secret in `key`. It is shown this once, also under an Idempotency-Key.",
            body: .fields(mount == .admin ? [.uuid("tenantId").required] + settable : settable),
            answers: [
                AnswerSpec(.created, "The new key, with its secret.", schema: Self.createdSchema(component))
            ],
            operationId: "createApiKey"
        ) { call in
            let secret = ApiKeySecret.random()
            var answer = try await call.write { op in
                var values = call.values
                let op = op.on(tenant: call.tenantId ?? values.uuid("tenantId") ?? op.tenantId)
                values.remove("tenantId")
                let record = try await create(values, secret: secret, in: op, store)
                return .created(record, at: call.location(record.id.text), try record.bytes())
            }
            // Added behind the transaction, so that the answer that is kept for an Idempotency-Key lacks it.
            if answer.headers[.idempotencyReplayed] == nil, case .bytes(let bytes) = answer.content {
                var key = try JSON.parse(bytes)
                key["key"] = .string(secret.text)
                answer.content = .bytes(key.serialized())
            }
            return answer
        }
    }

    private static func createdSchema(_ component: String) -> JSON {
        [
            "allOf": [
                ["$ref": .string("#/components/schemas/\(component)")],
                ["type": "object", "properties": ["key": ["type": "string"]]],
            ]
        ]
    }

    /// Writes a key; ``Bootstrap`` does so without a request.
    func create(
        _ values: Values, secret: ApiKeySecret, in op: Operation, _ store: ResourceStore<ApiKeys>
    ) async throws -> Record {
        var values = values
        values.set("hint", secret.hint)
        values.set("keyHash", secret.hashText)
        return try await store.create(values, in: op)
    }

    private var revoke: Route {
        let store = ResourceStore(self)
        return Route(
            .post, "api_keys/{apiKeyId}/revoke", permission: permissions.update, summary: "Revoke an API key",
            description: "Within a second no gateway accepts it any more.", tag: path,
            body: .fields([.text("reason", 1...500)], required: false), answers: [.entity(component)]
        ) { call in
            try await call.write { op in
                let record = try await store.loadForChange(try call.id("apiKeyId"), in: op)
                guard record.isNull("revokedAt") else {
                    throw Problem.conflict("The key is revoked already.", code: "already_revoked")
                }
                let event = ApiKeyRevoked(
                    apiKeyId: record.id, revokedByUserId: op.actorId, revokedAt: op.now,
                    reason: call.values.string("reason"))
                return try .entity(
                    try await store.update(record, changes: ["revokedAt": op.now], in: op, events: [.event(event)]))
            }
        }
    }
}
