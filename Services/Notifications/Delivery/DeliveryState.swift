// What becomes of a message, as plain values.

import Contracts

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Where a delivery stands.
enum DeliveryState: String, CaseIterable, Sendable {
    case queued, sending
    /// The next hop has accepted it.
    case sent
    case delivered, failed, read
    /// It is not sent, for the reason given.
    case skipped
}

/// When a failed message is tried again.
enum Backoff {
    static let triesMax = 10
    static let first: Duration = .seconds(5)
    static let longest: Duration = .seconds(6 * 3_600)

    /// The pause after a failed try: from 5 s to 6 h, three times as long after each, a third more or less by chance, so
    /// that what failed together is not tried together. Never sooner than the far side asks for, up to the longest pause.
    /// - Parameters:
    ///   - tries: How many there were, from 1 on.
    ///   - chance: From 0 to 1.
    /// - Returns: nil after the last try.
    static func pause(afterTries tries: Int, retryAfter: Duration? = nil, chance: Double) -> Duration? {
        guard tries < triesMax else { return nil }
        var pause = first
        for _ in 1..<max(tries, 1) where pause < longest { pause *= 3 }
        let jittered = pause * (2.0 / 3 + min(max(chance, 0), 1) * 2 / 3)
        return min(max(jittered, retryAfter ?? .zero, first), longest)
    }
}

/// What came of one try.
struct DeliveryOutcome: Sendable {
    enum Result: Sendable {
        case sent(DeliveryReceipt)
        case failed(DeliveryFailure)
        case skipped(reason: String)
    }

    let tenantId: UUID
    let id: UUID
    /// Which try it was. One whose lease ran out meanwhile has no say any more.
    let attempt: Int
    let result: Result
    /// When it was over.
    let at: Timestamp

    /// What the delivery's row says after it.
    struct Settlement: Sendable, Equatable {
        var state: DeliveryState
        var reason: String?
        var detail: String?
        /// When it is tried again.
        var dueAt: Timestamp?
        var providerMessageId: String?
        /// The address is not written to again.
        var suppresses = false
    }

    /// The outcome is noted: what was held until then is free.
    func release() {
        if case .sent(let receipt) = result { receipt.release?() }
    }

    private static let detailLengthMax = 1_000
    private static let reasonLengthMax = 100
    /// An index holds no more than 2,700 bytes.
    private static let providerMessageIdLengthMax = 500

    /// - Parameter chance: From 0 to 1.
    func settlement(chance: Double) -> Settlement {
        switch result {
        case .sent(let receipt):
            return Settlement(
                state: receipt.isDelivered ? .delivered : .sent,
                providerMessageId: receipt.providerMessageId?.storable(upTo: Self.providerMessageIdLengthMax))
        case .skipped(let reason):
            return Settlement(state: .skipped, reason: reason)
        case .failed(.permanent(let code, let detail, let suppress)):
            return Settlement(
                state: .failed, reason: code.storable(upTo: Self.reasonLengthMax),
                detail: detail.storable(upTo: Self.detailLengthMax), suppresses: suppress)
        case .failed(.transient(let code, let detail, let retryAfter)):
            let pause = Backoff.pause(afterTries: attempt, retryAfter: retryAfter, chance: chance)
            return Settlement(
                state: pause == nil ? .failed : .queued, reason: code.storable(upTo: Self.reasonLengthMax),
                detail: detail.storable(upTo: Self.detailLengthMax), dueAt: pause.map { at + $0 })
        }
    }
}
