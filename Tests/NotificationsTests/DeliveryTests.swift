import Contracts
import Database
import Foundation
import HTTPTypes
import ServiceKit
import Synchronization
import TestKit
import Testing

@testable import Messaging
@testable import Notifications

@Suite("Deliveries")
struct DeliveryTests {
    /// A tenant with an agent who has just been told of `count` tickets.
    static func told(_ desk: NotificationsUnderTest, _ count: Int = 1, _ members: JSONObject = [:]) async throws -> UUID
    {
        let agent = UUID.v7()
        try await desk.user(agent, ["agent"], members)
        let ticket = try await desk.ticket()
        try await desk.give((0..<count).map { _ in desk.assigned(ticket, to: agent) })
        return agent
    }

    @Test("that fail for the moment are tried again, later each time, and given up after ten tries")
    func retries() async throws {
        let mail = TestChannel { _ in .failure(.transient(code: "451", detail: "try later", retryAfter: nil)) }
        try await NotificationsUnderTest.with(channels: [mail]) { desk in
            _ = try await Self.told(desk)
            var now = Timestamp.now
            for attempt in 1...Backoff.triesMax {
                try await desk.deliver(at: now)
                #expect(mail.messages.count == attempt)
                let row = try #require(try await desk.deliveries("channel=email").first)
                #expect(row["attempts"] == .int(Int64(attempt)) && row["reason"] == "451")
                if attempt < Backoff.triesMax {
                    #expect(row["state"] == "queued")
                    let due = try #require(row["dueAt"]?.timestampValue)
                    #expect(due >= now + Backoff.first && due <= now + Backoff.longest)
                    try await desk.deliver(at: due - .milliseconds(1))
                    #expect(mail.messages.count == attempt)
                    now = due
                } else {
                    #expect(row["state"] == "failed")
                }
            }
            try await desk.deliver(at: now + .seconds(86_400))
            #expect(mail.messages.count == Backoff.triesMax)
            #expect(Set(mail.messages.map(\.id)).count == 1)
            #expect(mail.messages.map(\.attempt) == Array(1...Backoff.triesMax))
            #expect(try await desk.events("notification.failed").count == 1)
        }
    }

