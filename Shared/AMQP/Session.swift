import CRabbitMQ
import Glibc

/// One connection to the broker from login to its end: channels, requests, publications, deliveries.
///
/// Lives on the connection's thread and is never seen by another.
final class Session {
    private final class Channel {
        enum Role: Equatable {
            /// Serves any request.
            case shared
            /// Belongs to a consumer, a puller …
            case owned
            /// Publishes to one exchange.
            case publisher(exchange: String)
        }

        struct Pending {
            let request: Request
            let deadline: ContinuousClock.Instant
            let completion: (Result<Reply, AMQPError>) -> Void
        }

        enum Incoming {
            case delivery(tag: UInt64, redelivered: Bool, exchange: String, routingKey: String)
            case get(tag: UInt64, redelivered: Bool, exchange: String, routingKey: String)
            case returned(code: Int, text: String, exchange: String, routingKey: String)
        }

        let number: UInt16
        let role: Role
        /// Requests in order; the first one is with the broker.
        var pending: [Pending] = []
        var isClosing = false
        var incoming: Incoming?
        var message = AMQPMessage(body: [])
        var bodySize: UInt64 = 0
        var deliveries: [AMQPDelivery] = []
        var buffer: DeliveryBuffer?
        var publisher = Publisher()
        var isConfirming = false

        init(number: UInt16, role: Role) {
            self.number = number
            self.role = role
        }
    }

    private let configuration: AMQPConfiguration
    private let generation: Int
    private let transport: Transport
    private let encoder = FrameEncoder()
    private let decoder: FrameDecoder
    private let input = UnsafeMutableRawBufferPointer.allocate(byteCount: 128 * 1024, alignment: 8)

    private var channels: [UInt16: Channel] = [:]
    private var publishers: [String: UInt16] = [:]
    private var withDeliveries: [Channel] = []
    private var runs: [PublishJob.ID: PublishRun] = [:]
    private var channelMax: UInt16 = 2047
    private var heartbeat: Duration = .zero
    private var lastRead = ContinuousClock.now
    private var lastWrite = ContinuousClock.now
    private var isReadingMore = false

    /// The broker's reason while it does not take publications.
    private(set) var blockedReason: String?
    private(set) var isOver = false

    /// Encoding pauses while this many bytes wait for the socket.
    private static let outputHighWater = 256 * 1024
    /// Idle channels kept for later requests.
    private static let sharedChannelLimit = 4

    // MARK: Opening

    /// Connects and logs in.
    init(_ configuration: AMQPConfiguration, generation: Int, isStopped: () -> Bool) throws(AMQPError) {
        self.configuration = configuration
        self.generation = generation
        let deadline = ContinuousClock.now + configuration.connectTimeout
        decoder = try FrameDecoder()
        transport = try Transport.open(configuration, deadline: deadline, isStopped: isStopped)
        do {
            try login(deadline: deadline, isStopped: isStopped)
        } catch {
            // A broker that refuses the login without a word closes the connection.
            guard error.kind == .connectionLost else { throw error }
            throw AMQPError(.notConnected, "login: \(error.message)")
        }
    }

    deinit {
        input.deallocate()
    }

    private func login(deadline: ContinuousClock.Instant, isStopped: () -> Bool) throws(AMQPError) {
        encoder.protocolHeader()
        var isOpen = false
        while !isOpen {
            try flush()
            let events = Int16(POLLIN) | (encoder.isEmpty && !transport.wantsWrite ? 0 : Int16(POLLOUT))
            try transport.wait(for: events, deadline: deadline, isStopped: isStopped)
            try read { frame throws(AMQPError) in
                guard case .method(_, let method) = frame else { return }
                switch method {
                case .connectionStart(let mechanisms, _):
                    try startOk(mechanisms: mechanisms)
                case .connectionTune(let channelMax, let frameMax, let heartbeat):
                    try tuneOk(channelMax: channelMax, frameMax: frameMax, heartbeat: heartbeat)
                case .connectionOpenOk:
                    isOpen = true
                case .connectionClose(let code, let text):
                    throw AMQPError(.connectionClosed, code: code, text)
                case .connectionBlocked(let reason):
                    blockedReason = reason
                default:
                    throw AMQPError(.protocolViolation, "unexpected method during login")
                }
            }
        }
    }

