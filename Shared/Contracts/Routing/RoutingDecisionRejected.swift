#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A decision of routing no longer applied to its ticket, so that the capacity is given back.
public struct RoutingDecisionRejected: Event {
    public static let name = "routing_decision.rejected"
    public static let summary =
        "A decision of routing no longer applied to its ticket, so that the capacity is given back."
    public static let category = "Routing"
    public static let owner = "tickets"
    public static let status = EventStatus.emitted
    public static let notes = [
        "reason": "already_assigned, ticket_over, ticket_gone or agent_refused."
    ]

    public var decisionId: UUID
    public var ticketId: UUID
    public var reason: String
    public var rejectedAt: Timestamp

    public init(
        decisionId: UUID, ticketId: UUID, reason: String, rejectedAt: Timestamp
    ) {
        self.decisionId = decisionId
        self.ticketId = ticketId
        self.reason = reason
        self.rejectedAt = rejectedAt
    }

    public var aggregate: Aggregate {
        Aggregate(type: "routing_decision_answer", id: UUID(derivedFrom: "rejected \(decisionId.text)"))
    }

    public static var example: Self {
        RoutingDecisionRejected(
            decisionId: Example.id("decision"), ticketId: Example.id("ticket"), reason: "already_assigned",
            rejectedAt: Example.time())
    }
}
