#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A technician set out for an appointment.
public struct TechnicianEnRoute: Event {
    public static let name = "technician.en_route"
    public static let summary = "A technician set out for an appointment."
    public static let category = "Scheduling"
    public static let owner = "field"
    public static let notes = ["eta": "When the technician should arrive."]

    public var appointmentId: UUID
    public var ticketId: UUID?
    public var technicianUserId: UUID
    public var startedAt: Timestamp
    public var eta: Timestamp?

    public init(
        appointmentId: UUID, ticketId: UUID? = nil, technicianUserId: UUID, startedAt: Timestamp,
        eta: Timestamp? = nil
    ) {
        self.appointmentId = appointmentId
        self.ticketId = ticketId
        self.technicianUserId = technicianUserId
        self.startedAt = startedAt
        self.eta = eta
    }

    public var aggregate: Aggregate { Aggregate(type: "appointment", id: appointmentId) }

    public static var example: Self {
        TechnicianEnRoute(
            appointmentId: Example.id("appointment"), ticketId: Example.id("ticket"),
            technicianUserId: Example.id("technician"), startedAt: Example.time(), eta: Example.time(minutes: 40))
    }
}
