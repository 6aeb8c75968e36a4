import Contracts
import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// How soon events reach receivers that are well: alone, and beside one that fails three requests in ten and never answers for one
/// ticket. Each receiver must get each ticket's events in order, and all of them.
struct WebhookMeasure {
    let stack: StackUnderTest
    let seconds: Int

    private static let healthy = ["/one", "/two"]
    private static let ill = "/ill"
    private static let tickets = 40
    private static let changesPerSecond = 25

    func run(into table: inout ResultTable) async throws {
        let receiver = try await WebhookReceiver(ill: Self.ill)
        let settings = ["OUTBOUND_ALLOWED_NETWORKS": "127.0.0.0/8", "OUTBOUND_ALLOW_HTTP": "true"]
        try await stack.running("notifications", with: settings) { _ in
            var endpoints: [String] = []
            for path in Self.healthy + [Self.ill] {
                let made = try await json(
                    "webhook_endpoints",
                    ["url": .string("http://127.0.0.1:\(receiver.port)\(path)"), "events": ["ticket.*"]])
                endpoints.append(made["id"]?.stringValue ?? "")
            }
            var tickets: [String] = []
            for number in 0..<Self.tickets {
                let made = try await json("tickets", ["subject": .string("Webhook \(number)")])
                tickets.append(made["id"]?.stringValue ?? "")
            }
            try await arrival(of: tickets, at: receiver)

            let alone = receiver.latencies(at: Self.healthy, after: try await load(tickets))
            try await arrival(of: tickets, at: receiver)
            receiver.sicken(stalling: tickets[0])
            let since = try await load(tickets)
            let beside = receiver.latencies(at: Self.healthy, after: since)
            let others = receiver.firstTries(at: Self.ill, after: since, except: tickets[0])
            let refused = receiver.refusals
            receiver.heal()
            try await arrival(of: tickets, at: receiver)

            table.add("webhooks, all receivers well", alone.text, least: "p99 1 s", aim: "p99 100 ms")
            table.add(
                "beside one that fails 30 % and stalls a ticket", beside.text,
                ratio: beside.percentile(0.99)
                    / alone.percentile(0.99), least: "p99 as before", aim: "p99 as before")
            table.add(
                "first tries at that one", others.text, bound: "\(refused) refused", least: "", aim: "")
            table.add(
                "of each ticket in order, none lost", try verdict(tickets, receiver), least: "all", aim: "all")
            for id in endpoints {
                _ = try await stack.send(.DELETE, "/v1/tenants/\(stack.tenant)/webhook_endpoints/\(id)")
            }
        }
        try await receiver.stop()
    }

    private func json(_ path: String, _ body: JSON) async throws -> JSON {
        let answer = try await stack.send(.POST, "/v1/tenants/\(stack.tenant)/\(path)", json: body.text)
        guard answer.status == 201 else { throw BenchError("POST \(path): \(answer.status) \(answer.body)") }
        return try JSON.parse(answer.body)
    }

    /// Changes tickets at a steady rate; answers when that began. Waits a moment for the last to arrive.
    private func load(_ tickets: [String]) async throws -> ContinuousClock.Instant {
        let began = ContinuousClock.now
        try await withThrowingTaskGroup { group in
            for (index, ticket) in tickets.enumerated() {
                group.addTask {
                    var next = began + .seconds(1) * index / Self.changesPerSecond
                    while next < began + .seconds(seconds) {
                        try await Task.sleep(until: next)
                        let answer = try await stack.send(
                            .PATCH, "/v1/tenants/\(stack.tenant)/tickets/\(ticket)",
                            json: #"{"subject": "\#(UUID().uuidString)"}"#)
                        guard answer.status == 200 else { throw BenchError("\(answer.status) \(answer.body)") }
                        next += .seconds(1) * tickets.count / Self.changesPerSecond
                    }
                }
            }
            try await group.waitForAll()
        }
        try await Task.sleep(for: .seconds(2))
        return began
    }

    /// The tickets' events of the names that the receivers want, in their order: `ticket event`.
    private func told(_ tickets: [String]) throws -> [String] {
        let ids = tickets.map { "'\($0)'" }.joined(separator: ", ")
        return try stack.sql(
            """
            SELECT aggregate_id || ' ' || event_id FROM tickets.events
            WHERE aggregate_id IN (\(ids)) AND name LIKE 'ticket.%' ORDER BY aggregate_id, sequence
            """
        ).split(separator: "\n").map { String($0) }
    }

    /// Waits until each receiver has all that has happened.
    private func arrival(of tickets: [String], at receiver: WebhookReceiver) async throws {
        let events = try told(tickets).count
        let paths = Self.healthy + [Self.ill]
        guard
            try await stack.seconds(
                within: 180, until: { paths.allSatisfy { receiver.accepted(at: $0).count >= events } }) != nil
        else {
            throw BenchError("\(paths.map { receiver.accepted(at: $0).count }) of \(events) webhooks arrived")
        }
    }

    /// Compares what each receiver took, repeats left out, with what happened.
    private func verdict(_ tickets: [String], _ receiver: WebhookReceiver) throws -> String {
        let told = try told(tickets)
        for path in Self.healthy + [Self.ill] {
            let taken = receiver.accepted(at: path)
            let byTicket = Dictionary(grouping: taken) { $0.prefix(36) }
            let sorted = byTicket.keys.sorted().flatMap { byTicket[$0] ?? [] }
            guard sorted == told else {
                throw BenchError("\(path) got \(sorted.count) of \(told.count), or out of order")
            }
        }
        return "\(told.count) events, \(Self.healthy.count + 1) receivers"
    }
}

/// A receiver of webhooks that notes what it takes, and fails at one path when told to.
private final class WebhookReceiver: Sendable {
    fileprivate struct Arrival {
        let path: String
        /// `ticket event`
        let key: String
        let at: ContinuousClock.Instant
        let milliseconds: Double
        let isFirst: Bool
    }

