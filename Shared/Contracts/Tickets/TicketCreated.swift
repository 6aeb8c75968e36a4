#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A ticket was created.
public struct TicketCreated: Event {
    public static let name = "ticket.created"
    public static let summary = "A ticket was created."
    public static let category = "Core"
    public static let owner = "tickets"
    public static let status = EventStatus.emitted
    public static let notes = [
        "statusId": "The tenant's status, such as open.",
        "priorityId": "Such as normal.",
        "requesterId": "The customer.",
        "channel": "Where it came from, such as email or web_form.",
        "createdByUserId": "Absent where a customer or the system created it.",
    ]

    public var ticketId: UUID
    public var number: Int
    public var subject: String
    public var statusId: String
    public var priorityId: String
    public var requesterId: UUID?
    public var channel: String
    public var createdByUserId: UUID?
    public var createdAt: Timestamp
    public var snapshot: JSONObject?

    public init(
        ticketId: UUID, number: Int, subject: String, statusId: String, priorityId: String, requesterId: UUID? = nil,
        channel: String, createdByUserId: UUID? = nil, createdAt: Timestamp, snapshot: JSONObject?
    ) {
        self.ticketId = ticketId
        self.number = number
        self.subject = subject
        self.statusId = statusId
        self.priorityId = priorityId
        self.requesterId = requesterId
        self.channel = channel
        self.createdByUserId = createdByUserId
        self.createdAt = createdAt
        self.snapshot = snapshot
    }

    public var aggregate: Aggregate { Aggregate(type: "ticket", id: ticketId) }

    public static var example: Self {
        TicketCreated(
            ticketId: Example.id("ticket"), number: 42, subject: "Cannot reach the VPN", statusId: "open",
            priorityId: "normal", requesterId: Example.id("customer"), channel: "web_form",
            createdByUserId: Example.id("agent"), createdAt: Example.time(),
            snapshot: [
                "id": .uuid(Example.id("ticket")), "key": "T-42", "subject": "Cannot reach the VPN", "status": "open",
                "version": 1,
            ])
    }
}
