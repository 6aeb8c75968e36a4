// sla: what was promised to customers, and whether it is kept.
//
// Owns      the schema `sla`: calendars and policies with their versions, what tickets went through, clocks; and copies of
//           tickets, users and the organization.
// Emits     ticket_sla_stage.*, business_calendar.*, sla_policy.*
// Listens   to ticket and message events, for the clocks; to ticket, user and organization events, for its
//           copies.

import BusinessTime
import Contracts
import Database
import Messaging
import Metrics
import Projections
import ServiceKit
import ServiceLifecycle
import Web

public struct SLAService: Microservice {
    public static let name = "sla"
    public static let summary = "Deadlines of tickets: clocks, pauses, warnings and breaches."
    public static let migrations: [Migration] = [
        Projection.migration(version: 100, projections), .sla, .slaReports,
        Projection.migration(version: 103, [TicketParties.organizations]),
    ]

    public static let resources: [any Resource] =
        [BusinessCalendars(), Policies(), Clocks(), Simulations()] + projections.map { ProjectionResource($0) }

    private static let projections: [Projection] = [.tickets(of: name), .users(of: name)]
    private let database: Database
    private let rebuild: ProjectionRebuild
    private let terms = TermsStore()
    private let historyDays: Int

    /// How long tickets that are over are kept one by one.
    private static let historySetting = "SLA_HISTORY_DAYS"

    public static let settings: [Setting] = [
        .integer(
            historySetting, 30...3_650, default: 400,
            "Days after which a ticket that is over leaves its clocks to the daily sums.")
    ]

    public init(_ platform: Platform) {
        self.init(database: platform.database, historyDays: platform.settings.integer(Self.historySetting))
        // Shown by /status: deadlines are right as far as the zones are.
        let version = ZoneDatabase.system.version ?? "unknown"
        Gauge(label: "tzdata_info", dimensions: [("version", version)]).record(1)
    }

    init(database: Database, historyDays: Int = 400) {
        self.database = database
        self.historyDays = historyDays
        rebuild = ProjectionRebuild(
            service: Self.name, database: database,
            projections: Self.projections + [TicketParties.organizations])
    }

    public var routes: [Route] {
        ArithmeticRoutes.all
            + [
                TicketSLARoute(terms: terms).route, HolidayImport.route, ComplianceReport.route,
                SimulationRoutes(runner: simulations).route, ConditionFieldsRoute.route,
                ClockRebuild(database: database, terms: terms).route,
            ] + rebuild.routes
    }

    public var handlers: [MessageHandler] {
        // Copies before clocks: those ask who a ticket is for.
        (Self.projections + [TicketParties.organizations]).map { MessageHandler($0) }
            + [MessageHandler(KeepClocks(terms: terms))]
    }

    public var jobs: [any Service] {
        [sweeper, simulations, Downsampler(database: database, retentionDays: historyDays)]
    }

    var simulations: SimulationRunner { SimulationRunner(database: database, terms: terms) }

    var sweeper: AlertSweeper { AlertSweeper(database: database, terms: terms) }
}
