// What is done to a ticket beside reading and changing its fields. Each operation is one rule of TicketState and the words
// that go with it.
import Contracts
import Database
import HTTPTypes
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

enum TicketRoutes {
    static let all: [Route] = [
        operation(
            "status", "Move the ticket to another status",
            fields: [.choice("status", TicketStatus.self).required, reason]
        ) { state, call, op in
            let target = call.values.string("status").flatMap(TicketStatus.init(rawValue:)) ?? .open
            let policy = try await TicketPolicy.forLeaving(state.status, op)
            try refusing { () throws(TicketRefusal) in try state.move(to: target, now: op.now, policy: policy) }
        },
        operation(
            "priority", "Change the priority",
            fields: [.choice("priority", TicketPriority.self).required, reason]
        ) { state, call, _ in
            state.priority = call.values.string("priority").flatMap(TicketPriority.init(rawValue:)) ?? state.priority
        },
        operation(
            "assign", "Give the ticket to an agent", permission: "tickets.assign",
            description: "An agent whom the gateway has deactivated, or who is a customer, is refused.",
            fields: [.uuid("assigneeId").required, .uuid("groupId"), assignmentReason, reason]
        ) { state, call, op in
            guard let assignee = call.values.uuid("assigneeId") else { return }
            try await Agents.check(assignee, op)
            state.assign(to: assignee, group: call.values.uuid("groupId"))
        },
        operation(
            "unassign", "Take the ticket from its agent", permission: "tickets.assign", fields: [reason]
        ) { state, _, _ in
            state.unassign()
        },
        operation(
            "transfer", "Move the ticket to another group", permission: "tickets.assign",
            description:
                "Its agent belongs to the old group, so it is free in the new one unless an assignee is named.",
            fields: [.uuid("groupId").required, .uuid("assigneeId"), assignmentReason, reason]
        ) { state, call, op in
            guard let group = call.values.uuid("groupId") else { return }
            let assignee = call.values.uuid("assigneeId")
            if let assignee { try await Agents.check(assignee, op) }
            state.transfer(to: group, assignee: assignee)
        },
        operation(
            "close", "Close the ticket", fields: [.text("resolution", 0...2_000).described("What solved it."), reason]
        ) { state, _, op in
            try refusing { () throws(TicketRefusal) in
                try state.move(to: .closed, now: op.now, policy: TicketPolicy())
            }
        },
        operation(
            "reopen", "Open a resolved or closed ticket again",
            fields: [.choice("status", ["open", "in_progress"]).defaults(to: "open"), reason]
        ) { state, call, op in
            let target = call.values.string("status").flatMap(TicketStatus.init(rawValue:)) ?? .open
            let policy = try await TicketPolicy.forLeaving(state.status, op)
            try refusing { () throws(TicketRefusal) in try state.reopen(to: target, now: op.now, policy: policy) }
        },
        Route(
            .post, "tickets/{ticketId}/assignments", permission: "tickets.assign",
            summary: "Assign by adding to the history",
            tag: "assignments",
            body: .fields([.uuid("assigneeId").required, .uuid("groupId"), assignmentReason, .text("note", 0...500)]),
            answers: [
                AnswerSpec(
                    .created, "The present holding.", schema: ["$ref": "#/components/schemas/TicketAssignment"])
            ],
            operationId: "createTicketAssignment"
        ) { call in
            try await call.write { op in try await assign(call, op) }
        },
        Route(
            .post, "tickets/{ticketId}/tags", permission: "tickets.update", summary: "Put a tag on the ticket",
            tag: "tags",
            body: .fields([.text("name", 1...TicketState.tagLengthMax).required.example("vpn")]),
            answers: [AnswerSpec(.created, "The tag.", schema: ["$ref": "#/components/schemas/TicketTag"])],
            operationId: "createTicketTag"
        ) { call in
            try await call.write { op in try await addTag(call, op) }
        },
        Route(
            .delete, "tickets/{ticketId}/tags/{ticketTagId}", permission: "tickets.update",
            summary: "Take a tag off the ticket", tag: "tags", answers: [.noContent], operationId: "deleteTicketTag"
        ) { call in
            try await call.write { op in try await removeTag(call, op) }
        },
    ]

    private static let reason = Field.text("reason", 0...500).described("In the caller's words; goes with the event.")
    private static let assignmentReason = Field.choice("assignmentReason", AssignmentReason.self).defaults(to: "manual")
        .described("Who or what chose.")

    private typealias Rule = @Sendable (inout TicketState, Call, Operation) async throws -> Void

