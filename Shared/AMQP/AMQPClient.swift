import Logging
import ServiceLifecycle
import Synchronization

/// How the client stands with the broker.
public enum AMQPState: Sendable, Hashable {
    case connected
    /// Connected, but the broker does not take publications for the reason it gives (memory, disk).
    case blocked(String)
    case disconnected(AMQPError)
}

/// A client of one RabbitMQ virtual host.
///
/// It keeps two connections, each with a thread of its own, so that a broker which holds up publishers (it stops reading
/// from them when memory or disk run out) still takes our acknowledgements and lets us drain its queues. Both are made
/// again with backoff whenever they break; what was under way then fails with an error that `isTransient`.
///
/// Nothing is declared again by the client after a reconnect: durable things are still there, and consumers are started
/// again by whoever ran them, who learns of the end from the sequence's end.
public final class AMQPClient: Sendable, Service {
    /// Settings, as given.
    public let configuration: AMQPConfiguration

    private let connection: Connection
    private let publisher: Connection
    private let board: StateBoard
    private let nextID = Atomic<UInt64>(1)

    public init(_ configuration: AMQPConfiguration) {
        let board = StateBoard()
        var publishing = configuration
        publishing.connectionName += " publisher"
        self.configuration = configuration
        self.board = board
        connection = Connection(configuration) { board.set(.consuming, $0) }
        publisher = Connection(publishing) { board.set(.publishing, $0) }
    }

    // MARK: Life

    /// Connects and stays connected until the task is cancelled or a graceful shutdown begins.
    public func run() async throws {
        await withTaskCancellationOrGracefulShutdownHandler {
            async let consuming: Void = connection.run()
            async let publishing: Void = publisher.run()
            _ = await (consuming, publishing)
        } onCancelOrGracefulShutdown: {
            self.stop()
        }
        board.finish()
    }

    /// Closes both connections; `run` returns soon after.
    public func stop() {
        connection.stop()
        publisher.stop()
    }

    /// Whether both connections stand. A blocked broker counts as connected.
    public var isConnected: Bool {
        if case .disconnected = board.state { false } else { true }
    }

    /// How the client stands now.
    public var state: AMQPState { board.state }

    /// How the client stands: now, and then each change.
    public var states: AsyncStream<AMQPState> { board.stream() }

    /// Returns once connected; throws when the task is cancelled or the client stopped.
    public func waitUntilConnected() async throws {
        for await state in states {
            if case .disconnected = state { continue }
            return
        }
        try Task.checkCancellation()
        throw AMQPError(.closed, "the client was stopped")
    }

    // MARK: Publishing

