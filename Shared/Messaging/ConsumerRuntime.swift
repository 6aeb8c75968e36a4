import AMQP
import Contracts
import Database
import Logging
import ServiceLifecycle
import Synchronization

/// How a service consumes.
public struct ConsumerConfiguration: Sendable {
    /// Queues over which the service's messages are spread by aggregate. To be the same in all instances. Changing it moves
    /// aggregates between queues: for what is queued at that moment, their order does not hold.
    public var partitions = 4
    /// Messages of one queue that are handled in one transaction at most.
    public var batchMax = 100
    /// How long after the beginning of a transaction the next one begins at the earliest, unless a queue has a full batch;
    /// twice as long under load. What arrives meanwhile, in any queue, is handled together.
    public var batchSpacing = Duration.milliseconds(50)
    public var retryPolicy = RetryPolicy.standard
    /// Larger messages are dead letters.
    public var bodySizeBytesMax = RawMessage.bodySizeBytesMax
    /// Parked messages that are tried at the same time.
    public var retryConcurrency = 2
    /// How often parked messages are looked for when none is known to be due sooner.
    public var retryPollMax = Duration.seconds(1)
    /// How long messages are held while the database is away, before they go back to their queue.
    public var infrastructurePatience = Duration.seconds(5)

    public init() {}
}

/// Consumes the service's queues and takes their messages through its handlers; retries what is parked.
///
/// Any number of instances may run: each queue has one active consumer, and when that goes, another instance takes over with
/// the first message that was not acknowledged.
public final class ConsumerRuntime: Service {
    private let service: String
    private let topology: Topology
    private let handlers: [MessageHandler]
    private let database: Database
    private let amqp: AMQPClient
    private let configuration: ConsumerConfiguration
    private let dispatcher: MessageDispatcher
    private let gatherer: BatchGatherer
    private let shutdown = ShutdownSwitch()
    private let logger: Logger

    public init(
        service: String, topology: Topology, handlers: [MessageHandler], database: Database, amqp: AMQPClient,
        configuration: ConsumerConfiguration = ConsumerConfiguration()
    ) {
        let names = handlers.map(\.name)
        precondition(Set(names).count == names.count, "each handler of a service has a name of its own")
        self.service = service
        self.topology = topology
        self.handlers = handlers
        self.database = database
        self.amqp = amqp
        self.configuration = configuration
        logger = Logger(label: "messaging.consumer")
        dispatcher = MessageDispatcher(
            service: service, topology: topology, handlers: handlers, database: database,
            sink: DeadLetterSink(service: service, topology: topology, amqp: amqp), policy: configuration.retryPolicy,
            bodySizeBytesMax: configuration.bodySizeBytesMax, logger: logger)
        gatherer = BatchGatherer(spacing: configuration.batchSpacing, full: configuration.batchMax) {
            [dispatcher] in try await dispatcher.process($0)
        }
    }

