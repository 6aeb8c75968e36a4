// The ticket as a resource: its fields, how it is listed, and what making and changing one means. The rules are in
// TicketState; here they meet rows.
import Contracts
import Database
import Markup
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Tickets. Every writer (routes, messages, imports, event handlers) goes through `TicketResource.store`, so its hooks are the
/// one place where a change gets its derived fields, its histories and its events.
struct TicketResource: Resource {
    static let store: ResourceStore<TicketResource> = ResourceStore(TicketResource())
    /// The most tags on one ticket.
    static let tagsMax = 50

    let path = "tickets"
    let entity = "ticket"
    let summary = "What a customer asks for, from the first word to the closing."
    let softDelete = true
    let keepsHistory = true
    let permissions = ResourcePermissions(
        read: "tickets.read", readOwn: "tickets.read_own", create: "tickets.create", update: "tickets.update",
        delete: "tickets.delete")

    let fields: [Field] = [
        .integer("number", 1...Int64.max).readOnly.notNull.filterable.rangeFilterable.sortable
            .described("Counts the tenant's tickets: 1, 2, 3 … without gaps.").example(42),
        .text("key", 1...40).readOnly.notNull.filterable
            .described("The number with the prefix that the tenant had when the ticket was made.").example("T-42"),
        .text("subject", 1...300).required.example("Cannot reach the VPN"),
        .text("description", 0...65_536, .bytes(max: 65_536))
            .described("Text, or HTML of which only what can do no harm is kept."),
        .choice("status", TicketStatus.self).defaults(to: "open").filterable
            .described("Changed along the state machine only; a refusal names the allowed targets."),
        .choice("priority", TicketPriority.self).defaults(to: "normal").filterable,
        .choice("type", TicketType.self).defaults(to: "question").filterable,
        .choice("channel", TicketChannel.self).defaults(to: "api").filterable,
        .uuid("inboundChannelId").filterable,
        .uuid("requesterId").filterable.described("The customer, where the address belongs to a known user."),
        .text("requesterEmail", 3...320, .email).example("customer@example.com"),
        .uuid("organizationId").filterable.described("The customer's organization."),
        .uuid("assigneeId").filterable.described("The agent who holds it."),
        .uuid("groupId").filterable.described("The queue it is in."),
        .uuid("formId").filterable,
        .json("customFields", ["type": "object", "maxProperties": 100]).defaults(to: [:]).example(["room": "B 12"]),
        .timestamp("dueAt").rangeFilterable.sortable,
        .strings("tags", each: 1...TicketState.tagLengthMax, count: 0...TicketResource.tagsMax)
            .described("Lower case, each once, in order of the alphabet.").example(["vpn"]),
        .text("externalId", 1...200).filterable.described("Unique among the tenant's tickets."),
        .uuid("followUpOfId").readOnly.filterable.described("The closed ticket that a late reply was meant for."),
        .timestamp("firstRespondedAt").readOnly.described("The first public message of an agent."),
        .timestamp("resolvedAt").readOnly,
        .timestamp("closedAt").readOnly,
        .integer("reopenedCount", 0...Int64.max).readOnly.notNull,
        .timestamp("lastMessageAt").readOnly,
        .choice("responseState", ResponseState.self).readOnly.filterable.described("Whose turn it is."),
    ]

    let filters: [Filter] =
        [
            Filter(
                Parameter("tag", .text(length: 1...TicketState.tagLengthMax, format: nil), "Has one of these tags.")
                    .list
            ) {
                filter in
                let names = filter.strings.map { TicketState.normalized(tag: $0) ?? $0 }
                return """
                    EXISTS (SELECT FROM ticket_tags AS g \
                    WHERE g.tenant_id = t.tenant_id AND g.name = ANY(\(names)) AND g.ticket_id = t.id)
                    """
            },
            Filter(Parameter("requesterEmail", .text(length: 3...320, format: nil), "In any case.").list) { filter in
                "t.requester_email_key = ANY(ARRAY(SELECT lower(a) FROM unnest(\(filter.strings)) AS a))"
            },
            Filter(
                .prefixed(
                    "customFields.", .text(length: 0...CustomFieldValues.lengthMax, format: nil),
                    "A custom field has one of these values, or a list of them that has it."
                ).list
            ) { filter in
                """
                EXISTS (SELECT FROM ticket_custom_values AS v \
                WHERE v.tenant_id = t.tenant_id AND v.name = \(filter.suffix(after: "customFields.")) \
                AND v.value = ANY(\(filter.strings)) AND v.ticket_id = t.id)
                """
            },
        ] + TicketSLA.filters

    let sorts: [SortKey] = [SortKey("priority", .integer(1...4), by: "t.priority_rank")] + TicketSLA.sorts

    var expansions: [Expansion] { [.messages, .participants, .metrics, .history, .sla] }

    let events = ResourceEvents.typed([])

    /// Customers see their own tickets only.
    func visible(to caller: Caller) -> SQL? {
        guard !caller.platformAdmin, !caller.may("tickets.read") else { return nil }
        guard let id = caller.actorId else { return "FALSE" }
        return """
            t.requester_id = \(id) OR EXISTS (SELECT FROM ticket_participants AS p \
            WHERE p.tenant_id = t.tenant_id AND p.ticket_id = t.id AND p.user_id = \(id))
            """
    }

    // MARK: Making

