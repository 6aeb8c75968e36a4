// The browsers that push messages go to.

import Contracts
import Database
import HTTPTypes
import Outbound
import ServiceKit
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A browser of a user's, as `PushSubscription` describes itself (W3C Push API). Everybody sees and ends their own. Whoever has
/// what it says can write to the browser: it is kept sealed, and not shown again.
struct PushSubscriptions: Resource {
    static let store = ResourceStore(PushSubscriptions())

    let path = "push_subscriptions"
    let entity = "push_subscription"
    let summary = "Browsers that push messages go to; each user's own."
    /// Creating has a route of its own, which takes the secrets.
    let operations: ResourceOperations = [.list, .get, .delete]
    let stamps: ResourceStamps = [.createdAt]
    let permissions = ResourcePermissions(read: "notifications.read", write: "notifications.read")
    let events = ResourceEvents.none
    let mounts: Set<Route.Mount> = [.tenant]

    let fields: [Field] = [
        .uuid("userId").readOnly.notNull,
        .text("origin").readOnly.notNull.example("https://push.example").described("Of the push service."),
        .text("userAgent", 0...300),
        .text("sealed").hidden.notNull,
        // Says that two are the same.
        .text("endpointHash").hidden.notNull,
    ]

    func visible(to caller: Caller) -> SQL? {
        guard let id = caller.actor.userId else { return "FALSE" }
        return "t.user_id = \(id)"
    }

    // MARK: Secrets

    /// What only the service reads.
    struct Secrets: Codable, Sendable {
        var endpoint: String
        var p256dh: String
        var auth: String

        init(_ values: Values) {
            endpoint = values.string("endpoint") ?? ""
            p256dh = values.string("p256dh") ?? ""
            auth = values.string("auth") ?? ""
        }

        var keys: PushKeys? { PushKeys(p256dh: p256dh, auth: auth) }

        func sealed(by box: SecretBox, tenantId: UUID, id: UUID) throws -> String {
            try box.seal(String(decoding: try Wire.encode(self), as: UTF8.self), tenantId: tenantId, id: id)
        }

        /// Nil where no key opens them.
        init?(_ sealed: String, by box: SecretBox, tenantId: UUID, id: UUID) {
            guard let text = box.open(sealed, tenantId: tenantId, id: id),
                let secrets = try? Wire.decode(Secrets.self, from: Array(text.utf8))
            else { return nil }
            self = secrets
        }
    }

    static func createRoute(_ box: SecretBox, _ client: OutboundClient) -> Route {
        Route(
            .post, "push_subscriptions", on: [.tenant], permission: "notifications.read",
            summary: "Create a push subscription",
            description: "As the browser describes it. It is kept sealed and not shown again.",
            tag: "push_subscriptions",
            body: .fields([
                .text("endpoint", 1...1_000).required.example(
                    "https://push.example/p/JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV"),
                .text("p256dh", 80...100).required.described("The browser's public key.")
                    .example("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"),
                .text("auth", 20...30).required.described("The browser's secret.").example("BTBZMqHH6r4Tts7J_aSIgg"),
                .text("userAgent", 0...300),
            ]),
            answers: [.entity("PushSubscription", .created)], operationId: "createPushSubscription"
        ) { call in
            let secrets = Secrets(call.values)
            let origin = try origin(of: secrets, client)
            return try await call.write { op in
                guard let userId = op.actor.userId else { throw Problem.forbidden("Only a user has browsers.") }
                var values = call.values
                for name in ["endpoint", "p256dh", "auth"] { values.remove(name) }
                let id = UUID.v7()
                let hash = SealedAddress.hash(secrets.endpoint)
                values.set("userId", userId)
                values.set("origin", origin)
                values.set("sealed", try secrets.sealed(by: box, tenantId: op.tenantId, id: id))
                values.set("endpointHash", hash)
                // A browser is whose it was last.
                op.tx.enqueue(
                    "DELETE FROM push_subscriptions WHERE tenant_id = \(op.tenantId) AND endpoint_hash = \(hash)")
                let record = try await store.create(values, id: id, in: op)
                return .json(
                    bytes: try record.bytes(), status: .created, headers: [.location: call.location(record.id.text)])
            }
        }
    }

    private static func origin(of secrets: Secrets, _ client: OutboundClient) throws(Problem) -> String {
        var faults: [Fault] = []
        var origin = ""
        do throws(OutboundError) {
            origin = try SealedAddress.origin(of: secrets.endpoint, client)
        } catch {
            faults.append(Fault(.pointer("/endpoint"), error.reason, error.hint))
        }
        if secrets.keys == nil {
            faults.append(Fault(.pointer("/p256dh"), "bad_key", "These are not the keys of a subscription."))
        }
        guard faults.isEmpty else { throw .invalid(faults) }
        return origin
    }

    // MARK: Finding

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
                origin text NOT NULL,
                user_agent text,
                -- Endpoint and keys, which only the service can read.
                sealed text NOT NULL,
                endpoint_hash text NOT NULL,
                PRIMARY KEY (tenant_id, id),
                CONSTRAINT push_subscriptions_endpoint_key UNIQUE (tenant_id, endpoint_hash)
            );
            CREATE INDEX push_subscriptions_user_id_idx ON push_subscriptions (tenant_id, user_id);
            SELECT secure_tenant_table('push_subscriptions');
            """)
}