    /// Publishes with confirms and answers what became of each, in order. The messages are on their way together;
    /// messages of one exchange arrive at the broker in order.
    ///
    /// A missing exchange (404) and a message that the broker finds too large (406) close the channel, so that all
    /// messages under way to that exchange are `lost` with that error. Throws only when nothing was sent.
    public func publish(_ publications: [AMQPPublication]) async throws -> [PublishOutcome] {
        guard publisher.isConnected else { throw AMQPError(.notConnected, "not connected to the broker") }
        let id = nextID.add(1, ordering: .relaxed).oldValue
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let job = PublishJob(id: id, publications: publications) { continuation.resume(returning: $0) }
                publisher.send(.publish(job))
                // A task that was cancelled before has called the handler before there was anything to withdraw.
                if Task.isCancelled { publisher.send(.withdraw(id)) }
            }
        } onCancel: {
            publisher.send(.withdraw(id))
        }
    }

    /// Publishes one message with a confirm.
    public func publish(_ publication: AMQPPublication) async throws -> PublishOutcome {
        let outcomes = try await publish([publication])
        return outcomes.first ?? .lost(AMQPError(.protocolViolation, "no outcome"))
    }

    // MARK: Topology

    /// Declares an exchange; 406 when one of that name exists with other properties.
    public func declareExchange(
        _ name: String, type: String, durable: Bool = true, autoDelete: Bool = false, isInternal: Bool = false,
        arguments: [String: AMQPValue] = [:]
    ) async throws {
        _ = try await connection.request(
            .declareExchange(
                name: name, type: type, passive: false, durable: durable, autoDelete: autoDelete,
                isInternal: isInternal, arguments: arguments))
    }

    /// Whether an exchange of that name exists.
    public func exchangeExists(_ name: String) async throws -> Bool {
        do {
            _ = try await connection.request(
                .declareExchange(
                    name: name, type: "direct", passive: true, durable: true, autoDelete: false, isInternal: false,
                    arguments: [:]))
            return true
        } catch  where error.isNotFound {
            return false
        }
    }

    public func deleteExchange(_ name: String, ifUnused: Bool = false) async throws {
        _ = try await connection.request(.deleteExchange(name: name, ifUnused: ifUnused))
    }

    /// Declares a queue; an empty name lets the broker choose one. 406 when it exists with other properties.
    @discardableResult
    public func declareQueue(
        _ name: String, durable: Bool = true, exclusive: Bool = false, autoDelete: Bool = false,
        arguments: [String: AMQPValue] = [:]
    ) async throws -> AMQPQueueStatus {
        let reply = try await connection.request(
            .declareQueue(
                name: name, passive: false, durable: durable, exclusive: exclusive, autoDelete: autoDelete,
                arguments: arguments))
        guard case .queue(let status) = reply else { throw Self.unexpectedReply }
        return status
    }

    /// How much is in a queue; nil when there is none of that name.
    public func queueStatus(_ name: String) async throws -> AMQPQueueStatus? {
        do {
            let reply = try await connection.request(
                .declareQueue(
                    name: name, passive: true, durable: true, exclusive: false, autoDelete: false, arguments: [:]))
            if case .queue(let status) = reply { return status }
            return nil
        } catch  where error.isNotFound {
            return nil
        }
    }

    /// Deletes a queue and answers how many messages went with it.
    @discardableResult
    public func deleteQueue(_ name: String, ifUnused: Bool = false, ifEmpty: Bool = false) async throws -> Int {
        let reply = try await connection.request(.deleteQueue(name: name, ifUnused: ifUnused, ifEmpty: ifEmpty))
        guard case .count(let count) = reply else { throw Self.unexpectedReply }
        return count
    }

    /// Drops the ready messages of a queue and answers how many they were.
    @discardableResult
    public func purgeQueue(_ name: String) async throws -> Int {
        guard case .count(let count) = try await connection.request(.purgeQueue(name: name)) else {
            throw Self.unexpectedReply
        }
        return count
    }

    public func bindQueue(
        _ queue: String, to exchange: String, routingKey: String, arguments: [String: AMQPValue] = [:]
    ) async throws {
        _ = try await connection.request(
            .bindQueue(name: queue, exchange: exchange, routingKey: routingKey, arguments: arguments))
    }

    public func unbindQueue(
        _ queue: String, from exchange: String, routingKey: String, arguments: [String: AMQPValue] = [:]
    ) async throws {
        _ = try await connection.request(
            .unbindQueue(name: queue, exchange: exchange, routingKey: routingKey, arguments: arguments))
    }

    public func bindExchange(
        _ destination: String, to source: String, routingKey: String, arguments: [String: AMQPValue] = [:]
    ) async throws {
        _ = try await connection.request(
            .bindExchange(destination: destination, source: source, routingKey: routingKey, arguments: arguments))
    }

    public func unbindExchange(
        _ destination: String, from source: String, routingKey: String, arguments: [String: AMQPValue] = [:]
    ) async throws {
        _ = try await connection.request(
            .unbindExchange(destination: destination, source: source, routingKey: routingKey, arguments: arguments))
    }

    // MARK: Consuming

    /// Starts a consumer on a channel of its own. At most `prefetch` deliveries are unsettled at a time.
    public func consume(
        _ queue: String, prefetch: Int = 100, consumerTag: String? = nil, exclusive: Bool = false,
        noAck: Bool = false, arguments: [String: AMQPValue] = [:]
    ) async throws -> AMQPConsumer {
        let tag = consumerTag ?? "\(configuration.connectionName)-\(nextID.add(1, ordering: .relaxed).oldValue)"
        let address = try await connection.open()
        let buffer = DeliveryBuffer()
        let consumer = AMQPConsumer(queue: queue, tag: tag, connection: connection, address: address, buffer: buffer)
        _ = try await connection.request(.qos(prefetch: UInt16(clamping: prefetch)), on: address)
        _ = try await connection.request(
            .consume(
                queue: queue, tag: tag, exclusive: exclusive, noAck: noAck, arguments: arguments, buffer: buffer),
            on: address)
        return consumer
    }

    /// Takes single messages from a queue; what `body` does not settle goes back.
    public func withPuller<R>(_ queue: String, _ body: (AMQPPuller) async throws -> R) async throws -> R {
        let address = try await connection.open()
        defer { connection.send(.close(address)) }
        return try await body(AMQPPuller(queue: queue, connection: connection, address: address))
    }

    /// Takes a queue's next message for good; nil when none is ready.
    public func get(_ queue: String) async throws -> AMQPDelivery? {
        if case .delivery(let delivery) = try await connection.request(.get(queue: queue, noAck: true)) {
            delivery
        } else {
            nil
        }
    }

    /// Shows up to `limit` messages and leaves them in the queue. They count as redelivered afterwards, which a quorum
    /// queue adds to their delivery count: don't browse where a delivery limit would throw them out.
    public func browse(_ queue: String, limit: Int) async throws -> [AMQPDelivery] {
        try await withPuller(queue) { puller in
            var deliveries: [AMQPDelivery] = []
            while deliveries.count < limit, let delivery = try await puller.next() { deliveries.append(delivery) }
            if let last = deliveries.last { puller.nack(last.tag, multiple: true, requeue: true) }
            return deliveries
        }
    }

    private static let unexpectedReply = AMQPError(.protocolViolation, "the broker's answer does not fit the request")
}

