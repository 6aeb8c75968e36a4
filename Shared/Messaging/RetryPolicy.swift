/// How often and when a handler's failure on a message is tried again.
public struct RetryPolicy: Sendable, Hashable {
    /// The waits before the second, third … attempt; after the attempt that follows the last one, the message is a dead
    /// letter.
    public var delays: [Duration]

    public init(delays: [Duration]) {
        self.delays = delays
    }

    /// 1 s, 5 s, 30 s, 5 min, 30 min.
    public static let standard = RetryPolicy(
        delays: [.seconds(1), .seconds(5), .seconds(30), .seconds(300), .seconds(1800)])

    /// The wait after a number of failed attempts; nil when that was the last.
    func delay(afterFailures failures: Int) -> Duration? {
        failures >= 1 && failures <= delays.count ? delays[failures - 1] : nil
    }
}
