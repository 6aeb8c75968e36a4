// SIGHUP: the log level is read again.

import Logging
import ServiceLifecycle
import UnixSignals

/// Reads the settings again on SIGHUP and takes over what can change while the process runs.
struct Reload: Service {
    let sink: LogSink
    let read: @Sendable () throws(SettingFaults) -> Settings

    func run() async throws {
        let signals = await UnixSignalsSequence(trapping: .sighup)
        for await _ in signals.cancelOnGracefulShutdown() {
            do throws(SettingFaults) {
                sink.level = LogSink.level(try read())
                Logger.current.notice("settings read again", metadata: ["log.level": .string(sink.level.rawValue)])
            } catch {
                Logger.current.error(
                    "the settings have faults; nothing was changed",
                    metadata: ["faults": .array(error.faults.map { .string($0.description) })])
            }
        }
    }
}

extension LogSink {
    /// The level that the settings ask for.
    static func level(_ settings: Settings) -> Logger.Level {
        Logger.Level(rawValue: settings.text("LOG_LEVEL")) ?? .info
    }
}
