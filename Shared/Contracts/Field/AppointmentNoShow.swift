#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// One side did not turn up for an appointment.
public struct AppointmentNoShow: Event {
    public static let name = "appointment.no_show"
    public static let summary = "One side did not turn up for an appointment."
    public static let category = "Scheduling"
    public static let owner = "field"
    public static let notes = ["party": "Who was missing."]

    public enum Party: String, Sendable, Codable, CaseIterable {
        case customer, agent
    }

    public var appointmentId: UUID
    public var ticketId: UUID?
    public var markedAt: Timestamp
    public var party: Party

    public init(appointmentId: UUID, ticketId: UUID? = nil, markedAt: Timestamp, party: Party) {
        self.appointmentId = appointmentId
        self.ticketId = ticketId
        self.markedAt = markedAt
        self.party = party
    }

    public var aggregate: Aggregate { Aggregate(type: "appointment", id: appointmentId) }

    public static var example: Self {
        AppointmentNoShow(
            appointmentId: Example.id("appointment"), ticketId: Example.id("ticket"), markedAt: Example.time(),
            party: .customer)
    }
}
