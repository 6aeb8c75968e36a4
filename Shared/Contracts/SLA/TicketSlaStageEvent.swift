#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What happens to an SLA stage of a ticket: all of a ticket's stages share one sequence.
public protocol TicketSlaStageEvent: Event {
    var ticketId: UUID { get }
    /// Of the fields that not every such event has, or that mean something else in this one.
    static var ownNotes: [String: String] { get }
}

extension TicketSlaStageEvent {
    public static var category: String { "Tickets" }
    public static var owner: String { "sla" }
    public static var status: EventStatus { .emitted }
    public static var notes: [String: String] {
        [
            "slaPolicyVersion": "The version of the policy that the ticket keeps.",
            "slaClockId": "The clock, one per ticket, metric and instance.",
            "metric": "Such as first_response or resolution.",
            "instance": "1, 2, 3 … of the metric in the ticket.",
        ].merging(ownNotes) { _, own in own }
    }
    public var aggregate: Aggregate { Aggregate(type: "ticket_sla", id: ticketId) }
}
