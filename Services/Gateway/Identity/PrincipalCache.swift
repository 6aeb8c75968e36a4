import Contracts
import Synchronization

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Remembers what credentials and organizations turned out to be, so that an authenticated request costs a dictionary
/// look-up instead of a query.
///
/// An entry is believed for `lifetime`, and only while its organization's epoch (``EpochWatch``) is the one it was
/// read with: whatever revokes, deactivates or changes anything raises the epoch in the same transaction, every
/// gateway process asks for raised epochs several times a second, and the process that made the change knows at once.
/// An entry is read together with its epoch in one statement, so a change that overtakes the reading is not missed.
final class PrincipalCache<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    struct Entry: Sendable {
        let value: Value
        /// Nil for what belongs to no organization: unknown credentials.
        let tenantId: UUID?
        let epoch: Int64
        let readAt: ContinuousClock.Instant
        let lifetime: Duration
    }

    private struct State {
        var entries: [Key: Entry] = [:]
    }

    private let state = Mutex(State())
    private let epochs: Epochs
    private let capacity: Int

    init(epochs: Epochs, capacity: Int) {
        self.epochs = epochs
        self.capacity = capacity
    }

    func find(_ key: Key, at now: ContinuousClock.Instant) -> Value? {
        guard let entry = state.withLock({ $0.entries[key] }), now - entry.readAt < entry.lifetime else { return nil }
        if let tenantId = entry.tenantId, epochs.latest(of: tenantId) > entry.epoch { return nil }
        return entry.value
    }

    func store(_ key: Key, _ entry: Entry) {
        state.withLock { state in
            if state.entries.count >= capacity, state.entries[key] == nil {
                Self.makeRoom(&state.entries, entry.readAt)
            }
            state.entries[key] = entry
        }
    }

    var count: Int { state.withLock { $0.entries.count } }

    /// Drops what is no longer believed, and where that is not enough an arbitrary half: whatever is still used comes
    /// back with its next request.
    private static func makeRoom(_ entries: inout [Key: Entry], _ now: ContinuousClock.Instant) {
        let before = entries.count
        entries = entries.filter { now - $0.value.readAt < $0.value.lifetime }
        guard entries.count > before / 2 else { return }
        for key in Array(entries.keys.prefix(entries.count / 2)) { entries[key] = nil }
    }
}

/// The highest epoch known of each organization.
final class Epochs: Sendable {
    private let known = Mutex<[UUID: Int64]>([:])

    func latest(of tenantId: UUID) -> Int64 { known.withLock { $0[tenantId] ?? 0 } }

    func learn(_ tenantId: UUID, _ epoch: Int64) {
        known.withLock { $0[tenantId] = max($0[tenantId] ?? 0, epoch) }
    }
}
