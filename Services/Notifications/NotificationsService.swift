// notifications: Tells people what happened, by the channels they chose.
//
// Owns      the schema `notifications`: rules, templates, preferences, notifications with their deliveries, the suppression
//           list, scheduled messages, senders of mail with their keys and what was reported of it, push subscriptions, webhooks;
//           and copies of tickets with their participants, users, agents and organizations.
// Emits     notification.sent/delivered/failed/read, outbound_email.queued/sent/failed, email.bounced/delivered/unsubscribed,
//           email_complaint.received, webhook_endpoint.disabled, and created/updated/deleted of what tenants set up
// Listens   to ticket, SLA, routing, user and API key events, to tell people; to agent and organization events, for its copies;
//           to everything while there are webhooks.

import Contracts
import Database
import Messaging
import Projections
import ServiceKit
import ServiceLifecycle
import Web

public struct NotificationsService: Microservice {
    public static let name = "notifications"
    public static let summary = "Tells people what happened, by the channels they chose."
    public static let migrations: [Migration] =
        [
            Projection.migration(version: 100, [.tickets(of: name), .users(of: name)]),
            Projection.migration(version: 101, [organizations, agents]), .notifications,
        ] + parts.flatMap { $0.migrations }

    /// The parts that stand on their own.
    static let parts: [any Feature.Type] = [EmailFeature.self, HTTPChannels.self, Webhooks.self]

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
    private static let retentionSetting = "NOTIFICATIONS_RETENTION_DAYS"

    public static let settings: [Setting] =
        [
            .text(
                ticketURLSetting, default: "",
                "Where people see a ticket, for links in messages; {tenantId} and {ticketId} stand for the ids."),
            .integer(
                recipientRateSetting, 1...1_000_000, default: 120,
                "Messages to one recipient on one channel in an hour; further ones wait."),
            .integer(
                tenantRateSetting, 1...10_000_000, default: 30_000,
                "Messages of one tenant on one channel in a minute; further ones wait."),
            .integer(
                retentionSetting, 1...3_650, default: 400, "Days for which notifications and deliveries are kept."),
        ] + SecretKeys.settings + parts.flatMap { $0.settings }

    let database: Database
    let channels: [any Channel]
    private let features: [any Feature]
    private let rebuild: ProjectionRebuild
    private let outlets: Outlets
    private let limits: RateLimits
    private let retention: Duration
    /// What the process has from when it is told to stop.
    private let grace: Duration

    public init(_ platform: Platform) throws {
        let settings = platform.settings
        self.init(
            database: platform.database, ticketURL: settings.text(Self.ticketURLSetting),
            limits: RateLimits(
                recipientHourlyMax: Int64(settings.integer(Self.recipientRateSetting)),
                tenantMinuteMax: Int64(settings.integer(Self.tenantRateSetting))),
            retention: .seconds(86_400 * settings.integer(Self.retentionSetting)),
            grace: settings.seconds("SHUTDOWN_GRACE_SECONDS"),
            features: try Self.parts.map { try $0.init(platform) })
    }

    init(
        database: Database, ticketURL: String = "", limits: RateLimits = RateLimits(),
        retention: Duration = .seconds(400 * 86_400), grace: Duration = .seconds(10),
        channels: [any Channel] = [InAppChannel()],
        features: [any Feature] = []
    ) {
        self.database = database
        self.limits = limits
        self.retention = retention
        self.grace = grace
        self.features = features
        self.channels = channels + features.flatMap(\.channels)
        outlets = Outlets(
            channels: Set(self.channels.map(\.name)), sources: features.flatMap(\.sources), ticketURL: ticketURL)
        rebuild = ProjectionRebuild(service: Self.name, database: database, projections: Self.projections)
    }

    public var resources: [any Resource] {
        Self.projections.map { ProjectionResource($0) } + [
            NotificationRules(), Templates(), TemplateRevisions(), Preferences(), PreferenceDefaults(), Notifications(),
            Inbox(), Deliveries(), Suppressions(), ScheduledMessages(),
        ] + features.flatMap(\.resources)
    }

    public var routes: [Route] {
        [TypeRoutes.list, PreviewRoute(outlets: outlets).route] + Inbox.routes + Deliveries.routes
            + ScheduledMessages.routes + rebuild.routes + features.flatMap(\.routes)
    }

    public var handlers: [MessageHandler] {
        // Copies before notifications: those ask who people are.
        Self.projections.map { MessageHandler($0) } + [MessageHandler(TellPeople(outlets: outlets))]
            + features.flatMap(\.handlers)
    }

    public var jobs: [any Service] {
        [sending, Digests(database: database, outlets: outlets), upkeep, scheduledSending] + features.flatMap(\.jobs)
    }

    private var sending: Sending {
        let crew = Crew(database: database, grace: grace)
        let workers = channels.map { ChannelWorker(channel: $0, store: store(of: $0), shift: crew.shift) }
        return Sending(crew: crew, workers: workers + features.flatMap { $0.senders(of: crew) })
    }

    public var contracts: [EventContract] { OtherChannels.contracts + features.flatMap(\.contracts) }

    var scheduledSending: ScheduledSending { ScheduledSending(database: database, outlets: outlets) }
    var upkeep: Upkeep { Upkeep(database: database, retention: retention) }
    var digests: Digests { Digests(database: database, outlets: outlets) }

    func store(of channel: any Channel) -> DeliveryStore {
        DeliveryStore(
            database: database, channel: channel.name, limits: limits, emails: channel.emails, lease: channel.lease)
    }
}
