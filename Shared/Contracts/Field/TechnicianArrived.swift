#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A technician arrived at an appointment.
public struct TechnicianArrived: Event {
    public static let name = "technician.arrived"
    public static let summary = "A technician arrived at an appointment."
    public static let category = "Scheduling"
    public static let owner = "field"

    public var appointmentId: UUID
    public var ticketId: UUID?
    public var technicianUserId: UUID
    public var arrivedAt: Timestamp
    public var location: String?

    public init(
        appointmentId: UUID, ticketId: UUID? = nil, technicianUserId: UUID, arrivedAt: Timestamp,
        location: String? = nil
    ) {
        self.appointmentId = appointmentId
        self.ticketId = ticketId
        self.technicianUserId = technicianUserId
        self.arrivedAt = arrivedAt
        self.location = location
    }

    public var aggregate: Aggregate { Aggregate(type: "appointment", id: appointmentId) }

    public static var example: Self {
        TechnicianArrived(
            appointmentId: Example.id("appointment"), ticketId: Example.id("ticket"),
            technicianUserId: Example.id("technician"), arrivedAt: Example.time(),
            location: "Unter den Linden 1, Berlin")
    }
}
