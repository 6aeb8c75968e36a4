#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The clock of an SLA stage runs again.
public struct TicketSlaStageResumed: TicketSlaStageEvent {
    public static let name = "ticket_sla_stage.resumed"
    public static let summary = "The clock of an SLA stage runs again."
    public static let ownNotes = [
        "targetAt": "When the stage must be met.",
        "remainingSeconds": "What is left of the target, in its own kind of time.",
    ]

    public var ticketId: UUID
    public var slaPolicyId: UUID
    public var slaPolicyVersion: Int
    public var slaClockId: UUID
    public var stage: TicketSlaStageEntered.Stage
    public var metric: String
    public var instance: Int
    public var resumedAt: Timestamp
    public var targetAt: Timestamp
    public var remainingSeconds: Int
    public var reason: String

    public init(
        ticketId: UUID, slaPolicyId: UUID, slaPolicyVersion: Int, slaClockId: UUID, stage: TicketSlaStageEntered.Stage,
        metric: String, instance: Int, resumedAt: Timestamp, targetAt: Timestamp, remainingSeconds: Int, reason: String
    ) {
        self.ticketId = ticketId
        self.slaPolicyId = slaPolicyId
        self.slaPolicyVersion = slaPolicyVersion
        self.slaClockId = slaClockId
        self.stage = stage
        self.metric = metric
        self.instance = instance
        self.resumedAt = resumedAt
        self.targetAt = targetAt
        self.remainingSeconds = remainingSeconds
        self.reason = reason
    }

    public static var example: Self {
        TicketSlaStageResumed(
            ticketId: Example.id("ticket"), slaPolicyId: Example.id("sla-policy"), slaPolicyVersion: 3,
            slaClockId: Example.id("sla-clock"), stage: .response, metric: "first_response", instance: 1,
            resumedAt: Example.time(), targetAt: Example.time(minutes: 30), remainingSeconds: 1_800, reason: "status")
    }
}
