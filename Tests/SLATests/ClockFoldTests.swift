import BusinessTime
import Contracts
import Foundation
import TestKit
import Testing

@testable import SLA

/// What each metric counts, and what happens to its clock; all worked out by hand.
struct ClockFoldTests {
    private let hour: Int64 = 3_600

    @Test func `the first response runs from creation to the first public message of an agent`() throws {
        let terms = try TestTerms.of(TestTerms.policy(TestTerms.all(3_600)))
        var story = Story("2026-06-01T10:00")
        let running = try #require(story.clocks(terms, asOf: "2026-06-01T10:20").of(.firstResponse))
        #expect(running.state == .running)
        #expect(running.targetAt == at("2026-06-01T11:00"))
        story.reply("2026-06-01T10:30")
        let met = try #require(story.clocks(terms, asOf: "2026-06-01T12:00").of(.firstResponse))
        #expect(met.state == .met && met.usedSeconds == 1_800 && met.finishedAt == at("2026-06-01T10:30"))
    }

    @Test func `what happens exactly at the deadline is in time, and after it late`() throws {
        let terms = try TestTerms.of(TestTerms.policy(TestTerms.all(3_600)))
        var story = Story("2026-06-01T10:00")
        story.reply("2026-06-01T11:00")
        #expect(story.clocks(terms, asOf: "2026-06-01T11:00").of(.firstResponse)?.state == .met)
        var late = Story("2026-06-01T10:00")
        late.reply("2026-06-01T11:00:01Z")
        let clock = try #require(late.clocks(terms, asOf: "2026-06-01T12:00").of(.firstResponse))
        #expect(clock.state == .breached && clock.breachedAt == at("2026-06-01T11:00"))
        #expect(clock.overdueSeconds == 1)
        #expect(clock.history.map(\.kind) == [.entered, .breached, .finished])
    }

    @Test func `business hours are the calendar's`() throws {
        let terms = try TestTerms.of(TestTerms.policy(TestTerms.all(4 * hour, hours: "business")))
        let story = Story("2026-06-05T15:00")
        let clock = try #require(story.clocks(terms, asOf: "2026-06-05T16:00").of(.resolution))
        #expect(clock.targetAt == at("2026-06-08T11:00"))
        #expect(clock.calendarId == TestTerms.calendarId && clock.calendarVersion == 1)
    }

    @Test func `a next response runs from the oldest unanswered message`() throws {
        let terms = try TestTerms.of(TestTerms.policy(TestTerms.all(3_600)))
        var story = Story("2026-06-01T10:00")
        story.reply("2026-06-01T10:10")
        story.write("2026-06-01T10:20")
        story.write("2026-06-01T10:40")
        let first = try #require(story.clocks(terms, asOf: "2026-06-01T10:50").of(.nextResponse))
        #expect(first.startedAt == at("2026-06-01T10:20") && first.targetAt == at("2026-06-01T11:20"))
        story.reply("2026-06-01T11:00")
        story.write("2026-06-01T11:30")
        let clocks = story.clocks(terms, asOf: "2026-06-01T11:40")
        #expect(clocks.of(.nextResponse)?.state == .met && clocks.of(.nextResponse)?.usedSeconds == 2_400)
        #expect(clocks.of(.nextResponse, 2)?.startedAt == at("2026-06-01T11:30"))
    }

