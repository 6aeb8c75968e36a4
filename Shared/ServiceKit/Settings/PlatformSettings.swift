// The settings that every service has.

/// What all services let an operator set. A service adds its own in `Microservice.settings`.
public enum PlatformSettings {
    /// Names the configuration file itself, so it is read from the environment only.
    static let configFile = Setting.path(
        "CONFIG_FILE", "YAML or JSON file with settings; the environment wins over it.")

    /// The least size of the key that signs the gateway's context: that of the hash.
    static let contextKeyMinimumBytes = 32

    public static let all: [Setting] = [
        configFile,
        .url(
            "DATABASE_URL", schemes: ["postgresql", "postgres"],
            "PostgreSQL as the service's own role, which owns nothing."
        ).required.secret,
        .url(
            "DATABASE_MIGRATION_URL", schemes: ["postgresql", "postgres"],
            """
            PostgreSQL as the role that owns the service's schema; migrations run with it at start. When unset, the \
            service waits, not ready, until `--migrate` has been run.
            """
        ).secret,
        .integer("DATABASE_POOL_SIZE", 1...200, default: 8, "Most connections at once; they are opened on demand."),
        .seconds(
            "DATABASE_STATEMENT_TIMEOUT_SECONDS", 0.1...600, default: 10,
            "PostgreSQL ends a statement that takes longer."),
        .url("AMQP_URL", schemes: ["amqp", "amqps"], "RabbitMQ, with user, password and virtual host.").required.secret,
        .path("AMQP_CA_FILE", "Certificates that an `amqps` broker is verified against; the system's when unset."),
        .text("EXCHANGE_NAME", default: "support", "Topic exchange, and first word of every routing key.").checked {
            exchangeNameFault($0)
        },
        .integer(
            "CONSUMER_PARTITIONS", 1...64, default: 4,
            "Queues that a service's events are spread over by aggregate; the same for all instances of a service."),
        .integer("EVENT_RETENTION_DAYS", 1...36_500, default: 90, "Days that published events are kept for replay."),
        .text("HTTP_HOST", default: "127.0.0.1", "Address to listen on."),
        .integer("HTTP_PORT", 0...65_535, default: 8080, "Port to listen on; 0 takes a free one."),
        .integer("HTTP_THREADS", 1...64, default: 2, "Threads that carry HTTP connections."),
        .text(
            "INTERNAL_CONTEXT_KEY",
            "Key that the gateway signs each request's context with; the same for all services."
        ).required.secret.checked { contextKeyFault($0) },
        .text(
            "INTERNAL_CONTEXT_PREVIOUS_KEY", "Former context key, accepted while a new one is rolled out."
        ).secret.checked { contextKeyFault($0) },
        .choice(
            "LOG_LEVEL", ["trace", "debug", "info", "notice", "warning", "error", "critical"], default: "info",
            "Least level that is logged; read again from the file on SIGHUP."),
        .url("OTLP_ENDPOINT", "OpenTelemetry collector (OTLP/HTTP, JSON) that spans go to; none when unset."),
        .integer(
            "TRACE_SAMPLE_PERCENT", 0...100, default: 100,
            "Share of the traces begun here that are recorded; a caller's decision is honoured."),
        .seconds(
            "SHUTDOWN_GRACE_SECONDS", 0...300, default: 10,
            "Time for what is in flight when the process is told to stop."),
    ]

    private static func contextKeyFault(_ key: String) -> String? {
        key.utf8.count < contextKeyMinimumBytes ? "must have at least \(contextKeyMinimumBytes) bytes" : nil
    }

    private static func exchangeNameFault(_ name: String) -> String? {
        let allowed = name.utf8.allSatisfy { (97...122).contains($0) || (48...57).contains($0) || $0 == 95 || $0 == 45 }
        return (1...64).contains(name.utf8.count) && allowed
            ? nil : "must be 1 to 64 lower-case letters, digits, _ or -"
    }
}
