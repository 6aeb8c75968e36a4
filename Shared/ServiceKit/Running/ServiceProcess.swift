// A service at work: its parts, in the order in which they depend on each other.

import AMQP
import AsyncHTTPClient
import Database
import Hummingbird
import HummingbirdCore
import Logging
import Messaging
import Metrics
import NIOCore
import NIOHTTP1
import ServiceLifecycle
import UnixSignals
import Web

/// Everything that runs in a service's process. Parts start together, wait for what they need, and stop in reverse:
/// first what takes work in, last what it works with.
struct ServiceProcess<S: Microservice>: Sendable {
    let platform: Platform
    let service: S
    let health: Health
    let tracer: ServiceTracer
    private let exporter: SpanExporter?
    private let schema: Schema
    private let migrated: Gate
    private let reread: @Sendable () throws(SettingFaults) -> Settings

    private var settings: Settings { platform.settings }

    /// Makes the parts; nothing runs yet.
    init(
        _: S.Type, settings: Settings, metrics: MetricsRegistry, sink: LogSink,
        reread: @escaping @Sendable () throws(SettingFaults) -> Settings
    ) async throws {
        let platform = try Platform(service: S.name, settings: settings, metrics: metrics, logs: sink)
        let gate = Gate()
        let schema = Schema(
            service: S.name, settings: settings, database: platform.database, migrations: S.allMigrations, gate: gate)
        let service = try await S(platform)
        self.platform = platform
        self.service = service
        self.schema = schema
        self.migrated = gate
        self.reread = reread
        exporter = settings.optionalText("OTLP_ENDPOINT").map { Self.exporter($0) }
        tracer = ServiceTracer(
            exporter: exporter, samplePercent: settings.integer("TRACE_SAMPLE_PERCENT"),
            unrecorded: ["GET /health/live", "GET /health/ready", "GET /metrics"])
        health = Health(Self.checks(platform, schema) + service.healthChecks)
        measure()
    }

    // MARK: Running

    /// Runs until told to stop.
    ///
    /// - Parameter ownsProcess: the process is this service's alone: signals are its, and it may end the process.
    func run(ownsProcess: Bool) async throws {
        Logger.current.info(
            "service starting",
            metadata: [
                "version": .string(Release.version),
                "settings": .dictionary(
                    Dictionary(uniqueKeysWithValues: settings.redacted.map { ($0.name, .string($0.value)) })),
            ])
        var configuration = ServiceGroupConfiguration(
            services: services(ownsProcess: ownsProcess),
            gracefulShutdownSignals: ownsProcess ? [.sigterm, .sigint] : [],
            logger: Logger(label: "lifecycle"))
        configuration.maximumGracefulShutdownDuration = grace
        do {
            try await ServiceGroup(configuration: configuration).run()
        } catch  where health.isDraining {
            // Told to stop, and something did not come to an end in time: what it had is done again elsewhere.
            Logger.current.warning("stopped with work unfinished", error: error)
        }
    }

    private var grace: Duration { settings.seconds("SHUTDOWN_GRACE_SECONDS") }

    /// In dependency order; shut down from the end.
    private func services(ownsProcess: Bool) -> [any Service] {
        var services: [any Service] = []
        if let exporter { services.append(exporter) }
        services += [platform.database, platform.amqp, schema]
        services += [relay, upkeep].map { Gated(gate: migrated, service: $0) }
        services.append(Together(services: front))
        if ownsProcess { services.append(Reload(sink: platform.logs, read: reread)) }
        services.append(ReadyLine(health: health))
        services.append(Draining(health: health, grace: grace, endsProcess: ownsProcess))
        return services
    }

    /// What takes work in: stops together.
    private var front: [any Service] {
        var front: [any Service] = [http]
        if !service.handlers.isEmpty { front.append(Gated(gate: migrated, service: consumer)) }
        front += service.jobs.map { Gated(gate: migrated, service: Restarted($0)) }
        return front
    }

    private var relay: any Service {
        OutboxRelay(
            service: S.name, topology: platform.topology, database: platform.database, amqp: platform.amqp)
    }

    private var upkeep: any Service {
        var configuration = UpkeepConfiguration()
        configuration.eventRetentionDays = settings.integer("EVENT_RETENTION_DAYS")
        configuration.partitions = settings.integer("CONSUMER_PARTITIONS")
        return MessagingUpkeep(
            service: S.name, database: platform.database, amqp: platform.amqp, configuration: configuration)
    }

