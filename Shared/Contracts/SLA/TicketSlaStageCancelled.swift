#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Nobody waits for an SLA stage any more.
public struct TicketSlaStageCancelled: TicketSlaStageEvent {
    public static let name = "ticket_sla_stage.cancelled"
    public static let summary = "Nobody waits for an SLA stage any more."
    public static let ownNotes = [
        "reason": "resolved, deleted, merged or no_target."
    ]

    public var ticketId: UUID
    public var slaPolicyId: UUID
    public var slaPolicyVersion: Int
    public var slaClockId: UUID
    public var stage: TicketSlaStageEntered.Stage
    public var metric: String
    public var instance: Int
    public var cancelledAt: Timestamp
    public var reason: String

    public init(
        ticketId: UUID, slaPolicyId: UUID, slaPolicyVersion: Int, slaClockId: UUID, stage: TicketSlaStageEntered.Stage,
        metric: String, instance: Int, cancelledAt: Timestamp, reason: String
    ) {
        self.ticketId = ticketId
        self.slaPolicyId = slaPolicyId
        self.slaPolicyVersion = slaPolicyVersion
        self.slaClockId = slaClockId
        self.stage = stage
        self.metric = metric
        self.instance = instance
        self.cancelledAt = cancelledAt
        self.reason = reason
    }

    public static var example: Self {
        TicketSlaStageCancelled(
            ticketId: Example.id("ticket"), slaPolicyId: Example.id("sla-policy"), slaPolicyVersion: 3,
            slaClockId: Example.id("sla-clock"), stage: .response, metric: "first_response", instance: 1,
            cancelledAt: Example.time(), reason: "resolved")
    }
}