    func willCreate(_ draft: inout Draft, _ op: Operation) async throws {
        var values = draft.values
        try Self.normalizeText(&values)
        let state = TicketState.new(
            status: values.string("status").flatMap(TicketStatus.init(rawValue:)) ?? .open,
            priority: values.string("priority").flatMap(TicketPriority.init(rawValue:)) ?? .normal,
            assigneeId: values.uuid("assigneeId"), groupId: values.uuid("groupId"), tags: values.strings("tags") ?? [],
            now: op.now)
        values.set("resolvedAt", state.resolvedAt)
        values.set("closedAt", state.closedAt)
        values.set("responseState", state.responseState?.rawValue)
        values.set("reopenedCount", 0)
        draft.values = values
        try Self.checkCustomer(&draft.values, op)
        if op.caller != nil, let assignee = draft.values.uuid("assigneeId") { try await Agents.check(assignee, op) }
        Requester.resolve(in: &draft, op)
        TicketNumber.take(in: &draft, op)
    }

    func didCreate(_ mutation: inout Mutation, _ op: Operation) async throws {
        var mutations = [mutation]
        try await didCreate(&mutations, op)
        mutation = mutations[0]
    }

    func didCreate(_ mutations: inout [Mutation], _ op: Operation) async throws {
        try await TicketConsequences.ofCreation(&mutations, op)
    }

    /// A customer files tickets of their own, and leaves to the agents what is theirs.
    private static func checkCustomer(_ values: inout Values, _ op: Operation) throws {
        guard let caller = op.caller, !caller.platformAdmin, !caller.may("tickets.read"), let id = caller.actorId else {
            return
        }
        var faults: [Fault] = []
        for name in ["assigneeId", "groupId", "externalId"] where values.contains(name) && !values.isNull(name) {
            faults.append(Fault(.pointer("/\(name)"), "not_allowed", "Customers don't set it."))
        }
        if values.string("status") != TicketStatus.open.rawValue {
            faults.append(Fault(.pointer("/status"), "not_allowed", "Customers file open tickets.", allowed: ["open"]))
        }
        if let requester = values.uuid("requesterId"), requester != id {
            faults.append(Fault(.pointer("/requesterId"), "not_allowed", "Customers file tickets of their own."))
        }
        if !faults.isEmpty { throw Problem.invalid(faults) }
        values.set("requesterId", id)
    }

    /// What callers may write as they like and rows keep in one form.
    static func normalizeText(_ values: inout Values) throws {
        if let description = values.string("description") {
            values.set("description", HTMLSanitizer.sanitizeIfMarkup(description, from: .message))
        }
        if let tags = values.strings("tags") {
            var state = TicketState()
            state.setTags(tags.compactMap { TicketState.normalized(tag: $0) })
            values.set("tags", state.tags)
        }
    }

    // MARK: Changing

    func willUpdate(_ draft: inout Draft, _ op: Operation) async throws {
        try Self.normalizeText(&draft.values)
        // Whoever decided already has said so; a plain change is decided here.
        guard op.tx[.ticketNote] == nil, let before = draft.before else { return }
        let state = try TicketState(before)
        var after = state
        try await after.apply(draft.values, op)
        draft.values = draft.values.merging(after.changes(since: state))
    }

    func didUpdate(_ mutation: inout Mutation, _ op: Operation) async throws {
        var mutations = [mutation]
        try await didUpdate(&mutations, op)
        mutation = mutations[0]
    }

    func didUpdate(_ mutations: inout [Mutation], _ op: Operation) async throws {
        try await TicketConsequences.ofChange(&mutations, op)
    }

    func didDelete(_ mutation: inout Mutation, _ op: Operation) async throws {
        mutation.announce(
            TicketDeleted(
                ticketId: mutation.record.id, deletedByUserId: op.actor.userId, deletedAt: op.now,
                snapshot: try mutation.record.json().objectValue))
    }

    func didRestore(_ mutation: inout Mutation, _ op: Operation) async throws {
        mutation.announce(
            TicketRestored(
                ticketId: mutation.record.id, restoredByUserId: op.actor.userId, restoredAt: op.now,
                snapshot: try mutation.record.json().objectValue))
    }

    // MARK: Telling

    func announcement(of mutation: Mutation) throws -> Announcement? {
        let ticket = mutation.record
        switch mutation.action {
        case .create:
            return .event(
                TicketCreated(
                    ticketId: ticket.id, number: Int(ticket.int("number") ?? 0),
                    subject: ticket.string("subject") ?? "",
                    statusId: ticket.string("status") ?? "", priorityId: ticket.string("priority") ?? "",
                    requesterId: ticket.uuid("requesterId"), channel: ticket.string("channel") ?? "",
                    createdByUserId: ticket.uuid("createdBy"), createdAt: ticket.timestamp("createdAt") ?? .now,
                    snapshot: try ticket.json().objectValue))
        case .update:
            return .event(
                TicketUpdated(
                    ticketId: ticket.id, updatedAt: ticket.timestamp("updatedAt") ?? .now,
                    updatedFields: mutation.updatedFields, changes: try mutation.changesByField()))
        case .delete, .restore:
            // Their hooks tell, which know when.
            return nil
        }
    }
}

extension Field.TextFormat {
    /// At most so many bytes of UTF-8.
    static func bytes(max: Int) -> Field.TextFormat {
        Field.TextFormat(description: "at most \(max) bytes of UTF-8") { $0.utf8.count <= max }
    }
}
