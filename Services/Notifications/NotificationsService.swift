// notifications: Tells people what happened, by the channels they chose.
//
// Owns      the schema `notifications`: rules, templates, preferences, notifications with their deliveries, the suppression
//           list, scheduled messages; and copies of tickets with their participants, users, agents and organizations.
// Emits     notification.sent/delivered/failed/read, and created/updated/deleted of what tenants set up
// Listens   to ticket, SLA, routing, user and API key events, to tell people; to agent and organization events, for its copies.

import Database
import Messaging
import Projections
import ServiceKit
import ServiceLifecycle
import Web

public struct NotificationsService: Microservice {
    public static let name = "notifications"
    public static let summary = "Tells people what happened, by the channels they chose."
    public static let migrations: [Migration] = [
        Projection.migration(version: 100, [.tickets(of: name), .users(of: name)]),
        Projection.migration(version: 101, [organizations, agents]), .notifications,
    ]

    private static let organizations = Projection(
        service: name, entity: "organization", table: "organizations",
        fields: [.text("name"), .text("locale"), .text("timezone")])
    /// Whose groups are asked for.
    private static let agents = Projection(
        service: name, entity: "agent", table: "agents", fields: [.uuid("userId").filterable, .texts("groupIds")])
    private static let projections: [Projection] = [
        .tickets(of: name), .users(of: name, adding: [.text("phone")]), organizations, agents,
    ]

    private static let ticketURLSetting = "TICKET_URL"
    private static let recipientRateSetting = "NOTIFICATIONS_RECIPIENT_HOURLY_MAX"
    private static let tenantRateSetting = "NOTIFICATIONS_TENANT_MINUTE_MAX"

    public static let settings: [Setting] = [
        .text(
            ticketURLSetting, default: "",
            "Where people see a ticket, for links in messages; {tenantId} and {ticketId} stand for the ids."),
        .integer(
            recipientRateSetting, 1...1_000_000, default: 120,
            "Messages to one recipient on one channel in an hour; further ones wait."),
        .integer(
            tenantRateSetting, 1...10_000_000, default: 30_000,
            "Messages of one tenant on one channel in a minute; further ones wait."),
    ]

    let database: Database
    private let rebuild: ProjectionRebuild
    private let ticketURL: String
    private let limits: RateLimits
    let channels: [any Channel]
    private let sources: [AddressSource]

    public init(_ platform: Platform) {
        let settings = platform.settings
        self.init(
            database: platform.database, ticketURL: settings.text(Self.ticketURLSetting),
            limits: RateLimits(
                recipientHourlyMax: Int64(settings.integer(Self.recipientRateSetting)),
                tenantMinuteMax: Int64(settings.integer(Self.tenantRateSetting))))
    }

    init(
        database: Database, ticketURL: String = "", limits: RateLimits = RateLimits(),
        channels: [any Channel] = [InAppChannel()], sources: [AddressSource] = []
    ) {
        self.database = database
        self.ticketURL = ticketURL
        self.limits = limits
        self.channels = channels
        self.sources = sources
        rebuild = ProjectionRebuild(service: Self.name, database: database, projections: Self.projections)
    }

    public var resources: [any Resource] {
        Self.projections.map { ProjectionResource($0) } + [
            NotificationRules(), Templates(), TemplateRevisions(), Preferences(), PreferenceDefaults(), Notifications(),
            Inbox(), Deliveries(), Suppressions(), ScheduledMessages(),
        ]
    }

    public var routes: [Route] {
        [TypeRoutes.list, PreviewRoute(ticketURL: ticketURL).route] + Inbox.routes + Deliveries.routes
            + ScheduledMessages.routes + rebuild.routes
    }

    public var handlers: [MessageHandler] {
        // Copies before notifications: those ask who people are.
        Self.projections.map { MessageHandler($0) }
            + [MessageHandler(TellPeople(sources: sources, ticketURL: ticketURL))]
    }

    public var jobs: [any Service] {
        channels.map { ChannelWorker(channel: $0, store: store(of: $0)) } + [
            Digests(database: database), RateUpkeep(database: database),
            ScheduledSending(database: database, sources: sources, ticketURL: ticketURL),
        ]
    }

    func store(of channel: any Channel) -> DeliveryStore {
        DeliveryStore(database: database, channel: channel.name, limits: limits)
    }
}
