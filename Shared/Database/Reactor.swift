import CLibPQ
import Glibc
import Synchronization

/// Waits for sockets, on one thread for the whole process, so that no caller's thread ever blocks.
///
/// A task that must wait for a socket, or for something that another task hands over, parks here. It goes on when the
/// socket is ready, when `resume` wakes it, when its deadline passes, or when it is cancelled, whichever is first.
final class Reactor: Sendable {
    static let shared = Reactor()

    enum Outcome: Sendable {
        case ready, deadline, cancelled
    }

    /// What a socket is waited for.
    struct Interest: OptionSet, Sendable {
        let rawValue: UInt8
        static let read = Interest(rawValue: 1)
        static let write = Interest(rawValue: 2)
    }

    /// Names one wait. Never used again, so that an event which comes late hits nobody.
    typealias Token = UInt64

    private struct Parked {
        let continuation: UnsafeContinuation<Outcome, Never>
        let deadline: ContinuousClock.Instant
    }

    private struct State {
        var nextToken: Token = 1
        var parked: [Token: Parked] = [:]
        /// The thread sleeps without a timeout, because nobody was parked; the next one must wake it.
        var isAsleep = false
    }

    private static let wakeToken: Token = 0
    private static let tickMs: Int32 = 20

    private let epoll: CInt
    private let alarm: CInt
    private let state = Mutex(State())

    private init() {
        epoll = deskwire_epoll_create()
        alarm = deskwire_eventfd_create()
        precondition(epoll >= 0 && alarm >= 0, "no file descriptors left for the reactor")
        armAlarm(EPOLL_CTL_ADD)
        BlockingThread.start { self.run() }
    }

    private func armAlarm(_ operation: CInt) {
        _ = deskwire_epoll_arm(epoll, operation, alarm, 1, 0, Self.wakeToken)
    }

    /// Makes a socket known; nothing is waited for yet.
    func add(_ socket: CInt) {
        _ = deskwire_epoll_arm(epoll, EPOLL_CTL_ADD, socket, 0, 0, Self.wakeToken)
    }

    /// Forgets a socket. Call it before the socket is closed.
    func remove(_ socket: CInt) {
        epoll_ctl(epoll, EPOLL_CTL_DEL, socket, nil)
    }

    /// A name for a wait that is about to begin.
    func newToken() -> Token {
        state.withLock { state in
            state.nextToken += 1
            return state.nextToken
        }
    }

    /// Parks the task until the socket is ready. With `shielded`, cancellation does not end the wait.
    func wait(
        for socket: CInt, _ interest: Interest, until deadline: ContinuousClock.Instant, shielded: Bool = false
    ) async -> Outcome {
        let token = newToken()
        return await park(token, until: deadline, shielded: shielded) {
            let reads: CInt = interest.contains(.read) ? 1 : 0
            _ = deskwire_epoll_arm(epoll, EPOLL_CTL_MOD, socket, reads, interest.contains(.write) ? 1 : 0, token)
        }
    }

    /// Parks the task; `parked` runs when `resume` may be called.
    func park(
        _ token: Token, until deadline: ContinuousClock.Instant, shielded: Bool = false, parked: () -> Void
    ) async -> Outcome {
        await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
                let mustWake = state.withLock { state in
                    state.parked[token] = Parked(continuation: continuation, deadline: deadline)
                    defer { state.isAsleep = false }
                    return state.isAsleep
                }
                if mustWake { eventfd_write(alarm, 1) }
                parked()
                if !shielded && Task.isCancelled { resume(token, .cancelled) }
            }
        } onCancel: {
            if !shielded { resume(token, .cancelled) }
        }
    }

    /// Lets a parked task go on. True if this call is the one that did.
    @discardableResult
    func resume(_ token: Token, _ outcome: Outcome) -> Bool {
        guard let parked = state.withLock({ $0.parked.removeValue(forKey: token) }) else { return false }
        parked.continuation.resume(returning: outcome)
        return true
    }

    private func run() -> Never {
        var ready = [Token](repeating: 0, count: 128)
        var nextScan = ContinuousClock.now
        var isQuiet = false
        while true {
            let timeout: CInt = state.withLock { state in
                state.isAsleep = isQuiet && state.parked.isEmpty
                return state.isAsleep ? -1 : Self.tickMs
            }
            let count = deskwire_epoll_wait(epoll, &ready, CInt(ready.count), timeout)
            isQuiet = count <= 0
            for token in ready.prefix(max(Int(count), 0)) where !resume(token, .ready) && token == Self.wakeToken {
                var value: eventfd_t = 0
                eventfd_read(alarm, &value)
                armAlarm(EPOLL_CTL_MOD)
            }
            let now = ContinuousClock.now
            guard now >= nextScan else { continue }
            nextScan = now + .milliseconds(Self.tickMs)
            let late = state.withLock { state in state.parked.filter { $0.value.deadline <= now }.keys }
            for token in late { resume(token, .deadline) }
        }
    }
}