    @Test("that can't ever succeed fail at once, and their address is written to no more")
    func permanentFailure() async throws {
        let mail = TestChannel { _ in .failure(.permanent(code: "550", detail: "no such user", suppress: true)) }
        try await NotificationsUnderTest.with(channels: [mail]) { desk in
            _ = try await Self.told(desk, 2)
            // One at a time: the second finds the address on the list.
            let store = desk.service.store(of: mail)
            let first = try await store.turn(settling: [], claiming: 1)
            let outcome = try #require(first.first).outcome(
                .failed(.permanent(code: "550", detail: "no such user", suppress: true)), at: .now)
            _ = try await store.turn(settling: [outcome], claiming: 0)
            try await desk.deliver()
            #expect(mail.messages.isEmpty)
            let states = try await desk.deliveries("channel=email").map {
                "\($0["state"]?.stringValue ?? "") \($0["reason"]?.stringValue ?? "")"
            }
            #expect(states.sorted() == ["failed 550", "skipped suppressed"])
            let listed = try await desk.ok(.get, "notification_suppressions")["data"]?.arrayValue ?? []
            #expect(listed.map { $0["reason"]?.stringValue } == ["hard_bounce"])
            #expect(try await desk.events("notification_suppression.created").count == 1)
            // Lifted by hand, the failed one is tried again under its id.
            try await desk.send(.delete, "notification_suppressions/\(listed[0]["id"]?.stringValue ?? "")")
            let failed = try await desk.deliveries("state=failed")
            let retried = try await desk.ok(
                .post, "notification_deliveries/\(failed[0]["id"]?.stringValue ?? "")/retry")
            #expect(retried["state"] == "queued" && retried["attempts"] == 0)
            try await desk.deliver()
            #expect(mail.messages.map { JSON.uuid($0.id) } == [failed[0]["id"]])
            let path = "notification_deliveries/\(failed[0]["id"]?.stringValue ?? "")/retry"
            #expect(try await desk.send(.post, path, as: desk.caller(["notifications.read"])).status == 403)
            try await desk.ok(.post, path)
            #expect(try await desk.send(.post, path).status == 409)
        }
    }

    @Test("to chats are told of as others are, in the version of the events that knows them")
    func chats() async throws {
        let hooks = AddressSource(channel: ChannelName.slack) { users, _, _ in
            Dictionary(uniqueKeysWithValues: users.map { ($0, ["hook"]) })
        }
        struct Chats: Feature {
            var channels: [any Channel] = []
            var sources: [AddressSource] = []
            init(_ platform: Platform) {}
            init(_ channel: TestChannel, _ source: AddressSource) { (channels, sources) = ([channel], [source]) }
        }
        let slack = TestChannel(ChannelName.slack) { _ in
            .success(DeliveryReceipt(providerMessageId: nil, isDelivered: true))
        }
        try await NotificationsUnderTest.with({
            NotificationsService(database: $0, features: [Chats(slack, hooks)])
        }) { desk in
            let agent = UUID.v7()
            try await desk.user(agent, ["agent"])
            try await desk.ok(
                .post, "notification_preferences", ["userId": .uuid(agent), "channels": ["slack": true]])
            try await desk.give([desk.assigned(try await desk.ticket(), to: agent)])
            try await desk.deliver()
            #expect(slack.messages.count == 1)
            let rows = try await desk.database.transaction(as: .tenant(desk.tenant), readOnly: true) { tx in
                try await tx.query(
                    "SELECT name, schema_version::bigint, payload FROM events WHERE name LIKE 'notification.%' ORDER BY position"
                ).map { try $0.decode((String, Int64, String).self) }
            }
            let chats = try rows.map { ($0.0, $0.1, try JSON.parse($0.2)) }.filter { $0.2["channel"] == "slack" }
            #expect(chats.map { "\($0.0) \($0.1)" } == ["notification.sent 2", "notification.delivered 2"])
            #expect(rows.filter { $0.1 == 1 }.map(\.0) == ["notification.sent", "notification.delivered"])
            for (name, version, payload) in chats {
                let contract = try #require(
                    OtherChannels.contracts.first { $0.name == name && Int64($0.version) == version })
                #expect(JSONSchema.validate(payload, against: contract.schema).isEmpty)
                #expect(JSONSchema.validate(contract.example, against: contract.schema).isEmpty)
            }
        }
    }

    @Test("are noted whatever the far side calls them; none keeps the others of its channel waiting")
    func oddReceipts() async throws {
        let odd = String((0..<20_000).map { _ in "0123456789abcdefghijklmnopqrstuvwxyz".randomElement() ?? "x" }) + "\0"
        let sms = TestChannel { _ in .success(DeliveryReceipt(providerMessageId: odd, isDelivered: false)) }
        try await NotificationsUnderTest.with(channels: [sms]) { desk in
            _ = try await Self.told(desk, 2)
            try await desk.deliver()
            let rows = try await desk.deliveries("state=sent")
            #expect(rows.count == 2)
            #expect(rows.allSatisfy { $0["providerMessageId"]?.stringValue == String(odd.prefix(500)) })
        }
    }

    @Test("of a worker that died are taken over when its lease is over, under the same id; the dead one is not heard")
    func killedLease() async throws {
        let mail = TestChannel()
        try await NotificationsUnderTest.with(channels: [mail]) { desk in
            _ = try await Self.told(desk)
            var store = desk.service.store(of: mail)
            store.lease = .seconds(60)
            let now = Timestamp.now
            let dead = try await store.turn(settling: [], claiming: 10, now: now)
            #expect(dead.count == 1)
            #expect(try await store.turn(settling: [], claiming: 10, now: now + .seconds(59)).isEmpty)
            let heir = try await store.turn(settling: [], claiming: 10, now: now + .seconds(61))
            #expect(heir.map(\.message.id) == dead.map(\.message.id))
            #expect(heir.first?.message.attempt == 2)
            let late = dead.map { $0.outcome(.failed(.permanent(code: "x", detail: "", suppress: false)), at: now) }
            _ = try await store.turn(settling: late, claiming: 0, now: now)
            #expect(try await desk.deliveries("channel=email").first?["state"] == "sending")
            let receipt = DeliveryReceipt(providerMessageId: "m-1", isDelivered: false)
            _ = try await store.turn(settling: heir.map { $0.outcome(.sent(receipt), at: now) }, claiming: 0, now: now)
            let row = try #require(try await desk.deliveries("channel=email").first)
            #expect(row["state"] == "sent" && row["providerMessageId"] == "m-1")
            #expect(try await desk.events("notification.sent").count == 1)
        }
    }

    @Test("are shared by workers, each sent once; what is under way when one stops is noted")
    func workers() async throws {
        let mail = TestChannel(concurrency: 4) { _ in
            await Task.yield()
            return .success(DeliveryReceipt(providerMessageId: nil, isDelivered: false))
        }
        try await NotificationsUnderTest.with(channels: [InAppChannel(), mail]) { desk in
            let workers = desk.service.channels.flatMap { channel in
                (0..<3).map { _ in ChannelWorker(channel: channel, store: desk.service.store(of: channel)) }
            }
            try await desk.running(workers) {
                for _ in 0..<5 { _ = try await Self.told(desk, 20) }
                try await eventually("everything is sent") {
                    try await desk.deliveries("state=sent,delivered").count == 200
                }
            }
            #expect(mail.messages.count == 100)
            #expect(Set(mail.messages.map(\.id)).count == 100)
            #expect(try await desk.events("notification.sent").count == 200)
        }
    }

    @Test("of one channel wait for no other")
    func slowChannel() async throws {
        let gate = Gate()
        let mail = TestChannel(concurrency: 1) { _ in
            await gate.wait()
            return .success(DeliveryReceipt(providerMessageId: nil, isDelivered: false))
        }
        try await NotificationsUnderTest.with(channels: [InAppChannel(), mail]) { desk in
            let workers = desk.service.channels.map { ChannelWorker(channel: $0, store: desk.service.store(of: $0)) }
            try await desk.running(workers) {
                _ = try await Self.told(desk, 10)
                try await eventually("the app shows all") { try await desk.deliveries("state=delivered").count == 10 }
                try await eventually("a mail is under way") { mail.messages.count == 1 }
                #expect(try await desk.deliveries("state=sent").isEmpty)
                gate.open()
                try await eventually("the mails follow") { try await desk.deliveries("state=sent").count == 10 }
            }
        }
    }

    /// Holds everybody back until it is opened.
    private final class Gate: Sendable {
        private let isOpen = Mutex(false)

        func open() { isOpen.withLock { $0 = true } }

        func wait() async {
            while !isOpen.withLock({ $0 }), !Task.isCancelled { try? await Task.sleep(for: .milliseconds(5)) }
        }
    }

    @Test("beyond what a recipient is to get in an hour wait, and none is lost")
    func rateLimits() async throws {
        let mail = TestChannel()
        let limits = RateLimits(recipientHourlyMax: 3, tenantMinuteMax: 5)
        try await NotificationsUnderTest.with(channels: [InAppChannel(), mail], limits: limits) { desk in
            let (one, two) = (try await Self.told(desk, 8), try await Self.told(desk, 4))
            func sent(_ id: UUID) -> Int { mail.messages.count { $0.recipientId == id } }
            // In the middle of an hour and a minute, so that no window ends meanwhile.
            let hour =
                Timestamp(milliseconds: (Timestamp.now.milliseconds / 3_600_000 + 2) * 3_600_000) + .seconds(1_830)
            try await desk.deliver(at: hour)
            #expect(mail.messages.count == 5)
            #expect(sent(one) <= 3 && sent(two) <= 3)
            try await desk.deliver(at: hour + .seconds(60))
            #expect((sent(one), sent(two)) == (3, 3))
            for hours in 1...3 { try await desk.deliver(at: hour + .seconds(3_600 * hours)) }
            #expect((sent(one), sent(two)) == (8, 4))
            #expect(Set(mail.messages.map(\.attempt)) == [1])
            #expect(try await desk.deliveries("state=delivered&channel=in_app").count == 12)
        }
    }

    @Test("wait for their digest, which loses none", arguments: 0..<4)
    func digests(seed: UInt64) async throws {
        let mail = TestChannel()
        try await NotificationsUnderTest.with(channels: [InAppChannel(), mail]) { desk in
            var dice = SeededGenerator(seed: seed)
            let agent = UUID.v7()
            try await desk.user(agent, ["agent"])
            try await desk.ok(.post, "notification_preferences", ["userId": .uuid(agent), "digest": "hourly"])
            var keys: Set<String> = []
            for _ in 0..<Int.random(in: 2...6, using: &dice) {
                let tickets = Int.random(in: 1...70, using: &dice)
                var events: [RawMessage] = []
                for _ in 0..<tickets {
                    let key = "T-\(keys.count + 100)"
                    keys.insert(key)
                    let ticket = try await desk.ticket(.v7(), ["key": .string(key)])
                    events.append(desk.assigned(ticket, to: agent))
                }
                try await desk.give(events)
            }
            let digests = desk.service.digests
            #expect(try await digests.gatherDue(at: .now) == 0)
            try await desk.deliver()
            #expect(mail.messages.isEmpty)
            let later = Timestamp.now + .seconds(3_700)
            // Several processes gather at once.
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<3 { group.addTask { while try await digests.gatherDue(at: later) > 0 {} } }
                try await group.waitForAll()
            }
            while try await digests.gatherDue(at: later) > 0 {}
            try await desk.deliver(at: later + .seconds(1))
            for key in keys { #expect(mail.messages.count { $0.text.contains("\(key),") } == 1, "\(key)") }
            #expect(mail.messages.count <= keys.count / 2 + 3)
            let waiting = try await desk.test.superuser(
                "SELECT count(*) FROM notifications.notification_deliveries WHERE state IN ('queued', 'sending')")
            #expect(waiting[0][0] == "0")
            #expect(try await desk.events("notification.sent").count { $0.payload["channel"] == "email" } >= keys.count)
        }
    }

    @Test("of a digest fare as it does, also when it is tried again")
    func failedDigest() async throws {
        let works = Mutex(false)
        let mail = TestChannel { _ in
            works.withLock { $0 }
                ? .success(DeliveryReceipt(providerMessageId: nil, isDelivered: false))
                : .failure(.permanent(code: "550", detail: "no", suppress: false))
        }
        try await NotificationsUnderTest.with(channels: [mail]) { desk in
            let agent = UUID.v7()
            try await desk.user(agent, ["agent"])
            try await desk.ok(.post, "notification_preferences", ["userId": .uuid(agent), "digest": "daily"])
            let ticket = try await desk.ticket()
            try await desk.give((0..<3).map { _ in desk.assigned(ticket, to: agent) })
            let later = Timestamp.now + .seconds(90_000)
            #expect(try await desk.service.digests.gatherDue(at: later) == 3)
            try await desk.deliver(at: later)
            #expect(try await desk.deliveries("state=failed&channel=email").count == 4)
            works.withLock { $0 = true }
            let digest = try #require(
                try await desk.deliveries("state=failed").first { $0["subject"]?.stringValue?.hasPrefix("3 ") == true })
            try await desk.ok(.post, "notification_deliveries/\(digest["id"]?.stringValue ?? "")/retry")
            try await desk.deliver(at: later)
            #expect(try await desk.deliveries("state=sent&channel=email").count == 4)
        }
    }
}
