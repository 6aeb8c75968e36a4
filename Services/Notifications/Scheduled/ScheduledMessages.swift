// Messages that somebody wants to be sent later.

import Conditions
import Contracts
import Database
import HTTPTypes
import Logging
import ServiceLifecycle
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Messages for a time to come. Until then they can be changed and cancelled; each is sent once, whatever happens meanwhile.
struct ScheduledMessages: Resource {
    static let store: ResourceStore<ScheduledMessages> = ResourceStore(ScheduledMessages())

    enum Status: String, CaseIterable, Sendable {
        case scheduled, sent, cancelled
    }

    let path = "scheduled_messages"
    let entity = "scheduled_message"
    let summary = "Messages that are sent at a time, such as a question three months after a ticket."
    let permissions = ResourcePermissions(read: "notifications.write", write: "notifications.write")
    let defaultSort = "-id"
    let fields: [Field] = [
        .timestamp("sendAt").required.sortable.rangeFilterable.described(
            "When it goes out; a time that is over means at once."),
        .choice("status", Status.self).readOnly.defaults(to: .string(Status.scheduled.rawValue)).filterable,
        .uuids("userIds", count: 0...100),
        .strings("addresses", each: 3...254, count: 0...100).described("Mailboxes of people who are no users."),
        .strings("channels", each: 1...20, count: 0...5).described("By default in_app and email."),
        .text("subject", 1...500).required.searchable.example("How do you do?"),
        .text("body", 1...20_000).required.example("Three months ago we helped you. Does everything work?"),
        .uuid("ticketId").filterable,
        .timestamp("sentAt").readOnly,
        .timestamp("cancelledAt").readOnly,
    ]

    func willCreate(_ draft: inout Draft, _ op: Operation) async throws {
        try Self.check(draft.values)
        if (draft.values.uuids("userIds") ?? []).isEmpty, (draft.values.strings("addresses") ?? []).isEmpty {
            throw Problem.invalid([Fault(.pointer("/userIds"), "required", "It needs a recipient.")])
        }
    }

    func willUpdate(_ draft: inout Draft, _ op: Operation) async throws {
        guard let before = draft.before else { return }
        if !draft.values.contains("status") {
            try Self.requireScheduled(before)
            try Self.check(draft.values)
        }
    }

    func willDelete(_ draft: inout Draft, _ op: Operation) async throws {
        if draft.before?.string("status") == Status.sent.rawValue {
            throw Problem.conflict("What was sent stays in the log.", code: "already_sent")
        }
    }

    private static func check(_ values: Values) throws {
        var faults: [Fault] = []
        for (place, channel) in (values.strings("channels") ?? []).enumerated() where !ChannelName.all.contains(channel)
        {
            faults.append(
                Fault(
                    .pointer("/channels/\(place)"), "unknown_value", "There is no such channel.",
                    allowed: ChannelName.all))
        }
        for (place, address) in (values.strings("addresses") ?? []).enumerated()
        where !Field.TextFormat.email.isMet(address) {
            faults.append(Fault(.pointer("/addresses/\(place)"), "bad_format", "It must be an email address."))
        }
        if !faults.isEmpty { throw Problem.invalid(faults) }
    }

    fileprivate static func requireScheduled(_ record: Record) throws {
        guard let status = record.string("status"), status != Status.scheduled.rawValue else { return }
        throw Problem.conflict("The message is \(status) already.", code: "already_\(status)")
    }

    static let routes = [
        Route(
            .post, "scheduled_messages/{scheduledMessageId}/cancel", permission: "notifications.write",
            summary: "Don't send a scheduled message", tag: "scheduled_messages",
            answers: [.entity("ScheduledMessage")], operationId: "cancelScheduledMessage"
        ) { call in
            try await call.write { op in
                let record = try await store.loadForChange(try call.id("scheduledMessageId"), in: op)
                try requireScheduled(record)
                let cancelled = try await store.update(
                    record, changes: ["status": Status.cancelled.rawValue, "cancelledAt": op.now],
                    in: op.on(record))
                return .json(bytes: try cancelled.bytes(), headers: [.eTag: "\"\(cancelled.version)\""])
            }
        }
    ]
}

/// Sends scheduled messages whose time has come; several processes share them. A message's notifications and its being sent
/// commit together.
struct ScheduledSending: Service {
    let database: Database
    let outlets: Outlets
    var interval = Duration.seconds(1)

    private static let batch = 20
    private static let logger = Logger(label: "notifications.scheduled")

    func run() async throws {
        try? await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                do {
                    while try await sendDue(at: .now) > 0 {}
                } catch {
                    Self.logger.warning("scheduled messages wait", metadata: ["error": "\(error)"])
                }
                try await Task.sleep(for: interval)
            }
        }
    }

    /// Sends what is due, a few at a time. Answers how many there were.
    func sendDue(at now: Timestamp) async throws -> Int {
        try await database.transaction(as: .admin) { tx in
            let rows = try await tx.query(
                """
                SELECT tenant_id, id FROM scheduled_messages WHERE status = 'scheduled' AND send_at <= \(now)
                ORDER BY send_at LIMIT \(Self.batch) FOR NO KEY UPDATE SKIP LOCKED
                """)
            for row in rows {
                let (tenantId, id) = try row.decode((UUID, UUID).self)
                let op = Operation(tx: tx, tenantId: tenantId, now: now)
                try await send(try await ScheduledMessages.store.load(id, in: op, forUpdate: true), op)
            }
            return rows.count
        }
    }

    private func send(_ message: Record, _ op: Operation) async throws {
        let type = NotificationType.scheduled
        let desk = NoticeDesk(tenantId: message.tenantId, outlets: outlets, tx: op.tx)
        let (users, addresses) = (message.uuids("userIds"), message.strings("addresses"))
        let rule = Rule(
            type: type, condition: .always, recipients: [], userIds: users, addresses: addresses,
            channels: message.strings("channels"), templateId: nil)
        let directory = try await desk.directory(Addressees(userIds: users, addresses: addresses))
        let composer = try await desk.composer(directory, types: [type.name], now: op.now)
        let ticketIds = [message.uuid("ticketId")].compactMap(\.self)
        let tickets = try NoticeDesk.tickets(try await op.tx.query(NoticeDesk.ticketQuery(message.tenantId, ticketIds)))
        let occurrence = Occurrence(
            eventId: message.id, tenantId: message.tenantId, event: "",
            payload: [
                "subject": .string(message.string("subject") ?? ""), "text": .string(message.string("body") ?? ""),
            ])
        let notices = composer.notices(
            of: rule, occurrence, ticket: ticketIds.first.flatMap { tickets[$0] }, participants: [])
        NoticeWriter.write(notices, now: op.now, in: op.tx)
        _ = try await ScheduledMessages.store.update(
            message, changes: ["status": ScheduledMessages.Status.sent.rawValue, "sentAt": op.now], in: op)
    }
}
