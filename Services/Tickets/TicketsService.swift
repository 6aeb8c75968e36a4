// tickets: what customers ask for, from the first word to the closing.
//
// Owns      the schema `tickets`: tickets, messages, participants, tags, the histories of status and holder, figures,
//           imports; and copies of the tenants' users, groups and organizations.
// Emits     ticket.*, ticket_message.added, ticket_internal_note.added, ticket_participant.*, tag.*, ticket_import.*,
//           routing_decision.rejected
// Listens   to its own ticket events, for the figures; to user.*, group.* and organization.*, for the copies; to
//           routing_decision.made, to give tickets to whom routing has chosen; to ticket_sla_stage.*, for deadlines in
//           lists.

import Contracts
import Database
import Messaging
import Projections
import ServiceKit
import ServiceLifecycle
import Web

public struct TicketsService: Microservice {
    public static let name = "tickets"
    public static let summary = "Tickets: what customers ask for, from the first word to the closing."
    public static let migrations: [Migration] = [
        .tickets, Projection.migration(version: 101, Projection.ofTickets), .projectionLookups, .imports, .slaStages,
        .statistics, .leanStatistics,
    ]
    public static let resources: [any Resource] = [
        TicketResource(), Messages(), Participants(), TicketTags(), Assignments(), StatusDurations(), Metrics(),
        StatusDurationsByHand(), MetricsByHand(), TicketAudits.resource, TagDefinitions(), Imports(), ImportErrors(),
        TenantUsers(), TenantGroups(), CannedResponses(),
    ]

    private let rebuild: ProjectionRebuild
    private let database: Database

    public init(_ platform: Platform) {
        self.init(database: platform.database)
    }

    init(database: Database) {
        self.database = database
        rebuild = ProjectionRebuild(service: Self.name, database: database, projections: Projection.ofTickets)
    }

    public var routes: [Route] {
        TicketRoutes.all + MessageRoutes.all + ImportRoutes.all + ExportRoutes.all + MetricsRoutes.all + rebuild.routes
    }

    public var handlers: [MessageHandler] {
        [MessageHandler(KeepMetrics()), MessageHandler(AssignByRouting()), MessageHandler(KeepSLAStages())]
            + Projection.ofTickets.map { MessageHandler($0) }
    }

    public var jobs: [any Service] { [ImportRunner(database: database)] }
}
