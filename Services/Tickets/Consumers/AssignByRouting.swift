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
struct AssignByRouting: BatchEventHandler {
    let name = "assign_by_routing"
    let patterns = [RoutingDecisionMade.name]

    func handle(_ messages: [RawMessage], in tx: Transaction) async throws {
        for (tenantId, messages) in Dictionary(grouping: messages, by: \.envelope.tenantId) {
            try await handle(messages, Operation(tx: tx, tenantId: tenantId, actorName: "routing"))
        }
    }

    /// Locks the tickets and looks the agents up together, then goes through the decisions in their order.
    private func handle(_ messages: [RawMessage], _ op: Operation) async throws {
        let decisions = try messages.map { message in
            guard let decision = try? message.decode(RoutingDecisionMade.self).event else {
                throw PermanentFailure("a decision that can't be read")
            }
            return (decision, message.envelope.eventId)
        }
        // In the order of the index, by which the rows are found. A wish for that order would be read as one to go through all
        // of the tenant's.
        let ids = Set(decisions.map(\.0.ticketId)).sorted()
        let found = try await TicketResource.store.select(
            "t.id = ANY(\(ids))", in: op.tx, tenantId: op.tenantId, forUpdate: true)
        var tickets = Dictionary(uniqueKeysWithValues: found.map { ($0.id, $0) })
        let refusals = try await Agents.refusals(of: Array(Set(decisions.map(\.0.userId))), op)
        for (decision, eventId) in decisions {
            var context = MessagingContext.current
            context.causationId = eventId.text
            tickets[decision.ticketId] = try await MessagingContext.$current.withValue(context) {
                try await apply(
                    decision, to: tickets[decision.ticketId], isRefused: refusals[decision.userId] != nil, op)
            }
        }
    }

    /// Answers the ticket as it is then.
    private func apply(
        _ decision: RoutingDecisionMade, to ticket: Record?, isRefused: Bool, _ op: Operation
    ) async throws -> Record? {
        func reject(_ reason: String) throws -> Record? {
            try op.tx.publish(
                RoutingDecisionRejected(
                    decisionId: decision.decisionId, ticketId: decision.ticketId, reason: reason, rejectedAt: op.now),
                version: 1, actor: .system, occurredAt: op.now, tenantId: op.tenantId)
            return ticket
        }
        guard let ticket else { return try reject("ticket_gone") }
        var state = try TicketState(ticket)
        guard !state.status.isDone else { return try reject("ticket_over") }
        // The same decision again, or somebody else's choice of the same agent.
        if state.assigneeId == decision.userId { return ticket }
        guard state.assigneeId == decision.fromUserId else { return try reject("already_assigned") }
        if isRefused { return try reject("agent_refused") }
        state.assign(to: decision.userId)
        let note = TicketNote(assignment: AssignmentReason(rawValue: decision.strategy) ?? .rule)
        return try await TicketResource.store.write(state, to: ticket, note: note, in: op.on(ticket))
    }
}
