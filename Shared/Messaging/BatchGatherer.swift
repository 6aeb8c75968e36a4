import Synchronization

/// Puts the batches of several queues into one: what arrives while a batch is handled, or soon after it began, is handled with
/// the next. A single message is handled at once; under load there are few transactions with many messages, rather than many
/// with few, which would cost the database most of its time.
///
/// Each queue keeps its order, because it gives its next batch when the one before is done.
final class BatchGatherer: Sendable {
    private struct Waiting {
        var batch: [ReceivedMessage]
        var turn: CheckedContinuation<Turn, Never>
    }

    /// What becomes of somebody who waits.
    private enum Turn: Sendable {
        /// Their batch was handled with others.
        case done(Result<Void, any Error>)
        /// They are to handle what waits.
        case lead
    }

    private struct State {
        var isLed = false
        /// Counts the leaders.
        var term = 0
        /// Messages whose handling has not begun.
        var count = 0
        /// One of the batches that wait is full.
        var isHurried = false
        var waiting: [Waiting] = []
        var notBefore = ContinuousClock.now
    }

    /// So many messages tell that more are under way.
    private static let many = 40

    private let state = Mutex(State())
    private let hurry = Wakeup()
    private let spacing: Duration
    private let patience: Duration
    private let full: Int
    private let handle: @Sendable ([ReceivedMessage]) async throws -> Void

    /// A batch begins at the earliest `spacing` after the one before it began, or twice that if that one was large, unless a
    /// caller has a `full` one, because more wait behind it; and when the one before it has ended or has taken `patience`.
    init(
        spacing: Duration, patience: Duration = .milliseconds(250), full: Int,
        handle: @escaping @Sendable ([ReceivedMessage]) async throws -> Void
    ) {
        self.spacing = spacing
        self.patience = patience
        self.full = full
        self.handle = handle
    }

    /// How many messages wait for a batch to begin.
    var waitingCount: Int { state.withLock { $0.count } }

    /// Handles the messages, perhaps together with those of other callers; throws what handling them together threw.
    func process(_ batch: [ReceivedMessage]) async throws {
        let turn = await withCheckedContinuation { continuation in
            enqueue(Waiting(batch: batch, turn: continuation))
        }
        switch turn {
        case .done(let result): try result.get()
        case .lead: try await lead(batch)
        }
    }

    private func enqueue(_ waiting: Waiting) {
        let isFull = waiting.batch.count >= full
        let leads = state.withLock { state in
            defer { state.isLed = true }
            state.count += waiting.batch.count
            if isFull { state.isHurried = true }
            if state.isLed { state.waiting.append(waiting) }
            return !state.isLed
        }
        if leads { waiting.turn.resume(returning: .lead) } else if isFull { hurry.wake() }
    }

    /// Handles the leader's own batch and what waits, then hands the lead to who came meanwhile.
    private func lead(_ own: [ReceivedMessage]) async throws {
        let notBefore = state.withLock { $0.isHurried ? .now : $0.notBefore }
        if notBefore > .now { await hurry.sleep(until: notBefore) }
        let (others, term) = state.withLock { state in
            defer { state.waiting = [] }
            state.notBefore = .now + spacing * (state.count >= Self.many ? 2 : 1)
            state.count = 0
            state.isHurried = false
            return (state.waiting, state.term)
        }
        let batch = others.reduce(into: own) { $0 += $1.batch }
        let result = await withTaskGroup(of: Result<Void, any Error>?.self) { group in
            group.addTask {
                do {
                    return .success(try await self.handle(batch))
                } catch {
                    return .failure(error)
                }
            }
            group.addTask {
                try? await Task.sleep(for: self.patience)
                if !Task.isCancelled { self.endTerm(term) }
                return nil
            }
            while let ended = await group.next() {
                guard let result = ended else { continue }
                group.cancelAll()
                return result
            }
            return .failure(CancellationError())
        }
        for other in others { other.turn.resume(returning: .done(result)) }
        endTerm(term)
        try result.get()
    }

    /// Hands the lead, if it is still theirs, to who has waited longest.
    private func endTerm(_ term: Int) {
        let next = state.withLock { state -> Waiting? in
            guard state.term == term else { return nil }
            state.term += 1
            if state.waiting.isEmpty {
                state.isLed = false
                return nil
            }
            return state.waiting.removeFirst()
        }
        next?.turn.resume(returning: .lead)
    }
}