    @Test func `updates run from one message of an agent to the next, and pausable ones pause`() throws {
        let terms = try TestTerms.of(TestTerms.policy(TestTerms.all(3_600)))
        var story = Story("2026-06-01T10:00")
        #expect(story.clocks(terms, asOf: "2026-06-01T10:01").of(.periodicUpdate) == nil)
        story.reply("2026-06-01T10:10")
        story.status("waiting_for_response", "2026-06-01T10:20")
        story.status("in_progress", "2026-06-01T10:50")
        let clocks = story.clocks(terms, asOf: "2026-06-01T10:55")
        #expect(clocks.of(.periodicUpdate)?.targetAt == at("2026-06-01T11:10"))
        #expect(clocks.of(.pausableUpdate)?.targetAt == at("2026-06-01T11:40"))
        story.reply("2026-06-01T11:05")
        let after = story.clocks(terms, asOf: "2026-06-01T11:06")
        #expect(after.of(.periodicUpdate)?.state == .met && after.of(.pausableUpdate)?.state == .met)
        #expect(after.of(.pausableUpdate)?.usedSeconds == 1_500)
        #expect(after.of(.periodicUpdate, 2)?.startedAt == at("2026-06-01T11:05"))
    }

    @Test func `waiting, work and resolution count their own statuses`() throws {
        let terms = try TestTerms.of(TestTerms.policy(TestTerms.all(10 * hour)))
        var story = Story("2026-06-01T10:00")
        story.status("in_progress", "2026-06-01T11:00")
        story.status("on_hold", "2026-06-01T12:00")
        story.status("answered", "2026-06-01T14:00")
        story.status("waiting_for_response", "2026-06-01T15:00")
        story.status("open", "2026-06-01T16:00")
        story.status("resolved", "2026-06-01T17:00")
        let clocks = story.clocks(terms, asOf: "2026-06-02T00:00")
        // open 1 h, in progress 1 h, on hold 2 h, answered 1 h, waiting 1 h, open 1 h
        #expect(clocks.of(.requesterWait)?.usedSeconds == 5 * hour)
        #expect(clocks.of(.agentWork)?.usedSeconds == 3 * hour)
        #expect(clocks.of(.resolution)?.usedSeconds == 4 * hour)
        #expect(clocks.of(.resolution)?.state == .met)
        #expect(clocks.of(.firstResponse)?.state == .cancelled)
    }

    @Test func `a pause keeps the time left in the target's kind of time`() throws {
        let terms = try TestTerms.of(TestTerms.policy(TestTerms.all(4 * hour, hours: "business")))
        var story = Story("2026-06-05T15:00")
        story.status("on_hold", "2026-06-05T16:00")
        let paused = try #require(story.clocks(terms, asOf: "2026-06-07T00:00").of(.resolution))
        #expect(paused.state == .paused && paused.targetAt == nil && paused.remainingSeconds == 3 * hour)
        story.status("open", "2026-06-09T16:00")
        let resumed = try #require(story.clocks(terms, asOf: "2026-06-09T16:00").of(.resolution))
        // One hour on Tuesday, two on Wednesday.
        #expect(resumed.state == .running && resumed.targetAt == at("2026-06-10T11:00"))
    }

