import Glibc
import Logging
import Synchronization

/// A connection that is made again whenever it breaks, driven by one thread of its own.
///
/// Callers leave commands and wake the thread; the thread owns everything else.
final class Connection: Sendable {
    private struct Inbox {
        var commands: [Command] = []
        /// The number of the living connection; nil while there is none.
        var generation: Int?
        var isSignalled = false
        var isStopping = false
        var isStarted = false
    }

    let configuration: AMQPConfiguration
    private let onState: @Sendable (AMQPState) -> Void
    private let inbox = Mutex(Inbox())
    private let wakeUp = WakeUp()

    init(_ configuration: AMQPConfiguration, onState: @escaping @Sendable (AMQPState) -> Void) {
        self.configuration = configuration
        self.onState = onState
    }

    // MARK: For callers

    /// Whether there is a connection at the moment.
    var isConnected: Bool { inbox.withLock { $0.generation != nil } }

    /// Leaves a command for the thread; fails it at once when there is no connection.
    func send(_ command: Command) {
        let (isTaken, signals) = inbox.withLock { inbox in
            guard inbox.generation != nil else { return (false, false) }
            inbox.commands.append(command)
            defer { inbox.isSignalled = true }
            return (true, !inbox.isSignalled)
        }
        if signals { wakeUp.signal() }
        if !isTaken { command.fail(AMQPError(.notConnected, "not connected to the broker")) }
    }

    /// Sends a request and waits for its answer.
    func request(_ request: Request, on address: ChannelAddress? = nil) async throws(AMQPError) -> Reply {
        let result: Result<Reply, AMQPError> = await withCheckedContinuation { continuation in
            send(.request(request, address) { continuation.resume(returning: $0) })
        }
        return try result.get()
    }

    /// Opens a channel of one's own.
    func open() async throws(AMQPError) -> ChannelAddress {
        let result: Result<ChannelAddress, AMQPError> = await withCheckedContinuation { continuation in
            send(.open { continuation.resume(returning: $0) })
        }
        return try result.get()
    }

    /// Keeps a connection until `stop`; returns when the thread has ended.
    func run() async {
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            let isFirst = inbox.withLock { inbox in
                defer { inbox.isStarted = true }
                return !inbox.isStarted
            }
            precondition(isFirst, "a connection runs once")
            startThread {
                self.live()
                continuation.resume()
            }
        }
    }

    /// Closes the connection and ends the thread.
    func stop() {
        inbox.withLock { $0.isStopping = true }
        wakeUp.signal()
    }

    // MARK: On the thread

    private var isStopping: Bool { inbox.withLock { $0.isStopping } }

    private func live() {
        var random = SystemRandomNumberGenerator()
        var generation = 0
        var attempt = 0
        while !isStopping {
            generation += 1
            attempt += 1
            let started = ContinuousClock.now
            let failure = connectAndServe(generation: generation)
            if isStopping { break }
            // A connection that held is no reason to wait longer than after the first failure.
            if started.duration(to: .now) > configuration.backoff.limit { attempt = 1 }
            let pause = configuration.backoff.delay(beforeAttempt: attempt, using: &random)
            configuration.logger.warning(
                "broker connection ended",
                metadata: ["amqp.reason": "\(failure)", "amqp.retry_in": "\(pause)"])
            onState(.disconnected(failure))
            sleep(pause)
        }
        onState(.disconnected(AMQPError(.closed, "the client was stopped")))
    }

    private func connectAndServe(generation: Int) -> AMQPError {
        let session: Session
        do {
            session = try Session(configuration, generation: generation) { isStopping }
        } catch {
            return error
        }
        inbox.withLock { $0.generation = generation }
        configuration.logger.info(
            "broker connected", metadata: ["amqp.connection": "\(configuration.connectionName)"])
        onState(session.blockedReason.map(AMQPState.blocked) ?? .connected)

        let failure = serve(session)
        let orphans = inbox.withLock { inbox in
            inbox.generation = nil
            inbox.isSignalled = false
            defer { inbox.commands = [] }
            return inbox.commands
        }
        session.end(failure)
        for command in orphans { command.fail(failure) }
        return failure
    }

    private func serve(_ session: Session) -> AMQPError {
        var blockedReason = session.blockedReason
        var closeDeadline: ContinuousClock.Instant?
        do throws(AMQPError) {
            while !session.isOver {
                let (commands, isStopping) = inbox.withLock { inbox in
                    inbox.isSignalled = false
                    defer { inbox.commands = [] }
                    return (inbox.commands, inbox.isStopping)
                }
                if isStopping {
                    if let closeDeadline {
                        for command in commands { command.fail(AMQPError(.closed, "the client was stopped")) }
                        guard ContinuousClock.now < closeDeadline else { break }
                    } else {
                        closeDeadline = .now + .seconds(2)
                        session.perform(commands)
                        session.close()
                    }
                    try session.turn([], wakeUp: wakeUp)
                } else {
                    try session.turn(commands, wakeUp: wakeUp)
                }
                if session.blockedReason != blockedReason {
                    blockedReason = session.blockedReason
                    configuration.logger.notice(
                        "broker flow control", metadata: ["amqp.blocked": "\(blockedReason ?? "no")"])
                    onState(blockedReason.map(AMQPState.blocked) ?? .connected)
                }
            }
            return AMQPError(.closed, "the client was stopped")
        } catch {
            return error
        }
    }

    /// Sleeps, unless stopped.
    private func sleep(_ duration: Duration) {
        let deadline = ContinuousClock.now + duration
        while !isStopping, ContinuousClock.now < deadline {
            let (seconds, fraction) = ContinuousClock.now.duration(to: deadline).components
            var poller = pollfd(fd: wakeUp.descriptor, events: Int16(POLLIN), revents: 0)
            if poll(&poller, 1, Int32(seconds * 1000 + fraction / 1_000_000_000_000_000) + 1) > 0 { wakeUp.clear() }
        }
    }
}

/// Starts a detached thread that no signal is delivered to: a write of OpenSSL to a closed socket must not end the
/// process.
private func startThread(_ body: @escaping @Sendable () -> Void) {
    final class Start {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    pthread_attr_setstacksize(&attributes, 1024 * 1024)
    var thread = pthread_t()
    let start = Unmanaged.passRetained(Start(body))
    let status = pthread_create(
        &thread, &attributes,
        { argument in
            guard let argument else { return nil }
            let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
            var signals = sigset_t()
            sigfillset(&signals)
            pthread_sigmask(SIG_BLOCK, &signals, nil)
            start.body()
            return nil
        }, start.toOpaque())
    precondition(status == 0, "no thread left for a broker connection")
}
