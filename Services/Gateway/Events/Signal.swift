import Synchronization

/// Wakes one waiting task. Set while nobody waits, it lets the next wait through at once; waits can end by time
/// without harm to later ones.
final class Signal: Sendable {
    private struct State {
        var isSet = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    func set() {
        let waiter = state.withLock { state in
            guard let waiter = state.waiter else {
                state.isSet = true
                return nil as CheckedContinuation<Void, Never>?
            }
            state.waiter = nil
            return waiter
        }
        waiter?.resume()
    }

    /// Returns when the signal is set, after `longest`, or when the task is cancelled.
    func wait(upTo longest: Duration) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.wait() }
            group.addTask { try? await Task.sleep(for: longest) }
            await group.next()
            group.cancelAll()
        }
    }

    private func wait() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { (waiter: CheckedContinuation<Void, Never>) in
                let previous: CheckedContinuation<Void, Never>? = state.withLock { state in
                    if state.isSet || Task.isCancelled {
                        state.isSet = false
                        return waiter
                    }
                    defer { state.waiter = waiter }
                    return state.waiter
                }
                previous?.resume()
            }
        } onCancel: {
            let waiter = state.withLock { state in
                defer { state.waiter = nil }
                return state.waiter
            }
            waiter?.resume()
        }
    }
}
