import Contracts
import Database
import Logging
import ServiceLifecycle
import Synchronization

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Follows the end of the feed once for all streams of this process: keeps the last events in memory and wakes the
/// streams. A stream that has fallen behind what is kept reads the database by itself until it has caught up, so a
/// slow client costs nobody else anything and loses nothing.
final class FeedTail: Service {
    /// Events kept in memory.
    static let keptMax = 4096
    static let batch = 1000
    /// How often to look while streams are open: events that another gateway process has received announce themselves
    /// in no other way.
    static let interval: Duration = .milliseconds(100)
    /// How often to look while nobody listens.
    static let idleInterval: Duration = .seconds(1)

    private struct State {
        /// In order; everything after `from` up to `last`.
        var kept: [FeedEvent] = []
        var from: Int64 = 0
        var last: Int64 = 0
        var isStarted = false
        var isStopping = false
        var listeners: [Int: Signal] = [:]
        var nextListener = 0
    }

    private let database: Database
    private let state = Mutex(State())
    private let added = Signal()

    init(database: Database) {
        self.database = database
    }

    /// Says that this process has just added to the feed.
    func nudge() { added.set() }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                await self.follow()
                let isBusy = self.state.withLock { !$0.listeners.isEmpty }
                await self.added.wait(upTo: isBusy ? Self.interval : Self.idleInterval)
            }
        }
        let listeners = state.withLock { state in
            state.isStopping = true
            return Array(state.listeners.values)
        }
        for listener in listeners { listener.set() }
    }

    /// The process is ending: streams should end too, so that clients come back to another one.
    var isStopping: Bool { state.withLock { $0.isStopping } }

    /// Reads what is new.
    func follow() async {
        do {
            while true {
                let (isStarted, last) = state.withLock { ($0.isStarted, $0.last) }
                guard isStarted else {
                    let head = try await database.transaction(as: .admin, readOnly: true) { tx in
                        try await EventFeed.head(in: tx)
                    }
                    state.withLock { $0 = Self.started($0, at: head) }
                    return
                }
                let events = try await database.transaction(as: .admin, readOnly: true) { tx in
                    try await EventFeed.page(of: nil, after: last, limit: Self.batch, in: tx)
                }
                guard !events.isEmpty else { return }
                let listeners = state.withLock { state in
                    Self.keep(events, in: &state)
                    return Array(state.listeners.values)
                }
                for listener in listeners { listener.set() }
                if events.count < Self.batch { return }
            }
        } catch is CancellationError {
            return
        } catch {
            Logger.current.debug("the event feed can't be followed", metadata: ["error": "\(error)"])
        }
    }

    private static func started(_ state: consuming State, at head: Int64) -> State {
        state.isStarted = true
        state.from = head
        state.last = head
        return state
    }

    private static func keep(_ events: [FeedEvent], in state: inout State) {
        guard let last = events.last else { return }
        state.kept += events
        state.last = last.position
        // Dropping in large steps keeps the cost of it small.
        if state.kept.count > 2 * keptMax {
            let dropped = state.kept.count - keptMax
            state.from = state.kept[dropped - 1].position
            state.kept.removeFirst(dropped)
        }
    }

    /// What lies behind a position.
    enum Next {
        /// These, in order; `upTo` is how far has been looked (other tenants' events included).
        case events([FeedEvent], upTo: Int64)
        /// More than memory has: read the database.
        case behind
    }

    /// A tenant's events after a position, as far as they are in memory.
    func next(after position: Int64, of tenantId: UUID) -> Next {
        state.withLock { state in
            guard state.isStarted, position >= state.from else { return .behind }
            var low = 0
            var high = state.kept.count
            while low < high {
                let middle = (low + high) / 2
                if state.kept[middle].position <= position { low = middle + 1 } else { high = middle }
            }
            return .events(state.kept[low...].filter { $0.tenantId == tenantId }, upTo: max(position, state.last))
        }
    }

    /// Someone who wants to know when there is something new.
    struct Listener: Sendable {
        fileprivate let id: Int
        let signal: Signal
    }

    /// Must be ended with `stop`.
    func listen() -> Listener {
        let signal = Signal()
        let id = state.withLock { state in
            state.nextListener += 1
            state.listeners[state.nextListener] = signal
            return state.nextListener
        }
        // The tail may be pausing for long because nobody listened.
        added.set()
        return Listener(id: id, signal: signal)
    }

    func stop(_ listener: Listener) {
        state.withLock { $0.listeners[listener.id] = nil }
    }
}
