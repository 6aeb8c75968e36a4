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
        /// Messages whose handling has not begun.
        var count = 0
        var waiting: [Waiting] = []
        var notBefore = ContinuousClock.now
    }

    private let state = Mutex(State())
    private let isFull = Wakeup()
    private let spacing: Duration
    private let enough: Int
    private let handle: @Sendable ([ReceivedMessage]) async throws -> Void

    /// A batch begins at the earliest `spacing` after the one before it began, unless `enough` messages wait.
    init(spacing: Duration, enough: Int, handle: @escaping @Sendable ([ReceivedMessage]) async throws -> Void) {
        self.spacing = spacing
        self.enough = enough
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
        let (leads, isEnough) = state.withLock { state in
            defer { state.isLed = true }
            state.count += waiting.batch.count
            if state.isLed { state.waiting.append(waiting) }
            return (!state.isLed, state.count >= enough)
        }
        if leads { waiting.turn.resume(returning: .lead) } else if isEnough { isFull.wake() }
    }

    /// Handles the leader's own batch and what waits, then hands the lead to who came meanwhile.
    private func lead(_ own: [ReceivedMessage]) async throws {
        let notBefore = state.withLock { $0.count >= enough ? .now : $0.notBefore }
        if notBefore > .now { await isFull.sleep(until: notBefore) }
        let others = state.withLock { state in
            defer { state.waiting = [] }
            state.count = 0
            state.notBefore = .now + spacing
            return state.waiting
        }
        let result: Result<Void, any Error>
        do {
            result = .success(try await handle(others.reduce(into: own) { $0 += $1.batch }))
        } catch {
            result = .failure(error)
        }
        for other in others { other.turn.resume(returning: .done(result)) }
        let next = state.withLock { state -> Waiting? in
            if state.waiting.isEmpty {
                state.isLed = false
                return nil
            }
            return state.waiting.removeFirst()
        }
        next?.turn.resume(returning: .lead)
        try result.get()
    }
}
