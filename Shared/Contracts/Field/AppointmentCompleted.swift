#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// An appointment was completed.
public struct AppointmentCompleted: Event {
    public static let name = "appointment.completed"
    public static let summary = "An appointment was completed."
    public static let category = "Scheduling"
    public static let owner = "field"

    public var appointmentId: UUID
    public var ticketId: UUID?
    public var completedAt: Timestamp
    public var outcome: String?

    public init(appointmentId: UUID, ticketId: UUID? = nil, completedAt: Timestamp, outcome: String? = nil) {
        self.appointmentId = appointmentId
        self.ticketId = ticketId
        self.completedAt = completedAt
        self.outcome = outcome
    }

    public var aggregate: Aggregate { Aggregate(type: "appointment", id: appointmentId) }

    public static var example: Self {
        AppointmentCompleted(
            appointmentId: Example.id("appointment"), ticketId: Example.id("ticket"), completedAt: Example.time(),
            outcome: "Solved")
    }
}