    private func startOk(mechanisms: String) throws(AMQPError) {
        guard mechanisms.split(separator: " ").contains("PLAIN") else {
            throw AMQPError(.notConnected, "the broker offers no PLAIN login")
        }
        let address = configuration.address
        let properties: [String: AMQPValue] = [
            "product": "deskwire",
            "platform": "Swift",
            "connection_name": .string(configuration.connectionName),
            "capabilities": [
                "publisher_confirms": true,
                "consumer_cancel_notify": true,
                "connection.blocked": true,
                "basic.nack": true,
                "exchange_exchange_bindings": true,
                "authentication_failure_close": true,
            ],
        ]
        try encoder.method(UInt32(AMQP_CONNECTION_START_OK_METHOD), channel: 0) {
            amqp_connection_start_ok_t(
                client_properties: $0.table(properties), mechanism: $0.short("PLAIN"),
                response: $0.long("\0\(address.user)\0\(address.password)"), locale: $0.short("en_US"))
        }
    }

    private func tuneOk(channelMax: UInt16, frameMax: UInt32, heartbeat: UInt16) throws(AMQPError) {
        let frames = frameMax == 0 ? 131_072 : min(Int(frameMax), 131_072)
        let channels = channelMax == 0 ? 2047 : min(channelMax, 2047)
        let wanted = UInt16(clamping: configuration.heartbeatSeconds)
        let seconds = heartbeat == 0 || wanted == 0 ? max(heartbeat, wanted) : min(heartbeat, wanted)
        self.channelMax = channels
        self.heartbeat = .seconds(Int(seconds))
        encoder.frameMax = frames
        try decoder.tune(channelMax: Int(channels), frameMax: frames)
        try encoder.method(UInt32(AMQP_CONNECTION_TUNE_OK_METHOD), channel: 0) { _ in
            amqp_connection_tune_ok_t(channel_max: channels, frame_max: UInt32(frames), heartbeat: seconds)
        }
        let virtualHost = configuration.address.virtualHost
        try encoder.method(UInt32(AMQP_CONNECTION_OPEN_METHOD), channel: 0) {
            amqp_connection_open_t(virtual_host: $0.short(virtualHost), capabilities: $0.short(""), insist: 1)
        }
    }

    // MARK: The loop

    /// Does what can be done now, then waits until the socket, `wakeUp` or a deadline calls.
    func turn(_ commands: [Command], wakeUp: WakeUp) throws(AMQPError) {
        perform(commands)
        pump()
        try beat()
        try flush()

        var pollers = [
            pollfd(fd: wakeUp.descriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: transport.descriptor, events: Int16(POLLIN), revents: 0),
        ]
        if !encoder.isEmpty || transport.wantsWrite { pollers[1].events |= Int16(POLLOUT) }
        let timeout = isReadingMore ? 0 : milliseconds(untilNextDeadline: ContinuousClock.now)
        let ready = poll(&pollers, 2, timeout)
        if pollers[0].revents != 0 { wakeUp.clear() }
        if ready > 0 || isReadingMore {
            try read(handle)
            deliver()
        }
        expire(ContinuousClock.now)
    }

    private func milliseconds(untilNextDeadline now: ContinuousClock.Instant) -> Int32 {
        var wait = Duration.seconds(1)
        if heartbeat > .zero { wait = min(wait, heartbeat / 4) }
        let (seconds, fraction) = wait.components
        return Int32(seconds * 1000 + fraction / 1_000_000_000_000_000)
    }

    /// Sends a heartbeat when we were silent, and gives up on a broker that was.
    private func beat() throws(AMQPError) {
        guard heartbeat > .zero else { return }
        let now = ContinuousClock.now
        if lastRead.duration(to: now) > heartbeat * 2 {
            throw AMQPError(.connectionLost, "no heartbeat from the broker for \(heartbeat * 2)")
        }
        if encoder.isEmpty, lastWrite.duration(to: now) > heartbeat / 2 {
            encoder.heartbeat()
        }
    }

    private func flush() throws(AMQPError) {
        while !encoder.isEmpty {
            switch try transport.write(encoder.pending) {
            case .bytes(let count):
                encoder.wrote(count)
                lastWrite = .now
                // What was made room for is filled at once, so that the socket never runs dry.
                if encoder.count < Self.outputHighWater / 2 { pump() }
            case .later:
                return
            case .ended:
                throw AMQPError(.connectionLost, "the broker closed the connection")
            }
        }
    }

    private func read(_ handle: (Frame) throws(AMQPError) -> Void) throws(AMQPError) {
        isReadingMore = false
        for _ in 0..<8 {
            switch try transport.read(into: input) {
            case .bytes(let count):
                lastRead = .now
                try decoder.decode(UnsafeRawBufferPointer(rebasing: input[..<count]), handle)
            case .later:
                return
            case .ended:
                throw AMQPError(.connectionLost, "the broker closed the connection")
            }
        }
        isReadingMore = true
    }

