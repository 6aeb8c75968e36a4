#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A technician left an appointment.
public struct TechnicianCheckedOut: Event {
    public static let name = "technician.checked_out"
    public static let summary = "A technician left an appointment."
    public static let category = "Scheduling"
    public static let owner = "field"

    public var appointmentId: UUID
    public var ticketId: UUID?
    public var technicianUserId: UUID
    public var checkedOutAt: Timestamp
    public var workSummary: String?

    public init(
        appointmentId: UUID, ticketId: UUID? = nil, technicianUserId: UUID, checkedOutAt: Timestamp,
        workSummary: String? = nil
    ) {
        self.appointmentId = appointmentId
        self.ticketId = ticketId
        self.technicianUserId = technicianUserId
        self.checkedOutAt = checkedOutAt
        self.workSummary = workSummary
    }

    public var aggregate: Aggregate { Aggregate(type: "appointment", id: appointmentId) }

    public static var example: Self {
        TechnicianCheckedOut(
            appointmentId: Example.id("appointment"), ticketId: Example.id("ticket"),
            technicianUserId: Example.id("technician"), checkedOutAt: Example.time(),
            workSummary: "Replaced the switch")
    }
}
