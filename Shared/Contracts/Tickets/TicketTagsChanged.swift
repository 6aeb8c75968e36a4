#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Tags were put on a ticket or taken off it.
public struct TicketTagsChanged: Event {
    public static let name = "ticket.tags_changed"
    public static let summary = "Tags were put on a ticket or taken off it."
    public static let category = "Tickets"
    public static let owner = "tickets"
    public static let status = EventStatus.emitted
    public static let notes = [
        "addedTags": "The added tags as GET shows them.",
        "removedTags": "The removed tags as GET showed them.",
    ]

    public var ticketId: UUID
    public var addedTagIds: [UUID]?
    public var removedTagIds: [UUID]?
    public var changedAt: Timestamp
    public var addedTags: [JSONObject]?
    public var removedTags: [JSONObject]?

    public init(
        ticketId: UUID, addedTagIds: [UUID]? = nil, removedTagIds: [UUID]? = nil, changedAt: Timestamp,
        addedTags: [JSONObject]? = nil, removedTags: [JSONObject]? = nil
    ) {
        self.ticketId = ticketId
        self.addedTagIds = addedTagIds
        self.removedTagIds = removedTagIds
        self.changedAt = changedAt
        self.addedTags = addedTags
        self.removedTags = removedTags
    }

    public var aggregate: Aggregate { Aggregate(type: "ticket", id: ticketId) }

    public static var example: Self {
        TicketTagsChanged(
            ticketId: Example.id("ticket"), addedTagIds: [Example.id("tag")], removedTagIds: [Example.id("other-tag")],
            changedAt: Example.time(), addedTags: [["id": .uuid(Example.id("tag")), "name": "vpn"]],
            removedTags: [["id": .uuid(Example.id("other-tag")), "name": "spam"]])
    }
}
