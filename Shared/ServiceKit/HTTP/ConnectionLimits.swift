import NIOCore

/// What one HTTP connection may cost: how large a request's head may be, how long a client may take, and how the
/// connection is left when it took too much.
public struct ConnectionLimits: Sendable {
    /// Of the request's target: path and query.
    public var targetBytes: Int
    /// Of all header fields together.
    public var headerBytes: Int
    public var headerFields: Int
    /// For the whole head, from its first byte.
    public var headTime: TimeAmount
    /// For the body, beside what ``bodyBytesPerSecond`` adds.
    public var bodyTime: TimeAmount
    /// A body that comes slower is not waited for. Only the time in which the service wants more of it counts.
    public var bodyBytesPerSecond: Int
    /// Between requests.
    public var idleTime: TimeAmount
    /// In which a client must take what is written for it.
    public var writeTime: TimeAmount
    /// What is read of a body that nobody wants. Many clients look at an early answer only when they have sent all, and
    /// take a connection that ends before for a failure.
    public var drainedBytes: Int
    /// A connection that ends is read from for so long and so much: were it closed while the client still sends, the
    /// answer would be lost with it.
    public var lingerTime: TimeAmount
    public var lingerBytes: Int

    /// What services allow each other: the gateway adds its own fields to those of a client.
    public init(
        targetBytes: Int = 16 << 10, headerBytes: Int = 64 << 10, headerFields: Int = 200,
        headTime: TimeAmount = .seconds(10), bodyTime: TimeAmount = .seconds(20), bodyBytesPerSecond: Int = 8 << 10,
        idleTime: TimeAmount = .seconds(75), writeTime: TimeAmount = .seconds(60), drainedBytes: Int = 256 << 20,
        lingerTime: TimeAmount = .seconds(10), lingerBytes: Int = 64 << 20
    ) {
        self.targetBytes = targetBytes
        self.headerBytes = headerBytes
        self.headerFields = headerFields
        self.headTime = headTime
        self.bodyTime = bodyTime
        self.bodyBytesPerSecond = bodyBytesPerSecond
        self.idleTime = idleTime
        self.writeTime = writeTime
        self.drainedBytes = drainedBytes
        self.lingerTime = lingerTime
        self.lingerBytes = lingerBytes
    }
}