    private var consumer: any Service {
        var configuration = ConsumerConfiguration()
        configuration.partitions = settings.integer("CONSUMER_PARTITIONS")
        return ConsumerRuntime(
            service: S.name, topology: platform.topology, handlers: service.handlers, database: platform.database,
            amqp: platform.amqp, configuration: configuration)
    }

    // MARK: HTTP

    private var http: some Service {
        let operation = OperationRoutes(
            service: S.name, health: health, metrics: platform.metrics, sink: platform.logs)
        let api = ServiceAPI(
            service: S.name, title: "Deskwire \(S.name)", version: Release.version, database: platform.database,
            authentication: service.authentication ?? .signedContext(keys: platform.contextKeys, audience: S.name),
            resources: service.resources, routes: operation.all + service.routes, contracts: service.contracts,
            exchange: platform.topology.exchange, limits: service.limits, fallback: service.fallback)
        return Application(
            responder: api.responder(behind: service.front(of: api)),
            server: .guarded(service.connections),
            configuration: ApplicationConfiguration(
                address: .hostname(settings.text("HTTP_HOST"), port: settings.integer("HTTP_PORT"))),
            onServerRunning: { [service] channel in
                let port = channel.localAddress?.port ?? 0
                Logger.current.info("listening", metadata: ["port": .stringConvertible(port)])
                await service.listening(on: port)
            },
            logger: serverLogger)
    }

    /// What the server says about itself, we say ourselves.
    private var serverLogger: Logger {
        var logger = Logger(label: "http")
        logger.logLevel = max(.notice, platform.logs.level)
        return logger
    }

    // MARK: Health and metrics

    private static func checks(_ platform: Platform, _ schema: Schema) -> [HealthCheck] {
        [
            HealthCheck("database") { await platform.database.ping() ? .up : .down("the database does not answer") },
            HealthCheck("migrations") { schema.state },
            HealthCheck("broker") {
                platform.amqp.isConnected ? .up : .down("not connected to the broker")
            },
        ]
    }

    private func measure() {
        platform.metrics.collect { ProcessMetrics.samples() }
        platform.metrics.collect { [database = platform.database] in
            let pool = database.statistics
            return [
                MetricSample("database_pool_open", help: "Connections to PostgreSQL.", Double(pool.open)),
                MetricSample("database_pool_idle", help: "Connections that nothing uses.", Double(pool.idle)),
                MetricSample("database_pool_waiting", help: "Transactions that wait for one.", Double(pool.waiting)),
                MetricSample(
                    "database_pool_acquired_total", .counter, help: "Connections handed out.", Double(pool.acquired)),
                MetricSample(
                    "database_pool_waited_seconds_total", .counter, help: "Time spent waiting for a connection.",
                    Double(pool.waitedMicroseconds) / 1e6),
                MetricSample(
                    "database_round_trips_total", .counter, help: "Exchanges with PostgreSQL that were waited for.",
                    Double(pool.roundTrips)),
                MetricSample(
                    "database_pool_refused_total", .counter, help: "Transactions that got no connection in time.",
                    Double(pool.refused)),
            ]
        }
        platform.metrics.collect { [health] in
            await health.report().entries.map { entry in
                MetricSample(
                    "health_check_up", labels: [("check", entry.name)], help: "1 while the check is up.",
                    entry.state == .up ? 1 : 0)
            }
        }
        platform.metrics.collect {
            [
                MetricSample(
                    "deskwire_build_info", labels: [("service", S.name), ("version", Release.version)],
                    help: "What is running.", 1)
            ]
        }
    }

    // MARK: Tracing

    private static func exporter(_ endpoint: String) -> SpanExporter {
        let url = OTLP.tracesURL(endpoint)
        return SpanExporter(
            resource: [("service.name", "deskwire-\(S.name)"), ("service.version", Release.version)]
        ) { body in
            var request = HTTPClientRequest(url: url)
            request.method = .POST
            request.headers.add(name: "content-type", value: "application/json")
            request.body = .bytes(ByteBuffer(bytes: body))
            let response = try await HTTPClient.shared.execute(request, timeout: .seconds(5))
            // Read to the end, so that the connection can be used again; the answer itself says nothing we need.
            for try await _ in response.body {}
            return Int(response.status.code)
        }
    }
}
