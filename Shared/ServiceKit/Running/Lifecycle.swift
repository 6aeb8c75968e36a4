// Small services that have to do with beginning and ending.

import Logging
import ServiceLifecycle

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Runs services side by side; they stop at the same time, and one that fails ends all.
struct Together: Service {
    let services: [any Service]

    func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for service in services { group.addTask { try await service.run() } }
            // Not `waitForAll`, which would wait for the others before it tells that one has failed.
            while try await group.next() != nil {}
        }
    }
}

/// The first to hear that the process is to stop: from now on it is not ready.
struct Draining: Service {
    /// What the last part may take beyond the grace before the process ends without it.
    static let patience: Duration = .seconds(2)

    let health: Health
    let grace: Duration
    /// Whether the process is the service's own, to be ended.
    let endsProcess: Bool

    func run() async throws {
        try? await gracefulShutdown()
        guard Task.isShuttingDownGracefully else { return }
        health.drain()
        Logger.current.info("service stopping", metadata: ["grace.seconds": .string("\(grace.components.seconds)")])
        guard endsProcess else { return }
        let logger = Logger.current
        let deadline = grace + Draining.patience
        Task.detached {
            try? await Task.sleep(for: deadline)
            logger.warning("stopped without waiting any longer")
            exit(ExitCode.ok.rawValue)
        }
    }
}

/// Says once that the service is ready, and how long that took.
struct ReadyLine: Service {
    let health: Health

    func run() async throws {
        try? await cancelWhenGracefulShutdown {
            var pause: Duration = .milliseconds(10)
            while try await waitsStill() {
                try await Task.sleep(for: pause)
                pause = min(pause * 1.5, .seconds(1))
            }
        }
        try? await gracefulShutdown()
    }

    private func waitsStill() async throws -> Bool {
        guard await health.report().isReady else { return true }
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        let seconds = Double(now.tv_sec) + Double(now.tv_nsec) / 1e9 - ProcessMetrics.startTimeSeconds
        // A start needs more than what follows.
        Memory.giveBack()
        Memory.forgetStart()
        Logger.current.info("service ready", metadata: ["after.ms": .stringConvertible(Int(seconds * 1_000))])
        return false
    }
}
