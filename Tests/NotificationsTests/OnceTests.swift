import Contracts
import Database
import Foundation
import HTTPTypes
import ServiceKit
import ServiceLifecycle
import ServiceLifecycleTestKit
import Synchronization
import TestKit
import Testing

@testable import Messaging
@testable import Notifications

/// Whatever the order, the number and the company in which events arrive, and however workers come and go.
@Suite("At most once")
struct OnceTests {
    @Test(
        "each recipient is told of each event, once per type, however often and wherever it is delivered",
        arguments: 0..<6)
    func events(seed: UInt64) async throws {
        let mail = TestChannel()
        try await NotificationsUnderTest.with(channels: [InAppChannel(), mail]) { desk in
            var dice = SeededGenerator(seed: seed)
            let agents = (0..<3).map { _ in UUID.v7() }
            for agent in agents { try await desk.user(agent, ["agent"]) }
            let boss = UUID.v7()
            try await desk.user(boss, ["supervisor"])
            var tickets: [UUID] = []
            for _ in 0..<3 {
                let holder = agents.randomElement(using: &dice) ?? boss
                tickets.append(try await desk.ticket(.v7(), ["assigneeId": .uuid(holder)]))
            }
            let events = (0..<20).map { number -> RawMessage in
                let ticket = tickets[number % tickets.count]
                return number % 3 == 0
                    ? desk.ticketEvent("ticket_sla_stage.breached", ticket, ["metric": "resolution"])
                    : desk.assigned(ticket, to: agents.randomElement(using: &dice) ?? boss)
            }
            // Some batches at once, each of some of the events, in any order, several times.
            var batches = events.map { [$0] }
            for _ in 0..<12 {
                batches.append(
                    (0..<Int.random(in: 1...15, using: &dice)).compactMap { _ in events.randomElement(using: &dice) })
            }
            batches.shuffle(using: &dice)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for batch in batches { group.addTask { try await desk.give(batch) } }
                try await group.waitForAll()
            }
            try await desk.deliver()
            let rows = try await desk.ok(.get, "notifications?limit=200")["data"]?.arrayValue ?? []
            let said = rows.map {
                "\($0["eventId"]?.stringValue ?? "") \($0["type"]?.stringValue ?? "") \($0["recipientId"]?.stringValue ?? "")"
            }
            #expect(Set(said).count == said.count)
            // Assignees of 13 assignments; assignee and supervisor of 7 breaches.
            #expect(said.count == 13 + 2 * 7)
            #expect(mail.messages.count == said.count)
            #expect(Set(mail.messages.map(\.notificationId)).count == said.count)
        }
    }

    @Test("a worker that is to stop takes nothing more, and notes what is under way")
    func draining() async throws {
        let gate = Mutex(false)
        let mail = TestChannel(concurrency: 1) { _ in
            while !gate.withLock({ $0 }), !Task.isCancelled { try? await Task.sleep(for: .milliseconds(5)) }
            return .success(DeliveryReceipt(providerMessageId: nil, isDelivered: false))
        }
        try await NotificationsUnderTest.with(channels: [mail]) { desk in
            _ = try await DeliveryTests.told(desk, 3)
            let worker = ChannelWorker(channel: mail, store: desk.service.store(of: mail))
            try await testGracefulShutdown { trigger in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await worker.run() }
                    try await eventually("one is under way") { mail.messages.count == 1 }
                    trigger.triggerGracefulShutdown()
                    gate.withLock { $0 = true }
                    try await group.waitForAll()
                }
            }
            let states = try await desk.deliveries().map { $0["state"]?.stringValue ?? "" }
            #expect(states.sorted() == ["queued", "queued", "sent"])
        }
    }

    @Test("somebody with several addresses on a channel gets it on each")
    func addresses() async throws {
        struct Phones: Feature {
            var numbers: [UUID: [String]] = [:]
            var channel = TestChannel(ChannelName.push)
            init(_ platform: Platform) {}
            init(_ numbers: [UUID: [String]]) { self.numbers = numbers }
            var channels: [any Channel] { [channel] }
            var sources: [AddressSource] {
                let numbers = numbers
                return [
                    AddressSource(channel: ChannelName.push) { users, _, _ in numbers.filter { users.contains($0.key) }
                    }
                ]
            }
        }
        let agent = UUID.v7()
        let phones = Phones([agent: ["one", "two"]])
        try await NotificationsUnderTest.with({ NotificationsService(database: $0, features: [phones]) }) { desk in
            try await desk.user(agent, ["agent"])
            try await desk.ok(
                .post, "notification_preferences", ["userId": .uuid(agent), "channels": ["push": true, "slack": true]])
            let ticket = try await desk.ticket()
            try await desk.give([desk.assigned(ticket, to: agent)])
            try await desk.deliver()
            #expect(phones.channel.messages.map(\.address).sorted() == ["one", "two"])
            // Nothing waits for a channel that nobody works.
            let channels = try await desk.deliveries().compactMap { $0["channel"]?.stringValue }
            #expect(channels.sorted() == ["in_app", "push", "push"])
        }
    }

    @Test("what is over is forgotten in time, what is under way is not")
    func upkeep() async throws {
        try await NotificationsUnderTest.with(channels: [InAppChannel(), TestChannel()]) { desk in
            let agent = try await DeliveryTests.told(desk, 3)
            try await desk.deliver()
            // One that still waits.
            try await desk.ok(.post, "notification_preferences", ["userId": .uuid(agent), "digest": "daily"])
            try await desk.give([desk.assigned(try await desk.ticket(), to: agent)])
            #expect(try await desk.service.upkeep.forget(at: .now + .seconds(399 * 86_400)) == 0)
            #expect(try await desk.service.upkeep.forget(at: .now + .seconds(401 * 86_400)) == 3)
            #expect(try await desk.ok(.get, "notifications")["data"]?.arrayValue?.count == 1)
            #expect(try await desk.deliveries().count == 2)
            let rates = try await desk.test.superuser("SELECT count(*) FROM notifications.notification_rates")
            #expect(rates[0][0] == "0")
        }
    }
}
