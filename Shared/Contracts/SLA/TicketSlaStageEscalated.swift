#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A missed SLA stage came to a step of its policy’s escalation.
public struct TicketSlaStageEscalated: TicketSlaStageEvent {
    public static let name = "ticket_sla_stage.escalated"
    public static let summary = "A missed SLA stage came to a step of its policy’s escalation."
    public static let ownNotes = [
        "targetAt": "When the stage must be met.",
        "step": "Which of the policy’s steps, from 0.",
        "notify": "The users and groups that the step names.",
        "overdueBySeconds": "How late it was when the step was due, in the target’s kind of time.",
    ]

    public var ticketId: UUID
    public var slaPolicyId: UUID
    public var slaPolicyVersion: Int
    public var slaClockId: UUID
    public var stage: TicketSlaStageEntered.Stage
    public var metric: String
    public var instance: Int
    public var escalatedAt: Timestamp
    public var targetAt: Timestamp
    public var step: Int
    public var overdueBySeconds: Int
    public var notify: [UUID]
    public var note: String?

    public init(
        ticketId: UUID, slaPolicyId: UUID, slaPolicyVersion: Int, slaClockId: UUID, stage: TicketSlaStageEntered.Stage,
        metric: String, instance: Int, escalatedAt: Timestamp, targetAt: Timestamp, step: Int, overdueBySeconds: Int,
        notify: [UUID], note: String? = nil
    ) {
        self.ticketId = ticketId
        self.slaPolicyId = slaPolicyId
        self.slaPolicyVersion = slaPolicyVersion
        self.slaClockId = slaClockId
        self.stage = stage
        self.metric = metric
        self.instance = instance
        self.escalatedAt = escalatedAt
        self.targetAt = targetAt
        self.step = step
        self.overdueBySeconds = overdueBySeconds
        self.notify = notify
        self.note = note
    }

    public static var example: Self {
        TicketSlaStageEscalated(
            ticketId: Example.id("ticket"), slaPolicyId: Example.id("sla-policy"), slaPolicyVersion: 3,
            slaClockId: Example.id("sla-clock"), stage: .response, metric: "first_response", instance: 1,
            escalatedAt: Example.time(), targetAt: Example.time(minutes: -30), step: 0, overdueBySeconds: 1_800,
            notify: [Example.id("supervisor")], note: "Call the customer")
    }
}
