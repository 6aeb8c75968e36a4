// Wakes the workers of this process when there is something for their channel.

import Contracts
import Synchronization

/// Lets one worker sleep until it is rung for.
final class Bell: Sendable {
    private struct State {
        var hasRung = false
        var sleeper: Task<Void, Never>?
    }

    private let state = Mutex(State())

    func ring() {
        state.withLock { state in
            state.hasRung = true
            state.sleeper?.cancel()
        }
    }

    /// Returns when the bell rings, has rung since the last wait, after `longest`, or when the task is cancelled.
    func wait(upTo longest: Duration) async {
        let sleeper = state.withLock { state -> Task<Void, Never>? in
            if state.hasRung { return nil }
            let task = Task<Void, Never> { try? await Task.sleep(for: longest) }
            state.sleeper = task
            return task
        }
        if let sleeper {
            await withTaskCancellationHandler {
                await sleeper.value
            } onCancel: {
                sleeper.cancel()
            }
        }
        state.withLock { state in
            state.hasRung = false
            state.sleeper = nil
        }
    }
}

/// The bells of this process's workers by channel.
enum DeliveryBell {
    private static let bells = Mutex<[String: [ObjectIdentifier: Bell]]>([:])

    static func ring(_ channels: some Sequence<String>) {
        let rung = bells.withLock { bells in channels.flatMap { bells[$0].map { Array($0.values) } ?? [] } }
        for bell in rung { bell.ring() }
    }

    static func add(_ bell: Bell, for channel: String) {
        bells.withLock { $0[channel, default: [:]][ObjectIdentifier(bell)] = bell }
    }

    static func remove(_ bell: Bell, for channel: String) {
        bells.withLock { $0[channel]?[ObjectIdentifier(bell)] = nil }
    }
}
