// The log of what was sent, and of what was not.

import Contracts
import Database
import HTTPTypes
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Every message to every address, with what became of it. `state=failed` is the failure log.
struct Deliveries: Resource {
    static let store: ResourceStore<Deliveries> = ResourceStore(Deliveries())

    let path = "notification_deliveries"
    let entity = "notification_delivery"
    let summary = "Each message on each channel, and what became of it."
    let operations: ResourceOperations = .readOnly
    let audited = true
    let stamps: ResourceStamps = [.createdAt, .updatedAt]
    let permissions = ResourcePermissions("notifications")
    let fields: [Field] = [
        .uuid("notificationId").readOnly.notNull.filterable,
        .text("channel").readOnly.notNull.filterable,
        .uuid("recipientId").readOnly.notNull.filterable,
        .text("recipientName").readOnly,
        .text("address").readOnly.notNull.filterable,
        .choice("state", DeliveryState.self).readOnly.notNull.filterable,
        .text("reason").readOnly.filterable.described("Why it was skipped, or a code of what went wrong last."),
        .text("detail").readOnly,
        .integer("attempts").readOnly.notNull,
        .timestamp("dueAt").readOnly.rangeFilterable.described(
            "Queued: when it is tried. Sending: when it is given up."),
        .choice("digest", Digest.self).readOnly.notNull.filterable,
        .uuid("digestId").readOnly.filterable.described("The delivery that took this one along."),
        .text("subject").readOnly.notNull,
        .text("text").readOnly.notNull,
        .uuid("templateId").readOnly,
        .text("providerMessageId").readOnly.filterable,
        .timestamp("sentAt").readOnly,
        .timestamp("deliveredAt").readOnly,
    ]

    func visible(to caller: Caller) -> SQL? { OwnRows.condition("recipient_id", caller) }

    static let routes = [
        Route(
            .post, "notification_deliveries/{notificationDeliveryId}/retry", permission: "notifications.write",
            summary: "Try a delivery again that failed or was skipped",
            description: "Under the same id, with as many tries as a new one. A digest's parts go with it.",
            tag: "notification_deliveries", answers: [.entity("NotificationDelivery")],
            operationId: "retryNotificationDelivery"
        ) { call in
            try await call.write { op in try await retry(try call.id("notificationDeliveryId"), op) }
        }
    ]

    private static func retry(_ id: UUID, _ op: Operation) async throws -> Answer {
        let delivery = try await store.load(id, in: op, forUpdate: true)
        let retriable: [DeliveryState] = [.failed, .skipped]
        guard let state = delivery.string("state").flatMap(DeliveryState.init(rawValue:)), retriable.contains(state)
        else {
            throw Problem.conflict("Only what failed or was skipped can be tried again.", code: "not_over")
        }
        let tenantId = delivery.tenantId
        op.tx.enqueue(
            """
            UPDATE notification_deliveries SET state = 'queued', reason = NULL, detail = NULL, updated_at = \(op.now)
            WHERE tenant_id = \(tenantId) AND digest_id = \(id)
            """)
        var changes: Values = [
            "state": DeliveryState.queued.rawValue, "attempts": Int64(0), "dueAt": op.now,
            // Alone, even if it was part of a digest.
            "digest": Digest.immediate.rawValue,
        ]
        for field in ["reason", "detail", "digestId"] { changes[field] = .null }
        let retried = try await store.update(delivery, changes: changes, in: op.on(delivery))
        let channel = delivery.string("channel") ?? ""
        op.tx.afterCommit { DeliveryBell.ring([channel]) }
        return .json(bytes: try retried.bytes())
    }
}
