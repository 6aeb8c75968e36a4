import Contracts
import HTTPTypes
import Logging
import Metrics
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What one connection is doing. It lets through what is a request in bounded size and time, and answers everything
/// else with a problem; and it ends connections so that the client sees its answer:
///
/// - What is wrong with a head (size, characters, grammar, time) is answered here, after the answers to the requests
///   before it.
/// - What goes wrong in a body is thrown, as a ``Problem``, at whoever reads the body.
/// - The end: the last answer says `Connection: close`, output is shut, and what the client still sends is read and
///   thrown away for a while. Closing a socket with unread input would reset the connection, and the client could lose
///   the answer or wait for it forever.
///
/// Lives on its channel's event loop.
final class Connection {
    private enum Stage {
        case open
        /// Nothing more is read; after the answers that are still owed comes this one, if any.
        case ending(Problem?)
        /// All is said; waits for the client to stop.
        case lingering
    }

    /// What the next bytes are.
    private enum Incoming {
        case head
        case body(left: Int)
        case chunks
        /// Nothing that is understood, such as what follows a request to change the protocol.
        case nothing
    }

    private let limits: ConnectionLimits
    /// At the socket and at the service; nil when the channel is gone.
    var wire: ChannelHandlerContext?
    var exchange: ChannelHandlerContext?

    private var stage = Stage.open
    private var incoming = Incoming.head
    private var scanner: HeadScanner
    /// HTTP/1.0, where a connection serves one request.
    private var isOldVersion = false
    private var chunks = ChunkScanner()
    private var heads = 0
    /// Requests that have not been answered to the end.
    private var owed = 0
    /// The client waits to be told to send the body (`Expect: 100-continue`).
    private var awaitsContinue = false
    /// No request is taken after the last one that came.
    private var lastHasCome = false
    /// The answer that is being written ends the connection.
    private var answerIsLast = false
    private var isQuiescing = false
    private var outputIsShut = false
    private var clientIsDone = false
    private var drained = 0
    private var lingered = 0

    private var patience: Patience?
    private var lingerDeadline: NIODeadline?
    private var writeDeadline: NIODeadline?
    private var alarm: (due: NIODeadline, task: Scheduled<Void>)?

    init(_ limits: ConnectionLimits) {
        self.limits = limits
        scanner = HeadScanner(limits)
    }

    /// The channel is closed.
    func isGone() {
        alarm?.task.cancel()
        alarm = nil
        wire = nil
        exchange = nil
    }

    private var isOpen: Bool {
        if case .open = stage { true } else { false }
    }

    var isLingering: Bool {
        if case .lingering = stage { true } else { false }
    }

    private var isInBody: Bool {
        switch incoming {
        case .body, .chunks: true
        case .head, .nothing: false
        }
    }

    // MARK: - What comes in

    func received(_ buffer: ByteBuffer) {
        switch stage {
        case .open:
            patience?.pause(at: .now())
            feed(buffer)
        case .ending:
            break
        case .lingering:
            lingered += buffer.readableBytes
            if lingered > limits.lingerBytes { wire?.close(promise: nil) }
        }
    }

    private func feed(_ buffer: ByteBuffer) {
        var buffer = buffer
        while isOpen, buffer.readableBytes > 0 {
            switch incoming {
            case .head:
                switch buffer.withUnsafeReadableBytes({ scanner.scan($0) }) {
                case .incomplete:
                    if scanner.hasBegun, patience == nil { patience = Patience(limits.headTime) }
                    pass(&buffer, buffer.readableBytes)
                case .complete(let length):
                    isOldVersion = scanner.isOldVersion
                    scanner = HeadScanner(limits)
                    patience = nil
                    let before = heads
                    pass(&buffer, length)
                    if heads == before { refuse(.disputed) }
                case .refused(let problem):
                    refuse(problem)
                }
            case .body(let left):
                guard left > 0 else { return spoil(.disputed) }
                pass(&buffer, min(left, buffer.readableBytes))
            case .chunks:
                passChunks(&buffer)
            case .nothing:
                return
            }
        }
        if isOpen, isInBody, patience == nil { patience = Patience(limits.bodyTime) }
    }

    private func passChunks(_ buffer: inout ByteBuffer) {
        let end = buffer.withUnsafeReadableBytes { chunks.scan($0) }
        pass(&buffer, end ?? buffer.readableBytes)
        if end != nil { chunks = ChunkScanner() }
        switch incoming {
        case .head where end == nil, .nothing where end == nil, .chunks where end != nil:
            spoil(.disputed)
        default:
            break
        }
    }

    private func pass(_ buffer: inout ByteBuffer, _ length: Int) {
        guard let slice = buffer.readSlice(length: length) else { return }
        wire?.fireChannelRead(NIOAny(slice))
    }

