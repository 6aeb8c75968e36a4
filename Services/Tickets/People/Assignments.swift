// Who held a ticket, from when to when, and why.
import Contracts
import Database
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The history of a ticket's holders: a row per pair of agent and group. Rows are written with the change that makes them
/// and told by `ticket.assigned`, `unassigned` and `queue_changed`. Creating one assigns the ticket.
struct Assignments: Resource {
    static let store: ResourceStore<Assignments> = ResourceStore(Assignments())

    let path = "assignments"
    let entity = "ticket_assignment"
    let table = "ticket_assignments"
    let summary = "Who held a ticket, and why."
    let operations: ResourceOperations = .readOnly
    let stamps: ResourceStamps = [.version, .createdAt, .createdBy]
    let parent: Parent? = .of(TicketResource())
    let permissions = ResourcePermissions(read: "tickets.read", write: "tickets.assign")
    let fields: [Field] = [
        .uuid("assigneeId").filterable.readOnly,
        .uuid("groupId").filterable.readOnly,
        .choice("reason", AssignmentReason.self).readOnly.notNull.filterable.described("Who or what chose."),
        .text("note", 0...500).readOnly,
        .timestamp("startedAt").readOnly.notNull.rangeFilterable,
        .timestamp("endedAt").readOnly.rangeFilterable.described("Absent while it lasts."),
    ]

    /// The statement that begins a holding for each of the tickets.
    static func beginning(
        _ holdings: [(ticketId: UUID, assigneeId: UUID?, groupId: UUID?)], reason: AssignmentReason, note: String?,
        _ op: Operation
    ) -> SQL {
        """
        INSERT INTO ticket_assignments (
            tenant_id, id, version, created_at, created_by, ticket_id, assignee_id, group_id, reason, note, started_at)
        SELECT \(op.tenantId), h.id, 1, \(op.now), \(op.actorId.sqlValue), h.ticket_id, h.assignee_id, h.group_id,
            \(reason.rawValue), \(note.sqlValue), \(op.now)
        FROM unnest(
            \(holdings.map { _ in UUID.v7() }), \(holdings.map(\.ticketId)), \(holdings.map(\.assigneeId)),
            \(holdings.map(\.groupId))) AS h (id, ticket_id, assignee_id, group_id)
        """
    }

    /// The statement that ends the tickets' present holdings.
    static func ending(_ tickets: [UUID], _ op: Operation) -> SQL {
        """
        UPDATE ticket_assignments AS a SET ended_at = \(op.now), version = a.version + 1
        WHERE a.tenant_id = \(op.tenantId) AND a.ticket_id = ANY(\(tickets)) AND a.ended_at IS NULL
        """
    }
}