    /// Consumes until the task is cancelled or a graceful shutdown begins; then finishes the batches in hand and returns the
    /// rest to the queues.
    public func run() async throws {
        if handlers.isEmpty {
            try? await gracefulShutdown()
            return
        }
        await withGracefulShutdownHandler {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await self.consumeQueues() }
                group.addTask { await self.retryParked() }
            }
        } onGracefulShutdown: {
            self.shutdown.begin()
        }
    }

    /// What is subscribed to at all times.
    private var patterns: Set<String> { Set(handlers.filter { $0.occasional == nil }.flatMap(\.patterns)) }

    private func settleOccasional() async throws {
        for handler in handlers.compactMap(\.occasional) {
            try await Demand(
                service: service, topology: topology, partitions: configuration.partitions, amqp: amqp, handler: handler
            ).settle(besides: patterns, in: database)
        }
    }

    private var isOver: Bool { shutdown.hasBegun || Task.isCancelled }

    // MARK: Queues

    private static let backoffFirst = Duration.milliseconds(100)
    private static let backoffLast = Duration.seconds(5)

    /// Keeps every queue consumed: declares what is needed, starts the consumers, and starts again those that end.
    private func consumeQueues() async {
        await withTaskGroup(of: String.self) { group in
            var idle = Topology.queues(service, count: configuration.partitions)
            var isFirst = true
            var backoff = Self.backoffFirst
            while !isOver {
                if !idle.isEmpty {
                    do {
                        try await topology.declareConsumer(
                            service: service, patterns: patterns, partitions: configuration.partitions, on: amqp)
                        try await settleOccasional()
                        if isFirst {
                            idle += try await topology.retireQueues(
                                service: service, beyond: configuration.partitions, on: amqp)
                            isFirst = false
                        }
                        for queue in idle {
                            group.addTask {
                                await self.consume(queue)
                                return queue
                            }
                        }
                        idle = []
                        backoff = Self.backoffFirst
                    } catch {
                        if amqp.isConnected, !isOver {
                            logger.warning("the queues can't be declared", metadata: ["error": "\(error)"])
                        }
                        await pause(amqp.isConnected ? backoff : Self.backoffFirst)
                        backoff = min(backoff * 2, Self.backoffLast)
                        continue
                    }
                }
                if let ended = await group.next() { idle.append(ended) }
                await pause(Self.backoffFirst)
            }
        }
    }

    /// Consumes one queue until the connection or the database goes, and waits for the database.
    private func consume(_ queue: String) async {
        do {
            let consumer = try await amqp.consume(queue, prefetch: 2 * configuration.batchMax)
            defer { consumer.close() }
            try await consume(consumer)
        } catch {
            if isOver { return }
            logger.warning("consuming paused", metadata: ["queue": "\(queue)", "error": "\(error)"])
            await pause(Self.backoffFirst)
            await waitForDatabase()
        }
    }

    /// Takes batches until the consumer ends. What is not acknowledged when this returns goes back to the queue, in order.
    private func consume(_ consumer: AMQPConsumer) async throws {
        // A waiting consumer is closed at once; a busy one after its batch. Closing the channel, rather than cancelling the
        // consumer, makes sure that no other instance gets a later message before the earlier ones are back in the queue.
        while shutdown.enter(closing: consumer) {
            let deliveries = await consumer.next(upTo: configuration.batchMax)
            shutdown.leave(closing: consumer)
            guard let last = deliveries.last else { return }
            let begin = ContinuousClock.now
            try await process(deliveries, of: consumer)
            consumer.ack(last.tag, multiple: true)
            MessagingMetrics.batch(size: deliveries.count, duration: .now - begin, service: service)
        }
    }

    /// Handles a batch; while the database is away, holds it for a while, because giving it back counts as a failed delivery.
    private func process(_ deliveries: [AMQPDelivery], of consumer: AMQPConsumer) async throws {
        let batch = deliveries.map {
            ReceivedMessage(exchange: $0.exchange, routingKey: $0.routingKey, message: $0.message)
        }
        let patience = ContinuousClock.now + configuration.infrastructurePatience
        var backoff = Self.backoffFirst
        while true {
            do {
                return try await gatherer.process(batch)
            } catch {
                if isOver || consumer.end != nil || ContinuousClock.now >= patience { throw error }
                logger.warning("a batch waits", metadata: ["queue": "\(consumer.queue)", "error": "\(error)"])
                await pause(backoff)
                backoff = min(backoff * 2, .seconds(1))
            }
        }
    }

    private func waitForDatabase() async {
        var backoff = Self.backoffFirst
        while !isOver, !(await database.ping()) {
            await pause(backoff)
            backoff = min(backoff * 2, Self.backoffLast)
        }
    }

    private func pause(_ duration: Duration) async {
        await shutdown.sleep(for: duration)
    }

    // MARK: Parked messages

    private func retryParked() async {
        var idle = Duration.milliseconds(20)
        while !isOver {
            do {
                if try await retryDue() { idle = .milliseconds(20) }
                let status = try await database.transaction(as: .admin, readOnly: true) { tx in
                    try await ParkedMessages.status(handlers: handlers.map(\.name), in: tx)
                }
                MessagingMetrics.parked(status.count, service: service)
                await pause(min(max(status.dueIn ?? configuration.retryPollMax, idle), configuration.retryPollMax))
                idle = min(idle * 2, configuration.retryPollMax)
            } catch {
                if isOver { return }
                logger.warning("parked messages wait", metadata: ["error": "\(error)"])
                await pause(configuration.retryPollMax)
            }
        }
    }

    /// Retries until nothing is due; several at a time once there is one. Answers whether there was one.
    private func retryDue() async throws -> Bool {
        guard try await dispatcher.retryNext() else { return false }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<configuration.retryConcurrency {
                group.addTask {
                    while !self.isOver, try await self.dispatcher.retryNext() {}
                }
            }
            try await group.waitForAll()
        }
        return true
    }
}

/// Ends waiting, and nothing else, when a shutdown begins.
private final class ShutdownSwitch: Sendable {
    private struct State {
        var hasBegun = false
        var waiting: [ObjectIdentifier: AMQPConsumer] = [:]
        var sleepers: [Int: Wakeup] = [:]
        var nextSleeper = 0
    }

    private let state = Mutex(State())

    var hasBegun: Bool { state.withLock { $0.hasBegun } }

    func begin() {
        let (consumers, sleepers) = state.withLock { state in
            state.hasBegun = true
            return (Array(state.waiting.values), Array(state.sleepers.values))
        }
        for consumer in consumers { consumer.close() }
        for sleeper in sleepers { sleeper.wake() }
    }

    /// Notes a consumer that waits for messages; false when it should not any more.
    func enter(closing consumer: AMQPConsumer) -> Bool {
        state.withLock { state in
            if state.hasBegun { return false }
            state.waiting[ObjectIdentifier(consumer)] = consumer
            return true
        }
    }

    func leave(closing consumer: AMQPConsumer) {
        state.withLock { _ = $0.waiting.removeValue(forKey: ObjectIdentifier(consumer)) }
    }

    func sleep(for duration: Duration) async {
        let wakeup = Wakeup()
        let id = state.withLock { state -> Int? in
            if state.hasBegun { return nil }
            state.nextSleeper += 1
            state.sleepers[state.nextSleeper] = wakeup
            return state.nextSleeper
        }
        guard let id else { return }
        await wakeup.sleep(until: .now + duration)
        state.withLock { _ = $0.sleepers.removeValue(forKey: id) }
    }
}
