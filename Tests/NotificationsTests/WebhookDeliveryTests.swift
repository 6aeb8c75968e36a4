import AMQP
import Contracts
import Database
import Foundation
import HTTPTypes
import Messaging
import Outbound
import ServiceLifecycle
import ServiceLifecycleTestKit
import Synchronization
import TestKit
import Testing
import Web

@testable import Notifications

@Suite("Webhook deliveries")
struct WebhookDeliveryTests {
    // MARK: What is sent

    @Test("An endpoint gets the events that it wants, whole, signed, and nobody else's")
    func whatIsSent() async throws {
        try await TestHTTPServer.with { server, port in
            try await WebhooksUnderTest.run { hooks in
                let (id, _) = try await hooks.endpoint(port, ["events": ["ticket.*"]])
                _ = try await hooks.ok(.put, "webhook_endpoints/\(id)/headers", ["X-Api-Key": "s3cr3t-value"])
                let ticket = UUID.v7()
                let ids = try await hooks.tell([
                    Told(name: "ticket.created", ticket: ticket),
                    Told(name: "ticket.updated", ticket: ticket, sequence: 2),
                    Told(name: "user.created"), Told(name: "ticket_message.created"),
                ])
                try await hooks.tell([Told(name: "ticket.created")], tenant: .v7())
                try await hooks.working([hooks.worker]) { try await hooks.deliveries(are: "delivered", count: 2) }
                let requests = server.requests
                #expect(requests.count == 2)
                #expect(requests.map { $0.header("webhook-id") } == [ids[0].text, ids[1].text])
                #expect(requests.map { $0.json["type"] } == ["ticket.created", "ticket.updated"])
                let first = try #require(requests.first)
                #expect(first.method == "POST" && first.path == "/in")
                #expect(first.header("content-type") == "application/json")
                #expect(first.header("x-api-key") == "s3cr3t-value")
                #expect(first.json["schema"] == "payload.TicketUpdated.v1")
                #expect(first.json["data"]?["eventId"] == .uuid(ids[0]))
                #expect(first.json["data"]?["note"] == "ünïcode \u{1F469} \"quoted\"")

                // What is told twice is sent once, and the log shows what was sent, but no secret.
                let delivery = try #require(try await hooks.deliveries("&eventName=ticket.created").first)
                #expect(delivery["status"] == "delivered" && delivery["tries"] == 1 && delivery["answerStatus"] == 204)
                let path = "webhook_deliveries/\(delivery["id"]?.stringValue ?? "")"
                let tries = try await hooks.ok(.get, "\(path)/tries")["data"]?.arrayValue ?? []
                #expect(tries.count == 1)
                #expect(tries.first?["status"] == 204)
                #expect(tries.first?["requestHeaders"]?["x-api-key"] == "…")
                #expect(tries.first?["requestHeaders"]?["webhook-id"] == .string(ids[0].text))
                #expect(try await hooks.ok(.get, "\(path)?expand=event")["event"]?["data"] == first.json["data"])
                let other = hooks.caller(["*"])
                #expect(
                    try await hooks.send(.get, "/v1/tenants/\(UUID.v7().text)/webhook_deliveries", as: other).status
                        >= 400)
            }
        }
    }

    @Test("A test event comes to this endpoint alone, and says that it has not happened")
    func testEvent() async throws {
        try await TestHTTPServer.with { server, port in
            try await WebhooksUnderTest.run { hooks in
                let (id, _) = try await hooks.endpoint(port, ["events": ["ticket.*"]])
                _ = try await hooks.endpoint(port, path: "/other")
                let reply = try await hooks.send(.post, "webhook_endpoints/\(id)/test")
                #expect(reply.status == 202, "\(reply.text)")
                #expect(reply.json["status"] == "pending")
                try await hooks.working([hooks.worker]) { try await hooks.deliveries(are: "delivered", count: 1) }
                #expect(server.requests.map(\.path) == ["/in"])
                #expect(server.requests.first?.json["type"] == "webhook_endpoint.tested")
                #expect(server.requests.first?.json["data"]?["simulated"] == true)
                _ = try await hooks.ok(.patch, "webhook_endpoints/\(id)", ["enabled": false])
                #expect(try await hooks.send(.post, "webhook_endpoints/\(id)/test").status == 409)
            }
        }
    }

    // MARK: Order, and what goes wrong

    @Test("A receiver that fails at times and stalls at one ticket gets every event once, each ticket's in order")
    func order() async throws {
        let random = Mutex(SeededGenerator(seed: 11))
        let (gate, stalled) = (TestGate(), UUID.v7())
        let taken = Mutex<[(ticket: UUID, sequence: Int64)]>([])
        try await TestHTTPServer.with(answer: { request in
            guard let ticket = request.ticket, let sequence = request.sequence else { return .status(400) }
            if ticket == stalled { await gate.pass() }
            if random.withLock({ Int.random(in: 0..<10, using: &$0) }) < 3 { return .status(500, body: "not today") }
            taken.withLock { $0.append((ticket, sequence)) }
            return .status(200)
        }) { server, port in
            try await WebhooksUnderTest.run { hooks in
                _ = try await hooks.endpoint(port)
                let tickets = [stalled] + (0..<11).map { _ in UUID.v7() }
                try await hooks.working([hooks.worker, hooks.otherWorker]) {
                    for sequence in Int64(1)...8 {
                        try await hooks.tell(tickets.map { Told(ticket: $0, sequence: sequence) })
                    }
                    try await hooks.deliveries(are: "delivered", count: 11 * 8)
                    #expect(!taken.withLock { $0.contains { $0.ticket == stalled } })
                    #expect(gate.waitingCount == 1, "one of a ticket at a time")
                    gate.open()
                    try await hooks.deliveries(are: "delivered", count: 12 * 8)
                }
                let all = taken.withLock { $0 }
                #expect(all.count == 12 * 8)
                for ticket in tickets {
                    #expect(all.filter { $0.ticket == ticket }.map(\.sequence) == Array(1...8))
                }
                let failures = server.requests.count - all.count
                #expect(failures > 0)
                let rows = try await hooks.database.transaction(as: .tenant(hooks.tenant), readOnly: true) { tx in
                    try await tx.first("SELECT count(*), (SELECT count(*) FROM webhook_lanes) FROM webhook_tries")
                }
                let (tries, lanes) = try #require(try rows?.decode((Int64, Int64).self))
                #expect(tries == server.requests.count && lanes == 0)
            }
        }
    }

    @Test("Two workers send nothing twice")
    func twoWorkers() async throws {
        try await TestHTTPServer.with { server, port in
            try await WebhooksUnderTest.run { hooks in
                _ = try await hooks.endpoint(port, ["concurrency": 20])
                try await hooks.tell((0..<200).map { Told(ticket: UUID.v7(), sequence: Int64($0 + 1)) })
                try await hooks.working([hooks.worker, hooks.otherWorker, hooks.otherWorker]) {
                    try await hooks.deliveries(are: "delivered", count: 200)
                }
                #expect(server.requests.count == 200)
                #expect(Set(server.requests.compactMap { $0.header("webhook-id") }).count == 200)
            }
        }
    }

    @Test("A slow receiver holds as many requests as its endpoint allows, and none of the others'")
    func concurrency() async throws {
        let gate = TestGate()
        try await TestHTTPServer.with(answer: { request in
            if request.path == "/slow" { await gate.pass() }
            return .status(200)
        }) { server, port in
            try await WebhooksUnderTest.run { hooks in
                let (slow, _) = try await hooks.endpoint(port, ["concurrency": 2], path: "/slow")
                let (fast, _) = try await hooks.endpoint(port, path: "/fast")
                try await hooks.working([hooks.worker, hooks.otherWorker]) {
                    try await hooks.tell((0..<30).map { _ in Told() })
                    try await hooks.deliveries(are: "delivered", count: 30)
                    #expect(
                        try await hooks.deliveries("&status=delivered").allSatisfy {
                            $0["webhookEndpointId"] == .string(fast)
                        })
                    try await eventually("two are under way") { gate.waitingCount == 2 }
                    gate.open()
                    try await hooks.deliveries(are: "delivered", count: 60)
                }
                #expect(try await hooks.deliveries("&webhookEndpointId=\(slow)&status=delivered").count == 30)
                #expect(server.requests.count == 60)
            }
        }
    }

    @Test("What a worker that died was at is another's when the lease ends, and then no longer the first one's")
    func killedWorker() async throws {
        try await TestHTTPServer.with { server, port in
            try await WebhooksUnderTest.run { hooks in
                _ = try await hooks.endpoint(port)
                try await hooks.tell([Told()])
                let (dead, alive) = (hooks.worker, hooks.otherWorker)
                let now = Timestamp.now + .seconds(1)
                let lost = try await dead.claim(upTo: 10, at: now)
                #expect(lost.count == 1)
                #expect(try await alive.claim(upTo: 10, at: now).isEmpty)
                #expect(try await alive.claim(upTo: 10, at: now + dead.lease - .seconds(1)).isEmpty)
                let found = try await alive.claim(upTo: 10, at: now + dead.lease)
                #expect(found.map(\.aggregateId) == lost.map(\.aggregateId))
                // The first one wakes up: its lease is over.
                for lane in lost { await dead.work(on: lane) }
                #expect(server.requests.isEmpty)
                for lane in found { await alive.work(on: lane) }
                #expect(server.requests.count == 1)
                try await hooks.deliveries(are: "delivered", count: 1)
            }
        }
    }

    @Test("A worker that stops finishes what is under way, and begins nothing")
    func drain() async throws {
        let gate = TestGate()
        try await TestHTTPServer.with(answer: { _ in
            await gate.pass()
            return .status(200)
        }) { server, port in
            try await WebhooksUnderTest.run { hooks in
                _ = try await hooks.endpoint(port)
                let ticket = UUID.v7()
                try await hooks.tell((1...3).map { Told(ticket: ticket, sequence: $0) })
                let worker = hooks.worker
                try await testGracefulShutdown { trigger in
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        group.addTask { try await worker.run() }
                        try await eventually("one is under way") { gate.waitingCount == 1 }
                        trigger.triggerGracefulShutdown()
                        gate.open()
                        try await group.waitForAll()
                    }
                }
                #expect(server.requests.count == 1)
                try await hooks.deliveries(are: "delivered", count: 1)
                try await hooks.deliveries(are: "pending", count: 2)
                // Nothing waits for a lease to end.
                try await hooks.working([hooks.otherWorker]) { try await hooks.deliveries(are: "delivered", count: 3) }
            }
        }
    }

    @Test("What takes longer than a worker that stops has time for is given up, and is another's at once")
    func givenUp() async throws {
        let gate = TestGate()
        try await TestHTTPServer.with(answer: { _ in
            await gate.pass()
            return .status(200)
        }) { server, port in
            try await WebhooksUnderTest.run { hooks in
                _ = try await hooks.endpoint(port)
                try await hooks.tell([Told()])
                var worker = hooks.worker
                worker.shift.drain = .milliseconds(50)
                let stopping = worker
                try await testGracefulShutdown { trigger in
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        group.addTask { try await stopping.run() }
                        try await eventually("it is under way") { gate.waitingCount == 1 }
                        trigger.triggerGracefulShutdown()
                        try await group.waitForAll()
                    }
                }
                gate.open()
                // Nothing is counted, and nothing waits for a lease to end.
                #expect(try await hooks.deliveries("&status=pending").first?["tries"] == 0)
                try await hooks.working([hooks.otherWorker]) { try await hooks.deliveries(are: "delivered", count: 1) }
            }
        }
    }

    @Test(
        "An endpoint that is deleted, or whose deliveries are sent again, while it is sent to: nobody waits in a circle"
    )
    func noDeadlock() async throws {
        // Refused now and then, so that all paths are taken.
        let count = Mutex(0)
        let answer: @Sendable (TestHTTPServer.Request) async -> TestHTTPServer.Reply = { _ in
            let number = count.withLock { count in
                count += 1
                return count
            }
            return .status(number % 5 == 0 ? 503 : 200)
        }
        try await TestHTTPServer.with(answer: answer) { _, port in
            try await WebhooksUnderTest.run { hooks in
                try await hooks.working([hooks.worker, hooks.otherWorker]) {
                    for _ in 0..<8 {
                        let (id, _) = try await hooks.endpoint(port, ["concurrency": 16])
                        let tickets = (0..<20).map { _ in UUID.v7() }
                        try await hooks.tell(
                            (1...3).flatMap { sequence in tickets.map { Told(ticket: $0, sequence: sequence) } })
                        for delivery in try await hooks.deliveries("&webhookEndpointId=\(id)").prefix(10) {
                            let path = "webhook_deliveries/\(delivery["id"]?.stringValue ?? "")/redeliver"
                            #expect(try await hooks.send(.post, path).status == 202)
                        }
                        #expect(try await hooks.send(.delete, "webhook_endpoints/\(id)").status == 204)
                    }
                }
                let left = try await hooks.test.superuser("SELECT count(*) FROM notifications.webhook_lanes")
                #expect(left[0][0] == "0")
                let deadlocks = try await hooks.test.superuser(
                    "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
                #expect(deadlocks[0][0] == "0")
            }
        }
    }

    // MARK: Giving up

    @Test("410 disables the endpoint, which is told; what waits is sent when it is enabled again")
    func gone() async throws {
        let isGone = Mutex(true)
        try await TestHTTPServer.with(answer: { _ in .status(isGone.withLock { $0 } ? 410 : 200) }) { server, port in
            try await WebhooksUnderTest.run { hooks in
                let (id, _) = try await hooks.endpoint(port)
                let ticket = UUID.v7()
                try await hooks.tell([Told(ticket: ticket), Told(ticket: ticket, sequence: 2)])
                try await hooks.working([hooks.worker]) {
                    try await hooks.deliveries(are: "failed", count: 1)
                    let endpoint = try await hooks.ok(.get, "webhook_endpoints/\(id)")
                    #expect(endpoint["enabled"] == false && endpoint["disabledReason"] == "gone")
                    let told = try await hooks.events("webhook_endpoint.disabled")
                    #expect(told.map { $0.payload["reason"] } == ["gone"])
                    #expect(
                        JSONSchema.validate(
                            told[0].payload, against: try #require(WebhookEndpoints.contracts.last).schema
                        ).isEmpty)
                    // Nothing is made for it any more, but kept.
                    try await hooks.tell([Told()])
                    #expect(try await hooks.deliveries().count == 2)
                    isGone.withLock { $0 = false }
                    _ = try await hooks.ok(.patch, "webhook_endpoints/\(id)", ["enabled": true])
                    try await hooks.deliveries(are: "delivered", count: 1)
                    _ = try await hooks.ok(.post, "webhook_endpoints/\(id)/replay", ["since": "2020-01-01T00:00:00Z"])
                    try await hooks.deliveries(are: "delivered", count: 3)
                }
                #expect(server.requests.count == 4)
            }
        }
    }

    @Test("An endpoint that has failed for five days is disabled; one that works between is not")
    func failing() async throws {
        let status = Mutex(500)
        try await TestHTTPServer.with(answer: { _ in .status(status.withLock { $0 }) }) { _, port in
            try await WebhooksUnderTest.run { hooks in
                let (id, _) = try await hooks.endpoint(port)
                try await hooks.tell([Told()])
                try await hooks.working([hooks.worker]) {
                    try await eventually("it fails") {
                        try await hooks.ok(.get, "webhook_endpoints/\(id)?expand=health")["health"]?["failingSince"]?
                            .stringValue != nil
                    }
                    status.withLock { $0 = 200 }
                    try await hooks.deliveries(are: "delivered", count: 1)
                    let health = try await hooks.ok(.get, "webhook_endpoints/\(id)?expand=health")["health"]
                    #expect(health?["failingSince"] == .null)
                    status.withLock { $0 = 500 }
                    try await hooks.execute("UPDATE webhook_health SET failing_since = now() - interval '6 days'")
                    try await hooks.tell([Told()])
                    try await eventually("it is disabled") {
                        try await hooks.ok(.get, "webhook_endpoints/\(id)")["disabledReason"] == "failing"
                    }
                }
                let told = try await hooks.events("webhook_endpoint.disabled")
                #expect(told.count == 1 && told[0].payload["failingSince"]?.stringValue != nil)
            }
        }
    }

    @Test("After the last try a delivery has failed, and the next one of its ticket goes on")
    func lastTry() async throws {
        try await TestHTTPServer.with(answer: { $0.sequence == 1 ? .status(500, body: "no\u{0}pe") : .status(200) }) {
            server, port in
            try await WebhooksUnderTest.run { hooks in
                _ = try await hooks.endpoint(port)
                let ticket = UUID.v7()
                try await hooks.tell([Told(ticket: ticket), Told(ticket: ticket, sequence: 2)])
                var worker = hooks.worker
                worker.retries.triesMax = 3
                try await hooks.working([worker]) { try await hooks.deliveries(are: "delivered", count: 1) }
                #expect(server.requests.map(\.sequence) == [1, 1, 1, 2])
                let failed = try #require(try await hooks.deliveries("&status=failed").first)
                #expect(failed["tries"] == 3 && failed["error"] == "status_500" && failed["nextTryAt"] == .null)
                let tries = try await hooks.ok(.get, "webhook_deliveries/\(failed["id"]?.stringValue ?? "")/tries")
                #expect(tries["data"]?.arrayValue?.map { $0["answerBody"] } == ["no pe", "no pe", "no pe"])
            }
        }
    }

    @Test("Retry-After says when it is tried again, within bounds", arguments: [("7200", 7_200), ("99999999", 86_400)])
    func retryAfter(field: String, seconds: Int) async throws {
        try await TestHTTPServer.with(answer: { _ in .status(503, headers: [("Retry-After", field)]) }) { _, port in
            try await WebhooksUnderTest.run { hooks in
                _ = try await hooks.endpoint(port)
                try await hooks.tell([Told()])
                let before = Timestamp.now
                try await hooks.working([hooks.worker]) {
                    try await eventually("it was tried") { try await hooks.deliveries().first?["tries"] == 1 }
                }
                let delivery = try #require(try await hooks.deliveries().first)
                let next = try #require(delivery["nextTryAt"]?.stringValue.flatMap { Timestamp(rfc3339: $0) })
                let tried = try #require(delivery["lastTriedAt"]?.stringValue.flatMap { Timestamp(rfc3339: $0) })
                #expect(tried >= before.truncatedToMilliseconds)
                #expect(abs((next - tried - .seconds(seconds)).components.seconds) <= 1)
            }
        }
    }

    @Test("An address that turns out to be private is not connected to, and the log says so")
    func privateAddress() async throws {
        try await TestHTTPServer.with { server, port in
            try await ServiceUnderTest<WebhookService>.with({
                WebhookService(WebhookService.webhooks($0, allowing: []))
            }) { hooks in
                _ = try await hooks.ok(.post, "webhook_endpoints", ["url": .string("http://localhost:\(port)/")])
                try await hooks.tell([Told()])
                try await hooks.working([hooks.worker]) {
                    try await eventually("it was tried") {
                        try await hooks.deliveries().first?["error"]?.stringValue != nil
                    }
                }
                #expect(try await hooks.deliveries().first?["error"] == "refused_address: loopback")
                #expect(server.connectionCount == 0)
            }
        }
    }

    // MARK: Again

    @Test("A delivery is sent again, and a time is, in order; what has arrived only if asked for")
    func again() async throws {
        try await TestHTTPServer.with { server, port in
            try await WebhooksUnderTest.run { hooks in
                let (id, _) = try await hooks.endpoint(port, ["events": ["ticket.*"]])
                let (ticket, start) = (UUID.v7(), try #require(Timestamp(rfc3339: "2026-03-01T00:00:00Z")))
                try await hooks.tell(
                    (1...6).map { Told(ticket: ticket, sequence: $0, occurredAt: start + .seconds(60 * $0)) })
                try await hooks.working([hooks.worker]) {
                    try await hooks.deliveries(are: "delivered", count: 6)
                    let second = try #require(try await hooks.deliveries().first { $0["sequence"] == 2 })
                    let reply = try await hooks.send(
                        .post, "webhook_deliveries/\(second["id"]?.stringValue ?? "")/redeliver")
                    #expect(reply.status == 202)
                    try await eventually("it came again") { server.requests.count == 7 }
                    try await hooks.deliveries(are: "delivered", count: 6)
                    let span: JSONObject = ["since": "2026-03-01T00:02:00Z", "until": "2026-03-01T00:04:00Z"]
                    let none = try await hooks.ok(.post, "webhook_endpoints/\(id)/replay", .object(span))
                    #expect(none["replayed"] == 0 && none["next"] == .null)
                    var all = span
                    all["all"] = true
                    #expect(try await hooks.ok(.post, "webhook_endpoints/\(id)/replay", .object(all))["replayed"] == 3)
                    try await eventually("they came again") { server.requests.count == 10 }
                    try await hooks.deliveries(are: "delivered", count: 6)
                    // A new endpoint gets what was kept before there was it.
                    let (newcomer, _) = try await hooks.endpoint(port, ["events": ["ticket.*"]], path: "/new")
                    #expect(
                        try await hooks.ok(.post, "webhook_endpoints/\(newcomer)/replay", .object(span))["replayed"]
                            == 3)
                    try await hooks.deliveries(are: "delivered", count: 9)
                }
                #expect(server.requests.map(\.sequence) == [1, 2, 3, 4, 5, 6, 2, 2, 3, 4, 2, 3, 4])
            }
        }
    }

    @Test("What is old is forgotten, unless it still waits")
    func upkeep() async throws {
        try await WebhooksUnderTest.run { hooks in
            _ = try await hooks.endpoint(9)
            try await hooks.tell([Told(), Told()])
            try await hooks.execute(
                """
                UPDATE webhook_deliveries SET status = 'delivered'
                WHERE id = (SELECT id FROM webhook_deliveries ORDER BY id LIMIT 1)
                """)
            let upkeep = WebhookUpkeep(database: hooks.database, retention: .zero)
            #expect(try await upkeep.forget(before: .now - .seconds(3_600)) == 0)
            #expect(try await upkeep.forget(before: .now + .seconds(3_600)) == 1)
            #expect(try await hooks.deliveries().map { $0["status"] } == ["pending"])
        }
    }

    // MARK: The whole way

    @Test("What is committed is published, consumed and sent")
    func wholeWay() async throws {
        try await TestHTTPServer.with { server, port in
            try await TestBroker.with { broker in
                try await broker.withClient { amqp in
                    let topology = Topology(exchange: "support")
                    try await topology.declareExchange(on: amqp)
                    let service: @Sendable (Database) -> WebhookService = { database in
                        WebhookService(
                            WebhookService.webhooks(database) {
                                Demand(
                                    service: "notifications", topology: topology, partitions: 4, amqp: amqp, handler: $0
                                )
                            })
                    }
                    try await WebhooksUnderTest.with(service) { hooks in
                        let relay = OutboxRelay(
                            service: "notifications", topology: topology, database: hooks.database, amqp: amqp)
                        let consumer = ConsumerRuntime(
                            service: "notifications", topology: topology, handlers: hooks.service.handlers,
                            database: hooks.database, amqp: amqp)
                        let (first, _) = try await hooks.endpoint(port, ["events": ["webhook_endpoint.*"]])
                        try await withThrowingTaskGroup(of: Void.self) { group in
                            group.addTask { try await relay.run() }
                            group.addTask { try await consumer.run() }
                            group.addTask { try await hooks.worker.run() }
                            let (second, _) = try await hooks.endpoint(
                                port, ["events": ["none.at.all"]], path: "/second")
                            _ = try await hooks.ok(.patch, "webhook_endpoints/\(second)", ["concurrency": 9])
                            try await eventually("both have come") {
                                server.requests.filter { $0.json["data"]?["webhookEndpointId"] == .string(second) }
                                    .count == 2
                            }
                            group.cancelAll()
                        }
                        #expect(first != "")
                        #expect(server.requests.allSatisfy { $0.path == "/in" })
                        let types = server.requests.filter { $0.json["data"]?["webhookEndpointId"] != .string(first) }
                        #expect(
                            types.map { $0.json["type"] } == ["webhook_endpoint.created", "webhook_endpoint.updated"])
                        let payload = try await hooks.events("webhook_endpoint.updated")[0].payload
                        #expect(types.last?.json["data"] == payload)
                    }
                }
            }
        }
    }
}

@Suite("Webhooks without a broker")
struct WebhookSubscriptionTests {
    @Test("An endpoint whose events can't be subscribed to is refused for the time being, and not made")
    func brokerAway() async throws {
        let amqp = AMQPClient(try AMQPConfiguration(url: "amqp://127.0.0.1:1/", connectionName: "nobody"))
        let service: @Sendable (Database) -> WebhookService = { database in
            WebhookService(
                WebhookService.webhooks(database) {
                    Demand(
                        service: "notifications", topology: Topology(exchange: "support"), partitions: 4, amqp: amqp,
                        handler: $0)
                })
        }
        try await WebhooksUnderTest.with(service) { hooks in
            let answer = try await hooks.send(.post, "webhook_endpoints", ["url": "http://127.0.0.1:9/in"])
            #expect(answer.status == 503)
            #expect(answer.headers[.retryAfter] != nil)
            #expect(try await hooks.ok(.get, "webhook_endpoints")["data"] == [])
        }
    }
}
