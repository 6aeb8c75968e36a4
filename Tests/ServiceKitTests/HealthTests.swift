import Contracts
import Synchronization
import Testing

@testable import ServiceKit

@Suite("Health")
struct HealthTests {
    @Test("ready when every check is up, and each check is named")
    func report() async throws {
        let health = Health([HealthCheck("database") { .up }, HealthCheck("broker") { .down("not connected") }])
        let report = await health.report()
        #expect(!report.isReady)
        let json = try JSON.parse(report.json)
        #expect(
            json == [
                "status": "not_ready",
                "checks": ["database": ["status": "up"], "broker": ["status": "down", "reason": "not connected"]],
            ])
        #expect(await Health([HealthCheck("database") { .up }]).report().isReady)
    }

    @Test("a process that shuts down is not ready, whatever works")
    func draining() async {
        let health = Health([HealthCheck("database") { .up }])
        #expect(await health.report().isReady)
        health.drain()
        #expect(await health.report().isReady == false)
    }

    @Test("many probes at once ask once")
    func singleFlight() async {
        let asked = Mutex(0)
        let health = Health([
            HealthCheck("database") {
                asked.withLock { $0 += 1 }
                await Task.yield()
                return .up
            }
        ])
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<50 { group.addTask { _ = await health.report() } }
        }
        #expect(asked.withLock { $0 } == 1)
    }

    @Test("a question that doesn't end doesn't hold the answer up")
    func deadline() async {
        let started = ContinuousClock.now
        let answer = await within(.milliseconds(50)) {
            // Heeds neither cancellation nor time.
            await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
                Task.detached {
                    try? await Task.sleep(for: .seconds(3))
                    continuation.resume()
                }
            }
            return 1
        }
        #expect(answer == nil)
        #expect(started.duration(to: .now) < .seconds(25))
        #expect(await within(.seconds(5)) { 1 } == 1)
    }
}
