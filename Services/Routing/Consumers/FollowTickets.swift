// Takes tickets into the queue, out of it, and notes who holds them.
import Contracts
import Database
import Messaging

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// After the copy of the tickets has taken the same events in: what they mean for routing, tenant by tenant.
struct FollowTickets: BatchEventHandler {
    let books: RuleBookStore
    let name = "follow_tickets"
    let patterns = [
        "ticket.created", "ticket.updated", "ticket.deleted", "ticket.restored", "ticket_message.added",
        RoutingDecisionRejected.name, "ticket_sla_stage.entered",
    ]

    /// How long a ticket waits after its decision was refused.
    private static let refusalPause = Duration.seconds(5)

    func handle(_ messages: [RawMessage], in tx: Transaction) async throws {
        let byTenant = Dictionary(grouping: messages, by: \.envelope.tenantId)
        // All take the tenants' locks in this order.
        for tenantId in byTenant.keys.sorted(by: { $0.text < $1.text }) {
            let desk = try await Desk.open(tenantId, books: books, now: .now, in: tx)
            try await handle(byTenant[tenantId] ?? [], at: desk)
        }
    }

    private func handle(_ messages: [RawMessage], at desk: Desk) async throws {
        var tickets: [UUID] = []
        var changes: [UUID: JSONObject] = [:]
        for message in messages {
            guard let ticketId = message.payload["ticketId"]?.uuidValue else { continue }
            switch message.name {
            case "ticket_message.added":
                try await noteReply(message, to: ticketId, at: desk)
            case RoutingDecisionRejected.name:
                try await giveBack(message, ticketId: ticketId, at: desk)
                tickets.append(ticketId)
            case "ticket_sla_stage.entered":
                noteDeadline(message, of: ticketId, at: desk)
            default:
                tickets.append(ticketId)
                for (field, change) in message.payload["changes"]?.objectValue ?? [:] {
                    changes[ticketId, default: [:]][field] = change
                }
            }
        }
        if !tickets.isEmpty {
            var seen: Set<UUID> = []
            try await desk.reconcile(tickets.filter { seen.insert($0).inserted }, changes: changes)
        }
    }

    /// A ticket that its holder has answered stays theirs where only untouched ones are redistributed.
    private func noteReply(_ message: RawMessage, to ticketId: UUID, at desk: Desk) async throws {
        guard message.payload["visibility"] == "public", message.payload["authorType"] == "user",
            let author = message.payload["authorId"]?.uuidValue
        else { return }
        desk.tx.enqueue(
            """
            UPDATE routing_holdings AS h SET is_touched = true
            FROM agent_loads AS l
            WHERE h.tenant_id = \(desk.tenantId) AND h.ticket_id = \(ticketId) AND NOT h.is_touched
                AND l.tenant_id = h.tenant_id AND l.agent_id = h.agent_id AND l.user_id = \(author)
            """)
    }

    /// The tickets service refused a decision: the capacity is given back, and the ticket waits in its old place.
    private func giveBack(_ message: RawMessage, ticketId: UUID, at desk: Desk) async throws {
        guard let decisionId = message.payload["decisionId"]?.uuidValue else { return }
        let entries = try await desk.entries(where: "e.ticket_id = \(ticketId) AND e.decision_id = \(decisionId)")
        guard var entry = entries.first, entry.state == .reserved else { return }
        entry.giveUpReservation(notBefore: desk.now + FollowTickets.refusalPause)
        desk.tx.enqueue(Entry.updating([entry], tenantId: desk.tenantId, now: desk.now))
        try await desk.settleBack([ticketId])
    }

    /// Queues in the order of deadlines look at it.
    private func noteDeadline(_ message: RawMessage, of ticketId: UUID, at desk: Desk) {
        guard let target = message.payload["targetAt"]?.timestampValue else { return }
        desk.tx.enqueue(
            """
            UPDATE routing_queue_entries SET order_due = LEAST(order_due, \(target))
            WHERE tenant_id = \(desk.tenantId) AND ticket_id = \(ticketId) AND strategy = 'priority'
            """)
    }
}
