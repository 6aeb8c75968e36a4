// What mail systems and recipients report about mail that was sent.

import Contracts
import Database
import HTTPTypes
import Mail
import Messaging
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Reports about sent mail, as they came in: bounces, complaints, deliveries, unsubscriptions. Each has its effect once, however often
/// it is told.
struct EmailReports: Resource {
    enum Kind: String, CaseIterable, Sendable {
        case bounce, complaint, delivery, unsubscribe
    }

    /// One report about one address.
    struct Report: Sendable {
        var kind: Kind
        var deliveryId: UUID
        /// Nil for the one that the delivery went to.
        var address: String?
        var bounce: BounceKind?
        var code: Int?
        var status: String?
        var detail: String?
        /// Who reports: a server, or a provider.
        var source: String?
    }

    let path = "email_reports"
    let entity = "email_report"
    let summary = "Bounces, complaints and other reports about sent mail."
    let operations: ResourceOperations = [.list, .get]
    let stamps: ResourceStamps = [.createdAt]
    let permissions = ResourcePermissions(read: "notifications.write", write: "notifications.write")
    let fields: [Field] = [
        .choice("kind", Kind.self).readOnly.notNull.filterable,
        .uuid("deliveryId").readOnly.notNull.filterable,
        .text("address").readOnly.notNull.filterable,
        .choice("bounce", BounceKind.self).readOnly.filterable,
        .integer("code").readOnly.described("The SMTP reply's code."),
        .text("status").readOnly.described("As RFC 3463 has it."),
        .text("detail").readOnly,
        .text("source").readOnly,
    ]

    /// The email's version in events about what was reported: it was queued, it was sent, and then this.
    static let version: Int64 = 3

    // MARK: Effects

    /// Keeps a report; false if it is known already.
    static func record(_ report: Report, _ op: Operation) async throws -> Bool {
        let kept = try await op.tx.first(
            """
            INSERT INTO email_reports
                (tenant_id, id, created_at, kind, delivery_id, address, bounce, code, status, detail, source)
            VALUES (\(op.tenantId), \(UUID.v7()), \(op.now), \(report.kind.rawValue), \(report.deliveryId),
                \(report.address ?? ""), \(report.bounce?.rawValue), \(report.code), \(report.status),
                \(report.detail), \(report.source))
            ON CONFLICT (tenant_id, delivery_id, kind, address) DO NOTHING RETURNING id
            """)
        return kept != nil
    }

    /// Keeps a report and does what follows from it. Answers false where there is no such delivery.
    static func take(_ report: Report, _ op: Operation) async throws -> Bool {
        let row = try await op.tx.first(
            """
            SELECT tenant_id, address, provider_message_id FROM notification_deliveries
            WHERE id = \(report.deliveryId) AND channel = 'email'
            """)
        guard let (tenantId, sentTo, providerId) = try row?.decode((UUID, String, String?).self) else { return false }
        let op = op.on(tenant: tenantId)
        var report = report
        // What is reported may be another address, to which the mail was forwarded: ours is the one that we know.
        report.address = sentTo
        // What it says comes from anybody.
        report.detail = report.detail?.storable(upTo: 1_000)
        report.source = report.source?.storable(upTo: 200)
        guard try await record(report, op) else { return true }
        try await apply(report, to: sentTo, providerId ?? "", op)
        return true
    }

    private static func apply(_ report: Report, to address: String, _ providerId: String, _ op: Operation) async throws
    {
        switch report.kind {
        case .bounce:
            let kind = report.bounce ?? .soft
            op.tx.enqueue(
                """
                UPDATE notification_deliveries
                SET state = 'failed', reason = \(kind == .hard ? "bounced" : "bounced_soft"), detail = \(report.detail),
                    due_at = NULL, updated_at = \(op.now)
                WHERE tenant_id = \(op.tenantId) AND id = \(report.deliveryId) AND state IN ('sent', 'delivered')
                """)
            if kind == .hard {
                try await Suppressions.suppress(address, on: "email", .hardBounce, detail: report.detail, op)
            }
            try publish(
                EmailBounced(
                    messageId: report.deliveryId, providerMessageId: providerId, to: address, bouncedAt: op.now,
                    bounceType: kind == .hard ? .hard : .soft, smtpCode: report.code, smtpMessage: report.detail), op)
        case .complaint:
            try await Suppressions.suppress(address, on: "email", .complaint, detail: report.detail, op)
            try publish(
                EmailComplaintReceived(
                    messageId: report.deliveryId, providerMessageId: providerId, to: address, complainedAt: op.now,
                    provider: report.source ?? "unknown", complaintType: report.detail), op)
        case .delivery:
            op.tx.enqueue(
                """
                UPDATE notification_deliveries
                SET state = 'delivered', delivered_at = \(op.now), updated_at = \(op.now)
                WHERE tenant_id = \(op.tenantId) AND id = \(report.deliveryId) AND state = 'sent'
                """)
            try publish(
                EmailDelivered(
                    messageId: report.deliveryId, providerMessageId: providerId, to: address, deliveredAt: op.now,
                    provider: report.source ?? "smtp"), op)
        case .unsubscribe:
            try await Suppressions.suppress(address, on: "email", .unsubscribed, detail: report.detail, op)
            try publish(
                EmailUnsubscribed(
                    recipientEmail: address, unsubscribedAt: op.now, source: report.source ?? "report",
                    messageId: report.deliveryId), op)
        }
    }

