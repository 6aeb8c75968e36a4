// Longer and longer pauses between attempts, never all at the same moment.

/// Doubling pauses up to a bound, each shortened by up to half at random.
struct Backoff: Sendable {
    private var next: Duration
    private let longest: Duration

    init(first: Duration = .milliseconds(100), longest: Duration = .seconds(5)) {
        next = first
        self.longest = longest
    }

    mutating func pause() -> Duration {
        defer { next = min(next * 2, longest) }
        return next * Double.random(in: 0.5...1)
    }
}
