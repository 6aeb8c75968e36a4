import Contracts
import Database
import Foundation
import Messaging
import ServiceKit
import ServiceLifecycle
import ServiceLifecycleTestKit
import Synchronization
import TestKit
import Testing

@testable import Notifications

@Suite("Processes that send")
struct CrewTests {
    @Test("count as alive for a time after a sign of life, and judge others only after a time without a gap")
    func signs() {
        let began = ContinuousClock.now
        let ttl = Duration.seconds(10)
        var state = Crew.State()
        /// Whether the process was silent for too long before.
        func renew(_ seconds: Int) -> Bool { state.renew(begun: began + .seconds(seconds), for: ttl) }
        func isAlive(_ seconds: Int) -> Bool { state.isAlive(at: began + .seconds(seconds)) }
        func mayJudge(_ seconds: Int) -> Bool { state.mayJudge(at: began + .seconds(seconds), after: ttl) }
        #expect(!isAlive(0) && !mayJudge(0))
        #expect(renew(0))
        #expect(isAlive(7) && !isAlive(8))
        #expect(!renew(5))
        #expect(!mayJudge(9))
        #expect(mayJudge(10))
        #expect(!mayJudge(13))
        // The database was away: the others were as silent.
        #expect(renew(20))
        #expect(!mayJudge(21))
        #expect(!renew(26))
        #expect(!mayJudge(29))
        #expect(mayJudge(30))
    }

    @Test("that die leave what they were at to the others, at once; those that live keep it")
    func takeover() async throws {
        let mail = TestChannel()
        try await NotificationsUnderTest.with(channels: [mail]) { desk in
            _ = try await DeliveryTests.told(desk, 3)
            let store = desk.service.store(of: mail)
            let ttl = Duration.seconds(1)
            let dead = Crew(database: desk.database, timeToLive: ttl)
            let alive = Crew(database: desk.database, timeToLive: .seconds(600))
            let heir = Crew(database: desk.database, timeToLive: ttl)
            for crew in [dead, alive, heir] { try await crew.beat() }
            #expect(dead.isAlive)
            let lost = try await store.turn(settling: [], claiming: 2, by: dead.shift.worker)
            let kept = try await store.turn(settling: [], claiming: 1, by: alive.shift.worker)
            #expect(lost.count == 2 && kept.count == 1)
            #expect(try await store.turn(settling: [], claiming: 9, by: heir.shift.worker).isEmpty)
            var freed = 0
            try await eventually("the dead one is missed") {
                freed += try await heir.beat()
                return freed > 0
            }
            #expect(freed == 2 && !dead.isAlive)
            // It turns out to live: what nobody has begun anew is its own to tell of.
            let receipt = DeliveryReceipt(providerMessageId: "m", isDelivered: false)
            _ = try await store.turn(settling: [lost[0].outcome(.sent(receipt), at: .now)], claiming: 0)
            let again = try await store.turn(settling: [], claiming: 9, by: heir.shift.worker)
            #expect(again.map(\.message.id) == [lost[1].message.id])
            let late = lost[1].outcome(.failed(.permanent(code: "x", detail: "", suppress: false)), at: .now)
            _ = try await store.turn(settling: [late], claiming: 0)
            let states = try await desk.deliveries("channel=email").map { $0["state"]?.stringValue ?? "" }
            #expect(states.sorted() == ["sending", "sending", "sent"])
        }
    }

    @Test("that stop leave nothing behind: what takes too long is given up and is anybody's")
    func leaving() async throws {
        let mail = TestChannel { _ in
            while !Task.isCancelled { try? await Task.sleep(for: .seconds(3_600)) }
            return .failure(.transient(code: "cancelled", detail: "", retryAfter: nil))
        }
        try await NotificationsUnderTest.with(channels: [mail]) { desk in
            _ = try await DeliveryTests.told(desk, 2)
            let crew = Crew(database: desk.database, grace: .milliseconds(100))
            let worker = ChannelWorker(channel: mail, store: desk.service.store(of: mail), shift: crew.shift)
            try await testGracefulShutdown { trigger in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await Sending(crew: crew, workers: [worker]).run() }
                    try await eventually("both are under way") { mail.messages.count == 2 }
                    trigger.triggerGracefulShutdown()
                    try await group.waitForAll()
                }
            }
            let rows = try await desk.deliveries("channel=email")
            #expect(rows.map { $0["state"] } == ["queued", "queued"])
            #expect(rows.map { $0["reason"] } == ["cancelled", "cancelled"])
            let members = try await desk.test.superuser("SELECT count(*) FROM notifications.delivery_members")
            #expect(members[0][0] == "0")
        }
    }

    /// Ends with an error the first time that it runs.
    private struct Stumbling: Service {
        let runs = Counter()

        final class Counter: Sendable {
            let value = Mutex(0)
        }

        func run() async throws {
            let isFirst = runs.value.withLock { runs in
                runs += 1
                return runs == 1
            }
            if isFirst { throw CancellationError() }
            try await gracefulShutdown()
        }
    }

    @Test("run a worker again that fails")
    func stumbling() async throws {
        try await NotificationsUnderTest.with { desk in
            let worker = Stumbling()
            let crew = Crew(database: desk.database)
            try await testGracefulShutdown { trigger in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await Sending(crew: crew, workers: [worker]).run() }
                    try await eventually("it runs again") { worker.runs.value.withLock { $0 } == 2 }
                    trigger.triggerGracefulShutdown()
                    try await group.waitForAll()
                }
            }
        }
    }

    @Test("send nothing that they took on before they were silent for too long")
    func lapsed() async throws {
        let mail = TestChannel()
        try await NotificationsUnderTest.with(channels: [mail]) { desk in
            _ = try await DeliveryTests.told(desk)
            let asked = Mutex(0)
            // Alive when it takes the message on, and not any more when it is about to send it.
            let shift = Shift(isAlive: {
                asked.withLock { count in
                    count += 1
                    return count == 1
                }
            })
            let worker = ChannelWorker(channel: mail, store: desk.service.store(of: mail), shift: shift)
            try await desk.running([worker]) {
                try await eventually("it is put back") {
                    try await desk.deliveries("reason=lapsed").count == 1
                }
            }
            #expect(mail.messages.isEmpty)
        }
    }
}

