// webhooks: a tenant's events, sent to addresses that it names.
//
// Owns      webhook_endpoints with their secrets and health; webhook_events, webhook_deliveries, webhook_tries, webhook_lanes.
// Emits     webhook_endpoint.created/updated/deleted/disabled
// Listens   to everything while there are endpoints, and keeps what one of them wants.

import Contracts
import Database
import Messaging
import Outbound
import ServiceKit
import ServiceLifecycle
import Web

/// Webhooks as the service has them.
struct Webhooks: Feature {
    static let migrations: [Migration] = [.webhooks]

    private static let retention = "WEBHOOK_RETENTION_DAYS"
    private static let concurrency = "WEBHOOK_CONCURRENCY"

    static let settings: [Setting] = OutboundSettings.all + own

    private static let own: [Setting] = [
        .integer(retention, 1...365, default: 30, "Days for which webhooks can be looked up and sent again."),
        .integer(concurrency, 1...4_096, default: 256, "Webhook requests of a process under way at once."),
    ]

    private let endpoints: ResourceStore<WebhookEndpoints>
    private let secrets: WebhookSecrets
    private let bell = Bell()
    private let handler: SendToWebhooks
    private let database: Database
    private let client: OutboundClient
    private let retention: Duration
    private let concurrency: Int

    init(_ platform: Platform) throws {
        self.init(
            database: platform.database, demand: platform.demand(for:),
            client: try OutboundSettings.client(platform.settings), keys: SecretKeys(platform.settings),
            retention: .seconds(86_400 * platform.settings.integer(Self.retention)),
            concurrency: platform.settings.integer(Self.concurrency))
    }

    /// - Parameter demand: for having the events come; without, they come by another way.
    init(
        database: Database, demand: (any OccasionalHandler) -> Demand? = { _ in nil }, client: OutboundClient,
        keys: SecretKeys, retention: Duration = .seconds(30 * 86_400), concurrency: Int = 256
    ) {
        self.database = database
        self.client = client
        self.retention = retention
        self.concurrency = concurrency
        handler = SendToWebhooks(bell: bell)
        endpoints = ResourceStore(WebhookEndpoints(client: client, demand: demand(handler)))
        secrets = WebhookSecrets(box: keys.box(for: "webhook secrets"))
    }

    var resources: [any Resource] { [endpoints.resource, WebhookDeliveries(), WebhookTries()] }
    var routes: [Route] { WebhookRoutes(endpoints: endpoints, secrets: secrets, bell: bell).all }
    var handlers: [MessageHandler] { [MessageHandler(handler)] }
    var jobs: [any Service] { [WebhookUpkeep(database: database, retention: retention)] }

    func senders(of crew: Crew) -> [any Service] {
        var worker = worker
        worker.shift = crew.shift
        return [worker]
    }

    var worker: WebhookWorker {
        WebhookWorker(
            database: database, client: client, secrets: secrets, endpoints: endpoints, bell: bell,
            concurrency: concurrency)
    }
}
