// Background work that fails is no reason to end the process.

import Logging
import ServiceLifecycle

/// Runs a service again, after growing pauses, when it fails or returns before its time.
public struct Restarted: Service {
    private let name: String
    private let service: any Service

    /// Logs call it by its type.
    public init(_ service: any Service) {
        name = String(describing: type(of: service))
        self.service = service
    }

    public func run() async throws {
        var backoff = Backoff(first: .milliseconds(500), longest: .seconds(30))
        while !Task.isCancelled, !Task.isShuttingDownGracefully {
            let started = ContinuousClock.now
            do {
                try await service.run()
                guard !Task.isShuttingDownGracefully else { return }
                Logger.current.warning("a job ended by itself", metadata: ["job": .string(name)])
            } catch {
                guard !Task.isCancelled, !Task.isShuttingDownGracefully else { return }
                Logger.current.error("a job failed", error: error, metadata: ["job": .string(name)])
            }
            if started.duration(to: .now) > .seconds(60) {
                backoff = Backoff(first: .milliseconds(500), longest: .seconds(30))
            }
            let pause = backoff.pause()
            try? await cancelWhenGracefulShutdown { try await Task.sleep(for: pause) }
        }
    }
}
