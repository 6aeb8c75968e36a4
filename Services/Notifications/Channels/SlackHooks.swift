// Where people are reached in a chat.

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

/// The incoming webhook of a chat that a user's notifications go to. Everybody sees and ends their own. Whoever knows its URL can
/// write into the chat: it is kept sealed, and not shown again.
struct SlackHooks: Resource {
    static let store = ResourceStore(SlackHooks())

    let path = "slack_hooks"
    let entity = "slack_hook"
    let summary = "Incoming webhooks of chats (Slack and the like) that notifications go to; each user's own."
    let stamps: ResourceStamps = [.createdAt]
    /// Creating has a route of its own, which takes the URL.
    let operations: ResourceOperations = [.list, .get, .delete]
    let permissions = ResourcePermissions(read: "notifications.read", write: "notifications.read")
    let events = ResourceEvents.none
    let mounts: Set<Route.Mount> = [.tenant]

    let fields: [Field] = [
        .uuid("userId").readOnly.notNull,
        .text("origin").readOnly.notNull.example("https://hooks.slack.com").described(
            "The rest of the URL is a secret."),
        .text("description", 0...200),
        .text("sealedUrl").hidden.notNull,
        // Says that two are the same.
        .text("urlHash").hidden.notNull,
    ]

    func visible(to caller: Caller) -> SQL? {
        guard let id = caller.actor.userId else { return "FALSE" }
        return "t.user_id = \(id)"
    }

    static func find(_ id: UUID, tenantId: UUID, in tx: Transaction) async throws -> Record? {
        try await store.find(id, in: tx, tenantId: tenantId)
    }

    /// The chats of users, by the hooks' ids.
    static func addresses(of users: [UUID], tenantId: UUID, in tx: Transaction) async throws -> [UUID: [String]] {
        let rows = try await tx.query(
            "SELECT user_id, id FROM slack_hooks WHERE tenant_id = \(tenantId) AND user_id = ANY(\(users)) ORDER BY id"
        )
        return try Dictionary(grouping: rows.map { try $0.decode((UUID, UUID).self) }, by: \.0)
            .mapValues { $0.map(\.1.text) }
    }

    private static func origin(of url: String, _ client: OutboundClient) throws(Problem) -> String {
        do throws(OutboundError) {
            return try SealedAddress.origin(of: url, client)
        } catch {
            throw .invalid([Fault(.pointer("/url"), error.reason, error.hint)])
        }
    }

    static func createRoute(_ box: SecretBox, _ client: OutboundClient) -> Route {
        Route(
            .post, "slack_hooks", on: [.tenant], permission: "notifications.read", summary: "Create a slack hook",
            description: "The URL is kept sealed and not shown again.",
            tag: "slack_hooks",
            body: .fields([
                .text("url", 1...OutboundURL.lengthMax).required.example(
                    "https://hooks.slack.com/services/T000/B000/XXXX"),
                .text("description", 0...200),
            ]),
            answers: [.entity("SlackHook", .created)], operationId: "createSlackHook"
        ) { call in
            try await call.write { op in
                guard let userId = op.actor.userId else { throw Problem.forbidden("Only a user has chats.") }
                var values = call.values
                let url = values.string("url") ?? ""
                values.remove("url")
                let id = UUID.v7()
                values.set("userId", userId)
                values.set("origin", try origin(of: url, client))
                values.set("sealedUrl", try box.seal(url, tenantId: op.tenantId, id: id))
                values.set("urlHash", SealedAddress.hash(url))
                let record = try await store.create(values, id: id, in: op)
                return .json(
                    bytes: try record.bytes(), status: .created, headers: [.location: call.location(record.id.text)])
            }
        }
    }
}

extension Migration {
    static let slackHooks = Migration(
        version: 132, name: "slack_hooks",
        sql: """
            CREATE TABLE slack_hooks (
                tenant_id uuid NOT NULL,
                id uuid NOT NULL,
                created_at timestamptz(3) NOT NULL,
                user_id uuid NOT NULL,
                origin text NOT NULL,
                description text,
                -- The URL, which only the service can read.
                sealed_url text NOT NULL,
                url_hash text NOT NULL,
                PRIMARY KEY (tenant_id, id),
                CONSTRAINT slack_hooks_url_key UNIQUE (tenant_id, user_id, url_hash)
            );
            SELECT secure_tenant_table('slack_hooks');
            """)
}
