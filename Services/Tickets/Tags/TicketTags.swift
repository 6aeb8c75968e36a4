// The tags on a ticket.
import Contracts
import Database
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The tags of one ticket, as rows: the ticket itself shows their names.
struct TicketTags: Resource {
    static let store: ResourceStore<TicketTags> = ResourceStore(TicketTags())

    let path = "tags"
    let entity = "ticket_tag"
    let table = "ticket_tags"
    let summary = "The tags on a ticket; an id is that of the tag."
    let operations: ResourceOperations = .readOnly
    let stamps: ResourceStamps = [.createdAt, .createdBy]
    let parent: Parent? = .of(TicketResource())
    let permissions = ResourcePermissions(read: "tickets.read", write: "tickets.update")
    let defaultSort = "name"
    let fields: [Field] = [
        .text("name", 1...TicketState.tagLengthMax).readOnly.notNull.filterable.sortable.example("vpn")
    ]

    /// The statement that puts tags on tickets.
    static func adding(_ pairs: [(ticketId: UUID, tag: TagDefinitions.Tag)], _ op: Operation) -> SQL {
        """
        INSERT INTO ticket_tags (tenant_id, ticket_id, id, name, created_at, created_by)
        SELECT \(op.tenantId), p.ticket_id, p.id, p.name, \(op.now), \(op.actorId.sqlValue)
        FROM unnest(\(pairs.map(\.ticketId)), \(pairs.map(\.tag.id)), \(pairs.map(\.tag.name)))
            AS p (ticket_id, id, name)
        """
    }

    /// The statement that takes tags off a ticket.
    static func removing(_ tags: [TagDefinitions.Tag], from ticketId: UUID, _ op: Operation) -> SQL {
        """
        DELETE FROM ticket_tags
        WHERE tenant_id = \(op.tenantId) AND ticket_id = \(ticketId) AND id = ANY(\(tags.map(\.id)))
        """
    }

    static func changed(
        _ ticketId: UUID, added: [TagDefinitions.Tag], removed: [TagDefinitions.Tag], _ op: Operation
    ) -> TicketTagsChanged {
        func snapshot(_ tag: TagDefinitions.Tag) -> JSONObject { ["id": .uuid(tag.id), "name": .string(tag.name)] }
        return TicketTagsChanged(
            ticketId: ticketId, addedTagIds: added.isEmpty ? nil : added.map(\.id),
            removedTagIds: removed.isEmpty ? nil : removed.map(\.id), changedAt: op.now,
            addedTags: added.isEmpty ? nil : added.map(snapshot),
            removedTags: removed.isEmpty ? nil : removed.map(snapshot))
    }
}
