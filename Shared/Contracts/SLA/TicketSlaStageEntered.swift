#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The clock of an SLA stage started for a ticket.
public struct TicketSlaStageEntered: TicketSlaStageEvent {
    public static let name = "ticket_sla_stage.entered"
    public static let summary = "The clock of an SLA stage started for a ticket."
    public static let ownNotes = [
        "targetAt": "When the stage must be met; of a clock that is paused from the beginning, if it ran.",
        "targetSeconds": "The target, in its own kind of time.",
    ]

    public enum Stage: String, Sendable, Codable, CaseIterable {
        case response, resolution, custom
    }

    public var ticketId: UUID
    public var slaPolicyId: UUID
    public var slaPolicyVersion: Int
    public var slaClockId: UUID
    public var stage: Stage
    public var metric: String
    public var instance: Int
    public var enteredAt: Timestamp
    public var targetAt: Timestamp
    public var targetSeconds: Int
    public var priorityId: String

    public init(
        ticketId: UUID, slaPolicyId: UUID, slaPolicyVersion: Int, slaClockId: UUID, stage: Stage, metric: String,
        instance: Int, enteredAt: Timestamp, targetAt: Timestamp, targetSeconds: Int, priorityId: String
    ) {
        self.ticketId = ticketId
        self.slaPolicyId = slaPolicyId
        self.slaPolicyVersion = slaPolicyVersion
        self.slaClockId = slaClockId
        self.stage = stage
        self.metric = metric
        self.instance = instance
        self.enteredAt = enteredAt
        self.targetAt = targetAt
        self.targetSeconds = targetSeconds
        self.priorityId = priorityId
    }

    public static var example: Self {
        TicketSlaStageEntered(
            ticketId: Example.id("ticket"), slaPolicyId: Example.id("sla-policy"), slaPolicyVersion: 3,
            slaClockId: Example.id("sla-clock"), stage: .response, metric: "first_response", instance: 1,
            enteredAt: Example.time(), targetAt: Example.time(minutes: 60), targetSeconds: 3_600, priorityId: "normal")
    }
}