    /// What the parser made of it; false if it goes no further.
    func arrived(_ part: HTTPRequestPart) -> Bool {
        guard isOpen else { return false }
        switch part {
        case .head(let head):
            heads += 1
            owed += 1
            let fields = head.headerFields
            if head.method == .connect || fields.contains(.upgrade) || fields.isLast
                || isOldVersion && !fields.keepsAlive
            {
                lastHasCome = true
            }
            if fields.contains(.transferEncoding) {
                incoming = .chunks
            } else if let length = fields[.contentLength].flatMap({ Int($0) }), length > 0 {
                incoming = .body(left: length)
            }
            awaitsContinue = isInBody && !isOldVersion && fields.expectsContinue
        case .body(let bytes):
            awaitsContinue = false
            if owed == 0 { drained += bytes.readableBytes }
            if drained > limits.drainedBytes {
                finish()
                return false
            }
            if case .body(let left) = incoming { incoming = .body(left: left - bytes.readableBytes) }
            patience?.extend(by: bytes.readableBytes, perSecond: limits.bodyBytesPerSecond)
        case .end:
            patience = nil
            drained = 0
            incoming = lastHasCome ? .nothing : .head
        }
        return true
    }

    /// Whether the socket is to be read now that the service wants more.
    func wantsMore() -> Bool {
        switch stage {
        case .open:
            if patience?.begin(at: .now()) == true { setAlarm() }
            return true
        case .ending:
            return false
        case .lingering:
            return true
        }
    }

    /// True if the error is dealt with here.
    func failed(_ error: any Error) -> Bool {
        switch error {
        case let error as HTTPParserError:
            if isInBody { spoil(error.problem(inBody: true)) } else { refuse(error.problem(inBody: false)) }
            return true
        case is HTTP1TypeConversionError, is ByteToMessageDecoderError:
            refuse(.malformed("malformed_request_line", "The method or the target can't be understood."))
            return true
        default:
            return false
        }
    }

    /// False for events that end here.
    func mayPass(_ event: Any) -> Bool {
        switch event {
        case ChannelEvent.inputClosed:
            clientIsDone = true
            guard isLingering else { return isOpen }
            if outputIsShut { wire?.close(promise: nil) }
            return false
        case is ChannelShouldQuiesceEvent:
            isQuiescing = true
            if isLingering { wire?.close(promise: nil) }
            return !isLingering
        default:
            return true
        }
    }

    // MARK: - What goes out

    /// False for what is written after the end.
    func answers(with part: inout HTTPResponsePart) -> Bool {
        guard !isLingering else { return false }
        guard case .head(var head) = part else { return true }
        guard head.status.kind != .informational else {
            // Told once, and not any more when the body is on its way already.
            defer { awaitsContinue = false }
            return head.status != .continue || awaitsContinue
        }
        if head.headerFields.isLast {
            answerIsLast = true
        } else if owed <= 1, lastHasCome || isQuiescing || isSpoilt || bodyIsUnwanted || awaitsContinue {
            // Who was not told to send the body may send it or the next request: nobody could tell which it is.
            answerIsLast = true
            head.headerFields[.connection] = "close"
            part = .head(head)
        }
        return true
    }

    /// No answer follows that of the last request.
    private var isSpoilt: Bool {
        if case .ending(nil) = stage { true } else { false }
    }

    /// More of the request is still to come than is read for nothing. Where its length is not known, time will tell.
    private var bodyIsUnwanted: Bool {
        if case .body(let left) = incoming { left > limits.drainedBytes } else { false }
    }

    /// An answer was written to its end.
    func answered() {
        owed -= 1
        if answerIsLast || owed == 0 && !isOpen { finish() }
    }

    func becameWritable(_ isWritable: Bool) {
        writeDeadline = isWritable ? nil : .now() + limits.writeTime
        setAlarm()
    }

    // MARK: - Refusing

    /// Answers instead of taking another request.
    private func refuse(_ problem: Problem) {
        guard isOpen else { return }
        patience = nil
        stage = .ending(problem)
        if owed == 0 { finish() }
    }

    /// Gives up on the body that is coming in; its reader hears why.
    private func spoil(_ problem: Problem) {
        guard isOpen else { return }
        patience = nil
        stage = .ending(nil)
        if owed == 0 { finish() } else { exchange?.fireErrorCaught(problem) }
    }

    private func refusal(_ problem: Problem) -> ByteBuffer {
        let requestId = UUID.v7().text
        let document = problem.bytes(instance: "/", requestId: requestId)
        var fields = problem.headers
        fields[.contentType] = Problem.mediaType
        fields[.contentLength] = String(document.count)
        fields[.connection] = "close"
        fields[.requestId] = requestId
        StandardHeaders.add(to: &fields)
        var text = "HTTP/1.1 \(problem.status.code) \(problem.status.reasonPhrase)\r\n"
        for field in fields { text += "\(field.name.rawName): \(field.value)\r\n" }
        Counter(label: "http_refusals_total", dimensions: [("status", String(problem.status.code))]).increment()
        Logger.current.debug(
            "request refused",
            metadata: [
                "request.id": "\(requestId)", "http.status": "\(problem.status.code)",
                "problem": "\(problem.code)",
            ])
        return ByteBuffer(bytes: Array((text + "\r\n").utf8) + document)
    }

    // MARK: - Ending

