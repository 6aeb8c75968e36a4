// What a service is given to work with.

import AMQP
import AsyncHTTPClient
import Database
import Messaging
import Web

/// The process's parts, made before the service itself.
public struct Platform: Sendable {
    public let service: String
    public let settings: Settings
    public let database: Database
    public let amqp: AMQPClient
    public let topology: Topology
    /// What signs, and what verifies, the gateway's context.
    public let contextKeys: InternalContext.Keys
    public let metrics: MetricsRegistry
    public let logs: LogSink

    /// For requests to other servers; made when it is first used.
    public var httpClient: HTTPClient { .shared }

    /// Opens nothing: connections are made when something runs.
    public init(
        service: String, settings: Settings, metrics: MetricsRegistry = MetricsRegistry(), logs: LogSink? = nil
    ) throws {
        self.service = service
        self.settings = settings
        self.metrics = metrics
        self.logs = logs ?? LogSink(service: service)
        database = Database(Platform.databaseConfiguration(service, settings))
        amqp = AMQPClient(try Platform.amqpConfiguration(service, settings))
        topology = Topology(exchange: settings.text("EXCHANGE_NAME"))
        contextKeys = try InternalContext.Keys(
            current: settings.text("INTERNAL_CONTEXT_KEY"),
            previous: settings.optionalText("INTERNAL_CONTEXT_PREVIOUS_KEY"))
    }

    /// For a handler that subscribes only while somebody has use for it.
    public func demand(for handler: any OccasionalHandler) -> Demand {
        Demand(
            service: service, topology: topology, partitions: settings.integer("CONSUMER_PARTITIONS"), amqp: amqp,
            handler: handler)
    }

    private static func databaseConfiguration(_ service: String, _ settings: Settings) -> DatabaseConfiguration {
        var configuration = DatabaseConfiguration(url: settings.text("DATABASE_URL"), schema: service)
        configuration.maxConnections = settings.integer("DATABASE_POOL_SIZE")
        configuration.minConnections = min(1, configuration.maxConnections)
        configuration.statementTimeout = settings.seconds("DATABASE_STATEMENT_TIMEOUT_SECONDS")
        return configuration
    }

    private static func amqpConfiguration(_ service: String, _ settings: Settings) throws -> AMQPConfiguration {
        try AMQPConfiguration(
            url: settings.text("AMQP_URL"), connectionName: "deskwire-\(service)",
            tls: AMQPConfiguration.TLS(authorityFile: settings.optionalText("AMQP_CA_FILE")))
    }
}
