#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// An appointment was given to somebody.
public struct AppointmentAssigned: Event {
    public static let name = "appointment.assigned"
    public static let summary = "An appointment was given to somebody."
    public static let category = "Scheduling"
    public static let owner = "field"
    public static let notes = ["newAssigneeType": "Such as user or team."]

    public var appointmentId: UUID
    public var ticketId: UUID?
    public var previousAssigneeId: UUID?
    public var previousAssigneeType: String?
    public var newAssigneeId: UUID
    public var newAssigneeType: String
    public var assignedAt: Timestamp

    public init(
        appointmentId: UUID, ticketId: UUID? = nil, previousAssigneeId: UUID? = nil,
        previousAssigneeType: String? = nil, newAssigneeId: UUID, newAssigneeType: String, assignedAt: Timestamp
    ) {
        self.appointmentId = appointmentId
        self.ticketId = ticketId
        self.previousAssigneeId = previousAssigneeId
        self.previousAssigneeType = previousAssigneeType
        self.newAssigneeId = newAssigneeId
        self.newAssigneeType = newAssigneeType
        self.assignedAt = assignedAt
    }

    public var aggregate: Aggregate { Aggregate(type: "appointment", id: appointmentId) }

    public static var example: Self {
        AppointmentAssigned(
            appointmentId: Example.id("appointment"), ticketId: Example.id("ticket"),
            previousAssigneeId: Example.id("colleague"), previousAssigneeType: "user",
            newAssigneeId: Example.id("agent"), newAssigneeType: "user", assignedAt: Example.time())
    }
}
