#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// An appointment was canceled.
public struct AppointmentCanceled: Event {
    public static let name = "appointment.canceled"
    public static let summary = "An appointment was canceled."
    public static let category = "Scheduling"
    public static let owner = "field"

    public var appointmentId: UUID
    public var ticketId: UUID?
    public var canceledAt: Timestamp
    public var reason: String?

    public init(appointmentId: UUID, ticketId: UUID? = nil, canceledAt: Timestamp, reason: String? = nil) {
        self.appointmentId = appointmentId
        self.ticketId = ticketId
        self.canceledAt = canceledAt
        self.reason = reason
    }

    public var aggregate: Aggregate { Aggregate(type: "appointment", id: appointmentId) }

    public static var example: Self {
        AppointmentCanceled(
            appointmentId: Example.id("appointment"), ticketId: Example.id("ticket"), canceledAt: Example.time(),
            reason: "Asked by the customer")
    }
}
