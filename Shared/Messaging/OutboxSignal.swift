import Synchronization

/// Lets a task sleep until somebody wakes it or a deadline passes. A wake-up that comes while nobody sleeps is kept.
final class Wakeup: Sendable {
    private struct State {
        var isPending = false
        var sleeper: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    /// Wakes the sleeper, or the next one.
    func wake() {
        let sleeper = state.withLock { state in
            defer { state.sleeper = nil }
            if state.sleeper == nil { state.isPending = true }
            return state.sleeper
        }
        sleeper?.resume()
    }

    /// Returns when woken, at the deadline, or when the task is cancelled. One task at a time may sleep.
    func sleep(until deadline: ContinuousClock.Instant) async {
        let isAwake = state.withLock { state in
            defer { state.isPending = false }
            return state.isPending
        }
        if isAwake || ContinuousClock.now >= deadline { return }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { try? await Task.sleep(until: deadline, clock: .continuous) }
            group.addTask { await self.sleepUntilWoken() }
            await group.next()
            group.cancelAll()
        }
    }

    private func sleepUntilWoken() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isAwake = state.withLock { state in
                    if state.isPending || Task.isCancelled {
                        state.isPending = false
                        return true
                    }
                    precondition(state.sleeper == nil, "one task at a time sleeps here")
                    state.sleeper = continuation
                    return false
                }
                if isAwake { continuation.resume() }
            }
        } onCancel: {
            let sleeper = state.withLock { state in
                defer { state.sleeper = nil }
                return state.sleeper
            }
            sleeper?.resume()
        }
    }
}

/// Tells the relays of this process that a transaction with events has committed. NOTIFY would do the same across
/// processes, but takes a lock of the whole database at every commit; a relay elsewhere polls.
enum OutboxSignal {
    private static let relays = Mutex<[ObjectIdentifier: Wakeup]>([:])

    static func register(_ wakeup: Wakeup) {
        relays.withLock { $0[ObjectIdentifier(wakeup)] = wakeup }
    }

    static func unregister(_ wakeup: Wakeup) {
        relays.withLock { _ = $0.removeValue(forKey: ObjectIdentifier(wakeup)) }
    }

    static func committed() {
        let waiting = relays.withLock { Array($0.values) }
        for wakeup in waiting { wakeup.wake() }
    }
}
