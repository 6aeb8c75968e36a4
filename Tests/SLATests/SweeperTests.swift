import Contracts
import Database
import Foundation
import TestKit
import Testing

@testable import SLA

/// What the passing of time does, and what it does not wait for.
struct SweeperTests {
    @Test func `a backlog is told in the order in which it fell due, whichever ticket it is of`() async throws {
        try await Harness.with { harness in
            try await harness.policy(
                ["resolution": 600], ["warnings": [["percent": 50]], "escalations": [["afterSeconds": 120]]])
            let start = Timestamp.now + .seconds(1)
            // Each ticket's alerts lie between those of many others.
            for minute in (0..<20).reversed() {
                let created = start + .seconds(Int64(minute) * 30)
                try await harness.tell(UUID.v7(), Story(created).facts, asOf: start + .seconds(1))
            }
            var sweeper = harness.service.sweeper
            sweeper.batch = 5
            let back = start + .seconds(3_600)
            while try await sweeper.sweep(at: back).folded > 0 {}
            let alerts = try await harness.events().filter { !$0.name.hasSuffix("entered") }
            #expect(alerts.count == 60)
            let instants = alerts.compactMap { $0.payload.text("occurredAt") }
            #expect(instants == instants.sorted() && Set(instants).count > 30)
            // How late it is told is measured from now, however far a batch reached.
            let breach = try #require(alerts.first { $0.name.hasSuffix("breached") })
            #expect(breach.payload["overdueBySeconds"] == 3_000)
        }
    }

    @Test func `a change of one tenant's terms keeps nobody else waiting`() async throws {
        try await Harness.with { harness in
            let other = harness.another()
            for one in [harness, other] { try await one.policy(["resolution": 60], ["warnings": []]) }
            let start = Timestamp.now + .seconds(1)
            // The tenant whose terms change has more due, and earlier, than a batch holds.
            for _ in 0..<10 { try await harness.tell(UUID.v7(), Story(start).facts, asOf: start) }
            try await other.tell(UUID.v7(), Story(start + .seconds(1)).facts, asOf: start)
            var sweeper = harness.service.sweeper
            sweeper.batch = 5
            let late = start + .seconds(600)
            try await harness.database.transaction(as: .admin) { [sweeper] change in
                try await change.execute(
                    "SELECT pg_advisory_xact_lock(\(TermsStore.lockKey("\(harness.tenant.text)")))")
                let first = try await sweeper.sweep(at: late)
                #expect(first.busy == [harness.tenant] && first.folded == 0)
                let second = try await sweeper.sweep(at: late, passingOver: first.busy)
                #expect(second.folded == 1 && second.busy.isEmpty)
            }
            #expect(try await other.events().last?.name == "ticket_sla_stage.breached")
            #expect(try await harness.events().allSatisfy { $0.name == "ticket_sla_stage.entered" })
            try await harness.sweep(at: late)
            #expect(try await harness.events().count == 20)
        }
    }

    @Test func `a ticket that can't be folded keeps no other waiting`() async throws {
        try await Harness.with { harness in
            try await harness.policy(["resolution": 60], ["warnings": []])
            let start = Timestamp.now + .seconds(1)
            let tickets = (0..<3).map { _ in UUID.v7() }
            for ticket in tickets { try await harness.tell(ticket, Story(start).facts, asOf: start) }
            // A row that the database refuses.
            _ = try await harness.test.superuser(
                """
                ALTER TABLE sla.sla_clocks ADD CONSTRAINT refused
                CHECK (ticket_id <> '\(tickets[1].text)' OR state <> 'breached')
                """)
            let late = start + .seconds(600)
            await #expect(throws: (any Error).self) { try await harness.sweep(at: late) }
            try await harness.service.sweeper.sweepOneByOne(at: late)
            let breached = try await harness.events().filter { $0.name == "ticket_sla_stage.breached" }
            #expect(Set(breached.compactMap { $0.payload.text("ticketId") }) == [tickets[0].text, tickets[2].text])
            // It is out of the way, and tried again later.
            try await harness.sweep(at: late)
            await #expect(throws: (any Error).self) { try await harness.sweep(at: late + .seconds(301)) }
        }
    }

    @Test func `what is committed wakes a sweeper that sleeps, and nothing is told before its time`() async throws {
        try await Harness.with { harness in
            try await harness.policy(["resolution": 1], ["warnings": [["percent": 50]]])
            let sweeping = Task { try await harness.service.sweeper.run() }
            for _ in 0..<5 {
                let ticket = UUID.v7()
                try await harness.tell(ticket, Story(Timestamp.now).facts)
                try await eventually("the breach is told") {
                    try await harness.events().contains {
                        $0.name == "ticket_sla_stage.breached" && $0.payload.text("ticketId") == ticket.text
                    }
                }
            }
            sweeping.cancel()
            _ = await sweeping.result
            #expect(try await harness.events().count == 15)
            let early = try await harness.database.transaction(as: .admin) { tx in
                try await tx.first("SELECT count(*) FROM events WHERE recorded_at < occurred_at")
                    .map { try $0.get(0, as: Int64.self) }
            }
            #expect(early == 0)
        }
    }

    @Test func `an alarm wakes for what is earlier, told before or during sleep`() async throws {
        let alarm = DueAlarm()
        let far = Timestamp.now + .seconds(3_600)
        // Told between the look and the sleep.
        alarm.reset()
        alarm.set(far - .seconds(1))
        await alarm.sleep(until: far)
        // Told during sleep, after something later that does not matter.
        alarm.reset()
        let sleeping = Task { await alarm.sleep(until: far) }
        try await eventually("somebody sleeps") { alarm.isAsleep }
        alarm.set(far + .seconds(1))
        #expect(alarm.isAsleep)
        alarm.set(far - .seconds(1))
        await sleeping.value
        // Who is told to end does.
        alarm.reset()
        let ended = Task { await alarm.sleep(until: far) }
        try await eventually("somebody sleeps") { alarm.isAsleep }
        ended.cancel()
        await ended.value
        #expect(!alarm.isAsleep)
    }
}