    // MARK: Commands

    func perform(_ commands: [Command]) {
        for command in commands { perform(command) }
    }

    private func perform(_ command: Command) {
        switch command {
        case .open(let completion):
            guard let channel = makeChannel(.owned) else {
                return completion(.failure(AMQPError(.invalidRequest, "all channels are in use")))
            }
            let address = ChannelAddress(generation: generation, number: channel.number)
            request(.openChannel, on: channel) { result in completion(result.map { _ in address }) }
        case .request(let request, nil, let completion):
            requestAnywhere(request, completion)
        case .request(let request, .some(let address), let completion):
            guard let channel = channel(at: address) else {
                return completion(.failure(AMQPError(.connectionLost, "the channel is gone")))
            }
            self.request(request, on: channel, completion)
        case .settle(let settlement, let address):
            guard let channel = channel(at: address) else { return }
            settle(settlement, on: channel)
        case .close(let address):
            guard let channel = channel(at: address) else { return }
            close(channel)
        case .publish(let job):
            start(job)
        case .withdraw(let id):
            runs.removeValue(forKey: id)?.finish(.lost(AMQPError(.cancelled, "the publishing task was cancelled")))
        }
    }

    private func channel(at address: ChannelAddress) -> Channel? {
        guard address.generation == generation, let channel = channels[address.number], !channel.isClosing else {
            return nil
        }
        return channel
    }

    private func makeChannel(_ role: Channel.Role) -> Channel? {
        var number: UInt16 = 1
        while channels[number] != nil { number += 1 }
        guard number <= channelMax else { return nil }
        let channel = Channel(number: number, role: role)
        channels[number] = channel
        return channel
    }

    /// An idle channel for requests, or a new one; the least busy one when there are enough of them.
    private func sharedChannel() -> Channel? {
        var shared: [Channel] = []
        for channel in channels.values where channel.role == .shared && !channel.isClosing { shared.append(channel) }
        let idlest = shared.min { $0.pending.count < $1.pending.count }
        if let idlest, idlest.pending.isEmpty || shared.count >= Self.sharedChannelLimit { return idlest }
        guard let channel = makeChannel(.shared) else { return idlest }
        request(.openChannel, on: channel) { _ in }
        return channel
    }

    private func requestAnywhere(_ request: Request, _ completion: @escaping (Result<Reply, AMQPError>) -> Void) {
        guard let channel = sharedChannel() else {
            return completion(.failure(AMQPError(.invalidRequest, "all channels are in use")))
        }
        self.request(request, on: channel, completion)
    }

    private func request(
        _ request: Request, on channel: Channel, _ completion: @escaping (Result<Reply, AMQPError>) -> Void
    ) {
        let deadline = ContinuousClock.now + configuration.requestTimeout
        channel.pending.append(Channel.Pending(request: request, deadline: deadline, completion: completion))
        if channel.pending.count == 1 { sendFirstPending(of: channel) }
    }

    private func sendFirstPending(of channel: Channel) {
        while let next = channel.pending.first {
            if case .consume(_, _, _, _, _, let buffer) = next.request { channel.buffer = buffer }
            do {
                try next.request.encode(into: encoder, channel: channel.number)
                return
            } catch {
                channel.pending.removeFirst()
                next.completion(.failure(error))
            }
        }
    }

    private func answer(_ channel: Channel, _ reply: Reply) {
        guard !channel.pending.isEmpty else { return }
        let pending = channel.pending.removeFirst()
        sendFirstPending(of: channel)
        pending.completion(.success(reply))
    }

    private func settle(_ settlement: Settlement, on channel: Channel) {
        // A tag is a number: these frames always fit.
        switch settlement {
        case .ack(let tag, let multiple):
            try? encoder.method(UInt32(AMQP_BASIC_ACK_METHOD), channel: channel.number) { _ in
                amqp_basic_ack_t(delivery_tag: tag, multiple: multiple ? 1 : 0)
            }
        case .nack(let tag, let multiple, let requeue):
            try? encoder.method(UInt32(AMQP_BASIC_NACK_METHOD), channel: channel.number) { _ in
                amqp_basic_nack_t(delivery_tag: tag, multiple: multiple ? 1 : 0, requeue: requeue ? 1 : 0)
            }
        }
    }

