// Wakes the sweeper of this process.

import Contracts
import Synchronization

/// Lets the sweeper sleep until something falls due. What is committed in this process and falls due earlier wakes it; what
/// other processes commit is theirs, unless they die.
final class DueAlarm: Sendable {
    static let shared = DueAlarm()

    private struct State {
        /// The earliest instant told since the last ``reset()``.
        var earliest = Timestamp.max
        var sleeper: (task: Task<Void, Never>, until: Timestamp)?
    }

    private let state = Mutex(State())

    var isAsleep: Bool { state.withLock { $0.sleeper != nil } }

    /// Forgets what was told so far: who looks afterwards sees it.
    func reset() { state.withLock { $0.earliest = .max } }

    /// Something that is committed now falls due at an instant.
    func set(_ due: Timestamp) {
        let task = state.withLock { state -> Task<Void, Never>? in
            state.earliest = min(state.earliest, due)
            guard let sleeper = state.sleeper, due < sleeper.until else { return nil }
            return sleeper.task
        }
        task?.cancel()
    }

    /// Sleeps until an instant, or something earlier that was told since the last ``reset()`` or is told meanwhile: then it
    /// returns at once.
    func sleep(until instant: Timestamp) async {
        let task = state.withLock { state -> Task<Void, Never>? in
            let microseconds = instant.microseconds - Timestamp.now.microseconds
            guard microseconds > 0, state.earliest >= instant else { return nil }
            let task = Task<Void, Never> { try? await Task.sleep(for: .microseconds(microseconds)) }
            state.sleeper = (task, instant)
            return task
        }
        guard let task else { return }
        await withTaskCancellationHandler {
            await task.value
        } onCancel: {
            task.cancel()
        }
        state.withLock { $0.sleeper = nil }
    }
}
