#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// An appointment was moved.
public struct AppointmentRescheduled: Event {
    public static let name = "appointment.rescheduled"
    public static let summary = "An appointment was moved."
    public static let category = "Scheduling"
    public static let owner = "field"

    public var appointmentId: UUID
    public var ticketId: UUID?
    public var previousStartAt: Timestamp
    public var previousEndAt: Timestamp
    public var newStartAt: Timestamp
    public var newEndAt: Timestamp
    public var timezone: String
    public var rescheduledAt: Timestamp
    public var reason: String?

    public init(
        appointmentId: UUID, ticketId: UUID? = nil, previousStartAt: Timestamp, previousEndAt: Timestamp,
        newStartAt: Timestamp, newEndAt: Timestamp, timezone: String, rescheduledAt: Timestamp, reason: String? = nil
    ) {
        self.appointmentId = appointmentId
        self.ticketId = ticketId
        self.previousStartAt = previousStartAt
        self.previousEndAt = previousEndAt
        self.newStartAt = newStartAt
        self.newEndAt = newEndAt
        self.timezone = timezone
        self.rescheduledAt = rescheduledAt
        self.reason = reason
    }

    public var aggregate: Aggregate { Aggregate(type: "appointment", id: appointmentId) }

    public static var example: Self {
        AppointmentRescheduled(
            appointmentId: Example.id("appointment"), ticketId: Example.id("ticket"),
            previousStartAt: Example.time(minutes: 1440), previousEndAt: Example.time(minutes: 1500),
            newStartAt: Example.time(minutes: 2880), newEndAt: Example.time(minutes: 2940), timezone: "Europe/Berlin",
            rescheduledAt: Example.time(), reason: "Asked by the customer")
    }
}
