#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The target of an SLA stage comes near.
public struct TicketSlaStageWarning: TicketSlaStageEvent {
    public static let name = "ticket_sla_stage.warning"
    public static let summary = "The target of an SLA stage comes near."
    public static let ownNotes = [
        "targetAt": "When the stage must be met.",
        "remainingSeconds": "What is left of the target, in its own kind of time.",
        "warning": "Which of the policy’s warnings, from 0.",
    ]

    public var ticketId: UUID
    public var slaPolicyId: UUID
    public var slaPolicyVersion: Int
    public var slaClockId: UUID
    public var stage: TicketSlaStageEntered.Stage
    public var metric: String
    public var instance: Int
    public var warnedAt: Timestamp
    public var targetAt: Timestamp
    public var remainingSeconds: Int
    public var warning: Int

    public init(
        ticketId: UUID, slaPolicyId: UUID, slaPolicyVersion: Int, slaClockId: UUID, stage: TicketSlaStageEntered.Stage,
        metric: String, instance: Int, warnedAt: Timestamp, targetAt: Timestamp, remainingSeconds: Int, warning: Int
    ) {
        self.ticketId = ticketId
        self.slaPolicyId = slaPolicyId
        self.slaPolicyVersion = slaPolicyVersion
        self.slaClockId = slaClockId
        self.stage = stage
        self.metric = metric
        self.instance = instance
        self.warnedAt = warnedAt
        self.targetAt = targetAt
        self.remainingSeconds = remainingSeconds
        self.warning = warning
    }

    public static var example: Self {
        TicketSlaStageWarning(
            ticketId: Example.id("ticket"), slaPolicyId: Example.id("sla-policy"), slaPolicyVersion: 3,
            slaClockId: Example.id("sla-clock"), stage: .response, metric: "first_response", instance: 1,
            warnedAt: Example.time(), targetAt: Example.time(minutes: 12), remainingSeconds: 720, warning: 0)
    }
}
