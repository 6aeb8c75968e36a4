// Every ticket's clocks, from its events.

import Contracts
import Database
import Messaging

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Takes ticket events in batches: the facts of all of them in one statement, then each ticket folded once.
struct KeepClocks: BatchEventHandler {
    let terms: TermsStore

    let name = "keep_clocks"
    let patterns = TicketFact.events
    /// Facts are kept once, and clocks are folded from all of them.
    let isRepeatable = true

    func handle(_ messages: [RawMessage], in tx: Transaction) async throws {
        var facts: [(key: TicketKey, fact: TicketFact)] = []
        for message in messages {
            let envelope = message.envelope
            guard
                let fact = TicketFact(
                    name: message.name, sequence: envelope.sequence, occurredAt: envelope.occurredAt,
                    payload: message.payload)
            else { continue }
            facts.append((TicketKey(tenantId: envelope.tenantId, ticketId: message.aggregate.id), fact))
        }
        try await take(facts, at: .now, in: tx)
    }

    /// Keeps facts and folds their tickets, as of an instant.
    func take(_ facts: [(key: TicketKey, fact: TicketFact)], at instant: Timestamp, in tx: Transaction) async throws {
        guard !facts.isEmpty else { return }
        let keys = Set(facts.map(\.key)).sorted()
        let held = try await terms.hold(Set(keys.map(\.tenantId)), in: tx)
        let parties = try await TicketParties.of(keys, in: tx)
        let kept = facts.map { (key: $0.key, fact: $0.fact.with(parties[$0.key])) }
        ClockKeeper.keep(kept, in: tx)
        let known = try await ClockKeeper.touch(kept, in: tx)
        try await ClockKeeper.refold(keys, known: known, terms: held, asOf: instant, in: tx)
    }
}
