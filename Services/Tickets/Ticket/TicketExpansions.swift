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
        "messages", "The last \(rowsMax) messages, in order.", { Messages.store }, newestFirst: true)
    static let participants: Expansion = nested(
        "participants", "Who takes part.", { Participants.store }, newestFirst: false)
    static let history: Expansion = nested(
        "history", "What was done to it, the last \(rowsMax) changes, in order.", { TicketAudits.store },
        newestFirst: true)

    static let metrics: Expansion = Expansion(
        "metrics", "Its figures; null until its first event has been counted.", schema: ["type": ["object", "null"]],
        inLists: true
    ) { input in
        let rows = try await Metrics.store.select(
            "t.tenant_id = ANY(\(input.tenantIds)) AND t.ticket_id = ANY(\(input.ids))", in: input.tx, tenantId: nil)
        var figures: [UUID: [UInt8]] = [:]
        for row in rows { figures[row.id] = try row.bytes() }
        return figures
    }

    /// Rows of a nested resource, as its own list shows them, oldest first. The store is asked for late: it knows the ticket,
    /// which knows this expansion.
    private static func nested<R: Resource>(
        _ name: String, _ summary: String, _ store: @escaping @Sendable () -> ResourceStore<R>, newestFirst: Bool
    ) -> Expansion {
        Expansion(name, summary, schema: ["type": "array", "items": ["type": "object"]]) { input in
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

/// The audit of a ticket and all that hangs on it.
enum TicketAudits {
    static let store: ResourceStore<AuditTrail> = ResourceStore(AuditTrail(of: TicketResource()))
}
