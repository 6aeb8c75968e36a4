import AMQP
import AsyncHTTPClient
import Contracts
import Database
import Foundation
import Messaging
import NIOCore
import NIOHTTP1
import Synchronization
import TestKit
import Testing
import Web

@testable import Gateway
@testable import ServiceKit

@Suite("Events")
struct EventTests {
    /// Publishes simulated events through the API and returns their numbers' order of publication.
    private func simulate(_ gateway: GatewayUnderTest, _ numbers: Range<Int>) async throws {
        for number in numbers {
            let answer = try await gateway.send(
                .POST, gateway.tenantPath + "/events/simulate", key: gateway.tenantKey,
                json: ["event": "user.logged_in", "payload": payload(number)])
            #expect(answer.status == 202, "\(answer.text)")
        }
    }

    private func payload(_ number: Int) -> JSON {
        [
            "userId": .uuid(.v7()), "method": .string("m\(number)"), "loggedInAt": .timestamp(.now),
        ]
    }

    /// The numbers of `simulate`, as the payloads of events have them.
    private func numbers(_ payloads: [JSON]) -> [Int] {
        payloads.compactMap { $0["method"]?.stringValue.flatMap { Int($0.dropFirst()) } }
    }

    /// Follows a stream until `count` events have come.
    private func follow(
        _ gateway: GatewayUnderTest, path: String? = nil, key: String? = nil, lastEventId: String? = nil, count: Int,
        onOpen: @escaping @Sendable () async throws -> Void = {}
    ) async throws -> [(id: String, event: String, payload: JSON)] {
        var request = HTTPClientRequest(url: gateway.url + (path ?? gateway.tenantPath + "/events/stream"))
        request.headers.add(name: "authorization", value: "Bearer \(key ?? gateway.tenantKey)")
        if let lastEventId { request.headers.add(name: "last-event-id", value: lastEventId) }
        let answer = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
        guard answer.status == .ok else { throw StreamRefused(status: answer.status.code) }
        return try await withThrowingTaskGroup(of: [(id: String, event: String, payload: JSON)].self) { group in
            group.addTask {
                var events: [(id: String, event: String, payload: JSON)] = []
                var text = ""
                for try await part in answer.body {
                    text += String(buffer: part)
                    while let end = text.range(of: "\n\n") {
                        let frame = text[..<end.lowerBound].split(separator: "\n")
                        text.removeSubrange(..<end.upperBound)
                        func field(_ name: String) -> String? {
                            frame.first { $0.hasPrefix(name + ": ") }.map { String($0.dropFirst(name.count + 2)) }
                        }
                        guard let data = field("data"), let id = field("id"), let event = field("event") else {
                            continue
                        }
                        events.append((id, event, (try? JSON.parse(data)) ?? .null))
                        if events.count >= count { return events }
                    }
                }
                return events
            }
            try await onOpen()
            group.addTask {
                try await Task.sleep(for: .seconds(20))
                throw StreamTooSlow(wanted: count)
            }
            let events = try await group.next() ?? []
            group.cancelAll()
            return events
        }
    }

    private struct StreamRefused: Error { let status: UInt }
    private struct StreamTooSlow: Error { let wanted: Int }

