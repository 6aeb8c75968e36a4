import Synchronization

/// Deliveries that arrived and wait to be taken: filled by the connection's thread, emptied by a consumer's task.
final class DeliveryBuffer: Sendable {
    private struct State {
        var deliveries: [AMQPDelivery] = []
        var head = 0
        var end: AMQPError?
        var waiting: (id: Int, continuation: CheckedContinuation<Void, Never>)?
        var nextID = 0

        var count: Int { deliveries.count - head }

        mutating func take(_ limit: Int) -> [AMQPDelivery] {
            let taken = Array(deliveries[head..<min(head + limit, deliveries.count)])
            head += taken.count
            if head == deliveries.count {
                deliveries.removeAll(keepingCapacity: true)
                head = 0
            } else if head > 1024 {
                deliveries.removeFirst(head)
                head = 0
            }
            return taken
        }
    }

    private let state = Mutex(State())

    var end: AMQPError? { state.withLock { $0.end } }

    func append(_ deliveries: [AMQPDelivery]) {
        let waiting = state.withLock { state in
            guard state.end == nil else { return nil as CheckedContinuation<Void, Never>? }
            state.deliveries.append(contentsOf: deliveries)
            defer { state.waiting = nil }
            return state.waiting?.continuation
        }
        waiting?.resume()
    }

    /// Ends the sequence; what is buffered is dropped when its deliveries can't be settled any more.
    func finish(_ error: AMQPError, dropping: Bool) {
        let waiting = state.withLock { state in
            if state.end == nil { state.end = error }
            if dropping {
                state.deliveries = []
                state.head = 0
            }
            defer { state.waiting = nil }
            return state.waiting?.continuation
        }
        waiting?.resume()
    }

    /// Up to `limit` deliveries, as soon as there is one; none when it is over or the task was cancelled.
    func next(upTo limit: Int) async -> [AMQPDelivery] {
        while true {
            let (taken, isOver, id) = state.withLock { state in
                state.nextID += 1
                return (state.take(limit), state.end != nil, state.nextID)
            }
            if !taken.isEmpty || isOver || Task.isCancelled { return taken }
            await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    let resumesAtOnce = state.withLock { state in
                        if state.count > 0 || state.end != nil || Task.isCancelled { return true }
                        precondition(state.waiting == nil, "a consumer is iterated by one task at a time")
                        state.waiting = (id, continuation)
                        return false
                    }
                    if resumesAtOnce { continuation.resume() }
                }
            } onCancel: {
                let waiting = state.withLock { state in
                    guard state.waiting?.id == id else { return nil as CheckedContinuation<Void, Never>? }
                    defer { state.waiting = nil }
                    return state.waiting?.continuation
                }
                waiting?.resume()
            }
        }
    }
}

/// The messages of one queue, delivered to us, at most `prefetch` of them unsettled at a time.
///
/// The sequence ends when the consumer is cancelled (by us or by the broker) and when the connection goes; `end` says
/// which. After the connection went, unsettled messages are delivered again to whoever consumes next: `ack` on a gone
/// connection does nothing. Dropping the consumer closes its channel, which returns what is unsettled to the queue.
public final class AMQPConsumer: Sendable, AsyncSequence {
    public typealias Element = AMQPDelivery
    public typealias Failure = Never

    /// The queue that is consumed.
    public let queue: String
    /// The consumer's name at the broker.
    public let tag: String

    private let connection: Connection
    private let address: ChannelAddress
    private let buffer: DeliveryBuffer

    init(queue: String, tag: String, connection: Connection, address: ChannelAddress, buffer: DeliveryBuffer) {
        self.queue = queue
        self.tag = tag
        self.connection = connection
        self.address = address
        self.buffer = buffer
    }

    deinit {
        connection.send(.close(address))
    }

    /// Why the sequence ended or will end after what is buffered; nil while it runs.
    public var end: AMQPError? { buffer.end }

    /// The next delivery; nil when it is over or the calling task was cancelled.
    public func next() async -> AMQPDelivery? {
        await buffer.next(upTo: 1).first
    }

    /// Everything that is there, at least one delivery and at most `limit`; empty when it is over or the calling task
    /// was cancelled.
    public func next(upTo limit: Int) async -> [AMQPDelivery] {
        await buffer.next(upTo: Swift.max(1, limit))
    }

    /// The message is done with; `multiple` settles all deliveries up to this one.
    public func ack(_ tag: UInt64, multiple: Bool = false) {
        connection.send(.settle(.ack(tag: tag, multiple: multiple), address))
    }

    /// The message is refused: back to the queue, or dropped (dead-lettered where the queue says so).
    public func nack(_ tag: UInt64, multiple: Bool = false, requeue: Bool) {
        connection.send(.settle(.nack(tag: tag, multiple: multiple, requeue: requeue), address))
    }

    /// Stops new deliveries. Those that have arrived can still be read and settled.
    public func cancel() async throws {
        defer { buffer.finish(AMQPError(.closed, "the consumer was cancelled"), dropping: false) }
        _ = try await connection.request(.cancel(tag: tag), on: address)
    }

    /// Stops the consumer and returns everything unsettled to the queue.
    public func close() {
        buffer.finish(AMQPError(.closed, "the consumer was closed"), dropping: true)
        connection.send(.close(address))
    }

    public func makeAsyncIterator() -> Iterator {
        Iterator(consumer: self)
    }

    /// Keeps the consumer alive while it is iterated.
    public struct Iterator: AsyncIteratorProtocol {
        let consumer: AMQPConsumer

        public mutating func next() async -> AMQPDelivery? {
            await consumer.next()
        }
    }
}

/// Takes single messages out of a queue, for tools that look into it. Made by `AMQPClient.withPuller`.
public final class AMQPPuller: Sendable {
    private let queue: String
    private let connection: Connection
    private let address: ChannelAddress

    init(queue: String, connection: Connection, address: ChannelAddress) {
        self.queue = queue
        self.connection = connection
        self.address = address
    }

    /// The queue's next message; nil when none is ready.
    public func next() async throws -> AMQPDelivery? {
        if case .delivery(let delivery) = try await connection.request(.get(queue: queue, noAck: false), on: address) {
            delivery
        } else {
            nil
        }
    }

    /// The message is done with.
    public func ack(_ tag: UInt64, multiple: Bool = false) {
        connection.send(.settle(.ack(tag: tag, multiple: multiple), address))
    }

    /// The message is refused: back to the queue, or dropped (dead-lettered where the queue says so).
    public func nack(_ tag: UInt64, multiple: Bool = false, requeue: Bool) {
        connection.send(.settle(.nack(tag: tag, multiple: multiple, requeue: requeue), address))
    }
}
