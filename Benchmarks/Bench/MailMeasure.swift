import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// Emails from the queue to a server on this machine, by one notifications process on one core; and how soon people see in the
/// app what happens meanwhile, with the server answering, and with one that takes connections and says nothing.
struct MailMeasure {
    let stack: StackUnderTest
    let seconds: Int
    var messages = 10_000

    private static let stalled = 2_000

    func run(into table: inout ResultTable) async throws {
        let sink = try await MailSink()
        let settings = ["SMTP_URL": "smtp://127.0.0.1:\(sink.port)?tls=none"]
        try await stack.running("notifications", with: settings) { process in
            try shell(["taskset", "-acp", "0", String(process)])
            let desk = try await InAppLoad(stack: stack)

            let beside = desk.start()
            let clock = ContinuousClock()
            try queue(messages)
            let began = clock.now
            guard try await stack.seconds(within: 300, until: { sink.messageIds >= messages }) != nil else {
                throw BenchError("\(sink.messageIds) of \(messages) emails left within 300 s")
            }
            let taken = (sink.last - began).seconds
            let answering = try await desk.latency(of: beside)
            table.add(
                "\(messages) emails to a local server, one core",
                String(format: "%.1f s, ", taken) + perSecond(Double(messages) / taken), least: "60 s", aim: "15 s")
            table.add("in the app meanwhile", answering.text, least: "at most 1 s", aim: "p99 100 ms")

            sink.stall()
            let stalling = desk.start()
            try queue(Self.stalled)
            try await Task.sleep(for: .seconds(seconds))
            let latency = try await desk.latency(of: stalling)
            table.add(
                "in the app while the mail server stalls", latency.text, least: "at most 1 s", aim: "p99 100 ms")
        }
        try stack.sql(
            "DELETE FROM notifications.notification_deliveries WHERE channel = 'email' AND state IN ('queued', 'sending')"
        )
        try await sink.stop()
    }

    /// Queues mails to as many people, as the service does when something happens.
    private func queue(_ count: Int) throws {
        let text = String(repeating: "Your ticket has an answer. Sie haben eine Antwort: schoene Gruesse.\n", count: 10)
        try stack.sql(
            """
            WITH made AS (
                INSERT INTO notifications.notifications (
                    tenant_id, id, version, created_at, updated_at, event_id, type, recipient_id, recipient_kind,
                    context_type, context_id, locale, title, body, is_mandatory, in_inbox)
                SELECT '\(stack.tenant)', gen_random_uuid(), 1, now(), now(), gen_random_uuid(), 'ticket_assigned',
                    gen_random_uuid(), 'address', 'ticket', gen_random_uuid(), 'en', 'Ticket ' || n, '', false, false
                FROM generate_series(1, \(count)) AS n
                RETURNING tenant_id, id, recipient_id, title
            )
            INSERT INTO notifications.notification_deliveries (
                tenant_id, id, created_at, updated_at, notification_id, channel, recipient_id, recipient_name, address,
                state, attempts, due_at, digest, subject, text, html)
            SELECT tenant_id, gen_random_uuid(), now(), now(), id, 'email', recipient_id, 'Recipient',
                'r.' || recipient_id || '@example.com', 'queued', 0, now(), 'immediate', title, '\(text)',
                '<p>\(text)</p>'
            FROM made
            """)
    }
}

/// Tickets filed at a steady rate for an agent, who is told of each in the app.
struct InAppLoad: Sendable {
    let stack: StackUnderTest
    private let agent: String

    private static let perSecond = 20

