#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A ticket met the target of an SLA stage.
public struct TicketSlaStageMet: TicketSlaStageEvent {
    public static let name = "ticket_sla_stage.met"
    public static let summary = "A ticket met the target of an SLA stage."
    public static let ownNotes = [
        "targetAt": "When the stage had to be met.",
        "usedSeconds": "What was used of the target, in its own kind of time.",
    ]

    public var ticketId: UUID
    public var slaPolicyId: UUID
    public var slaPolicyVersion: Int
    public var slaClockId: UUID
    public var stage: TicketSlaStageEntered.Stage
    public var metric: String
    public var instance: Int
    public var metAt: Timestamp
    public var targetAt: Timestamp
    public var usedSeconds: Int

    public init(
        ticketId: UUID, slaPolicyId: UUID, slaPolicyVersion: Int, slaClockId: UUID, stage: TicketSlaStageEntered.Stage,
        metric: String, instance: Int, metAt: Timestamp, targetAt: Timestamp, usedSeconds: Int
    ) {
        self.ticketId = ticketId
        self.slaPolicyId = slaPolicyId
        self.slaPolicyVersion = slaPolicyVersion
        self.slaClockId = slaClockId
        self.stage = stage
        self.metric = metric
        self.instance = instance
        self.metAt = metAt
        self.targetAt = targetAt
        self.usedSeconds = usedSeconds
    }

    public static var example: Self {
        TicketSlaStageMet(
            ticketId: Example.id("ticket"), slaPolicyId: Example.id("sla-policy"), slaPolicyVersion: 3,
            slaClockId: Example.id("sla-clock"), stage: .response, metric: "first_response", instance: 1,
            metAt: Example.time(), targetAt: Example.time(minutes: 60), usedSeconds: 1_800)
    }
}
