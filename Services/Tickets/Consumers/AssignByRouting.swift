// Gives tickets to whom routing has chosen, or tells routing that its decision came too late.
import Contracts
import Database
import Messaging
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A decision applies as long as the ticket is still with whom routing took it to be with: nobody, or the agent who is to be
/// relieved. A human who was faster wins.
struct AssignByRouting: EventHandler {
    static let name = "assign_by_routing"

    func handle(_ message: Message<RoutingDecisionMade>, in tx: Transaction) async throws {
        let decision = message.event
        let store = TicketResource.store
        let op = Operation(tx: tx, tenantId: message.envelope.tenantId, actorName: "routing")
        guard
            let ticket = try await store.find(
                decision.ticketId, in: tx, tenantId: op.tenantId, forUpdate: true)
        else { return try reject(decision, "ticket_gone", op) }
        var state = try TicketState(ticket)
        guard !state.status.isDone else { return try reject(decision, "ticket_over", op) }
        // The same decision again, or somebody else's choice of the same agent.
        if state.assigneeId == decision.userId { return }
        guard state.assigneeId == decision.fromUserId else { return try reject(decision, "already_assigned", op) }
        do {
            try await Agents.check(decision.userId, op)
        } catch is Problem {
            return try reject(decision, "agent_refused", op)
        }
        state.assign(to: decision.userId)
        let note = TicketNote(assignment: AssignmentReason(rawValue: decision.strategy) ?? .rule)
        _ = try await store.write(state, to: ticket, note: note, in: op.on(ticket))
    }

    private func reject(_ decision: RoutingDecisionMade, _ reason: String, _ op: Operation) throws {
        try op.tx.publish(
            RoutingDecisionRejected(
                decisionId: decision.decisionId, ticketId: decision.ticketId, reason: reason, rejectedAt: op.now),
            version: 1, actor: .system, occurredAt: op.now, tenantId: op.tenantId)
    }
}
