#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// An appointment was made.
public struct AppointmentCreated: Event {
    public static let name = "appointment.created"
    public static let summary = "An appointment was made."
    public static let category = "Scheduling"
    public static let owner = "field"
    public static let notes = ["assigneeType": "Such as user or team."]

    public var appointmentId: UUID
    public var ticketId: UUID?
    public var startAt: Timestamp
    public var endAt: Timestamp
    public var timezone: String
    public var assigneeId: UUID?
    public var assigneeType: String?
    public var createdByUserId: UUID
    public var createdAt: Timestamp
    public var location: String?
    public var snapshot: JSONObject?

    public init(
        appointmentId: UUID, ticketId: UUID? = nil, startAt: Timestamp, endAt: Timestamp, timezone: String,
        assigneeId: UUID? = nil, assigneeType: String? = nil, createdByUserId: UUID, createdAt: Timestamp,
        location: String? = nil, snapshot: JSONObject? = nil
    ) {
        self.appointmentId = appointmentId
        self.ticketId = ticketId
        self.startAt = startAt
        self.endAt = endAt
        self.timezone = timezone
        self.assigneeId = assigneeId
        self.assigneeType = assigneeType
        self.createdByUserId = createdByUserId
        self.createdAt = createdAt
        self.location = location
        self.snapshot = snapshot
    }

    public var aggregate: Aggregate { Aggregate(type: "appointment", id: appointmentId) }

    public static var example: Self {
        AppointmentCreated(
            appointmentId: Example.id("appointment"), ticketId: Example.id("ticket"),
            startAt: Example.time(minutes: 1440), endAt: Example.time(minutes: 1500), timezone: "Europe/Berlin",
            assigneeId: Example.id("technician"), assigneeType: "user", createdByUserId: Example.id("agent"),
            createdAt: Example.time(), location: "Unter den Linden 1, Berlin",
            snapshot: ["id": .uuid(Example.id("appointment")), "version": 1])
    }
}