    /// `POST tickets/{ticketId}/<name>`: a rule applied to the locked ticket. A rule that changes nothing is no change: no
    /// version, no event.
    private static func operation(
        _ name: String, _ summary: String, permission: String = "tickets.update", description: String? = nil,
        fields: [Field], _ rule: @escaping Rule
    ) -> Route {
        Route(
            .post, "tickets/{ticketId}/\(name)", permission: permission, summary: summary, description: description,
            tag: "tickets", body: .fields(fields, required: fields.contains(where: \.isRequired)),
            answers: [.entity("Ticket")], operationId: "\(name)Ticket"
        ) { call in
            try await call.write { op in
                let ticket = try await TicketResource.store.loadForChange(try call.id("ticketId"), in: op)
                let op = op.on(ticket)
                var state = try TicketState(ticket)
                try await rule(&state, call, op)
                let written = try await TicketResource.store.write(
                    state, to: ticket, note: TicketNote(call.values), in: op)
                return .ticket(written, bytes: try written.bytes())
            }
        }
    }

    private static func assign(_ call: Call, _ op: Operation) async throws -> Answer {
        let ticket = try await TicketResource.store.loadForChange(try call.id("ticketId"), in: op)
        let op = op.on(ticket)
        var state = try TicketState(ticket)
        guard let assignee = call.values.uuid("assigneeId") else { throw Problem.badRequest() }
        try await Agents.check(assignee, op)
        state.assign(to: assignee, group: call.values.uuid("groupId"))
        let written = try await TicketResource.store.write(state, to: ticket, note: TicketNote(call.values), in: op)
        let present = try await Assignments.store.select(
            "t.ticket_id = \(ticket.id) AND t.ended_at IS NULL", in: op.tx, tenantId: ticket.tenantId
        ).first
        guard let present else { throw Problem.notFound("There is no such assignment.") }
        return Answer.json(bytes: try present.bytes(), status: .created, headers: [.eTag: "\"\(written.version)\""])
            .with(.location, call.location(present.id.text))
    }

    private static func addTag(_ call: Call, _ op: Operation) async throws -> Answer {
        let ticket = try await TicketResource.store.loadForChange(try call.id("ticketId"), in: op)
        let op = op.on(ticket)
        guard let name = TicketState.normalized(tag: call.values.string("name") ?? "") else {
            throw Problem.invalid([Fault(.pointer("/name"), "too_long", "It is too long as a tag.")])
        }
        var state = try TicketState(ticket)
        guard !state.tags.contains(name) else {
            throw Problem.conflict(
                "The ticket has the tag already.", code: "not_unique",
                errors: [Fault(.pointer("/name"), "not_unique", "The ticket has it already.")])
        }
        guard state.tags.count < TicketResource.tagsMax else {
            throw Problem.conflict("A ticket has at most \(TicketResource.tagsMax) tags.", code: "too_many")
        }
        state.setTags(state.tags + [name])
        let written = try await TicketResource.store.write(state, to: ticket, in: op)
        let tag = try await TicketTags.store.select(
            "t.ticket_id = \(ticket.id) AND t.name = \(name)", in: op.tx, tenantId: ticket.tenantId
        ).first
        guard let tag else { throw Problem.notFound("There is no such tag.") }
        return Answer.json(bytes: try tag.bytes(), status: .created, headers: [.eTag: "\"\(written.version)\""])
            .with(.location, call.location(tag.id.text))
    }

    private static func removeTag(_ call: Call, _ op: Operation) async throws -> Answer {
        let ticket = try await TicketResource.store.loadForChange(try call.id("ticketId"), in: op)
        let op = op.on(ticket)
        let tag = try await TicketTags.store.load(
            try call.id("ticketTagId"), in: op.on(tenant: ticket.tenantId), parentId: ticket.id)
        var state = try TicketState(ticket)
        state.setTags(state.tags.filter { $0 != tag.string("name") })
        _ = try await TicketResource.store.write(state, to: ticket, in: op)
        return .noContent
    }
}

extension TicketNote {
    /// What the body of an operation says beside the change itself.
    init(_ values: Values) {
        self.init(reason: values.string("reason") ?? values.string("note"), resolution: values.string("resolution"))
        assignment = values.string("assignmentReason").flatMap(AssignmentReason.init(rawValue:)) ?? .manual
    }
}

extension Answer {
    /// A ticket after a change.
    static func ticket(_ ticket: Record, bytes: [UInt8]) -> Answer {
        .json(bytes: bytes, headers: [.eTag: "\"\(ticket.version)\""])
    }
}
