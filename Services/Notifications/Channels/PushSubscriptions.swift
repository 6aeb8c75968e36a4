// The browsers that push messages go to.

import Contracts
import Database
import HTTPTypes
import Outbound
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A browser of a user's, as `PushSubscription` describes itself (W3C Push API). Everybody sees and ends their own.
struct PushSubscriptions: Resource {
    static let store = ResourceStore(PushSubscriptions(client: nil))

    let path = "push_subscriptions"
    let entity = "push_subscription"
    let summary = "Browsers that push messages go to; each user's own."
    let operations: ResourceOperations = [.list, .get, .create, .delete]
    let stamps: ResourceStamps = [.createdAt]
    let permissions = ResourcePermissions(read: "notifications.read", write: "notifications.read")
    let events = ResourceEvents.none
    let mounts: Set<Route.Mount> = [.tenant]
    /// Nil where nothing is created.
    let client: OutboundClient?

    let fields: [Field] = [
        .uuid("userId").readOnly.notNull,
        .text("endpoint", 1...1_000).required.example("https://push.example/p/JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV"),
        .text("p256dh", 80...100).required.described("The browser's public key.")
            .example("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"),
        .text("auth", 20...30).required.described("The browser's secret.").example("BTBZMqHH6r4Tts7J_aSIgg"),
        .text("userAgent", 0...300),
    ]

    func visible(to caller: Caller) -> SQL? {
        guard let id = caller.actor.userId else { return "FALSE" }
        return "t.user_id = \(id)"
    }

    func willCreate(_ draft: inout Draft, _ op: Operation) async throws {
        guard let userId = op.actor.userId else { throw Problem.forbidden("Only a user has browsers.") }
        var faults: [Fault] = []
        let endpoint = draft.values.string("endpoint") ?? ""
        do throws(OutboundError) {
            try client?.check(try OutboundURL(endpoint))
        } catch {
            faults.append(Fault(.pointer("/endpoint"), error.reason, error.hint))
        }
        if PushKeys(p256dh: draft.values.string("p256dh") ?? "", auth: draft.values.string("auth") ?? "") == nil {
            faults.append(Fault(.pointer("/p256dh"), "bad_key", "These are not the keys of a subscription."))
        }
        if !faults.isEmpty { throw Problem.invalid(faults) }
        draft.values.set("userId", userId)
        // A browser is whose it was last.
        op.tx.enqueue("DELETE FROM push_subscriptions WHERE tenant_id = \(op.tenantId) AND endpoint = \(endpoint)")
    }

    static func find(_ id: UUID, in op: Operation) async throws -> Record? {
        try await store.find(id, in: op.tx, tenantId: op.tenantId)
    }

    /// The subscriptions of users.
    static func addresses(of users: [UUID], tenantId: UUID, in tx: Transaction) async throws -> [UUID: [String]] {
        let rows = try await tx.query(
            "SELECT user_id, id FROM push_subscriptions WHERE tenant_id = \(tenantId) AND user_id = ANY(\(users)) ORDER BY id"
        )
        return try Dictionary(grouping: rows.map { try $0.decode((UUID, UUID).self) }, by: \.0)
            .mapValues { $0.map(\.1.text) }
    }

    /// What browsers subscribe with.
    static func keyRoute(_ identity: PushIdentity?) -> Route {
        Route(
            .get, "push_key", on: [.tenant], access: .caller, summary: "The key that browsers subscribe with",
            description: "`applicationServerKey` of `PushManager.subscribe()`; null where push is not set up.",
            tag: "push_subscriptions",
            answers: [
                AnswerSpec(
                    .ok, "The key.",
                    schema: [
                        "type": "object", "required": ["publicKey"],
                        "properties": ["publicKey": ["type": ["string", "null"]]],
                    ])
            ], operationId: "readPushKey"
        ) { _ in
            .json(["publicKey": identity.map { .string($0.publicKey) } ?? .null])
        }
    }
}

extension Migration {
    static let pushSubscriptions = Migration(
        version: 131, name: "push_subscriptions",
        sql: """
            CREATE TABLE push_subscriptions (
                tenant_id uuid NOT NULL,
                id uuid NOT NULL,
                created_at timestamptz(3) NOT NULL,
                user_id uuid NOT NULL,
                endpoint text NOT NULL,
                p256dh text NOT NULL,
                auth text NOT NULL,
                user_agent text,
                PRIMARY KEY (tenant_id, id),
                CONSTRAINT push_subscriptions_endpoint_key UNIQUE (tenant_id, endpoint)
            );
            CREATE INDEX push_subscriptions_user_id_idx ON push_subscriptions (tenant_id, user_id);
            SELECT secure_tenant_table('push_subscriptions');
            """)
}
