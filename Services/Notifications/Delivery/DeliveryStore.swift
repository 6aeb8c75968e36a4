// The deliveries' rows: who sends what, and what came of it.

import Contracts
import Database
import Messaging

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A delivery that this process has taken on until its lease runs out.
struct DeliveryClaim: Sendable {
    let message: OutboundMessage
    /// Nothing is to be sent to the address.
    let isSuppressed: Bool

    func outcome(_ result: DeliveryOutcome.Result, at now: Timestamp) -> DeliveryOutcome {
        DeliveryOutcome(
            tenantId: message.tenantId, id: message.id, attempt: message.attempt, result: result, at: now)
    }
}

/// Takes deliveries of one channel and notes what came of them. Any number of processes do it side by side: each takes rows
/// that no other has, and what one that dies had is free again when that is noticed (``Crew``), or when its lease runs out. It
/// is then sent again under the same id, and what the dead one may still say of it is not listened to.
struct DeliveryStore: Sendable {
    let database: Database
    let channel: String
    var limits = RateLimits()
    /// Of the channel that sends mail: tells of it.
    var emails: OutboundEmails?
    var lease: Duration

    /// Notes outcomes and takes what is due, in one transaction.
    /// - Parameter worker: Whose the claims are.
    func turn(
        settling outcomes: [DeliveryOutcome], claiming count: Int, by worker: UUID = .v7(), now: Timestamp = .now
    ) async throws -> [DeliveryClaim] {
        // Two channels may note outcomes of the same notifications in different orders.
        let claims = try await database.transaction(as: .admin, retries: 5) { tx in
            tx.planForManyKeys()
            if !outcomes.isEmpty { try await settle(outcomes, now: now, in: tx) }
            return count > 0 ? try await claim(count, by: worker, now: now, in: tx) : []
        }
        for outcome in outcomes { outcome.release() }
        return claims
    }

    // MARK: Claiming

    private func claim(_ count: Int, by worker: UUID, now: Timestamp, in tx: Transaction) async throws
        -> [DeliveryClaim]
    {
        let rows = try await tx.query(
            """
            WITH due AS (
                SELECT tenant_id, id FROM notification_deliveries
                WHERE channel = \(channel) AND due_at <= \(now) AND state IN ('queued', 'sending')
                    AND digest = 'immediate'
                ORDER BY due_at LIMIT \(count) FOR UPDATE SKIP LOCKED
            )
            UPDATE notification_deliveries AS d
            SET state = 'sending', attempts = d.attempts + 1, due_at = \(now + lease), worker = \(worker),
                updated_at = \(now)
            FROM due JOIN notification_deliveries AS o ON o.tenant_id = due.tenant_id AND o.id = due.id
                JOIN notifications AS n ON n.tenant_id = o.tenant_id AND n.id = o.notification_id
            WHERE d.tenant_id = due.tenant_id AND d.id = due.id
            RETURNING d.id, d.tenant_id, d.notification_id, n.type, d.recipient_id, n.recipient_kind, d.recipient_name,
                d.address, n.locale, d.subject, d.text, d.html, n.author_id, n.context_type, n.context_id,
                n.is_mandatory,
                d.created_at, d.attempts::bigint,
                EXISTS (SELECT FROM notification_suppressions AS s
                    WHERE s.tenant_id = d.tenant_id AND s.channel = d.channel AND s.address = lower(d.address)
                        -- Nobody can unsubscribe from what is mandatory.
                        AND NOT (n.is_mandatory AND s.reason = 'unsubscribed')) AS suppressed
            """)
        let claims = try rows.map(Self.claim)
        let waits = try await limits.take(claims, channel: channel, now: now, in: tx)
        if !waits.isEmpty { putBack(waits, in: tx) }
        let taken = claims.filter { waits[$0.message.id] == nil }
        try await emails?.queued(taken.filter { !$0.isSuppressed }.map(\.message), in: tx)
        return taken
    }

    private static func claim(_ row: Row) throws -> DeliveryClaim {
        let isUser = try row.get("recipient_kind", as: String.self) == Recipient.Kind.user.rawValue
        return DeliveryClaim(
            message: OutboundMessage(
                id: try row.get("id"), tenantId: try row.get("tenant_id"),
                notificationId: try row.get("notification_id"), type: try row.get("type"),
                recipientId: isUser ? try row.get("recipient_id") : nil, recipientName: try row.get("recipient_name"),
                address: try row.get("address"), locale: try row.get("locale"), subject: try row.get("subject"),
                text: try row.get("text"), html: try row.get("html"),
                authorId: try row.get("author_id"), contextType: try row.get("context_type"),
                contextId: try row.get("context_id"), isMandatory: try row.get("is_mandatory"),
                queuedAt: try row.get("created_at"), attempt: Int(try row.get("attempts", as: Int64.self))),
            isSuppressed: try row.get("suppressed"))
    }

    /// What was not tried is no try.
    private func putBack(_ waits: [UUID: Timestamp], in tx: Transaction) {
        let rows = Array(waits)
        tx.enqueue(
            """
            UPDATE notification_deliveries AS d SET state = 'queued', attempts = d.attempts - 1, due_at = g.due_at
            FROM unnest(\(rows.map(\.key)), \(rows.map(\.value))) AS g (id, due_at) WHERE d.id = g.id
            """)
    }

    // MARK: Settling

    /// A delivery that is over, for the events.
    private struct Settled {
        var tenantId: UUID
        var id: UUID
        /// Its part of a digest went with that one.
        var isCarried: Bool
        var notificationId: UUID
        var channel: String
        var recipientId: UUID
        var state: DeliveryState
        var reason: String?
        var detail: String?
        var templateId: UUID?
        var providerMessageId: String?
        var version: Int64
        var contextType: String?
        var contextId: UUID?

