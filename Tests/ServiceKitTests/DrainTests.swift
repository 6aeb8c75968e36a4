import AsyncHTTPClient
import Contracts
import Foundation
import HTTPTypes
import Logging
import NIOCore
import NIOHTTP1
import ServiceLifecycle
import ServiceLifecycleTestKit
import Synchronization
import TestKit
import Testing
import Web

@testable import ServiceKit

/// A service with one route that takes as long as the test wants.
private struct SlowService: Microservice {
    static let name = "slow"
    static let summary = "A service that takes its time."

    /// What the test and the service tell each other. One test runs at a time.
    static let port = Mutex<Int?>(nil)
    static let entered = Mutex(0)
    static let release = Mutex(Gate())

    init(_ platform: Platform) {}

    var routes: [Route] {
        [
            Route(.get, "slow", on: [.root], access: .open, summary: "Waits.") { _ in
                Self.entered.withLock { $0 += 1 }
                try await Self.release.withLock { $0 }.wait()
                return Answer.json(["done": true])
            }
        ]
    }

    func listening(on port: Int) async { Self.port.withLock { $0 = port } }
}

@Suite("Shutting down", .serialized)
struct DrainTests {
    /// Runs a process without database and broker, and hands over its address and the switch that ends it.
    private func with(
        grace: Double,
        _ body:
            @escaping @Sendable (
                _ url: String, Health, GracefulShutdownTestTrigger, Task<Void, any Error>
            ) async throws -> Void
    ) async throws {
        SlowService.port.withLock { $0 = nil }
        SlowService.entered.withLock { $0 = 0 }
        SlowService.release.withLock { $0 = Gate() }
        let settings = try Settings(
            PlatformSettings.all,
            environment: [
                "DATABASE_URL": "postgresql://x@127.0.0.1:1/none", "AMQP_URL": "amqp://127.0.0.1:1", "HTTP_PORT": "0",
                "INTERNAL_CONTEXT_KEY": SpawnedService.contextKey, "SHUTDOWN_GRACE_SECONDS": "\(grace)",
            ])
        let process = try await ServiceProcess(
            SlowService.self, settings: settings, metrics: MetricsRegistry(), sink: LogSink(service: "slow")
        ) { () throws(SettingFaults) in settings }
        try await testGracefulShutdown { @Sendable trigger in
            let quiet = Logger(label: "slow", factory: { _ in SwiftLogNoOpLogHandler() })
            let running = Task { try await withLogger(quiet) { _ in try await process.run(ownsProcess: false) } }
            try await eventually("it listens") { SlowService.port.withLock { $0 != nil } }
            let port = SlowService.port.withLock { $0 } ?? 0
            try await body("http://127.0.0.1:\(port)", process.health, trigger, running)
        }
    }

    /// The status, from a connection of its own that is tried once.
    private func get(_ url: String) async throws -> Int {
        var configuration = HTTPClient.Configuration()
        configuration.connectionPool.retryConnectionEstablishment = false
        let client = HTTPClient(configuration: configuration)
        defer { client.shutdown { _ in } }
        return Int(try await client.execute(HTTPClientRequest(url: url), timeout: .seconds(60)).status.code)
    }

    @Test("what is in flight is finished, what is new is refused")
    func finishes() async throws {
        try await with(grace: 20) { url, health, trigger, running in
            async let slow = get("\(url)/slow")
            try await eventually("the request is in flight") { SlowService.entered.withLock { $0 } == 1 }
            trigger.triggerGracefulShutdown()
            try await eventually("not ready") { health.isDraining }
            try await eventually("no new connections") {
                (try? await get("\(url)/health/live")) == nil
            }
            SlowService.release.withLock { $0 }.open()
            #expect(try await slow == 200)
            try await running.value
        }
    }

    @Test("what does not end in time does not keep the process")
    func givesUp() async throws {
        try await with(grace: 0.3) { url, _, trigger, running in
            async let slow = get("\(url)/slow")
            try await eventually("the request is in flight") { SlowService.entered.withLock { $0 } == 1 }
            let begin = ContinuousClock.now
            trigger.triggerGracefulShutdown()
            try await running.value
            #expect(begin.duration(to: .now) < .seconds(60))
            _ = try? await slow
        }
    }
}
