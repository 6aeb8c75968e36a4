#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The clock of an SLA stage stopped for a while.
public struct TicketSlaStagePaused: TicketSlaStageEvent {
    public static let name = "ticket_sla_stage.paused"
    public static let summary = "The clock of an SLA stage stopped for a while."
    public static let ownNotes = [
        "remainingSeconds": "What is left of the target, in its own kind of time."
    ]

    public var ticketId: UUID
    public var slaPolicyId: UUID
    public var slaPolicyVersion: Int
    public var slaClockId: UUID
    public var stage: TicketSlaStageEntered.Stage
    public var metric: String
    public var instance: Int
    public var pausedAt: Timestamp
    public var remainingSeconds: Int
    public var reason: String

    public init(
        ticketId: UUID, slaPolicyId: UUID, slaPolicyVersion: Int, slaClockId: UUID, stage: TicketSlaStageEntered.Stage,
        metric: String, instance: Int, pausedAt: Timestamp, remainingSeconds: Int, reason: String
    ) {
        self.ticketId = ticketId
        self.slaPolicyId = slaPolicyId
        self.slaPolicyVersion = slaPolicyVersion
        self.slaClockId = slaClockId
        self.stage = stage
        self.metric = metric
        self.instance = instance
        self.pausedAt = pausedAt
        self.remainingSeconds = remainingSeconds
        self.reason = reason
    }

    public static var example: Self {
        TicketSlaStagePaused(
            ticketId: Example.id("ticket"), slaPolicyId: Example.id("sla-policy"), slaPolicyVersion: 3,
            slaClockId: Example.id("sla-clock"), stage: .response, metric: "first_response", instance: 1,
            pausedAt: Example.time(), remainingSeconds: 1_800, reason: "status")
    }
}
