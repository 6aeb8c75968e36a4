#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The clock of an SLA stage started for a ticket.
public struct TicketSlaStageEntered: Event {
    public static let name = "ticket_sla_stage.entered"
    public static let summary = "The clock of an SLA stage started for a ticket."
    public static let category = "Tickets"
    public static let owner = "sla"
    public static let notes = ["targetAt": "When the stage must be met."]

    public enum Stage: String, Sendable, Codable, CaseIterable {
        case response, resolution, custom
    }

    public var ticketId: UUID
    public var slaPolicyId: UUID
    public var stage: Stage
    public var enteredAt: Timestamp
    public var targetAt: Timestamp

    public init(ticketId: UUID, slaPolicyId: UUID, stage: Stage, enteredAt: Timestamp, targetAt: Timestamp) {
        self.ticketId = ticketId
        self.slaPolicyId = slaPolicyId
        self.stage = stage
        self.enteredAt = enteredAt
        self.targetAt = targetAt
    }

    public var aggregate: Aggregate { Aggregate(type: "ticket_sla", id: ticketId) }

    public static var example: Self {
        TicketSlaStageEntered(
            ticketId: Example.id("ticket"), slaPolicyId: Example.id("sla-policy"), stage: .response,
            enteredAt: Example.time(), targetAt: Example.time(minutes: 60))
    }
}
