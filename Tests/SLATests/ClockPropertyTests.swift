import BusinessTime
import Contracts
import Foundation
import TestKit
import Testing

@testable import SLA

/// What holds for any history, over seeded random ones.
struct ClockPropertyTests {
    private func terms(_ generator: inout SeededGenerator) throws -> Terms {
        func document(_ hours: String) -> JSONObject {
            var document = TestTerms.all(Int64.random(in: 600...200_000, using: &generator), hours: hours)
            document["warnings"] = [
                ["percent": .int(Int64.random(in: 1...99, using: &generator))], ["secondsBefore": 900],
            ]
            document["escalations"] = [["afterSeconds": .int(Int64.random(in: 0...9_000, using: &generator))]]
            return document
        }
        var gold = document("business")
        gold["conditions"] = ["all": [["field": "ticket.tags", "operator": "contains", "value": "gold"]]]
        var late = TestTerms.office
        late["holidays"] = ["2026-06-03"]
        return try TestTerms.of(
            TestTerms.policy(gold, id: TestTerms.otherId, position: 1),
            TestTerms.policy(document("calendar"), position: 2),
            TestTerms.policy(
                document("business"), version: 2, from: "2026-06-02T12:00", position: 2,
                moves: Bool.random(using: &generator)),
            calendars: [try TestTerms.calendar(), try TestTerms.calendar(late, version: 2, from: "2026-06-02T10:00")])
    }

    private func story(_ generator: inout SeededGenerator) -> Story {
        var now = at("2026-06-01T08:00") + .seconds(Int64.random(in: 0...40_000, using: &generator))
        let statuses = TicketStatuses.all
        let first: JSON = .string(statuses.prefix(5).randomElement(using: &generator) ?? "open")
        var story = Story(now, ["status": first])
        for _ in 0..<Int.random(in: 0...25, using: &generator) {
            now = now + .milliseconds(Int64.random(in: 0...20_000_000, using: &generator))
            switch Int.random(in: 0..<9, using: &generator) {
            case 0...2: story.set("status", .string(statuses.randomElement(using: &generator) ?? "open"), now)
            case 3: story.set("priority", .string(TicketPriorities.all.randomElement(using: &generator) ?? "low"), now)
            case 4: story.set("tags", Bool.random(using: &generator) ? ["gold"] : [], now)
            case 5: story.happen(.agentReplied, now)
            case 6, 7: story.happen(.customerWrote, now)
            default: story.happen(Bool.random(using: &generator) ? .deleted : .restored, now)
            }
        }
        return story
    }

    private static let end = at("2026-06-20T00:00")

    @Test(arguments: 1...200 as ClosedRange<UInt64>)
    func anyOrderOfArrivalWithRepeatsGivesTheSameClocks(_ seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let terms = try terms(&generator)
        let facts = story(&generator).facts
        let clocks = TicketClocks(of: facts, terms: terms, asOf: Self.end).clocks
        for _ in 0..<3 {
            let repeated = facts + facts.filter { _ in Bool.random(using: &generator) }
            let other = TicketClocks(of: repeated.shuffled(using: &generator), terms: terms, asOf: Self.end).clocks
            #expect(other == clocks)
        }
    }

    /// Folding as far as a moment, for every moment, agrees with what the whole fold says of it: nothing that was told is
    /// taken back, nothing is told earlier than it is known.
    @Test(arguments: 1...100 as ClosedRange<UInt64>)
    func whatWasToldStays(_ seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let terms = try terms(&generator)
        let facts = story(&generator).facts
        var told: [String: [String]] = [:]
        for count in 1...facts.count {
            let until = count < facts.count ? facts[count].at : Self.end
            for instant in [facts[count - 1].at, until] {
                for clock in TicketClocks(of: Array(facts.prefix(count)), terms: terms, asOf: instant).clocks {
                    let key = "\(clock.metric) \(clock.instance)"
                    let keys = clock.history.map(\.key)
                    #expect(Array(keys.prefix(told[key]?.count ?? 0)) == told[key] ?? [], "\(key)")
                    told[key] = keys
                    for entry in clock.history { #expect(entry.at <= instant) }
                }
            }
        }
    }

    @Test(arguments: 1...100 as ClosedRange<UInt64>)
    func usedAndRemainingAddUpAndDeadlinesAreReached(_ seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let terms = try terms(&generator)
        let story = story(&generator)
        guard let last = story.facts.last?.at else { return }
        for clock in story.clocks(terms, asOf: last, live: true) {
            #expect(clock.usedSeconds + clock.remainingSeconds == max(clock.usedSeconds, clock.target.seconds))
            #expect(Set(clock.history.filter { $0.kind == .breached }).count <= 1)
            guard clock.state == .running, clock.used < clock.target.microseconds, let due = clock.targetAt else {
                continue
            }
            // At the deadline itself it still runs; a millisecond later it is missed. Unless the calendar has changed by then.
            guard !terms.eras.contains(where: { $0.from > last && $0.from <= due }) else { continue }
            let reached = story.clocks(terms, asOf: due, live: true).of(clock.metric, clock.instance)
            #expect(reached?.state == .running && reached?.used == clock.target.microseconds)
            let missed = story.clocks(terms, asOf: due + .milliseconds(1)).of(clock.metric, clock.instance)
            #expect(missed?.state == .breached && missed?.breachedAt == due)
        }
    }

    @Test(arguments: 1...100 as ClosedRange<UInt64>)
    func pauseAndResumeKeepTheTimeLeft(_ seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let hours = Bool.random(using: &generator) ? "business" : "calendar"
        let terms = try TestTerms.of(TestTerms.policy(TestTerms.all(500_000, hours: hours)))
        var story = Story(at("2026-06-01T08:00"))
        let pause = at("2026-06-01T08:00") + .milliseconds(Int64.random(in: 0...200_000_000, using: &generator))
        let resume = pause + .milliseconds(Int64.random(in: 0...500_000_000, using: &generator))
        story.set("status", "on_hold", pause)
        let paused = try #require(story.clocks(terms, asOf: resume, live: true).of(.resolution))
        story.set("status", "open", resume)
        let resumed = try #require(story.clocks(terms, asOf: resume, live: true).of(.resolution))
        #expect(paused.used == resumed.used && paused.state == .paused && resumed.state == .running)
        let due = try #require(resumed.targetAt)
        let scale: TimeScale = hours == "business" ? .business(try TestTerms.calendar().hours) : .calendar
        #expect(scale.elapsed(resume, due) == paused.target.microseconds - paused.used)
    }
}
