#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A ticket missed the target of an SLA stage.
public struct TicketSlaStageBreached: Event {
    public static let name = "ticket_sla_stage.breached"
    public static let summary = "A ticket missed the target of an SLA stage."
    public static let category = "Tickets"
    public static let owner = "sla"
    public static let notes = [
        "targetAt": "When the stage should have been met.",
        "overdueBySeconds": "How late it was when the breach was seen.",
    ]

    public var ticketId: UUID
    public var slaPolicyId: UUID
    public var stage: TicketSlaStageEntered.Stage
    public var breachedAt: Timestamp
    public var targetAt: Timestamp
    public var overdueBySeconds: Int

    public init(
        ticketId: UUID, slaPolicyId: UUID, stage: TicketSlaStageEntered.Stage, breachedAt: Timestamp,
        targetAt: Timestamp, overdueBySeconds: Int
    ) {
        self.ticketId = ticketId
        self.slaPolicyId = slaPolicyId
        self.stage = stage
        self.breachedAt = breachedAt
        self.targetAt = targetAt
        self.overdueBySeconds = overdueBySeconds
    }

    public var aggregate: Aggregate { Aggregate(type: "ticket_sla", id: ticketId) }

    public static var example: Self {
        TicketSlaStageBreached(
            ticketId: Example.id("ticket"), slaPolicyId: Example.id("sla-policy"), stage: .response,
            breachedAt: Example.time(), targetAt: Example.time(minutes: -10), overdueBySeconds: 600)
    }
}
