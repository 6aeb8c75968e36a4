#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The target of an SLA stage was set anew; used time counts.
public struct TicketSlaStageRetargeted: TicketSlaStageEvent {
    public static let name = "ticket_sla_stage.retargeted"
    public static let summary = "The target of an SLA stage was set anew; used time counts."
    public static let ownNotes = [
        "targetAt": "When the stage must be met now; absent while it is paused.",
        "targetSeconds": "The target, in its own kind of time.",
        "remainingSeconds": "What is left of the target, in its own kind of time.",
        "reason": "priority, policy, calendar or change.",
    ]

    public var ticketId: UUID
    public var slaPolicyId: UUID
    public var slaPolicyVersion: Int
    public var slaClockId: UUID
    public var stage: TicketSlaStageEntered.Stage
    public var metric: String
    public var instance: Int
    public var retargetedAt: Timestamp
    public var targetAt: Timestamp?
    public var targetSeconds: Int
    public var remainingSeconds: Int
    public var reason: String

    public init(
        ticketId: UUID, slaPolicyId: UUID, slaPolicyVersion: Int, slaClockId: UUID, stage: TicketSlaStageEntered.Stage,
        metric: String, instance: Int, retargetedAt: Timestamp, targetAt: Timestamp? = nil, targetSeconds: Int,
        remainingSeconds: Int, reason: String
    ) {
        self.ticketId = ticketId
        self.slaPolicyId = slaPolicyId
        self.slaPolicyVersion = slaPolicyVersion
        self.slaClockId = slaClockId
        self.stage = stage
        self.metric = metric
        self.instance = instance
        self.retargetedAt = retargetedAt
        self.targetAt = targetAt
        self.targetSeconds = targetSeconds
        self.remainingSeconds = remainingSeconds
        self.reason = reason
    }

    public static var example: Self {
        TicketSlaStageRetargeted(
            ticketId: Example.id("ticket"), slaPolicyId: Example.id("sla-policy"), slaPolicyVersion: 3,
            slaClockId: Example.id("sla-clock"), stage: .response, metric: "first_response", instance: 1,
            retargetedAt: Example.time(), targetAt: Example.time(minutes: 15), targetSeconds: 1_800,
            remainingSeconds: 900, reason: "priority")
    }
}