    /// Makes the agent.
    init(stack: StackUnderTest) async throws {
        self.stack = stack
        let name = UUID().uuidString.prefix(8).lowercased()
        let made = try await stack.send(
            .POST, "/v1/tenants/\(stack.tenant)/users",
            json: #"{"email": "\#(name)@example.com", "displayName": "\#(name)", "roles": ["agent"]}"#)
        guard made.status == 201, let id = made.body.firstRange(of: #""id":""#) else {
            throw BenchError("no agent: \(made.status) \(made.body)")
        }
        agent = String(made.body[id.upperBound...].prefix(36))
        let agent = agent
        guard
            try await stack.seconds(
                within: 60,
                until: {
                    try stack.sql("SELECT count(*) FROM notifications.users WHERE id = '\(agent)'") == "1"
                }) != nil
        else { throw BenchError("the notifications service does not hear of the agent") }
    }

    struct Running: Sendable {
        let name: String
        let task: Task<Int, any Error>
    }

    /// Files tickets until ``latency(of:)`` is asked for.
    func start() -> Running {
        let name = "in app \(UUID().uuidString)"
        let body = #"{"subject": "\#(name)", "assigneeId": "\#(agent)"}"#
        let task = Task {
            var filed = 0
            while !Task.isCancelled {
                let next = ContinuousClock.now + .seconds(1) / Self.perSecond
                let answer = try await stack.send(.POST, "/v1/tenants/\(stack.tenant)/tickets", json: body)
                guard answer.status == 201 else { throw BenchError("\(answer.status) \(answer.body)") }
                filed += 1
                try? await Task.sleep(until: next)
            }
            return filed
        }
        return Running(name: name, task: task)
    }

    /// Stops filing, waits until the agent has been told of all, and answers how long that took from each ticket on.
    func latency(of running: Running) async throws -> Latencies {
        running.task.cancel()
        let filed = try await running.task.value
        let told = """
            FROM tickets.tickets AS t
            JOIN notifications.notifications AS n ON n.tenant_id = t.tenant_id AND n.context_id = t.id
            JOIN notifications.events AS e ON e.tenant_id = n.tenant_id AND e.aggregate_id = n.id
                AND e.name = 'notification.delivered' AND e.payload::json ->> 'channel' = 'in_app'
            WHERE t.subject = '\(running.name)' AND n.type = 'ticket_assigned'
            """
        guard
            try await stack.seconds(within: 60, until: { try stack.sql("SELECT count(*) \(told)") == "\(filed)" })
                != nil
        else { throw BenchError("the agent was not told of all \(filed) tickets within a minute") }
        let values = try stack.sql("SELECT extract(epoch FROM e.recorded_at - t.created_at) * 1000 \(told)")
        return Latencies(milliseconds: values.split(separator: "\n").compactMap { Double($0) })
    }
}

/// A mail server that takes everything, or says nothing any more.
private final class MailSink: Sendable {
    private struct State {
        var ids: Set<String> = []
        var last = ContinuousClock.now
        var isStalled = false
    }

    private let state = Mutex(State())
    private let listener: Mutex<(any Channel)?> = Mutex(nil)
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)

    init() async throws {
        let channel = try await ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(MailTaker(self))
                }
            }
            .bind(host: "127.0.0.1", port: 0)
            .get()
        listener.withLock { $0 = channel }
    }

    var port: Int { listener.withLock { $0?.localAddress?.port ?? 0 } }
    /// Different messages so far.
    var messageIds: Int { state.withLock { $0.ids.count } }
    /// When the last new one came.
    var last: ContinuousClock.Instant { state.withLock { $0.last } }
    var isStalled: Bool { state.withLock { $0.isStalled } }

    func stall() { state.withLock { $0.isStalled = true } }

    func take(_ id: String) {
        state.withLock { state in
            if state.ids.insert(id).inserted { state.last = .now }
        }
    }

    func stop() async throws {
        try await listener.withLock { $0 }?.close()
        try await group.shutdownGracefully()
    }
}

private final class MailTaker: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let sink: MailSink
    private var line: [UInt8] = []
    private var isContent = false
    private var messageId = ""

    init(_ sink: MailSink) { self.sink = sink }

    func channelActive(context: ChannelHandlerContext) {
        say("220 sink", context)
        context.flush()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !sink.isStalled else { return }
        unwrapInboundIn(data).withUnsafeReadableBytes { bytes in
            for byte in bytes {
                line.append(byte)
                guard byte == 0x0A else { continue }
                take(context)
                line.removeAll(keepingCapacity: true)
            }
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) { context.flush() }

    private func take(_ context: ChannelHandlerContext) {
        if isContent {
            if line.count == 3, line[0] == 0x2E {
                isContent = false
                sink.take(messageId)
                say("250 2.0.0 taken", context)
            } else if line.starts(with: "Message-ID:".utf8) {
                messageId = String(decoding: line, as: UTF8.self)
            }
        } else if line.starts(with: "EHLO".utf8) {
            say("250-sink\r\n250-PIPELINING\r\n250 8BITMIME", context)
        } else if line.starts(with: "DATA".utf8) {
            isContent = true
            say("354 go on", context)
        } else {
            say("250 2.0.0 yes", context)
        }
    }

    private func say(_ text: String, _ context: ChannelHandlerContext) {
        guard !sink.isStalled else { return }
        context.write(NIOAny(ByteBuffer(string: text + "\r\n")), promise: nil)
    }
}