    /// True if the connection ends here, in its own time.
    func takesOver(closing mode: CloseMode, _ promise: EventLoopPromise<Void>?) -> Bool {
        switch (mode, stage) {
        case (.output, .open):
            finish()
            promise?.succeed()
        case (.output, _):
            promise?.succeed()
        case (.all, .lingering):
            guard let wire else { return false }
            wire.channel.closeFuture.cascade(to: promise)
        case (.all, _), (.input, _):
            return false
        }
        return true
    }

    /// Says what is still to be said, shuts the output, and lingers.
    private func finish() {
        guard !isLingering, let wire else { return }
        var last = ByteBuffer()
        if case .ending(let problem?) = stage { last = refusal(problem) }
        stage = .lingering
        patience = nil
        lingerDeadline = .now() + limits.writeTime
        setAlarm()
        // Not at once: this may be in the middle of a write or a read.
        wire.eventLoop.assumeIsolated().execute { [self] in
            guard let wire = self.wire else { return }
            let written = wire.eventLoop.makePromise(of: Void.self)
            wire.writeAndFlush(NIOAny(IOData.byteBuffer(last)), promise: written)
            written.futureResult.assumeIsolated().whenComplete { [self] _ in shut() }
            exchange?.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
            wire.read()
        }
    }

    private func shut() {
        guard let wire else { return }
        outputIsShut = true
        guard !clientIsDone else { return wire.close(promise: nil) }
        wire.close(mode: .output, promise: nil)
        lingerDeadline = .now() + (isQuiescing ? min(limits.lingerTime, .seconds(1)) : limits.lingerTime)
        setAlarm()
    }

    // MARK: - Time

    /// How long a client is waited for. Only the time counts in which the service wants to read.
    private struct Patience {
        private var left: TimeAmount
        private var since: NIODeadline?

        init(_ allowance: TimeAmount) {
            left = allowance
        }

        var deadline: NIODeadline? { since.map { $0 + left } }

        /// Whether the waiting begins now.
        mutating func begin(at now: NIODeadline) -> Bool {
            guard since == nil else { return false }
            since = now
            return true
        }

        mutating func pause(at now: NIODeadline) {
            guard let since else { return }
            left = left - (now - since)
            self.since = nil
        }

        mutating func extend(by bytes: Int, perSecond: Int) {
            left = left + .nanoseconds(Int64(bytes) * 1_000_000_000 / Int64(perSecond))
        }
    }

    private var deadline: NIODeadline? {
        [patience?.deadline, lingerDeadline, writeDeadline].compactMap { $0 }.min()
    }

    /// One alarm at a time: it looks at what is due when it goes off, so that nothing is scheduled per request.
    private func setAlarm() {
        guard let wire, let deadline else { return }
        if let alarm {
            guard deadline < alarm.due else { return }
            alarm.task.cancel()
        }
        let task = wire.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) { [weak self] () -> Void in
            self?.ring()
        }
        alarm = (deadline, task)
    }

    private func ring() {
        alarm = nil
        let now = NIODeadline.now()
        if let lingerDeadline, lingerDeadline <= now {
            wire?.close(promise: nil)
        } else if let writeDeadline, writeDeadline <= now {
            wire?.close(promise: nil)
        } else if let due = patience?.deadline, due <= now {
            if isInBody { spoil(.tooSlow("body")) } else { refuse(.tooSlow("request's head")) }
        }
        setAlarm()
    }
}

extension Problem {
    /// The parser sees an end elsewhere: what follows could be taken for anything.
    fileprivate static let disputed = Problem.malformed("malformed", "The request's framing is broken.")
}

extension HTTPFields {
    private var connectionOptions: [Substring] {
        (self[.connection] ?? "").lowercased().split { $0 == "," || $0 == " " }
    }

    fileprivate var isLast: Bool { contains(.connection) && connectionOptions.contains("close") }
    fileprivate var keepsAlive: Bool { connectionOptions.contains("keep-alive") }
}

extension HTTPParserError {
    fileprivate func problem(inBody: Bool) -> Problem {
        switch self {
        case .headerOverflow:
            .headersTooLarge("The \(inBody ? "trailer" : "header") fields are too large.")
        case .invalidVersion:
            .malformed("unsupported_version", "HTTP/1.1 and HTTP/1.0 are spoken here.")
        case .invalidMethod:
            .malformed("invalid_method", "The method is not known.")
        case .invalidURL:
            .malformed("malformed_request_line", "The target is not one.")
        case .invalidContentLength, .unexpectedContentLength:
            .malformed(
                "invalid_content_length",
                "Content-Length must be one number of bytes, and must not stand beside Transfer-Encoding.",
                header: "Content-Length")
        case .invalidChunkSize:
            .malformed("invalid_chunk", "A chunk's size is not one.")
        case .invalidHeaderToken:
            .malformed("malformed_header", "A header field's name or value has a character that must not be there.")
        case .invalidEOFState, .closedConnection:
            .malformed("incomplete", "The connection ended in the middle of the request.")
        default:
            .malformed("malformed", inBody ? "The body's framing is broken." : "This is not HTTP/1.1.")
        }
    }
}
