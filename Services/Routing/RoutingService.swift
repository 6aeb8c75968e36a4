// routing: who works on what: decides who holds a ticket, and says why.
//
// Owns      the schema `routing`: agents and what they hold, rules, queues, settings, the tickets that wait, decisions; and
//           copies of tickets, users and business calendars.
// Emits     routing_decision.made/.failed, routing_queue_entry.created/.removed, agent.*, agent_capacity.threshold_reached,
//           routing_rule.*, routing_queue.*, routing_settings.*
// Listens   to ticket.*, ticket_message.added and ticket_sla_stage.entered, for the queue; to routing_decision.rejected, by
//           which tickets refuses a decision; to user.*, for the agents; to business_calendar.*, for conditions.

import Contracts
import Database
import Messaging
import Projections
import ServiceKit
import ServiceLifecycle
import Web

public struct RoutingService: Microservice {
    public static let name = "routing"
    public static let summary = "Who works on what: decides who holds a ticket, and says why."
    public static let migrations: [Migration] = [
        Projection.migration(version: 100, [.tickets(of: name), .users(of: name)]), .routing,
        .compactDecisions, .ruleChanges, Projection.migration(version: 104, [.calendars]),
    ]

    static let projections: [Projection] = [.routedTickets, .users(of: name), .calendars]
    /// Calendars are served by the service that owns them.
    public static let resources: [any Resource] =
        [Agents(), RoutingRules(), RoutingQueues(), RoutingSettings(), QueueEntries(), Decisions()]
        + [.routedTickets, .users(of: name)].map { ProjectionResource($0) }

    private let rebuild: ProjectionRebuild
    private let database: Database
    private let books = RuleBookStore()

    public init(_ platform: Platform) {
        self.init(database: platform.database)
    }

    init(database: Database) {
        self.database = database
        rebuild = ProjectionRebuild(service: Self.name, database: database, projections: Self.projections)
    }

    public var routes: [Route] { RoutingRoutes(books: books).all + rebuild.routes }

    /// The copies come first: what follows from an event is worked out from them, in the same transaction.
    public var handlers: [MessageHandler] {
        Self.projections.map { MessageHandler($0) }
            + [
                MessageHandler(FollowTickets(books: books)), MessageHandler(KeepAgents()),
                MessageHandler(FollowCalendars()),
            ]
    }

    public var jobs: [any Service] { [dispatch] }

    var dispatch: DispatchJob { DispatchJob(database: database, books: books) }
}

extension Projection {
    /// The business calendars of the sla service, for conditions that ask for opening hours.
    static let calendars = Projection(
        service: RoutingService.name, entity: "business_calendar", table: "business_calendars",
        fields: [
            .text("name"), .text("timezone"), .json("weeklyHours"), .texts("holidays"), .json("dateOverrides"),
            .json("breaks"),
        ])

    /// Tickets with what rules can ask for. The first fields are those of the table's first migration.
    static let routedTickets = Projection(
        service: "routing", entity: "ticket", table: "tickets",
        fields: [
            .integer("number").sortable, .text("key"), .text("subject"), .text("status").filterable,
            .text("priority").filterable, .text("type").filterable, .text("channel").filterable,
            .uuid("requesterId").filterable, .uuid("organizationId").filterable, .uuid("assigneeId").filterable,
            .uuid("groupId").filterable, .texts("tags"), .timestamp("dueAt").sortable, .timestamp("firstRespondedAt"),
            .timestamp("resolvedAt"), .timestamp("closedAt"), .text("description"), .text("requesterEmail"),
            .json("customFields"),
        ])
}
