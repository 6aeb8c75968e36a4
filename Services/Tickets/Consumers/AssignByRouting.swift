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

    private typealias Decision = (made: RoutingDecisionMade, eventId: UUID)

    /// Decisions about different tickets are carried out together; of those about one ticket, each after the one before it.
    private func handle(_ messages: [RawMessage], _ op: Operation) async throws {
        var waiting = try messages.map { message -> Decision in
            guard let decision = try? message.decode(RoutingDecisionMade.self).event else {
                throw PermanentFailure("a decision that can't be read")
            }
            return (decision, message.envelope.eventId)
        }
        while !waiting.isEmpty {
            var tickets: Set<UUID> = []
            var later: [Decision] = []
            var now: [Decision] = []
            for decision in waiting {
                if tickets.insert(decision.made.ticketId).inserted {
                    now.append(decision)
                } else {
                    later.append(decision)
                }
            }
            try await carryOut(now, op)
            waiting = later
        }
    }

    /// Locks the tickets, looks the agents up, and answers each ticket as it is then.
    private func carryOut(_ decisions: [Decision], _ op: Operation) async throws {
        // In the order of the index, by which the rows are found. A wish for that order would be read as one to go through all
        // of the tenant's.
        let ids = decisions.map(\.made.ticketId).sorted()
        let found = try await TicketResource.store.select(
            "t.id = ANY(\(ids))", in: op.tx, tenantId: op.tenantId, forUpdate: true)
        let tickets = Dictionary(uniqueKeysWithValues: found.map { ($0.id, $0) })
        let refusals = try await Agents.refusals(of: Array(Set(decisions.map(\.made.userId))), op)
        var assignments: [AssignmentReason: [(state: TicketState, ticket: Record, causationId: String?)]] = [:]
        for (decision, eventId) in decisions {
            let ticket = tickets[decision.ticketId]
            switch try Verdict(on: decision, ticket: ticket, isRefused: refusals[decision.userId] != nil) {
            case .assigned(let state, let ticket):
                let reason = AssignmentReason(rawValue: decision.strategy) ?? .rule
                assignments[reason, default: []].append((state, ticket, eventId.text))
            case .rejected(let reason):
                var context = MessagingContext.current
                context.causationId = eventId.text
                try MessagingContext.$current.withValue(context) {
                    try op.tx.publish(
                        RoutingDecisionRejected(
                            decisionId: decision.decisionId, ticketId: decision.ticketId, reason: reason,
                            rejectedAt: op.now),
                        version: 1, actor: .system, occurredAt: op.now, tenantId: op.tenantId)
                }
            case .done: break
            }
        }
        for (reason, changes) in assignments.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            try await TicketResource.store.write(changes, note: TicketNote(assignment: reason), in: op)
        }
    }

    /// What becomes of a decision, given the ticket as it is.
    private enum Verdict {
        case assigned(TicketState, Record)
        /// The ticket is with that agent already: the same decision again, or somebody else's choice.
        case done
        case rejected(String)

        init(on decision: RoutingDecisionMade, ticket: Record?, isRefused: Bool) throws {
            guard let ticket else {
                self = .rejected("ticket_gone")
                return
            }
            var state = try TicketState(ticket)
            if state.status.isDone {
                self = .rejected("ticket_over")
            } else if state.assigneeId == decision.userId {
                self = .done
            } else if state.assigneeId != decision.fromUserId {
                self = .rejected("already_assigned")
            } else if isRefused {
                self = .rejected("agent_refused")
            } else {
                state.assign(to: decision.userId)
                self = .assigned(state, ticket)
            }
        }
    }
}
