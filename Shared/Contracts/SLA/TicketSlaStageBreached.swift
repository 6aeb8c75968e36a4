#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A ticket missed the target of an SLA stage.
public struct TicketSlaStageBreached: TicketSlaStageEvent {
    public static let name = "ticket_sla_stage.breached"
    public static let summary = "A ticket missed the target of an SLA stage."
    public static let ownNotes = [
        "targetAt": "When the stage should have been met.",
        "overdueBySeconds": "How late it was when the breach was seen.",
    ]

    public var ticketId: UUID
    public var slaPolicyId: UUID
    public var slaPolicyVersion: Int
    public var slaClockId: UUID
    public var stage: TicketSlaStageEntered.Stage
    public var metric: String
    public var instance: Int
    public var breachedAt: Timestamp
    public var targetAt: Timestamp
    public var overdueBySeconds: Int

    public init(
        ticketId: UUID, slaPolicyId: UUID, slaPolicyVersion: Int, slaClockId: UUID, stage: TicketSlaStageEntered.Stage,
        metric: String, instance: Int, breachedAt: Timestamp, targetAt: Timestamp, overdueBySeconds: Int
    ) {
        self.ticketId = ticketId
        self.slaPolicyId = slaPolicyId
        self.slaPolicyVersion = slaPolicyVersion
        self.slaClockId = slaClockId
        self.stage = stage
        self.metric = metric
        self.instance = instance
        self.breachedAt = breachedAt
        self.targetAt = targetAt
        self.overdueBySeconds = overdueBySeconds
    }

    public static var example: Self {
        TicketSlaStageBreached(
            ticketId: Example.id("ticket"), slaPolicyId: Example.id("sla-policy"), slaPolicyVersion: 3,
            slaClockId: Example.id("sla-clock"), stage: .response, metric: "first_response", instance: 1,
            breachedAt: Example.time(), targetAt: Example.time(minutes: -10), overdueBySeconds: 600)
    }
}
