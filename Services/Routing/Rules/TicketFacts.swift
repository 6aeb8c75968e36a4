// What rules and queues can ask about a ticket.
import BusinessTime
import Conditions
import Contracts

extension Vocabulary {
    /// The fields of routing's conditions.
    static let routing = Vocabulary([
        .text("ticket.subject").described("The ticket's subject."),
        .text("ticket.description").described("What the customer wrote first."),
        .choice(
            "ticket.status",
            ["open", "in_progress", "answered", "waiting_for_response", "on_hold", "resolved", "closed"]),
        .choice("ticket.priority", TicketRank.priorities).ordered,
        .choice("ticket.type", ["question", "incident", "problem", "task", "change"]),
        .choice("ticket.channel", TicketRank.channels),
        .id("ticket.requesterId"),
        .text("ticket.requesterEmail"),
        .id("ticket.organizationId"),
        .id("ticket.assigneeId"),
        .id("ticket.groupId"),
        .texts("ticket.tags"),
        .timestamp("ticket.dueAt"),
        .timestamp("ticket.createdAt"),
        .open("ticket.customFields").described("A custom field by its key: ticket.customFields.plan"),
        .text("requester.email"),
        .text("requester.locale"),
        .text("requester.timezone"),
        .timestamp("time.now").described("The moment of the decision."),
        .choice("time.weekday", ["mon", "tue", "wed", "thu", "fri", "sat", "sun"])
            .described("The day of the week, in the time zone of the routing settings."),
        .timeOfDay("time.ofDay").described("The time of the day there."),
    ])
}

/// The orders and lists that tickets come with.
enum TicketRank {
    static let priorities = ["low", "normal", "high", "urgent"]
    static let channels = ["email", "web_form", "chat", "api", "phone", "import"]

    static func rank(_ priority: String?) -> Int { priority.flatMap { priorities.firstIndex(of: $0) } ?? 1 }

    /// Statuses in which somebody has to hold the ticket.
    static func isActive(_ status: String?) -> Bool { status != "resolved" && status != "closed" }
}

extension Facts {
    /// What is known about a ticket when it is routed.
    init(
        ticket: JSONObject, requester: JSONObject = [:], changes: JSONObject = [:], localNow: LocalTime, now: Timestamp,
        businessHours: BusinessHours? = nil
    ) {
        self.init(.routing, businessHours: businessHours)
        set("ticket", to: ticket, changes: changes)
        set("requester", to: requester)
        set("time.now", to: .timestamp(now))
        set("time.weekday", to: .string(localNow.weekday))
        set("time.ofDay", to: .string(localNow.timeOfDay))
    }
}

/// A moment on a clock on a wall.
struct LocalTime: Sendable, Hashable {
    /// `mon` to `sun`.
    var weekday: String
    /// `08:30`
    var timeOfDay: String

    /// - Parameter offsetSeconds: of the place from UTC at that moment.
    init(_ instant: Timestamp, offsetSeconds: Int) {
        let seconds = instant.milliseconds / 1000 + Int64(offsetSeconds)
        let days = Int((Double(seconds) / 86_400).rounded(.down))
        let minute = Int(seconds - Int64(days) * 86_400) / 60
        // The first of January 1970 was a Thursday.
        weekday = ["thu", "fri", "sat", "sun", "mon", "tue", "wed"][((days % 7) + 7) % 7]
        timeOfDay = [minute / 60, minute % 60].map { $0 < 10 ? "0\($0)" : "\($0)" }.joined(separator: ":")
    }

    init(_ instant: Timestamp, in zone: Zone) {
        let seconds = Int((Double(instant.milliseconds) / 1000).rounded(.down))
        self.init(instant, offsetSeconds: zone.offset(at: seconds))
    }
}
