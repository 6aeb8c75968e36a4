#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A ticket met the target of an SLA stage.
public struct TicketSlaStageMet: Event {
    public static let name = "ticket_sla_stage.met"
    public static let summary = "A ticket met the target of an SLA stage."
    public static let category = "Tickets"
    public static let owner = "sla"
    public static let notes = ["targetAt": "When the stage had to be met."]

    public var ticketId: UUID
    public var slaPolicyId: UUID
    public var stage: TicketSlaStageEntered.Stage
    public var metAt: Timestamp
    public var targetAt: Timestamp

    public init(
        ticketId: UUID, slaPolicyId: UUID, stage: TicketSlaStageEntered.Stage, metAt: Timestamp, targetAt: Timestamp
    ) {
        self.ticketId = ticketId
        self.slaPolicyId = slaPolicyId
        self.stage = stage
        self.metAt = metAt
        self.targetAt = targetAt
    }

    public var aggregate: Aggregate { Aggregate(type: "ticket_sla", id: ticketId) }

    public static var example: Self {
        TicketSlaStageMet(
            ticketId: Example.id("ticket"), slaPolicyId: Example.id("sla-policy"), stage: .response,
            metAt: Example.time(), targetAt: Example.time(minutes: 60))
    }
}
