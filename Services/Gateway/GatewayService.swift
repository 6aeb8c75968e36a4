// gateway: the edge of the platform, and identity.
//
// Owns      the schema `gateway`: organizations, users, API keys, sessions, the history of all services' events.
// Emits     organization.*, user.*, api_key.*, session.*, and simulated events of any kind.
// Listens   to everything (`#`), for the history, the event streams and replays.

import AsyncHTTPClient
import Contracts
import Database
import Hummingbird
import Messaging
import NIOCore
import ServiceKit
import ServiceLifecycle
import Web

/// The gateway: everything public comes through its ``Edge``; its own routes are identity and events.
public struct GatewayService: Microservice {
    public static let name = Edge.ownName
    public static let summary = "The edge: routing, authentication, limits, event streams; organizations and users."
    public static let migrations: [Migration] = [.identity, .rateLimits, .eventFeed]

    private let platform: Platform
    private let upstreams: [Upstream]
    private let epochs = Epochs()
    private let uses: ApiKeyUses
    private let tokens: AccessTokens
    private let signingKeys: SigningKeys
    private let authenticator: Authenticator
    private let limiter: RateLimiter
    private let tail: FeedTail
    private let directory: RouteDirectory
    private let board: StatusBoard
    private let login: LoginRoutes

    public init(_ platform: Platform) throws {
        let settings = platform.settings
        let database = platform.database
        self.platform = platform
        let client = Self.client
        upstreams = try Upstream.parse(settings.list("SERVICES").joined(separator: ",")).get()
            .filter { $0.name != Edge.ownName }.map { Upstream(name: $0.name, origins: $0.origins) }
        uses = ApiKeyUses(database: database)
        tokens = AccessTokens(issuer: settings.text("TOKEN_ISSUER"))
        let sealing = [settings.text("INTERNAL_CONTEXT_KEY"), settings.optionalText("INTERNAL_CONTEXT_PREVIOUS_KEY")]
        let signingKeys = SigningKeys(database: database, tokens: tokens, secrets: sealing.compactMap { $0 })
        self.signingKeys = signingKeys
        authenticator = Authenticator(
            database: database, tokens: tokens, epochs: epochs, uses: uses,
            reloadKeys: { await signingKeys.reload() })
        limiter = RateLimiter(database: database)
        tail = FeedTail(database: database)
        directory = RouteDirectory(client: client, upstreams: upstreams, ownName: Edge.ownName, title: "Deskwire")
        board = StatusBoard(client: client, upstreams: upstreams)
        login = LoginRoutes(
            database: database, tokens: tokens, hasher: PasswordHasher(), limits: LoginLimits(limiter: limiter),
            epochs: epochs)
    }

    /// Asks the services for what they say about themselves. One for the life of the process.
    private static let client: HTTPClient = {
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow, timeout: .init(connect: .seconds(2), read: .seconds(120)))
        configuration.httpVersion = .http1Only
        configuration.connectionPool.retryConnectionEstablishment = false
        return HTTPClient(configuration: configuration)
    }()

    // MARK: - Identity and events

    private var organizations: Organizations { Organizations(epochs: epochs) }
    private var users: Users { Users(epochs: epochs) }
    private var apiKeys: ApiKeys { ApiKeys(epochs: epochs) }
    private var sessions: Sessions { Sessions(epochs: epochs) }

    public var resources: [any Resource] { [organizations, users, apiKeys, sessions] }

    public var routes: [Route] {
        let names = [Edge.ownName] + upstreams.map(\.name)
        let events = EventRoutes(
            database: platform.database, tail: tail, exchange: platform.topology.exchange, authenticator: authenticator)
        let documents = DocumentRoutes(directory: directory, board: board, authenticator: authenticator)
        return organizations.routes + users.routes + apiKeys.routes + sessions.routes + login.all + events.all
            + [
                SimulateRoute(directory: directory).route,
                ReplayRoute(database: platform.database, platform: platform).route,
            ]
            + DeadLetterRoutes(services: names, platform: platform).all + documents.all
    }

    public var handlers: [MessageHandler] { [MessageHandler(RecordEvents(tail: tail))] }

    public var jobs: [any Service] {
        [
            signingKeys, uses, EpochWatch(database: platform.database, epochs: epochs), tail, directory,
            FeedUpkeep(
                database: platform.database, retentionDays: platform.settings.integer("EVENT_RETENTION_DAYS")),
        ]
    }

    public var healthChecks: [HealthCheck] {
        [
            HealthCheck("signing_keys") { [tokens] in
                tokens.keys == nil ? .down("the keys that sign access tokens are not loaded") : .up
            }
        ]
    }

    // MARK: - Edge

    /// Less than the services allow: the gateway adds fields of its own to those of a client.
    public var connections: ConnectionLimits {
        ConnectionLimits(
            targetBytes: RequestHygiene.targetBytes, headerBytes: 32 << 10, headerFields: 100, drainedBytes: 64 << 20)
    }

    public func front(of api: ServiceAPI) -> ServiceAPI.Front? {
        let exchange = platform.topology.exchange
        directory.publish(
            own: .init(
                openAPI: api.openAPI,
                asyncAPI: AsyncAPI.document(
                    contracts: EventCatalog.all(
                        adding: api.resourceContracts.filter { contract in
                            !EventCatalog.all.contains { $0.schemaRef == contract.schemaRef }
                        }), exchange: exchange
                ).serialized(), digest: []))
        let edge = Edge(
            limits: Self.limits(platform.settings), directory: directory,
            upstreams: Dictionary(uniqueKeysWithValues: upstreams.map { ($0.name, $0) }),
            authenticator: authenticator, limiter: limiter, proxy: Proxy(client: ServiceClient()),
            contextKeys: platform.contextKeys, meters: EdgeMeters(),
            accessLog: AccessLog(rawValue: platform.settings.text("ACCESS_LOG")) ?? .notable)
        return { request, context, responder in
            await edge.respond(to: request, from: context.remoteAddress) { request in
                try await responder.respond(to: request, context: context)
            }
        }
    }

    public func listening(on port: Int) async {
        board.listening(on: port)
    }
}
