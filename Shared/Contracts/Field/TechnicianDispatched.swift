#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A technician was sent to an appointment.
public struct TechnicianDispatched: Event {
    public static let name = "technician.dispatched"
    public static let summary = "A technician was sent to an appointment."
    public static let category = "Scheduling"
    public static let owner = "field"

    public var appointmentId: UUID
    public var ticketId: UUID?
    public var technicianUserId: UUID
    public var dispatchedByUserId: UUID
    public var dispatchedAt: Timestamp

    public init(
        appointmentId: UUID, ticketId: UUID? = nil, technicianUserId: UUID, dispatchedByUserId: UUID,
        dispatchedAt: Timestamp
    ) {
        self.appointmentId = appointmentId
        self.ticketId = ticketId
        self.technicianUserId = technicianUserId
        self.dispatchedByUserId = dispatchedByUserId
        self.dispatchedAt = dispatchedAt
    }

    public var aggregate: Aggregate { Aggregate(type: "appointment", id: appointmentId) }

    public static var example: Self {
        TechnicianDispatched(
            appointmentId: Example.id("appointment"), ticketId: Example.id("ticket"),
            technicianUserId: Example.id("technician"), dispatchedByUserId: Example.id("agent"),
            dispatchedAt: Example.time())
    }
}