/// Real processes over a real database, and a mail server that notes what it took and what it knows to be known.
@Suite("Mail of a process that is killed", .serialized)
struct MailProcessTests {
    private static let mails = 300

    /// What a connection did.
    private struct Journal: Sendable {
        /// Messages that were taken, by connection.
        var taken: [Int: Int] = [:]
        /// Of those, such as were followed by a command: the sender has read the reply.
        var known: [Int: Int] = [:]
    }

    @Test("arrives, all of it; twice only where the reply may have been lost")
    func killed() async throws {
        let broker = try await TestBroker.fresh()
        let journal = Mutex(Journal())
        let schema = TestSchema(NotificationsService.name, NotificationsService.allMigrations)
        try await TestDatabase.with([schema]) { test in
            try await SMTPSink.with(react: { moment, connection in
                journal.withLock { journal in
                    switch moment {
                    case .message: journal.taken[connection, default: 0] += 1
                    case .command: journal.known[connection] = journal.taken[connection]
                    case .connected: break
                    }
                }
                return .usual
            }) { sink in
                var environment = SpawnedService.environment(
                    NotificationsService.name, database: test, amqpURL: broker.url)
                environment["SMTP_URL"] = "smtp://127.0.0.1:\(sink.port)?tls=none"
                _ = try await test.superuser(Self.queue(tenant: UUID.v7().text))
                try await withService(NotificationsService.name, environment) { process in
                    try await eventually("some mail has gone out") { sink.messages.count > Self.mails / 4 }
                    process.send(SIGKILL)
                    _ = try await process.ended()
                }
                #expect(sink.messages.count < Self.mails)
                // Well before the lease of what the killed one had under way.
                try await withService(NotificationsService.name, environment) { _ in
                    try await eventually("all mail is sent", within: .seconds(120)) {
                        try await test.superuser(
                            "SELECT count(*) FROM notifications.notification_deliveries WHERE state = 'sent'")[0][0]
                            == "\(Self.mails)"
                    }
                }
                try Self.check(sink.messages, known: journal.withLock { $0.known })
            }
        }
    }

    private static func check(_ messages: [SMTPSink.Message], known: [Int: Int]) throws {
        var counts: [Int: Int] = [:]
        var knownIds: Set<String> = []
        var ids: Set<String> = []
        for message in messages {
            counts[message.connection, default: 0] += 1
            let text = String(decoding: message.bytes, as: UTF8.self)
            let line = try #require(text.split(separator: "\r\n").first { $0.hasPrefix("Message-ID:") })
            let id = String(line)
            #expect(!knownIds.contains(id), "sent again although the reply to it was read")
            ids.insert(id)
            if counts[message.connection, default: 0] <= known[message.connection] ?? 0 { knownIds.insert(id) }
        }
        #expect(ids.count == mails)
        print("mail of a killed process: \(messages.count) messages, \(ids.count) different")
    }

    private static func queue(tenant: String) -> String {
        """
        WITH made AS (
            INSERT INTO notifications.notifications (
                tenant_id, id, version, created_at, updated_at, event_id, type, recipient_id, recipient_kind, locale,
                title, body, is_mandatory, in_inbox)
            SELECT '\(tenant)', gen_random_uuid(), 1, now(), now(), gen_random_uuid(), 'ticket_assigned',
                gen_random_uuid(), 'address', 'en', 'Ticket ' || n, '', false, false
            FROM generate_series(1, \(mails)) AS n
            RETURNING tenant_id, id, recipient_id, title
        )
        INSERT INTO notifications.notification_deliveries (
            tenant_id, id, created_at, updated_at, notification_id, channel, recipient_id, address, state, attempts,
            due_at, digest, subject, text)
        SELECT tenant_id, gen_random_uuid(), now(), now(), id, 'email', recipient_id,
            'r.' || recipient_id || '@example.com', 'queued', 0, now(), 'immediate', title, 'text'
        FROM made
        """
    }
}