    private func close(_ channel: Channel, _ reason: AMQPError = AMQPError(.closed, "the channel was closed")) {
        end(channel, reason)
        channel.isClosing = true
        try? encoder.method(UInt32(AMQP_CHANNEL_CLOSE_METHOD), channel: channel.number) {
            amqp_channel_close_t(reply_code: 200, reply_text: $0.short("done"), class_id: 0, method_id: 0)
        }
    }

    /// Says goodbye; the session is over once the broker answered.
    func close() {
        try? encoder.method(UInt32(AMQP_CONNECTION_CLOSE_METHOD), channel: 0) {
            amqp_connection_close_t(reply_code: 200, reply_text: $0.short("goodbye"), class_id: 0, method_id: 0)
        }
    }

    // MARK: Publishing

    private func start(_ job: PublishJob) {
        let run = PublishRun(job, deadline: ContinuousClock.now + configuration.confirmTimeout)
        guard !job.publications.isEmpty else { return job.completion([]) }
        runs[job.id] = run
        var latest: (exchange: String, channel: Channel)?
        for (index, publication) in job.publications.enumerated() {
            if let latest, latest.exchange == publication.exchange {
                latest.channel.publisher.enqueue(run, index: index)
            } else if let channel = publisherChannel(for: publication.exchange) {
                channel.publisher.enqueue(run, index: index)
                latest = (publication.exchange, channel)
            } else {
                run.settle(index, .lost(AMQPError(.invalidRequest, "all channels are in use")))
            }
        }
    }

    /// Each exchange has a channel of its own: publishing to one that does not exist ends that channel only.
    private func publisherChannel(for exchange: String) -> Channel? {
        if let number = publishers[exchange], let channel = channels[number] { return channel }
        guard let channel = makeChannel(.publisher(exchange: exchange)) else { return nil }
        publishers[exchange] = channel.number
        request(.openChannel, on: channel) { _ in }
        request(.confirmSelect, on: channel) { [weak channel] result in
            if case .success = result { channel?.isConfirming = true }
        }
        return channel
    }

    /// Encodes publications while the broker takes them and there is room.
    private func pump() {
        guard blockedReason == nil else { return }
        for number in publishers.values {
            guard let channel = channels[number], channel.isConfirming, !channel.isClosing else { continue }
            while encoder.count < Self.outputHighWater,
                channel.publisher.unconfirmedCount < configuration.unconfirmedLimit,
                let slot = channel.publisher.next()
            {
                do {
                    try encoder.publish(slot.run.job.publications[slot.index], channel: number)
                    channel.publisher.didSend(slot)
                } catch {
                    slot.run.settle(slot.index, .lost(error))
                }
            }
        }
    }

    // MARK: Frames

    private func handle(_ frame: Frame) throws(AMQPError) {
        switch frame {
        case .heartbeat:
            break
        case .method(let number, let method):
            try handle(method, number)
        case .header(let number, let bodySize, let message):
            guard let channel = channels[number], channel.incoming != nil else { return }
            channel.message = message
            channel.bodySize = bodySize
            channel.message.body.reserveCapacity(Int(min(bodySize, 16 * 1024 * 1024)))
            if bodySize == 0 { complete(channel) }
        case .body(let number, let bytes):
            guard let channel = channels[number], channel.incoming != nil else { return }
            channel.message.body.append(contentsOf: bytes)
            if channel.message.body.count >= channel.bodySize { complete(channel) }
        }
    }