/// The state of both connections as one, and those who watch it.
final class StateBoard: Sendable {
    enum Role { case consuming, publishing }

    private struct State {
        var consuming = AMQPState.disconnected(AMQPError(.notConnected, "not connected yet"))
        var publishing = AMQPState.disconnected(AMQPError(.notConnected, "not connected yet"))
        var watchers: [Int: AsyncStream<AMQPState>.Continuation] = [:]
        var nextID = 0
        var isFinished = false

        var combined: AMQPState {
            if case .disconnected = consuming { return consuming }
            if case .connected = publishing { return consuming }
            return publishing
        }
    }

    private let mutex = Mutex(State())

    var state: AMQPState { mutex.withLock { $0.combined } }

    func set(_ role: Role, _ state: AMQPState) {
        mutex.withLock { board in
            let before = board.combined
            switch role {
            case .consuming: board.consuming = state
            case .publishing: board.publishing = state
            }
            let now = board.combined
            guard now != before else { return }
            for watcher in board.watchers.values { watcher.yield(now) }
        }
    }

    func stream() -> AsyncStream<AMQPState> {
        let (stream, continuation) = AsyncStream.makeStream(of: AMQPState.self)
        let id = mutex.withLock { board in
            board.nextID += 1
            continuation.yield(board.combined)
            if !board.isFinished { board.watchers[board.nextID] = continuation }
            return board.isFinished ? nil : board.nextID
        }
        if let id {
            continuation.onTermination = { [weak self] _ in
                _ = self?.mutex.withLock { $0.watchers.removeValue(forKey: id) }
            }
        } else {
            continuation.finish()
        }
        return stream
    }

    func finish() {
        let watchers = mutex.withLock { board in
            board.isFinished = true
            defer { board.watchers = [:] }
            return Array(board.watchers.values)
        }
        for watcher in watchers { watcher.finish() }
    }
}