    private struct State {
        var arrivals: [Arrival] = []
        var seen: Set<String> = []
        /// By path, in the order of the first acceptance.
        var accepted: [String: [String]] = [:]
        var acceptedKeys: Set<String> = []
        var stalled: String?
        var isIll = false
        var refusals = 0
        /// A generator that costs next to nothing and is the same in each run.
        var dice: UInt64 = 7
    }

    fileprivate enum Reaction { case take, refuse, ignore }

    private let ill: String
    private let state = Mutex(State())
    private let listener: Mutex<(any Channel)?> = Mutex(nil)
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)

    init(ill: String) async throws {
        self.ill = ill
        let channel = try await ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(WebhookTaker(self))
                }
            }
            .bind(host: "127.0.0.1", port: 0)
            .get()
        listener.withLock { $0 = channel }
    }

    var port: Int { listener.withLock { $0?.localAddress?.port ?? 0 } }
    var refusals: Int { state.withLock { $0.refusals } }

    func sicken(stalling ticket: String) { state.withLock { ($0.isIll, $0.stalled) = (true, ticket) } }
    func heal() { state.withLock { ($0.isIll, $0.stalled) = (false, nil) } }

    func accepted(at path: String) -> [String] { state.withLock { $0.accepted[path] ?? [] } }

    func latencies(at paths: [String], after began: ContinuousClock.Instant) -> Latencies {
        Latencies(
            milliseconds: state.withLock { state in
                state.arrivals.filter { paths.contains($0.path) && $0.at >= began }.map(\.milliseconds)
            })
    }

    /// Of events that were not held up by an earlier failure of their ticket.
    func firstTries(at path: String, after began: ContinuousClock.Instant, except ticket: String) -> Latencies {
        Latencies(
            milliseconds: state.withLock { state in
                var held: Set<Substring> = [ticket[...]]
                return state.arrivals.filter { $0.path == path && $0.at >= began }.compactMap { arrival in
                    let ticket = arrival.key.prefix(36)
                    if !arrival.isFirst { held.insert(ticket) }
                    return held.contains(ticket) ? nil : arrival.milliseconds
                }
            })
    }

    fileprivate func react(to path: String, _ body: JSON, at now: Timestamp) -> Reaction {
        guard let ticket = body["data"]?["ticketId"]?.stringValue, let event = body["data"]?["eventId"]?.stringValue,
            let happened = body["timestamp"]?.timestampValue
        else { return .refuse }
        let key = "\(ticket) \(event)"
        return state.withLock { state in
            let isFirst = state.seen.insert("\(path) \(key)").inserted
            state.arrivals.append(
                Arrival(
                    path: path, key: key, at: .now,
                    milliseconds: Double(now.microseconds - happened.microseconds) / 1_000, isFirst: isFirst))
            if state.isIll, path == ill {
                if ticket == state.stalled { return .ignore }
                state.dice = state.dice &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                if (state.dice >> 33) % 10 < 3 {
                    state.refusals += 1
                    return .refuse
                }
            }
            if state.acceptedKeys.insert("\(path) \(key)").inserted { state.accepted[path, default: []].append(key) }
            return .take
        }
    }

    func stop() async throws {
        try await listener.withLock { $0 }?.close()
        try await group.shutdownGracefully()
    }
}

private final class WebhookTaker: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let receiver: WebhookReceiver
    private var path = ""
    private var body = ByteBuffer()

    init(_ receiver: WebhookReceiver) { self.receiver = receiver }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            path = head.uri
            body.clear()
        case .body(var part): body.writeBuffer(&part)
        case .end:
            let now = Timestamp(microseconds: Int64(Date().timeIntervalSince1970 * 1e6))
            let json = (try? JSON.parse(Array(body.readableBytesView))) ?? .null
            let status: HTTPResponseStatus
            switch receiver.react(to: path, json, at: now) {
            case .ignore: return
            case .take: status = .noContent
            case .refuse: status = .serviceUnavailable
            }
            let head = HTTPResponseHead(version: .http1_1, status: status, headers: ["content-length": "0"])
            context.write(wrapOutboundOut(.head(head)), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }
    }
}