    private func handle(_ method: Method, _ number: UInt16) throws(AMQPError) {
        switch method {
        case .connectionClose(let code, let text):
            try? encoder.method(UInt32(AMQP_CONNECTION_CLOSE_OK_METHOD), channel: 0) { _ in
                amqp_connection_close_ok_t()
            }
            try? flush()
            throw AMQPError(.connectionClosed, code: code, text)
        case .connectionCloseOk:
            isOver = true
        case .connectionBlocked(let reason):
            blockedReason = reason
        case .connectionUnblocked:
            blockedReason = nil
        case .channelClose(let code, let text):
            try? encoder.method(UInt32(AMQP_CHANNEL_CLOSE_OK_METHOD), channel: number) { _ in
                amqp_channel_close_ok_t()
            }
            guard let channel = channels[number] else { return }
            let unsent = channel.role == .shared ? channel.pending.dropFirst() : []
            channel.pending.removeLast(unsent.count)
            end(channel, AMQPError(.channelClosed, code: code, text))
            // When both sides close at once, the broker still answers our close: the number is free only after that.
            if !channel.isClosing { channels[number] = nil }
            // Others' requests that waited behind the faulty one go elsewhere.
            for request in unsent {
                requestAnywhere(request.request, request.completion)
            }
        case .channelCloseOk:
            channels[number] = nil
        case .channelFlow(let active):
            try? encoder.method(UInt32(AMQP_CHANNEL_FLOW_OK_METHOD), channel: number) { _ in
                amqp_channel_flow_ok_t(active: active ? 1 : 0)
            }
        case .deliver(let tag, let redelivered, let exchange, let routingKey):
            channels[number]?.incoming =
                .delivery(tag: tag, redelivered: redelivered, exchange: exchange, routingKey: routingKey)
        case .getOk(let tag, let redelivered, let exchange, let routingKey):
            channels[number]?.incoming =
                .get(tag: tag, redelivered: redelivered, exchange: exchange, routingKey: routingKey)
        case .returned(let code, let text, let exchange, let routingKey):
            channels[number]?.incoming =
                .returned(code: code, text: text, exchange: exchange, routingKey: routingKey)
        case .cancelledByBroker:
            deliver()
            channels[number]?.buffer?.finish(
                AMQPError(.consumerCancelled, "the broker stopped the consumer"), dropping: false)
        case .ack(let tag, let multiple):
            settlePublications(number, tag: tag, multiple: multiple, confirmed: true)
        case .nack(let tag, let multiple):
            settlePublications(number, tag: tag, multiple: multiple, confirmed: false)
        case .reply(let reply):
            guard let channel = channels[number] else { return }
            answer(channel, reply)
        case .connectionStart, .connectionTune, .connectionOpenOk, .unknown:
            throw AMQPError(.protocolViolation, "unexpected method after login")
        }
    }

    private func settlePublications(_ number: UInt16, tag: UInt64, multiple: Bool, confirmed: Bool) {
        channels[number]?.publisher.settle(tag: tag, multiple: multiple, confirmed: confirmed)
    }

    private func complete(_ channel: Channel) {
        let message = channel.message
        let incoming = channel.incoming
        channel.incoming = nil
        channel.message = AMQPMessage(body: [])
        switch incoming {
        case .delivery(let tag, let redelivered, let exchange, let routingKey):
            if channel.deliveries.isEmpty { withDeliveries.append(channel) }
            channel.deliveries.append(
                AMQPDelivery(
                    tag: tag, redelivered: redelivered, exchange: exchange, routingKey: routingKey, message: message))
        case .get(let tag, let redelivered, let exchange, let routingKey):
            let delivery = AMQPDelivery(
                tag: tag, redelivered: redelivered, exchange: exchange, routingKey: routingKey, message: message)
            answer(channel, .delivery(delivery))
        case .returned(let code, let text, let exchange, let routingKey):
            channel.publisher.returned(
                code: code, text: text, exchange: exchange, routingKey: routingKey, message: message)
        case nil:
            break
        }
    }

    /// Hands what arrived to the consumers, once per read.
    private func deliver() {
        for channel in withDeliveries {
            channel.buffer?.append(channel.deliveries)
            channel.deliveries.removeAll(keepingCapacity: true)
        }
        withDeliveries.removeAll(keepingCapacity: true)
    }

    // MARK: Endings

    private func expire(_ now: ContinuousClock.Instant) {
        for channel in channels.values {
            guard let first = channel.pending.first, first.deadline < now else { continue }
            close(channel, AMQPError(.timedOut, "the broker did not answer in time"))
        }
        for (id, run) in runs {
            if run.isFinished {
                runs[id] = nil
            } else if run.deadline < now {
                let reason = blockedReason.map { "the broker blocks publishers: \($0)" } ?? "no confirm in time"
                run.finish(.lost(AMQPError(.timedOut, reason)))
                runs[id] = nil
            }
        }
    }

    /// Fails everything that depends on the channel.
    private func end(_ channel: Channel, _ error: AMQPError) {
        let pending = channel.pending
        channel.pending = []
        channel.incoming = nil
        channel.deliveries = []
        if case .publisher(let exchange) = channel.role { publishers[exchange] = nil }
        channel.buffer?.finish(error, dropping: true)
        channel.buffer = nil
        channel.publisher.fail(error)
        for request in pending { request.completion(.failure(error)) }
    }

    /// Fails everything: the connection is gone.
    func end(_ error: AMQPError) {
        for channel in channels.values { end(channel, error) }
        channels = [:]
        for run in runs.values { run.finish(.lost(error)) }
        runs = [:]
    }
}
