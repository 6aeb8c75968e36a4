// What somebody sees in the app, and the log of what was said to everybody.

import Contracts
import Database
import HTTPTypes
import Messaging
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

private let shown: [Field] = [
    .text("type").readOnly.notNull.filterable,
    .uuid("eventId").readOnly.notNull.filterable.described("The event behind it."),
    .uuid("recipientId").readOnly.notNull.filterable,
    .choice("recipientKind", Recipient.Kind.self).readOnly.notNull.filterable,
    .text("contextType").readOnly.filterable.described("What it is about: ticket."),
    .uuid("contextId").readOnly.filterable,
    .text("locale").readOnly.notNull,
    .text("title").readOnly.notNull,
    .text("body").readOnly.notNull,
    .boolean("isMandatory").readOnly.notNull,
    .timestamp("readAt").readOnly.filterable.rangeFilterable,
]

/// Every notification; who may not change notifications sees their own.
struct Notifications: Resource {
    let path = "notifications"
    let entity = "notification"
    let summary = "What was said to whom, on whatever channel."
    let operations: ResourceOperations = .readOnly
    let stamps: ResourceStamps = [.version, .createdAt, .updatedAt]
    let permissions = ResourcePermissions("notifications")
    let fields: [Field] = shown + [.boolean("inInbox").readOnly.notNull.filterable]

    func visible(to caller: Caller) -> SQL? { OwnRows.condition("recipient_id", caller) }
}

/// The caller's own inbox, newest first. `readAt=null` is what is unread.
struct Inbox: Resource {
    static let store: ResourceStore<Inbox> = ResourceStore(Inbox())

    let path = "inbox"
    let entity = "inbox_notification"
    let table = "notifications"
    let summary = "The caller's notifications in the app."
    let operations: ResourceOperations = .readOnly
    let audited = true
    let mounts: Set<Route.Mount> = [.tenant]
    let stamps: ResourceStamps = [.version, .createdAt, .updatedAt]
    let permissions = ResourcePermissions("notifications")
    let fields: [Field] = shown

    func visible(to caller: Caller) -> SQL? {
        caller.actorId.map { "t.in_inbox AND t.recipient_id = \($0)" } ?? "false"
    }

    static let routes = [unreadCount, read, readAll]

    private static let count: JSON = ["type": "integer", "minimum": 0]
    private static let client = Field.text("client", 1...50).described("Where it was read, such as web or ios.")

    private static let unreadCount = Route(
        .get, "inbox_unread", on: [.tenant], permission: "notifications.read",
        summary: "How much the caller has not read",
        tag: "inbox",
        answers: [
            AnswerSpec(
                .ok, "The count.", schema: ["type": "object", "required": ["unread"], "properties": ["unread": count]])
        ], operationId: "countUnreadNotifications"
    ) { call in
        let unread = try await call.read(once: true) { tx in
            try await tx.first(
                """
                SELECT count(*) FROM notifications
                WHERE tenant_id = \(call.tenantId) AND recipient_id = \(call.caller.actorId) AND in_inbox
                    AND read_at IS NULL
                """)?.get(0, as: Int64.self) ?? 0
        }
        return .json(["unread": .int(unread)])
    }

    private static let read = Route(
        .post, "inbox/{inboxNotificationId}/read", on: [.tenant], permission: "notifications.read",
        summary: "Mark a notification as read", tag: "inbox", body: .fields([client], required: false),
        answers: [.entity("InboxNotification")], operationId: "readNotification"
    ) { call in
        try await call.write { op in
            let id = try call.id("inboxNotificationId")
            let record = try await store.load(id, in: op, forUpdate: true)
            guard record.isNull("readAt") else { return .json(bytes: try record.bytes()) }
            _ = try await markRead("id = \(id)", limit: 1, client: call.values.string("client"), op)
            return .json(bytes: try await store.load(id, in: op).bytes())
        }
    }

    /// Of one transaction.
    private static let readBatch = 1_000

    private static let readAll = Route(
        .post, "inbox_read_all", on: [.tenant], permission: "notifications.read",
        summary: "Mark all of the caller's notifications as read",
        description: "At most \(readBatch) at once; `hasMore` says that there are others.", tag: "inbox",
        body: .fields([client], required: false),
        answers: [
            AnswerSpec(
                .ok, "How many there were.",
                schema: [
                    "type": "object", "required": ["read", "hasMore"],
                    "properties": ["read": count, "hasMore": ["type": "boolean"]],
                ])
        ], operationId: "readAllNotifications"
    ) { call in
        try await call.write { op in
            let read = try await markRead("true", limit: readBatch, client: call.values.string("client"), op)
            return .json(["read": .int(Int64(read)), "hasMore": .bool(read == readBatch)])
        }
    }

    /// Marks unread ones of the caller's as read, and tells it. Answers how many there were.
    private static func markRead(_ condition: SQL, limit: Int, client: String?, _ op: Operation) async throws -> Int {
        guard let reader = op.actorId else { return 0 }
        let unread = try await store.select(
            """
            t.id IN (
                SELECT id FROM notifications
                WHERE tenant_id = \(op.tenantId) AND recipient_id = \(reader) AND in_inbox AND read_at IS NULL
                    AND \(condition)
                ORDER BY id LIMIT \(limit) FOR NO KEY UPDATE)
            """, in: op.tx, tenantId: op.tenantId, forUpdate: true)
        let read = try await store.update(many: unread.map { ($0, ["readAt": op.now], nil) }, in: op)
        op.tx.enqueue(
            """
            UPDATE notification_deliveries SET state = 'read', updated_at = \(op.now)
            WHERE tenant_id = \(op.tenantId) AND notification_id = ANY(\(read.map(\.id))) AND channel = 'in_app'
                AND state IN ('sent', 'delivered')
            """)
        for record in read {
            try op.tx.publish(
                NotificationRead(
                    notificationId: record.id, channel: .inApp, recipientId: reader, readAt: op.now, client: client),
                version: record.version, actor: op.actor, occurredAt: op.now, tenantId: op.tenantId)
        }
        return read.count
    }
}
