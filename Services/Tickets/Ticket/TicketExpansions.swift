// What a ticket can be read together with. None of it is part of the ticket.
import Contracts
import Database
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension Expansion {
    /// The most rows of one kind that a ticket is shown with; the nested list has all of them.
    private static let rowsMax = 200

    static let messages: Expansion = nested(
        "messages", "The last \(rowsMax) messages, in order.", { Messages.store }, permission: nil, newestFirst: true)
    static let participants: Expansion = nested(
        "participants", "Who takes part.", { Participants.store }, permission: "tickets.read", newestFirst: false)
    static let history: Expansion = nested(
        "history", "What was done to it, the last \(rowsMax) changes, in order.", { TicketAudits.store },
        permission: TicketAudits.permission, newestFirst: true)

    static let metrics: Expansion = Expansion(
        "metrics", "Its figures; null until its first event has been counted.", schema: ["type": ["object", "null"]],
        inLists: true
    ) { input in
        try input.caller.check("metrics.read")
        let rows = try await Metrics.store.select(
            "t.tenant_id = ANY(\(input.tenantIds)) AND t.ticket_id = ANY(\(input.ids))", in: input.tx, tenantId: nil)
        var figures: [UUID: [UInt8]] = [:]
        for row in rows { figures[row.id] = try row.bytes() }
        return figures
    }

    /// Rows of a nested resource, as its own list shows them, oldest first, to whoever may see that list. The store is asked
    /// for late: it knows the ticket, which knows this expansion.
    private static func nested<R: Resource>(
        _ name: String, _ summary: String, _ store: @escaping @Sendable () -> ResourceStore<R>, permission: String?,
        newestFirst: Bool
    ) -> Expansion {
        Expansion(name, summary, schema: ["type": "array", "items": ["type": "object"]]) { input in
            if let permission { try input.caller.check(permission) }
            let store = store()
            var lists: [UUID: [UInt8]] = [:]
            guard let parent = store.resource.parent else { return lists }
            for ticket in input.records {
                let order: SQL = newestFirst ? "DESC" : "ASC"
                let rows = try await store.select(
                    "t.\(identifier: parent.column) = \(ticket.id) ORDER BY t.id \(order) LIMIT \(rowsMax)",
                    in: input.tx,
                    tenantId: ticket.tenantId, caller: input.caller)
                var writer = JSONWriter()
                writer.beginArray()
                for row in newestFirst ? rows.reversed() : rows { writer.raw(try row.bytes()) }
                writer.endArray()
                lists[ticket.id] = writer.bytes
            }
            return lists
        }
    }
}

extension Caller {
    /// A 403 without the permission.
    fileprivate func check(_ permission: String) throws(Problem) {
        guard platformAdmin || may(permission) else { throw .forbidden(permission: permission) }
    }
}

/// The audit of a ticket and all that hangs on it. Internal notes are in it in full.
enum TicketAudits {
    static let permission = "tickets.read_internal"
    static let resource = AuditTrail(of: TicketResource(), permission: permission)
    static let store: ResourceStore<AuditTrail> = ResourceStore(resource)
}
