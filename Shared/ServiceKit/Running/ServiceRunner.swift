// From the command line to the end of the process.

import Database
import Logging
import Metrics
import NIOCore
import NIOPosix
import ServiceLifecycle
import Tracing

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif
#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Runs a service as this process: the same for all services.
public enum ServiceRunner {
    /// What a service's `main.swift` calls.
    public static func main<S: Microservice>(_ service: S.Type) async -> Never {
        let code = await run(
            service, arguments: Array(CommandLine.arguments.dropFirst()),
            environment: ProcessInfo.processInfo.environment)
        exit(code.rawValue)
    }

    static func run<S: Microservice>(
        _ service: S.Type, arguments: [String], environment: [String: String]
    ) async -> ExitCode {
        let command: Command
        do {
            command = try Command(arguments)
        } catch {
            say("deskwire-\(S.name): \(error.detail); see --help\n", to: STDERR_FILENO)
            return .usage
        }
        switch command {
        case .help: say(Command.help(S.name, S.summary), to: STDOUT_FILENO)
        case .version: say("deskwire-\(S.name) \(Release.version)\n", to: STDOUT_FILENO)
        case .printConfig: say(SettingsTable.markdown(S.allSettings, service: S.name), to: STDOUT_FILENO)
        case .checkConfig, .migrate, .run:
            let settings: Settings
            do {
                settings = try read(service, environment)
            } catch {
                for fault in error.faults { say("deskwire-\(S.name): \(fault)\n", to: STDERR_FILENO) }
                return .configuration
            }
            switch command {
            case .migrate: return await migrate(service, settings)
            case .run: return await serve(service, settings, environment)
            default: say("deskwire-\(S.name): the settings are fine\n", to: STDOUT_FILENO)
            }
        }
        return .ok
    }

    /// The service's settings, checked one by one and together.
    static func read<S: Microservice>(
        _ service: S.Type, _ environment: [String: String]
    ) throws(SettingFaults) -> Settings {
        let settings = try Settings(S.allSettings, environment: environment)
        let faults = S.faults(in: settings)
        guard faults.isEmpty else { throw SettingFaults(faults: faults) }
        return settings
    }

    // MARK: Migrating

    /// How long `--migrate` waits for a database that is about to start.
    private static let migrationPatience: Duration = .seconds(60)

    private static func migrate<S: Microservice>(_ service: S.Type, _ settings: Settings) async -> ExitCode {
        guard let migrator = Schema.migrator(service: S.name, settings: settings) else {
            say("deskwire-\(S.name): DATABASE_MIGRATION_URL is required for --migrate\n", to: STDERR_FILENO)
            return .configuration
        }
        let deadline = ContinuousClock.now + migrationPatience
        var backoff = Backoff(first: .milliseconds(250))
        while true {
            do {
                for migration in try await migrator.migrate(S.allMigrations) {
                    say("applied \(migration.version) \(migration.name)\n", to: STDOUT_FILENO)
                }
                say("the schema \(S.name) is up to date\n", to: STDOUT_FILENO)
                return .ok
            } catch let error as MigrationError {
                say("deskwire-\(S.name): \(error)\n", to: STDERR_FILENO)
                return .failed
            } catch {
                guard ContinuousClock.now < deadline else {
                    say("deskwire-\(S.name): the database is not there: \(error)\n", to: STDERR_FILENO)
                    return .unavailable
                }
            }
            try? await Task.sleep(for: backoff.pause())
        }
    }

    // MARK: Running

    private static func serve<S: Microservice>(
        _ service: S.Type, _ settings: Settings, _ environment: [String: String]
    ) async -> ExitCode {
        prepareProcess(settings)
        let sink = LogSink(service: S.name)
        sink.level = LogSink.level(settings)
        LoggingSystem.bootstrap(
            { JSONLogHandler(label: $0, sink: sink, metadataProvider: $1) }, metadataProvider: .trace)
        let metrics = MetricsRegistry()
        MetricsSystem.bootstrap(metrics)
        return await withLogger(Logger(label: S.name)) { logger in
            do {
                let process = try await ServiceProcess(service, settings: settings, metrics: metrics, sink: sink) {
                    () throws(SettingFaults) in try read(service, environment)
                }
                InstrumentationSystem.bootstrap(process.tracer)
                try await process.run(ownsProcess: true)
                logger.info("service stopped")
                return .ok
            } catch {
                logger.critical("service failed", error: error)
                return .failed
            }
        }
    }

    /// What must be set before the first thread or socket.
    private static func prepareProcess(_ settings: Settings) {
        _ = ProcessMetrics.startTimeSeconds
        // A peer that went away is an error of the write, not the end of the process.
        signal(SIGPIPE, SIG_IGN)
        NIOSingletons.groupLoopCountSuggestion = settings.integer("HTTP_THREADS")
        NIOSingletons.blockingPoolThreadCountSuggestion = 2
        Memory.limitArenas(to: 2)
    }

    private static func say(_ text: String, to descriptor: Int32) {
        var text = text
        text.withUTF8 { _ = write(descriptor, $0.baseAddress, $0.count) }
    }
}
