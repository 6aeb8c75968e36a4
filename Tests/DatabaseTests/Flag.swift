import Synchronization

/// A condition that tasks share; once set it stays so.
final class Flag: Sendable {
    private let state = Atomic(false)
    var isSet: Bool { state.load(ordering: .relaxed) }
    func set() { state.store(true, ordering: .relaxed) }
}

/// What happened, in order, noted by several tasks.
final class Journal<Entry: Sendable>: Sendable {
    private let state = Mutex<[Entry]>([])
    var entries: [Entry] { state.withLock { $0 } }
    func note(_ entry: Entry) { state.withLock { $0.append(entry) } }
}