    @Test func `a ticket created in a pausing status is paused from second zero`() throws {
        let terms = try TestTerms.of(TestTerms.policy(TestTerms.all(3_600)))
        var story = Story("2026-06-01T10:00", ["status": "on_hold"])
        let paused = try #require(story.clocks(terms, asOf: "2026-06-03T10:00").of(.resolution))
        #expect(paused.state == .paused && paused.usedSeconds == 0 && paused.remainingSeconds == 3_600)
        story.status("open", "2026-06-03T10:00")
        #expect(
            story.clocks(terms, asOf: "2026-06-03T10:00").of(.resolution)?.targetAt == at("2026-06-03T11:00"))
    }

    @Test func `reopening goes on with the resolution where it stood`() throws {
        let terms = try TestTerms.of(TestTerms.policy(TestTerms.all(3_600)))
        var story = Story("2026-06-01T10:00")
        story.status("resolved", "2026-06-01T10:40")
        #expect(story.clocks(terms, asOf: "2026-06-02T10:00").of(.resolution)?.state == .met)
        story.status("open", "2026-06-02T10:00")
        let clock = try #require(story.clocks(terms, asOf: "2026-06-02T10:00").of(.resolution))
        #expect(clock.state == .running && clock.targetAt == at("2026-06-02T10:20") && clock.finishedAt == nil)
        #expect(story.clocks(terms, asOf: "2026-06-02T10:21").of(.resolution)?.state == .breached)
    }

    @Test func `another priority retargets with used time counted`() throws {
        let terms = try TestTerms.of(TestTerms.policy(TestTerms.all(2 * hour)))
        var story = Story("2026-06-01T10:00")
        story.set("priority", "urgent", "2026-06-01T10:45")
        let clock = try #require(story.clocks(terms, asOf: "2026-06-01T10:45").of(.resolution))
        #expect(clock.targetAt == at("2026-06-01T11:00") && clock.priority == "urgent")
        #expect(clock.history.last?.kind == .retargeted && clock.history.last?.reason == "priority")
        var late = Story("2026-06-01T10:00")
        late.set("priority", "urgent", "2026-06-01T11:30")
        let missed = try #require(late.clocks(terms, asOf: "2026-06-01T11:31").of(.resolution))
        #expect(missed.state == .breached && missed.breachedAt == at("2026-06-01T11:30"))
    }

    @Test func `a ticket without a target for its priority has no clock, and used time counts once it has one`() throws
    {
        let terms = try TestTerms.of(TestTerms.policy(TestTerms.all(2 * hour)))
        var story = Story("2026-06-01T10:00", ["priority": "low"])
        #expect(story.clocks(terms, asOf: "2026-06-01T10:30").isEmpty)
        story.set("priority", "normal", "2026-06-01T11:00")
        #expect(
            story.clocks(terms, asOf: "2026-06-01T11:00").of(.resolution)?.targetAt == at("2026-06-01T12:00"))
        story.set("priority", "low", "2026-06-01T11:10")
        #expect(story.clocks(terms, asOf: "2026-06-01T11:20").of(.resolution)?.state == .cancelled)
        story.set("priority", "normal", "2026-06-01T11:30")
        let clock = try #require(story.clocks(terms, asOf: "2026-06-01T11:30").of(.resolution))
        #expect(clock.state == .running && clock.targetAt == at("2026-06-01T12:00"))
    }

    @Test func `the first policy that matches counts, and another one retargets`() throws {
        var gold = TestTerms.all(hour)
        gold["conditions"] = ["all": [["field": "ticket.tags", "operator": "contains", "value": "gold"]]]
        let terms = try TestTerms.of(
            TestTerms.policy(gold, id: TestTerms.otherId, position: 1),
            TestTerms.policy(TestTerms.all(4 * hour), position: 2))
        var story = Story("2026-06-01T10:00")
        #expect(story.clocks(terms, asOf: "2026-06-01T10:00").of(.resolution)?.targetAt == at("2026-06-01T14:00"))
        story.set("tags", ["gold"], "2026-06-01T10:30")
        let clock = try #require(story.clocks(terms, asOf: "2026-06-01T10:30").of(.resolution))
        #expect(clock.policyId == TestTerms.otherId && clock.targetAt == at("2026-06-01T11:00"))
    }

    @Test func `a ticket keeps its policy's version unless the change moves tickets`() throws {
        func terms(moves: Bool) throws -> Terms {
            try TestTerms.of(
                TestTerms.policy(TestTerms.all(4 * hour)),
                TestTerms.policy(TestTerms.all(2 * hour), version: 2, from: "2026-06-01T11:00", moves: moves))
        }
        var story = Story("2026-06-01T10:00")
        story.set("subject", "New", "2026-06-01T11:30")
        let kept = story.clocks(try terms(moves: false), asOf: "2026-06-01T11:30").of(.resolution)
        #expect(kept?.policyVersion == 1 && kept?.targetAt == at("2026-06-01T14:00"))
        let moved = story.clocks(try terms(moves: true), asOf: "2026-06-01T11:30").of(.resolution)
        #expect(moved?.policyVersion == 2 && moved?.targetAt == at("2026-06-01T12:00"))
        let later = Story("2026-06-01T11:30").clocks(try terms(moves: false), asOf: "2026-06-01T11:30")
        #expect(later.of(.resolution)?.policyVersion == 2)
    }

    @Test func `an edited calendar moves the deadline and keeps used time`() throws {
        var early = TestTerms.office
        early["weeklyHours"] = ["mon": [["09:00", "12:00"]], "tue": [["09:00", "17:00"]]]
        let calendars = [
            try TestTerms.calendar(), try TestTerms.calendar(early, version: 2, from: "2026-06-01T11:00"),
        ]
        let terms = try TestTerms.of(
            TestTerms.policy(TestTerms.all(4 * hour, hours: "business")), calendars: calendars)
        let story = Story("2026-06-01T10:00")
        #expect(story.clocks(terms, asOf: "2026-06-01T10:59").of(.resolution)?.targetAt == at("2026-06-01T14:00"))
        let moved = try #require(story.clocks(terms, asOf: "2026-06-01T11:00").of(.resolution))
        // One hour used, one left on Monday, two on Tuesday.
        #expect(moved.targetAt == at("2026-06-02T11:00") && moved.calendarVersion == 2)
        #expect(moved.history.last?.reason == "calendar")
    }

    @Test func `warnings, breach and steps come in order, each once`() throws {
        var document = TestTerms.all(hour)
        document["warnings"] = [
            ["percent": 50], ["secondsBefore": 600], ["percent": 90, "metrics": ["first_response"]],
        ]
        document["escalations"] = [["afterSeconds": 0], ["afterSeconds": 1_800]]
        let terms = try TestTerms.of(TestTerms.policy(document))
        let story = Story("2026-06-01T10:00")
        let clock = try #require(story.clocks(terms, asOf: "2026-06-01T20:00").of(.resolution))
        #expect(
            clock.history.map { "\($0.kind.rawValue) \($0.at.rfc3339.dropFirst(11).prefix(5))" } == [
                "entered 10:00", "warning 10:30", "warning 10:50", "breached 11:00", "escalated 11:00",
                "escalated 11:30",
            ])
        let due = TicketClocks(of: story.facts, terms: terms, asOf: at("2026-06-01T10:40")).nextDue
        #expect(due == at("2026-06-01T10:50"))
    }

    @Test func `deleting and merging end clocks, restoring goes on`() throws {
        let terms = try TestTerms.of(TestTerms.policy(TestTerms.all(2 * hour)))
        var story = Story("2026-06-01T10:00")
        story.happen(.deleted, "2026-06-01T10:30")
        #expect(story.clocks(terms, asOf: "2026-06-01T20:00").allSatisfy { $0.state == .cancelled })
        story.happen(.restored, "2026-06-01T21:00")
        #expect(story.clocks(terms, asOf: "2026-06-01T21:00").of(.resolution)?.targetAt == at("2026-06-01T22:30"))
        var merged = Story("2026-06-01T10:00")
        merged.status("closed", "2026-06-01T10:30")
        merged.happen(.merged, "2026-06-01T10:30")
        #expect(merged.clocks(terms, asOf: "2026-06-01T20:00").allSatisfy { $0.state == .cancelled })
    }

    @Test func `a reply's reopening awaits a response whichever is told first`() throws {
        let terms = try TestTerms.of(TestTerms.policy(TestTerms.all(2 * hour)))
        var story = Story("2026-06-01T10:00")
        story.reply("2026-06-01T10:05")
        story.status("resolved", "2026-06-01T10:30")
        story.write("2026-06-01T12:00")
        story.status("open", "2026-06-01T12:00")
        #expect(story.clocks(terms, asOf: "2026-06-01T12:00").of(.nextResponse)?.startedAt == at("2026-06-01T12:00"))
    }
}
