// What an answer to a webhook means, and when the next try is.

import Contracts
import Outbound

/// When a delivery that failed is tried again: after 5 s, four times as long after each failure, at most 12 h; for more than
/// four days. Later deliveries of the same ticket wait meanwhile.
struct WebhookRetries: Sendable {
    /// The first try among them.
    var triesMax = 16
    var first = Duration.seconds(5)
    var longest = Duration.seconds(43_200)
    /// The longest that a Retry-After is taken at its word.
    static let retryAfterMax = Duration.seconds(86_400)

    /// How long to wait after so many failures; nil when it was the last try.
    /// - Parameter jitter: from 0 to 1; up to a tenth is added, so that what failed together does not come back together.
    func pause(afterFailures failures: Int, retryAfter: Duration?, jitter: Double) -> Duration? {
        guard failures < triesMax else { return nil }
        var pause = first
        for _ in 0..<max(0, failures - 1) where pause < longest { pause = min(pause * 4, longest) }
        return max(pause + pause * (jitter / 10), min(retryAfter ?? .zero, Self.retryAfterMax))
    }
}

/// What a try came to.
enum WebhookOutcome: Sendable, Equatable {
    case delivered
    case failed(retryAfter: Duration?)
    /// 410: the receiver wants nothing any more.
    case gone
    /// We gave up before there was an answer; nothing is counted.
    case abandoned

    init(_ result: Result<OutboundAnswer, OutboundError>, at now: Timestamp) {
        switch result {
        case .success(let answer) where answer.isSuccess: self = .delivered
        case .success(let answer) where answer.status == 410: self = .gone
        case .success(let answer): self = .failed(retryAfter: answer.retryAfter(at: now))
        case .failure(let error) where error.kind == .cancelled: self = .abandoned
        case .failure: self = .failed(retryAfter: nil)
        }
    }
}

/// When an endpoint is given up as a whole.
enum WebhookPatience {
    /// Failures for so long, with no success between them.
    static let limit = Duration.seconds(5 * 86_400)

    static func isOver(failingSince: Timestamp, now: Timestamp) -> Bool { now - failingSince >= limit }
}