    private static func publish(_ event: some Event, _ op: Operation) throws {
        try op.tx.publish(event, version: version, actor: .system, occurredAt: op.now, tenantId: op.tenantId)
    }
}

// MARK: - Reading

extension EmailReports.Report {
    /// The reports in a message: of each recipient that has failed or got it, or that complains. Empty where it is no report about a
    /// message of ours.
    static func read(_ bytes: [UInt8]) throws(MailFault) -> [EmailReports.Report] {
        let message = try MIMEEntity(bytes)
        if let complaint = ComplaintReport(message) {
            guard complaint.type != "not-spam", let id = delivery(complaint.envelopeId, complaint.messageId) else {
                return []
            }
            return [
                Self(kind: .complaint, deliveryId: id, detail: complaint.type, source: complaint.userAgent)
            ]
        }
        guard let report = DeliveryReport(message), let id = delivery(report.envelopeId, report.messageId) else {
            return []
        }
        return report.recipients.compactMap { recipient in
            let kind: EmailReports.Kind
            switch recipient.action {
            case .failed: kind = .bounce
            case .delivered: kind = .delivery
            // Not over yet, or over for us: it went on to where nobody reports from.
            case .delayed, .relayed, .expanded: return nil
            }
            return Self(
                kind: kind, deliveryId: id, address: recipient.address.text, bounce: recipient.bounce,
                code: recipient.smtpCode, status: recipient.status?.description, detail: recipient.diagnostic,
                source: report.reportingMTA)
        }
    }

    /// The same, with a 422 for a message that is too much to read.
    static func checked(_ bytes: [UInt8]) throws(Problem) -> [EmailReports.Report] {
        do throws(MailFault) {
            return try read(bytes)
        } catch {
            throw .invalid([Fault(.pointer(""), error.code, error.hint)])
        }
    }

    /// The delivery that a report names: by what we gave the server for that, or by the id of the message that it returns.
    private static func delivery(_ envelopeId: String?, _ messageId: MessageID?) -> UUID? {
        envelopeId.flatMap { UUID(text: $0) } ?? messageId.flatMap(EmailThread.delivery)
    }
}

// MARK: - Routes

extension EmailReports {
    static let messageOctetsMax = 2 << 20

    private static let outcome = AnswerSpec(
        .ok, "How many reports it has, about mail that was sent from here.",
        schema: [
            "type": "object", "required": ["reports"], "properties": ["reports": ["type": "integer", "minimum": 0]],
        ])

    static let routes: [Route] = [
        Route(
            .post, "email_reports", permission: "notifications.write", summary: "Report what became of a sent mail",
            description: "For providers that tell it in a form of their own; known ones change nothing.",
            tag: "email_reports",
            body: .fields([
                .choice("kind", Kind.self).required,
                .uuid("deliveryId").required.described("As in the mail's Message-ID: delivery.<id>@…"),
                .choice("bounce", BounceKind.self).described(
                    "Of a bounce; by default judged by code, status and detail."),
                .integer("code", 200...599),
                .text("status", 5...11).example("5.1.1"),
                .text("detail", 0...1_000),
                .text("source", 0...200),
            ]),
            answers: [outcome], operationId: "reportEmail"
        ) { call in
            let values = call.values
            guard let kind = values.string("kind").flatMap(Kind.init(rawValue:)), let id = values.uuid("deliveryId")
            else {
                throw Problem.badRequest()
            }
            let code = values.int("code").map { Int($0) }
            let status = values.string("status").flatMap { EnhancedStatus(prefixOf: $0) }
            let detail = values.string("detail")
            var report = Report(kind: kind, deliveryId: id, detail: detail, source: values.string("source"))
            (report.code, report.status) = (code, status?.description)
            if kind == .bounce {
                report.bounce =
                    values.string("bounce").flatMap(BounceKind.init(rawValue:))
                    ?? BounceKind(code: code, status: status, text: detail ?? "")
            }
            return try await call.write { [report] op in
                guard try await take(report, op) else { throw Problem.notFound("There is no such mail.") }
                return .json(["reports": 1])
            }
        },
        Route(
            .post, "email_reports/message", permission: "notifications.write",
            summary: "Take a report as mail systems send it",
            description: """
                A delivery status notification (RFC 3464) or a complaint (RFC 5965), whole. What is neither, or is about mail \
                from elsewhere, counts for nothing.
                """,
            tag: "email_reports", body: .bytes(["message/rfc822"], bytesMax: messageOctetsMax), answers: [outcome],
            operationId: "reportEmailMessage"
        ) { call in
            let reports = try Report.checked(call.bytes)
            return try await call.write { op in
                var count: Int64 = 0
                for report in reports where try await take(report, op) { count += 1 }
                return .json(["reports": .int(count)])
            }
        },
    ]
}
