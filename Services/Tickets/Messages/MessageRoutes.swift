// Writing a message: the message, what it does to its ticket, and the follow-up ticket of a reply that comes too late.
import Contracts
import Database
import HTTPTypes
import Markup
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

enum MessageRoutes {
    static let all: [Route] = [
        Route(
            .post, "tickets/{ticketId}/messages", access: .anyPermission(["tickets.reply", "tickets.comment"]),
            summary: "Write a message",
            description: """
                A public message of an agent answers an open ticket; a customer's brings an answered, waiting or done ticket \
                back. A customer's message to a ticket that was closed too long ago is filed in a new ticket that follows up \
                on it: the answer then names another ticketId than the path.
                """,
            tag: "messages", body: .fields(Messages.given + [.uuid("authorId")]),
            answers: [
                AnswerSpec(
                    .created, "The message.", schema: ["$ref": "#/components/schemas/TicketMessage"])
            ],
            operationId: "createTicketMessage"
        ) { call in
            let ticketId = try call.id("ticketId")
            return try await call.write { op in
                let ticket = try await TicketResource.store.loadForChange(ticketId, in: op)
                let message = try await MessageWriter(op: op).write(call.values, to: ticket)
                let target = message.uuid("ticketId") ?? ticketId
                return Answer.json(
                    bytes: try message.bytes(), status: .created, headers: [.eTag: "\"\(message.version)\""]
                )
                .with(.location, call.location(of: message.id, in: target, insteadOf: ticketId))
            }
        }
    ]
}

extension Call {
    /// Where a message is found, which a follow-up ticket may have taken.
    fileprivate func location(of message: UUID, in target: UUID, insteadOf ticket: UUID) -> String {
        location(message.text).replacing("/\(ticket.text)/", with: "/\(target.text)/")
    }
}

/// Writes messages by the rules.
struct MessageWriter {
    let op: Operation

    init(op: Operation) { self.op = op }

    /// - Parameters:
    ///   - given: checked values of a message.
    ///   - ticket: loaded for update.
    func write(_ given: Values, to ticket: Record) async throws -> Record {
        let op = op.on(ticket)
        var values = given
        let author = try authorType(given)
        let isPublic = given.bool("isPublic") ?? true
        try check(given, author: author, isPublic: isPublic)
        values.set("authorType", author.rawValue)
        values.set("authorId", given.uuid("authorId") ?? authorId(author, of: ticket))
        if let html = given.string("bodyHtml") {
            let rich = HTMLSanitizer.sanitize(html, from: .message)
            values.set("bodyHtml", rich.html)
            if given.string("bodyText") == nil { values.set("bodyText", rich.text) }
        }
        var state = try TicketState(ticket)
        let policy = author == .customer ? try await TicketPolicy.forLeaving(state.status, op) : TicketPolicy()
        let effect = try refusing { () throws(TicketRefusal) in
            try state.receive(from: author, isPublic: isPublic, now: op.now, policy: policy)
        }
        let target =
            switch effect {
            case .taken:
                try await TicketResource.store.write(
                    state, to: ticket, note: TicketNote(isMessage: true), touching: true, in: op)
            case .followUp:
                try await followUp(on: ticket, op)
            }
        if let inReplyTo = given.uuid("inReplyTo") {
            if effect == .followUp {
                values.set("inReplyTo", UUID?.none)
            } else {
                try await check(inReplyTo, isIn: ticket, op)
            }
        }
        // The caller could see the ticket; a follow-up ticket is for the same customer.
        var unseen = op
        unseen.caller = nil
        return try await Messages.store.create(values, parentId: target.id, in: unseen)
    }

    /// A ticket for what a customer says after the old one can't be opened any more.
    private func followUp(on ticket: Record, _ op: Operation) async throws -> Record {
        var values: Values = [
            "subject": ticket.string("subject") ?? "", "priority": ticket.string("priority") ?? "normal",
            "type": ticket.string("type") ?? "question", "channel": ticket.string("channel") ?? "api",
            "tags": ticket.strings("tags"), "followUpOfId": ticket.id,
        ]
        for name in ["requesterId", "organizationId", "groupId"] {
            if let id = ticket.uuid(name) { values.set(name, id) }
        }
        if let email = ticket.string("requesterEmail") { values.set("requesterEmail", email) }
        let created = try await TicketResource.store.create(values, in: op)
        var state = try TicketState(created)
        _ = try refusing { () throws(TicketRefusal) in
            try state.receive(from: .customer, isPublic: true, now: op.now, policy: TicketPolicy())
        }
        return try await TicketResource.store.write(
            state, to: created, note: TicketNote(isMessage: true), touching: true, in: op)
    }

    private func authorType(_ given: Values) throws -> AuthorType {
        let asked = given.string("authorType").flatMap(AuthorType.init(rawValue:))
        guard let caller = op.caller, !caller.platformAdmin else { return asked ?? .system }
        // Who reads only their own tickets is a customer, and speaks as nobody else.
        if !caller.may("tickets.read") {
            guard asked == nil || asked == .customer else {
                throw Problem.invalid([
                    Fault(.pointer("/authorType"), "not_allowed", "You write as a customer.", allowed: ["customer"])
                ])
            }
            return .customer
        }
        return asked ?? .agent
    }

    private func check(_ given: Values, author: AuthorType, isPublic: Bool) throws {
        if given.string("bodyText")?.isEmpty ?? true, given.string("bodyHtml")?.isEmpty ?? true {
            throw Problem.invalid([Fault(.pointer("/bodyText"), "required", "A message needs bodyText or bodyHtml.")])
        }
        guard let caller = op.caller, !caller.platformAdmin else { return }
        if author == .customer, !isPublic { throw Problem(.customerMessageMustBePublic) }
        let permission = isPublic ? "tickets.reply" : "tickets.comment"
        guard caller.may(permission) else { throw Problem.forbidden(permission: permission) }
        if !caller.may("tickets.read"), let id = given.uuid("authorId"), id != caller.actorId {
            throw Problem.invalid([Fault(.pointer("/authorId"), "not_allowed", "You write as yourself.")])
        }
    }

    /// Somebody in person: who calls, or the customer on whose behalf it is done.
    private func authorId(_ author: AuthorType, of ticket: Record) -> UUID? {
        switch author {
        case .agent: return op.actorId
        case .system: return nil
        case .customer:
            if let caller = op.caller, !caller.platformAdmin, !caller.may("tickets.read") { return op.actorId }
            if let requester = ticket.uuid("requesterId") { return requester }
            return ticket.string("requesterEmail").map { Requester.id(forUnknown: $0, tenantId: ticket.tenantId) }
        }
    }

    private func check(_ messageId: UUID, isIn ticket: Record, _ op: Operation) async throws {
        let message = try await Messages.store.find(
            messageId, in: op.tx, tenantId: ticket.tenantId, parentId: ticket.id, caller: op.caller)
        guard message != nil else {
            throw Problem.conflict(
                "inReplyTo is no message of this ticket.", code: "unknown_reference",
                errors: [Fault(.pointer("/inReplyTo"), "unknown_reference", "No such message here.")])
        }
    }
}