        init?(_ row: Row) throws {
            guard let state = DeliveryState(rawValue: try row.get("state")) else { return nil }
            self.state = state
            channel = try row.get("channel")
            tenantId = try row.get("tenant_id")
            id = try row.get("id")
            isCarried = try row.get("digest_id", as: UUID?.self) != nil
            notificationId = try row.get("notification_id")
            recipientId = try row.get("recipient_id")
            reason = try row.get("reason")
            detail = try row.get("detail")
            templateId = try row.get("template_id")
            providerMessageId = try row.get("provider_message_id")
            version = try row.get("version")
            contextType = try row.get("context_type")
            contextId = try row.get("context_id")
        }

        /// Nil while nothing is to be told of mail.
        var email: OutboundEmails.Outcome? {
            guard !isCarried, [.sent, .delivered, .failed].contains(state) else { return nil }
            return OutboundEmails.Outcome(
                tenantId: tenantId, id: id, contextType: contextType, contextId: contextId,
                providerMessageId: state == .failed ? nil : providerMessageId ?? "", errorCode: reason,
                errorMessage: detail)
        }

        func publish(now: Timestamp, in tx: Transaction) throws {
            func publish<E: Event>(_ event: (NotificationSent.Channel) -> E) throws {
                try OtherChannels.publish(
                    channel: channel, version: version, at: now, of: tenantId, in: tx, event)
            }
            switch state {
            case .sent, .delivered:
                try publish { channel in
                    NotificationSent(
                        notificationId: notificationId, channel: channel, recipientId: recipientId, sentAt: now,
                        templateId: templateId, contextType: contextType, contextId: contextId)
                }
                guard state == .delivered else { return }
                try publish { channel in
                    NotificationDelivered(
                        notificationId: notificationId, channel: channel, recipientId: recipientId, deliveredAt: now,
                        providerMessageId: providerMessageId)
                }
            case .failed:
                try publish { channel in
                    NotificationFailed(
                        notificationId: notificationId, channel: channel, recipientId: recipientId, failedAt: now,
                        errorCode: reason, errorMessage: detail ?? reason ?? "", retryable: false)
                }
            case .queued, .sending, .read, .skipped: break
            }
        }
    }

    private func settle(_ outcomes: [DeliveryOutcome], now: Timestamp, in tx: Transaction) async throws {
        let settlements = outcomes.map { $0.settlement(chance: Double.random(in: 0...1)) }
        let rows = try await tx.query(
            """
            WITH given AS (
                SELECT * FROM unnest(
                    \(outcomes.map(\.tenantId)), \(outcomes.map(\.id)), \(outcomes.map(\.attempt)),
                    \(settlements.map(\.state.rawValue)), \(settlements.map(\.reason)), \(settlements.map(\.detail)),
                    \(settlements.map(\.dueAt)), \(settlements.map(\.providerMessageId))
                ) AS g (tenant_id, id, attempt, state, reason, detail, due_at, provider_message_id)
            ), settled AS (
                UPDATE notification_deliveries AS d
                SET state = g.state, reason = g.reason, detail = g.detail, due_at = g.due_at, updated_at = \(now),
                    provider_message_id = coalesce(g.provider_message_id, d.provider_message_id),
                    sent_at = CASE WHEN g.state IN ('sent', 'delivered') THEN \(now)::timestamptz ELSE d.sent_at END,
                    delivered_at = CASE WHEN g.state = 'delivered' THEN \(now)::timestamptz ELSE d.delivered_at END
                FROM given AS g
                WHERE d.tenant_id = g.tenant_id AND d.id = g.id AND d.attempts = g.attempt AND d.state = 'sending'
                RETURNING d.*
            ), carried AS (
                -- What a digest took along fares as the digest does.
                UPDATE notification_deliveries AS c
                SET state = s.state, reason = s.reason, detail = s.detail, updated_at = s.updated_at,
                    provider_message_id = s.provider_message_id, sent_at = s.sent_at, delivered_at = s.delivered_at
                FROM settled AS s
                WHERE c.tenant_id = s.tenant_id AND c.digest_id = s.id AND s.state <> 'queued'
                RETURNING c.*
            ), over AS (
                SELECT * FROM settled WHERE state <> 'queued' UNION ALL SELECT * FROM carried
            ), noted AS (
                UPDATE notifications AS n
                SET version = n.version + 1, updated_at = \(now),
                    in_inbox = n.in_inbox OR o.channel = 'in_app' AND o.state = 'delivered'
                FROM over AS o WHERE n.tenant_id = o.tenant_id AND n.id = o.notification_id
                RETURNING n.tenant_id, n.id, n.version, n.context_type, n.context_id
            )
            SELECT o.tenant_id, o.id, o.digest_id, o.notification_id, o.channel, o.recipient_id, o.state, o.reason, o.detail, o.template_id,
                o.provider_message_id, n.version, n.context_type, n.context_id
            FROM over AS o JOIN noted AS n ON n.tenant_id = o.tenant_id AND n.id = o.notification_id
            """)
        for row in rows {
            guard let settled = try Settled(row) else { continue }
            try settled.publish(now: now, in: tx)
            if let emails, let email = settled.email { try emails.over(email, at: now, in: tx) }
        }
        for (outcome, settlement) in zip(outcomes, settlements) where settlement.suppresses {
            try await Suppressions.suppress(
                delivery: outcome.id, tenantId: outcome.tenantId, settlement, now: now, in: tx)
        }
    }
}