    @Test("history pages through everything once and in order, from the start, a time, an event or a cursor")
    func history() async throws {
        try await GatewayUnderTest.with { gateway in
            try await simulate(gateway, 0..<25)
            let path = gateway.tenantPath + "/events?types=user.logged_in&limit=10"
            try await eventually("all have come back") {
                try await gateway.send(.GET, path.replacing("limit=10", with: "limit=200"), key: gateway.tenantKey)
                    .json["data"]?.arrayValue?.count == 25
            }
            var rows: [JSON] = []
            var next: String? = path
            while let page = next {
                let answer = try await gateway.send(.GET, page, key: gateway.tenantKey)
                #expect(answer.status == 200, "\(answer.text)")
                let data = answer.json["data"]?.arrayValue ?? []
                #expect(data.count <= 10)
                rows += data
                let cursor = answer.json.value(at: "/page/next")?.stringValue
                #expect((cursor != nil) == (answer.header("link") != nil))
                next = cursor.map { path + "&cursor=\($0)" }
            }
            #expect(Set(numbers(rows.compactMap { $0["payload"] })) == Set(0..<25))
            let middle = rows[10]
            let eventId = try #require(middle.value(at: "/payload/eventId")?.stringValue)
            let cursor = try #require(middle["cursor"]?.stringValue)
            for since in [eventId, cursor] {
                let rest = try await gateway.send(
                    .GET, gateway.tenantPath + "/events?types=user.logged_in&limit=200&since=\(since)",
                    key: gateway.tenantKey)
                #expect(rest.json["data"]?.arrayValue == Array(rows[11...]))
            }
            let early = try await gateway.send(
                .GET, gateway.tenantPath + "/events?since=2020-01-01T00:00:00Z&types=user.*,organization.*",
                key: gateway.tenantKey)
            // There is an order within an aggregate, not between two of them.
            let names = (early.json["data"]?.arrayValue ?? []).compactMap { $0["event"]?.stringValue }
            #expect(names.contains("organization.created"))
            let late = try await gateway.send(
                .GET, gateway.tenantPath + "/events?since=2099-01-01T00:00:00Z", key: gateway.tenantKey)
            #expect(late.json["data"]?.arrayValue == [])
            for bad in ["since=nonsense", "since=\(UUID.v7().text)", "types=..", "limit=0", "limit=201", "x=1"] {
                #expect(
                    try await gateway.send(.GET, gateway.tenantPath + "/events?" + bad, key: gateway.tenantKey).status
                        == 400, "\(bad)")
            }
            #expect(middle.value(at: "/payload/simulated") == true)
            #expect(middle["routingKey"]?.stringValue == "support.user.logged_in")
            #expect(middle["schema"]?.stringValue == "payload.UserLoggedIn.v1")
        }
    }

    @Test("a stream shows what happens from now on, and resumes anywhere without loss or repeat, in any process")
    func stream() async throws {
        try await TestBroker.with { broker in
            try await TestDatabase.with("gateway", GatewayService.allMigrations) { database in
                try await GatewayUnderTest.with(database, broker) { gateway in
                    let path = gateway.tenantPath + "/events/stream?types=user.logged_in"
                    let first = try await follow(gateway, path: path, count: 10) { try await simulate(gateway, 0..<10) }
                    #expect(Set(numbers(first.map(\.payload))) == Set(0..<10))
                    #expect(first.allSatisfy { $0.event == "user.logged_in" })
                    // What happens while nobody listens is not lost.
                    try await simulate(gateway, 10..<20)
                    let second = try await follow(gateway, path: path, lastEventId: first[3].id, count: 16)
                    #expect(second.prefix(6).map(\.id) == first[4...].map(\.id))
                    #expect(Set(numbers(second.map(\.payload))).isSuperset(of: 10..<20))
                    #expect(second.map { Int64($0.id) ?? 0 } == second.map { Int64($0.id) ?? 0 }.sorted())
                    #expect(Set(second.map(\.id)).count == 16)

                    try await GatewayUnderTest.with(
                        database, broker, keys: (gateway.tenantKey, gateway.adminKey)
                    ) { other in
                        let third = try await follow(other, path: path, lastEventId: second[9].id, count: 9) {
                            try await simulate(gateway, 20..<23)
                        }
                        #expect(third.prefix(6).map(\.id) == second[10...].map(\.id))
                        #expect(Set(numbers(third.suffix(3).map(\.payload))) == Set(20..<23))
                    }
                }
            }
        }
    }

    @Test(
        "under load nothing is missing on a stream and nothing comes twice, also for a client that keeps breaking off")
    func streamUnderLoad() async throws {
        try await GatewayUnderTest.with { gateway in
            let path = gateway.tenantPath + "/events/stream?types=user.logged_in&since=2020-01-01T00:00:00Z"
            let total = 300
            async let writing: Void = withThrowingTaskGroup(of: Void.self) { group in
                for writer in 0..<6 {
                    group.addTask { try await simulate(gateway, (writer * 50)..<(writer * 50 + 50)) }
                }
                try await group.waitForAll()
            }
            var seen: [(id: String, event: String, payload: JSON)] = []
            while seen.count < total {
                let step = min(37, total - seen.count)
                seen += try await follow(gateway, path: path, lastEventId: seen.last?.id, count: step)
            }
            try await writing
            #expect(Set(seen.map(\.id)).count == total)
            #expect(Set(numbers(seen.map(\.payload))) == Set(0..<total))
            let inOrder = seen.map { Int64($0.id) ?? 0 }
            #expect(inOrder == inOrder.sorted())
        }
    }

    @Test("the stream ends when its key is revoked; who may not read events gets none; internal things stay inside")
    func permissions() async throws {
        try await GatewayUnderTest.with { gateway in
            let created = try await gateway.send(
                .POST, gateway.tenantPath + "/api_keys", key: gateway.tenantKey, json: ["name": "listener"])
            let key = try #require(created.json["key"]?.stringValue)
            let id = try #require(created.json["id"]?.stringValue)
            var request = HTTPClientRequest(url: gateway.url + gateway.tenantPath + "/events/stream")
            request.headers.add(name: "authorization", value: "Bearer \(key)")
            let stream = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
            #expect(stream.status == .ok)
            #expect(stream.headers.first(name: "content-type") == "text/event-stream")
            let revoked = try await gateway.send(
                .POST, gateway.tenantPath + "/api_keys/\(id)/revoke", key: gateway.tenantKey)
            #expect(revoked.status == 200)
            let ended = Task { for try await _ in stream.body {} }
            try await ended.value

            let login = try await gateway.logIn("customer@example.com")
            let customer = try #require(login.json["accessToken"]?.stringValue)
            await #expect(throws: StreamRefused.self) { _ = try await follow(gateway, key: customer, count: 1) }

            // An integration reads events, but none about API keys.
            let reader = try await gateway.send(
                .POST, gateway.tenantPath + "/api_keys", key: gateway.tenantKey, json: ["name": "reader"])
            let readerKey = try #require(reader.json["key"]?.stringValue)
            try await eventually("the administrator sees the keys' events") {
                try await gateway.send(.GET, gateway.tenantPath + "/events?types=api_key.*", key: gateway.tenantKey)
                    .json["data"]?.arrayValue?.count == 4
            }
            let own = try await gateway.send(.GET, gateway.tenantPath + "/events?types=api_key.*", key: readerKey)
            #expect(own.json["data"]?.arrayValue == [])
        }
    }

    @Test("internal notes are for those who may read them")
    func internalNotes() throws {
        func event(_ visibility: String) -> FeedEvent {
            FeedEvent(
                tenantId: .v7(), eventId: .v7(), name: "ticket_message.added", schemaRef: "",
                aggregate: .init(type: "ticket", id: .v7()),
                sequence: 1, occurredAt: .now, source: nil, traceparent: nil,
                payload: JSON.object(["visibility": .string(visibility)]).serialized())
        }
        let agent = Caller(tenantId: .v7(), actor: .system, permissions: Role.agent.permissions)
        let narrow = Caller(tenantId: .v7(), actor: .system, permissions: ["tickets.read", "events.read"])
        #expect(EventVisibility.allows(agent, event("internal")))
        #expect(!EventVisibility.allows(narrow, event("internal")))
        #expect(EventVisibility.allows(narrow, event("public")))
        #expect(!EventVisibility.allows(narrow, name: "user.created"))
    }

    @Test("a notification's events are for whom it was sent to")
    func notifications() throws {
        let reader = UUID.v7()
        func event(_ recipient: UUID) -> FeedEvent {
            FeedEvent(
                tenantId: .v7(), eventId: .v7(), name: "notification.sent", schemaRef: "",
                aggregate: .init(type: "notification", id: .v7()), sequence: 1, occurredAt: .now, source: nil,
                traceparent: nil, payload: JSON.object(["recipientId": .uuid(recipient)]).serialized())
        }
        let agent = Caller(tenantId: .v7(), actor: .user(reader), permissions: Role.agent.permissions)
        #expect(EventVisibility.allows(agent, event(reader)))
        #expect(!EventVisibility.allows(agent, event(.v7())))
        #expect(EventVisibility.allows(Caller(tenantId: .v7(), actor: .user(.v7()), permissions: ["*"]), event(reader)))
        #expect(
            !EventVisibility.allows(
                Caller(tenantId: .v7(), actor: .system, permissions: ["notifications.read"]), event(reader)))
    }

    @Test(
        "mail to others is for those who look after notifications",
        arguments: [
            "outbound_email.queued", "email.bounced", "email_complaint.received", "email_setting.updated",
            "email_dkim_key.created",
        ])
    func mail(name: String) {
        let supervisor = Caller(tenantId: .v7(), actor: .user(.v7()), permissions: Role.supervisor.permissions)
        #expect(EventVisibility.allows(supervisor, name: name))
        let agent = Caller(tenantId: .v7(), actor: .user(.v7()), permissions: Role.agent.permissions)
        #expect(!EventVisibility.allows(agent, name: name))
    }

    @Test("simulating checks against the schema, with every issue; a dry run publishes nothing")
    func simulate() async throws {
        try await GatewayUnderTest.with { gateway in
            let path = gateway.tenantPath + "/events/simulate"
            let bad = try await gateway.send(
                .POST, path, key: gateway.tenantKey,
                json: ["event": "ticket.created", "payload": ["ticketId": "no uuid", "createdAt": 5]])
            #expect(bad.status == 400)
            #expect((bad.json["errors"]?.arrayValue?.count ?? 0) >= 2)
            #expect(bad.text.contains("/payload/ticketId"))
            let unknown = try await gateway.send(
                .POST, path, key: gateway.tenantKey, json: ["event": "ticket.exploded", "payload": [:]])
            #expect(unknown.status == 400)
            let dry = try await gateway.send(
                .POST, path, key: gateway.tenantKey,
                json: ["event": "user.logged_in", "dryRun": true, "payload": payload(1)])
            #expect(dry.status == 200, "\(dry.text)")
            #expect(dry.json.value(at: "/payload/tenantId")?.stringValue == gateway.tenantId.text)
            try await simulate(gateway, 2..<3)
            try await eventually("the real one has come back") {
                let page = try await gateway.send(
                    .GET, gateway.tenantPath + "/events?types=user.logged_in", key: gateway.tenantKey)
                return numbers(page.json["data"]?.arrayValue?.compactMap { $0["payload"] } ?? []) == [2]
            }
        }
    }

    @Test("a replay goes to one queue, in order, and to nobody else")
    func replay() async throws {
        try await GatewayUnderTest.with { gateway in
            try await gateway.broker.withClient { client in
                try await client.declareQueue("wanted", arguments: [:])
                try await client.declareQueue("bystander", arguments: [:])
                try await simulate(gateway, 0..<30)
                try await eventually("all have come back") {
                    try await gateway.send(
                        .GET, gateway.tenantPath + "/events?types=user.logged_in&limit=200", key: gateway.tenantKey
                    ).json["data"]?.arrayValue?.count == 30
                }
                try await client.bindQueue("bystander", to: "support", routingKey: "#")
                let body: JSON = [
                    "since": "2020-01-01T00:00:00Z", "queue": "wanted", "types": ["user.logged_in"],
                    "tenantId": .uuid(gateway.tenantId),
                ]
                let answer = try await gateway.send(.POST, "/v1/admin/events/replay", key: gateway.adminKey, json: body)
                #expect(answer.status == 200, "\(answer.text)")
                #expect(answer.json["replayed"]?.intValue == 30)
                let messages = try await client.browse("wanted", limit: 100)
                let history = try await gateway.send(
                    .GET, gateway.tenantPath + "/events?types=user.logged_in&limit=200", key: gateway.tenantKey)
                let kept = history.json["data"]?.arrayValue?.compactMap {
                    $0.value(at: "/payload/eventId")?.stringValue
                }
                #expect(messages.compactMap(\.message.messageId) == kept)
                #expect(try await client.queueStatus("bystander")?.messageCount == 0)
                let nowhere = try await gateway.send(
                    .POST, "/v1/admin/events/replay", key: gateway.adminKey,
                    json: ["since": "2020-01-01T00:00:00Z", "queue": "no such queue"])
                #expect(nowhere.status == 409)
                let forbidden = try await gateway.send(
                    .POST, "/v1/admin/events/replay", key: gateway.tenantKey, json: body)
                #expect(forbidden.status == 403)
            }
        }
    }

    @Test("dead letters: listed, shown, requeued, dropped")
    func deadLetters() async throws {
        try await GatewayUnderTest.with { gateway in
            let path = "/v1/admin/dead_letters"
            let none = try await gateway.send(.GET, path, key: gateway.adminKey)
            #expect(none.json["data"]?.arrayValue == [])
            let eventId = UUID.v7()
            try await gateway.broker.withClient { client in
                let outcome = try await client.publish(
                    AMQPPublication(
                        exchange: "support", routingKey: "support.user.created",
                        message: AMQPMessage(body: Array("not json".utf8), messageId: eventId.text)))
                #expect(outcome.isConfirmed)
            }
            try await eventually("the poison has been set aside") {
                try await gateway.send(.GET, path + "?service=gateway", key: gateway.adminKey)
                    .json["data"]?.arrayValue?.count == 1
            }
            let list = try await gateway.send(.GET, path, key: gateway.adminKey)
            #expect(list.json.value(at: "/data/0/reason")?.stringValue == "undecodable")
            let one = path + "/gateway/\(eventId.text)"
            let shown = try await gateway.send(.GET, one, key: gateway.adminKey)
            #expect(shown.status == 200, "\(shown.text)")
            #expect(try await gateway.send(.POST, one + "/requeue", key: gateway.adminKey).status == 200)
            try await eventually("it is back, because it is as bad as before") {
                try await gateway.send(.GET, one, key: gateway.adminKey).status == 200
            }
            #expect(try await gateway.send(.DELETE, one, key: gateway.adminKey).status == 204)
            #expect(try await gateway.send(.GET, one, key: gateway.adminKey).status == 404)
            #expect(try await gateway.send(.GET, path + "?service=nobody", key: gateway.adminKey).status == 404)
            #expect(try await gateway.send(.GET, path, key: gateway.tenantKey).status == 403)
        }
    }

    @Test("documents: the catalogue, AsyncAPI, the reader, the status")
    func documents() async throws {
        try await GatewayUnderTest.with { gateway in
            let catalog = try await gateway.send(.GET, "/v1/event_catalog", key: nil)
            let entries = catalog.json["data"]?.arrayValue ?? []
            #expect(entries.count >= 134)
            let created = try #require(entries.first { $0["event"]?.stringValue == "ticket.created" })
            #expect(created["schema"]?.stringValue == "payload.TicketCreated.v1")
            #expect(created["owner"]?.stringValue == "tickets")
            #expect(created["category"]?.stringValue == "Core")
            #expect(created["alias"]?.stringValue == "TICKET_CREATED")
            #expect(created["jsonSchema"]?["properties"]?["ticketId"] != nil)
            #expect(Set(entries.compactMap { $0["status"]?.stringValue }) == ["emitted", "catalog_only"])
            let asyncAPI = try await gateway.send(.GET, "/asyncapi.json", key: nil)
            #expect(asyncAPI.json["asyncapi"]?.stringValue == "3.0.0")
            let docs = try await gateway.send(.GET, "/docs", key: nil)
            #expect(docs.header("content-type") == "text/html; charset=utf-8")
            #expect(docs.header("content-security-policy")?.contains("script-src 'sha256-") == true)
            #expect(!docs.text.contains("https://"))
            let status = try await gateway.send(.GET, "/status", key: gateway.adminKey)
            #expect(status.json["status"]?.stringValue == "ok", "\(status.text)")
            #expect(status.json.value(at: "/services/0/residentBytes") != nil)
            let anonymous = try await gateway.send(.GET, "/status", key: nil)
            #expect(anonymous.json.value(at: "/services/0/residentBytes") == nil)
            #expect(anonymous.json.value(at: "/services/0/ready") == true)
            let page = try await gateway.send(.GET, "/status", key: nil, headers: [("accept", "text/html")])
            #expect(page.text.contains("All services are ready"))
        }
    }
}
