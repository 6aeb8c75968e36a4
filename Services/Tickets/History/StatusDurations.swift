// How long a ticket was in each status: intervals that touch, from its creation on.
import Contracts
import Database
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// One row per stay in a status. The rows of a ticket follow each other without gap or overlap; the last one is open.
/// They are written in the transaction of the change and told by its `ticket.status_changed`, so they have no events.
struct StatusDurations: Resource {
    static let store: ResourceStore<StatusDurations> = ResourceStore(StatusDurations())

    let path = "status_durations"
    let entity = "ticket_status_duration"
    let table = "ticket_status_durations"
    let summary = "The time a ticket spent in each status."
    let operations: ResourceOperations = .readOnly
    let stamps: ResourceStamps = .all
    let parent: Parent? = .of(TicketResource())
    let permissions = ResourcePermissions(read: "metrics.read", write: "metrics.write")
    let defaultSort = "startedAt"
    let fields: [Field] = [
        .choice("status", TicketStatus.self).readOnly.notNull.filterable,
        .timestamp("startedAt").readOnly.notNull.rangeFilterable.sortable,
        .timestamp("endedAt").readOnly.rangeFilterable.described("Absent while it lasts."),
        .integer("seconds", 0...Int64.max).readOnly.described("Whole seconds; absent while it lasts."),
    ]

    /// The statement that begins a stay for each of the tickets.
    static func beginning(_ stays: [(ticketId: UUID, status: TicketStatus)], _ op: Operation) -> SQL {
        """
        INSERT INTO ticket_status_durations (
            tenant_id, id, version, created_at, updated_at, created_by, updated_by, ticket_id, status, started_at)
        SELECT \(op.tenantId), s.id, 1, \(op.now), \(op.now), \(op.actorId.sqlValue), \(op.actorId.sqlValue), s.ticket_id, s.status, \(op.now)
        FROM unnest(\(stays.map { _ in UUID.v7() }), \(stays.map(\.ticketId)), \(stays.map(\.status.rawValue)))
            AS s (id, ticket_id, status)
        """
    }

    /// The statement that ends the tickets' present stays.
    static func ending(_ tickets: [UUID], _ op: Operation) -> SQL {
        """
        UPDATE ticket_status_durations AS d
        SET ended_at = \(op.now), seconds = floor(extract(epoch FROM \(op.now) - d.started_at)),
            version = d.version + 1, updated_at = \(op.now), updated_by = \(op.actorId.sqlValue)
        WHERE d.tenant_id = \(op.tenantId) AND d.ticket_id = ANY(\(tickets)) AND d.ended_at IS NULL
        """
    }
}

/// The stays under an administrator's hand, to put right what was recorded wrong.
struct StatusDurationsByHand: Resource {
    let path = "status_durations"
    let entity = "ticket_status_duration"
    let table = "ticket_status_durations"
    let component = "TicketStatusDurationByHand"
    let summary = "The time a ticket spent in a status, written by hand."
    let operations: ResourceOperations = [.create, .update, .delete]
    let stamps: ResourceStamps = .all
    let parent: Parent? = .of(TicketResource())
    let mounts: Set<Route.Mount> = [.admin]
    let permissions = ResourcePermissions(read: "metrics.read", write: "metrics.write")
    let events = ResourceEvents.none
    let fields: [Field] = [
        .choice("status", TicketStatus.self).required,
        .timestamp("startedAt").required,
        .timestamp("endedAt"),
        .integer("seconds", 0...Int64.max).readOnly,
    ]

    func willCreate(_ draft: inout Draft, _ op: Operation) async throws { try Self.count(&draft) }
    func willUpdate(_ draft: inout Draft, _ op: Operation) async throws { try Self.count(&draft) }

    private static func count(_ draft: inout Draft) throws {
        guard let start = draft.timestamp("startedAt"), let end = draft.timestamp("endedAt") else {
            draft.values.set("seconds", Int64?.none)
            return
        }
        guard end >= start else {
            throw Problem.invalid([Fault(.pointer("/endedAt"), "out_of_range", "It is before startedAt.")])
        }
        draft.values.set("seconds", (end.microseconds - start.microseconds) / 1_000_000)
    }
}
