// A notification before it is written: what is said to whom, and how it gets there.

import Contracts
import Crypto
import Database

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// One thing said to one recipient.
struct Notice: Sendable {
    var id = UUID.v7()
    let tenantId: UUID
    /// What it comes from. With type and recipient it is said once, however often it is made.
    let eventId: UUID
    let type: NotificationType
    let recipient: Recipient
    /// Whose words they are: mail ends with this user's signature.
    var authorId: UUID?
    var contextType: String?
    var contextId: UUID?
    let locale: String
    let title: String
    let body: String
    let deliveries: [NewDelivery]
}

/// Who is told.
struct Recipient: Sendable {
    enum Kind: String, Sendable, CaseIterable {
        case user
        /// Known by a mailbox only.
        case address
    }

    let id: UUID
    let kind: Kind
    var name: String?

    /// The id that stands for a mailbox: the same one for the same mailbox of a tenant (UUID version 8, RFC 9562 section 5.8).
    static func id(ofAddress address: String, tenantId: UUID) -> UUID {
        var hash = SHA256()
        hash.update(data: Array(tenantId.text.utf8))
        hash.update(data: Array(address.lowercased().utf8))
        var bytes = Array(hash.finalize().prefix(16))
        bytes[6] = bytes[6] & 0x0F | 0x80
        bytes[8] = bytes[8] & 0x3F | 0x80
        return bytes.withUnsafeBytes { UUID(uuid: $0.loadUnaligned(as: uuid_t.self)) }
    }
}

/// A message on one channel to one address.
struct NewDelivery: Sendable {
    var id = UUID.v7()
    let channel: String
    let address: String
    let verdict: ChannelDecision.Verdict
    let content: RenderedText
    var templateId: UUID?
}

enum NoticeWriter {
    /// Most characters of what the inbox shows.
    private static let bodyLengthMax = 4_000

    /// Writes notices that were not written before, and their deliveries. Nothing is sent before the transaction commits;
    /// then the channels are told.
    static func write(_ notices: [Notice], now: Timestamp, in tx: Transaction) {
        guard !notices.isEmpty else { return }
        tx.enqueue(
            """
            WITH fresh AS (
                INSERT INTO notifications (
                    tenant_id, id, version, created_at, updated_at, event_id, type, recipient_id, recipient_kind,
                    author_id, context_type, context_id, locale, title, body, is_mandatory, in_inbox)
                SELECT tenant_id, id, 1, \(now), \(now), event_id, type, recipient_id, recipient_kind, author_id,
                    context_type, context_id, locale, title, body, is_mandatory, false
                FROM json_to_recordset(\(rows(notices))::json) AS n (
                    tenant_id uuid, id uuid, event_id uuid, type text, recipient_id uuid, recipient_kind text,
                    author_id uuid, context_type text, context_id uuid, locale text, title text, body text, is_mandatory boolean)
                ORDER BY tenant_id, event_id, type, recipient_id
                ON CONFLICT (tenant_id, event_id, type, recipient_id) DO NOTHING
                RETURNING tenant_id, id, recipient_id
            )
            INSERT INTO notification_deliveries (
                tenant_id, id, created_at, updated_at, notification_id, channel, recipient_id, recipient_name, address,
                state, reason, attempts, due_at, digest, subject, text, html, template_id)
            SELECT fresh.tenant_id, d.id, \(now), \(now), fresh.id, d.channel, fresh.recipient_id, d.recipient_name,
                d.address, d.state, d.reason, 0, d.due_at, d.digest, d.subject, d.text, d.html, d.template_id
            FROM json_to_recordset(\(deliveryRows(notices))::json) AS d (
                notification_id uuid, id uuid, channel text, recipient_name text, address text, state text, reason text,
                due_at timestamptz, digest text, subject text, text text, html text, template_id uuid)
            JOIN fresh ON fresh.id = d.notification_id
            ON CONFLICT (tenant_id, notification_id, channel, address) DO NOTHING
            """)
        let channels = Set(notices.flatMap(\.deliveries).map(\.channel))
        tx.afterCommit { DeliveryBell.ring(channels) }
    }

    private static func rows(_ notices: [Notice]) -> String {
        JSON.array(
            notices.map { notice in
                [
                    "tenant_id": .uuid(notice.tenantId), "id": .uuid(notice.id), "event_id": .uuid(notice.eventId),
                    "type": .string(notice.type.name), "recipient_id": .uuid(notice.recipient.id),
                    "recipient_kind": .string(notice.recipient.kind.rawValue),
                    "author_id": notice.authorId.map { .uuid($0) } ?? .null,
                    "context_type": notice.contextType.map { .string($0) } ?? .null,
                    "context_id": notice.contextId.map { .uuid($0) } ?? .null, "locale": .string(notice.locale),
                    "title": .string(notice.title.storable()),
                    "body": .string(notice.body.storable(upTo: bodyLengthMax)),
                    "is_mandatory": .bool(notice.type.isMandatory),
                ]
            }
        ).text
    }

    private static func deliveryRows(_ notices: [Notice]) -> String {
        JSON.array(
            notices.flatMap { notice in
                notice.deliveries.map { delivery -> JSON in
                    var row: JSONObject = [
                        "notification_id": .uuid(notice.id), "id": .uuid(delivery.id),
                        "channel": .string(delivery.channel),
                        "recipient_name": notice.recipient.name.map { .string($0.storable()) } ?? .null,
                        "address": .string(delivery.address.storable()),
                        "subject": .string(delivery.content.subject.storable()),
                        "text": .string(delivery.content.text.storable()),
                        "html": delivery.content.html.map { .string($0.storable()) } ?? .null,
                        "template_id": delivery.templateId.map { .uuid($0) } ?? .null,
                    ]
                    switch delivery.verdict {
                    case .send(let instant, let digest):
                        row["state"] = .string(DeliveryState.queued.rawValue)
                        row["due_at"] = .timestamp(instant)
                        row["digest"] = .string(digest.rawValue)
                    case .skip(let reason):
                        row["state"] = .string(DeliveryState.skipped.rawValue)
                        row["reason"] = .string(reason)
                        row["digest"] = .string(Digest.immediate.rawValue)
                    }
                    return .object(row)
                }
            }
        ).text
    }
}
