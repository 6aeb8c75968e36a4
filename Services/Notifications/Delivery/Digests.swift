// Gathers what somebody wants to hear once an hour or a day.

import BusinessTime
import Contracts
import Database
import Logging
import ServiceLifecycle

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Puts deliveries that wait for their recipient's digest into one message. The message, and the note in each delivery that
/// it went along, commit together: a delivery is in one digest, and none is left out.
struct Digests: Service {
    let database: Database
    let outlets: Outlets
    var interval = Duration.seconds(2)

    /// Deliveries of one message.
    private static let partsMax = 100
    /// Characters of each that the message shows.
    private static let partLengthMax = 1_000
    private static let groupsMax = 50
    private static let logger = Logger(label: "notifications.digests")

    func run() async throws {
        try? await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                do {
                    while try await gatherDue(at: .now) > 0 {}
                } catch {
                    Self.logger.warning("digests wait", metadata: ["error": "\(error)"])
                }
                try await Task.sleep(for: interval)
            }
        }
    }

    /// Whose deliveries go together.
    private struct Group: Hashable {
        var tenantId: UUID
        var recipientId: UUID
        var channel: String
        var address: String
    }

    /// Gathers what is due. Answers how many deliveries that were.
    func gatherDue(at now: Timestamp) async throws -> Int {
        let rows = try await database.transaction(as: .admin, readOnly: true) { tx in
            try await tx.query(
                """
                SELECT tenant_id, recipient_id, channel, address FROM notification_deliveries
                WHERE state = 'queued' AND digest <> 'immediate' AND digest_id IS NULL AND due_at <= \(now)
                GROUP BY 1, 2, 3, 4 ORDER BY min(due_at) LIMIT \(Self.groupsMax)
                """)
        }
        var gathered = 0
        for row in rows {
            let (tenantId, recipientId, channel, address) = try row.decode((UUID, UUID, String, String).self)
            let group = Group(tenantId: tenantId, recipientId: recipientId, channel: channel, address: address)
            gathered += try await database.transaction(as: .admin) { tx in try await gather(group, now: now, in: tx) }
        }
        return gathered
    }

    private func gather(_ group: Group, now: Timestamp, in tx: Transaction) async throws -> Int {
        // Who comes second finds nothing: the first has all of them.
        let rows = try await tx.query(
            """
            SELECT id, subject, left(text, \(Self.partLengthMax)::integer), recipient_name FROM notification_deliveries
            WHERE tenant_id = \(group.tenantId) AND recipient_id = \(group.recipientId) AND channel = \(group.channel)
                AND address = \(group.address) AND state = 'queued' AND digest <> 'immediate' AND digest_id IS NULL
                AND due_at <= \(now)
            ORDER BY id LIMIT \(Self.partsMax) FOR UPDATE SKIP LOCKED
            """)
        let parts = try rows.map { try $0.decode((UUID, String, String, String?).self) }
        guard let first = parts.first else { return 0 }
        if parts.count == 1 {
            // One by itself needs nothing around it.
            tx.enqueue(
                """
                UPDATE notification_deliveries SET digest = 'immediate', updated_at = \(now)
                WHERE tenant_id = \(group.tenantId) AND id = \(first.0)
                """)
            tx.afterCommit { DeliveryBell.ring([group.channel]) }
            return 1
        }
        let notice = try await notice(
            group, name: first.3, items: parts.map { ["subject": $0.1, "text": $0.2] }, now: now, in: tx)
        NoticeWriter.write([notice], now: now, in: tx)
        tx.enqueue(
            """
            UPDATE notification_deliveries SET digest_id = \(notice.deliveries.first?.id), due_at = NULL, updated_at = \(now)
            WHERE tenant_id = \(group.tenantId) AND id = ANY(\(parts.map(\.0)))
            """)
        return parts.count
    }

    private func notice(
        _ group: Group, name: String?, items: [[String: String]], now: Timestamp, in tx: Transaction
    ) async throws -> Notice {
        let desk = NoticeDesk(tenantId: group.tenantId, outlets: outlets, tx: tx)
        let directory = try await desk.directory(Addressees(userIds: [group.recipientId]))
        let composer = try await desk.composer(directory, types: [NotificationType.digestName], now: now)
        let person = directory.people[group.recipientId]
        let recipient = Recipient(
            id: group.recipientId, kind: person == nil ? .address : .user, name: person?.name ?? name)
        return composer.digest(of: items, for: recipient, person, channel: group.channel, address: group.address)
    }
}

extension Composer {
    /// One message that says several things.
    func digest(
        of items: [[String: String]], for recipient: Recipient, _ person: Person?, channel: String, address: String
    ) -> Notice {
        let type = NotificationType.digest
        let eventId = UUID.v7()
        var values = values(
            type, Occurrence(eventId: eventId, tenantId: tenant.id, event: "", payload: .null), nil,
            recipient: person ?? Person(id: recipient.id, name: recipient.name, email: address), zone: .utc)
        values["count"] = String(items.count)
        values.set("items", to: items)
        let (template, locale) = templates.template(
            for: type, channel: channel, locale: person?.locale, tenantLocale: tenant.locale)
        var content = Renderer.render(template, values)
        if channel == ChannelName.email { content.html = content.html ?? Renderer.html(showing: content.text) }
        return Notice(
            tenantId: tenant.id, eventId: eventId, type: type, recipient: recipient, locale: locale,
            title: content.subject, body: content.text,
            deliveries: [
                NewDelivery(
                    channel: channel, address: address, verdict: .send(at: now, .immediate), content: content,
                    templateId: template.id)
            ])
    }
}
