// Where people are reached in a chat.

import Contracts
import Database
import Outbound
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The incoming webhook of a chat that a user's notifications go to. Everybody sees and ends their own.
struct SlackHooks: Resource {
    let path = "slack_hooks"
    let entity = "slack_hook"
    let summary = "Incoming webhooks of chats (Slack and the like) that notifications go to; each user's own."
    let stamps: ResourceStamps = [.createdAt]
    let operations: ResourceOperations = [.list, .get, .create, .delete]
    let permissions = ResourcePermissions(read: "notifications.read", write: "notifications.read")
    let events = ResourceEvents.none
    let mounts: Set<Route.Mount> = [.tenant]
    let client: OutboundClient

    let fields: [Field] = [
        .uuid("userId").readOnly.notNull,
        .text("url", 1...OutboundURL.lengthMax).required.example("https://hooks.slack.com/services/T000/B000/XXXX"),
        .text("description", 0...200),
    ]

    func visible(to caller: Caller) -> SQL? {
        guard let id = caller.actor.userId else { return "FALSE" }
        return "t.user_id = \(id)"
    }

    func willCreate(_ draft: inout Draft, _ op: Operation) async throws {
        guard let userId = op.actor.userId else { throw Problem.forbidden("Only a user has chats.") }
        draft.values.set("userId", userId)
        do throws(OutboundError) {
            try client.check(try OutboundURL(draft.values.string("url") ?? ""))
        } catch {
            throw Problem.invalid([Fault(.pointer("/url"), error.reason, error.hint)])
        }
    }

    /// The chats of users.
    static func addresses(of users: [UUID], tenantId: UUID, in tx: Transaction) async throws -> [UUID: [String]] {
        let rows = try await tx.query(
            "SELECT user_id, url FROM slack_hooks WHERE tenant_id = \(tenantId) AND user_id = ANY(\(users)) ORDER BY id"
        )
        return try Dictionary(grouping: rows.map { try $0.decode((UUID, String).self) }, by: \.0)
            .mapValues { $0.map(\.1) }
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
                url text NOT NULL,
                description text,
                PRIMARY KEY (tenant_id, id),
                CONSTRAINT slack_hooks_url_key UNIQUE (tenant_id, user_id, url)
            );
            SELECT secure_tenant_table('slack_hooks');
            """)
}
