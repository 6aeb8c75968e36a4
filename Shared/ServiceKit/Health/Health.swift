// Whether the process should get work: each thing it depends on, checked when asked.

import Synchronization

/// How one dependency is.
public enum HealthState: Sendable, Equatable {
    case up
    /// A constant sentence: anybody may read it.
    case down(String)
}

/// One thing that must work for the service to be ready.
public struct HealthCheck: Sendable {
    public let name: String
    let state: @Sendable () async -> HealthState

    public init(_ name: String, _ state: @escaping @Sendable () async -> HealthState) {
        self.name = name
        self.state = state
    }
}

/// What `/health/ready` answers.
public struct HealthReport: Sendable, Equatable {
    public struct Entry: Sendable, Equatable {
        public var name: String
        public var state: HealthState
    }

    public var entries: [Entry]

    public var isReady: Bool { entries.allSatisfy { $0.state == .up } }
}

/// The checks of a process. Answers are kept for a moment and asked for once at a time, so that probes, however many,
/// cost the database one question.
public final class Health: Sendable {
    /// A check that takes longer counts as down.
    static let timeout: Duration = .seconds(2)
    /// How long an answer is good for. Bad news is asked again sooner: who waits for a service to start should not wait
    /// for this.
    static func freshness(_ report: HealthReport) -> Duration {
        report.isReady ? .milliseconds(250) : .milliseconds(25)
    }

    private struct State {
        var isDraining = false
        var latest: (report: HealthReport, at: ContinuousClock.Instant)?
        var running: Task<HealthReport, Never>?
    }

    private let checks: [HealthCheck]
    private let state = Mutex(State())

    public init(_ checks: [HealthCheck]) {
        self.checks = checks
    }

    /// From now on not ready: the process finishes what it has.
    public func drain() { state.withLock { $0.isDraining = true } }

    public var isDraining: Bool { state.withLock { $0.isDraining } }

    public func report() async -> HealthReport {
        if isDraining {
            return HealthReport(entries: [.init(name: "process", state: .down("shutting down"))])
        }
        let task: Task<HealthReport, Never> = state.withLock { state in
            if let running = state.running { return running }
            if let latest = state.latest, latest.at.duration(to: .now) < Health.freshness(latest.report) {
                return Task { latest.report }
            }
            let task = Task {
                let report = await self.ask()
                self.state.withLock {
                    $0.latest = (report, .now)
                    $0.running = nil
                }
                return report
            }
            state.running = task
            return task
        }
        return await task.value
    }

    private func ask() async -> HealthReport {
        await withTaskGroup(of: (Int, HealthState).self) { group in
            for (index, check) in checks.enumerated() {
                group.addTask {
                    (index, await within(Health.timeout, check.state) ?? .down("no answer in time"))
                }
            }
            var states: [Int: HealthState] = [:]
            for await (index, state) in group { states[index] = state }
            return HealthReport(
                entries: checks.enumerated().map { .init(name: $1.name, state: states[$0] ?? .down("not checked")) })
        }
    }
}

/// The answer if it comes in time, else nil at once: a question that doesn't heed cancellation is left to end by
/// itself.
func within<Answer: Sendable>(
    _ time: Duration, _ ask: @escaping @Sendable () async -> Answer
) async -> Answer? {
    let (answers, continuation) = AsyncStream<Answer?>.makeStream(bufferingPolicy: .bufferingOldest(1))
    let question = Task {
        continuation.yield(await ask())
    }
    let deadline = Task {
        try? await Task.sleep(for: time)
        continuation.yield(nil)
    }
    defer {
        question.cancel()
        deadline.cancel()
        continuation.finish()
    }
    for await answer in answers { return answer }
    return nil
}
