import Contracts
import TestKit
import Testing

@testable import BusinessTime

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What holds for any calendar and any instants, over seeded random ones.
struct PropertyTests {
    static let zones = [
        "UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo", "Asia/Tehran",
        "Africa/Casablanca", "Pacific/Apia", "Asia/Kathmandu", "Europe/Dublin", "America/St_Johns",
    ]

    private func world(_ seed: UInt64) throws -> (SeededGenerator, WorkingHours) {
        var generator = SeededGenerator(seed: seed)
        let calendar = generator.calendar(zones: Self.zones)
        return (generator, try hours(calendar))
    }

    private static let most: Int64 = 40 * 86_400_000

    @Test(arguments: 1...60 as ClosedRange<UInt64>)
    func deadlineThenElapsedGivesTheTimeBack(_ seed: UInt64) throws {
        var (generator, hours) = try world(seed)
        for _ in 0..<40 {
            let start = generator.instant(years: 1_990...2_060)
            let time = Int64.random(in: 0...Self.most, using: &generator) * 1_000
            let due = try hours.deadline(from: start, microseconds: time)
            #expect(try hours.elapsed(from: start, to: due) == time)
            let segments = try hours.segments(from: start, to: due)
            #expect(segments.map(\.microseconds).reduce(0, +) == time)
        }
    }

    @Test(arguments: 1...60 as ClosedRange<UInt64>)
    func deadlineWithPausesCountsWhatThePausesLeave(_ seed: UInt64) throws {
        var (generator, hours) = try world(seed)
        for _ in 0..<20 {
            let start = generator.instant(years: 1_990...2_060)
            let pauses = (0..<Int.random(in: 0...4, using: &generator)).map { _ in
                let from = start + .milliseconds(Int64.random(in: -86_400_000...864_000_000, using: &generator))
                return Segment(
                    from: from, to: from + .milliseconds(Int64.random(in: 0...400_000_000, using: &generator)))
            }
            let time = Int64.random(in: 0...Self.most / 10, using: &generator) * 1_000
            let due = try hours.deadline(from: start, microseconds: time, pauses: pauses)
            let segments = try hours.segments(from: start, to: due, pauses: pauses)
            #expect(segments.map(\.microseconds).reduce(0, +) == time)
        }
    }

    @Test(arguments: 1...60 as ClosedRange<UInt64>)
    func elapsedAddsUpOverSplits(_ seed: UInt64) throws {
        var (generator, hours) = try world(seed)
        for _ in 0..<40 {
            let cuts = (0..<4).map { _ in generator.instant(years: 2_020...2_030) }.sorted()
            let parts = try zip(cuts, cuts.dropFirst()).map { try hours.elapsed(from: $0, to: $1) }
            #expect(try hours.elapsed(from: cuts[0], to: cuts[3]) == parts.reduce(0, +))
        }
    }

    @Test(arguments: 1...60 as ClosedRange<UInt64>)
    func aDeadlineIsOpenOrAClosingInstant(_ seed: UInt64) throws {
        var (generator, hours) = try world(seed)
        for _ in 0..<40 {
            let start = generator.instant(years: 1_990...2_060)
            let time = Int64.random(in: 0...Self.most, using: &generator) * 1_000
            let due = try hours.deadline(from: start, microseconds: time)
            let isOpen = try hours.isOpen(at: due)
            #expect(try isOpen || time > 0 && hours.isOpen(at: Timestamp(microseconds: due.microseconds - 1)))
        }
    }

    @Test(arguments: 1...60 as ClosedRange<UInt64>)
    func deadlinesAreMonotone(_ seed: UInt64) throws {
        var (generator, hours) = try world(seed)
        for _ in 0..<40 {
            let starts = (0..<2).map { _ in generator.instant(years: 2_020...2_022) }.sorted()
            let times = (0..<2).map { _ in Int64.random(in: 0...Self.most, using: &generator) * 1_000 }.sorted()
            #expect(
                try hours.deadline(from: starts[0], microseconds: times[0])
                    <= hours.deadline(from: starts[1], microseconds: times[0]))
            #expect(
                try hours.deadline(from: starts[0], microseconds: times[0])
                    <= hours.deadline(from: starts[0], microseconds: times[1]))
        }
    }

    /// Answers depend on the arguments alone, not on what was asked before.
    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func whatWasAskedBeforeChangesNothing(_ seed: UInt64) throws {
        var (generator, warm) = try world(seed)
        for _ in 0..<20 {
            let start = generator.instant(years: 1_975...2_150)
            let time = Int64.random(in: 0...Self.most, using: &generator) * 1_000
            let cold = WorkingHours(warm.calendar)
            #expect(
                try warm.deadline(from: start, microseconds: time) == cold.deadline(from: start, microseconds: time))
        }
    }

    @Test func noZoneCrashesOrLoops() throws {
        var generator = SeededGenerator(seed: 3)
        let names = ZoneDatabase.system.names
        #expect(names.count > 400)
        for name in names {
            let calendar = generator.calendar(zones: [name])
            for _ in 0..<2 {
                let hours = try hours(calendar)
                let start = generator.instant(years: 1_970...2_100)
                let due = try hours.deadline(from: start, microseconds: 500 * 3_600_000_000)
                #expect(try hours.elapsed(from: start, to: due) == 500 * 3_600_000_000, "\(name)")
            }
        }
    }

    /// An answer worked out second by second, by looking at the clock on the wall.
    @Test(arguments: 1...12 as ClosedRange<UInt64>)
    func elapsedAgreesWithCountingMinutes(_ seed: UInt64) throws {
        var (generator, hours) = try world(seed)
        let zone = hours.calendar.zone
        let start = Int(generator.instant(years: 2_012...2_030).microseconds / 60_000_000) * 60
        var counted = 0
        for minute in 0..<60 * 24 * 14 {
            let instant = start + minute * 60
            let local = instant + zone.offset(at: instant)
            // Where clocks go back, wall and rules part; the tests of rules have that.
            guard zone.instant(ofLocal: local) == instant, zone.offset(at: instant - 7_200) == zone.offset(at: instant),
                zone.offset(at: instant + 7_200) == zone.offset(at: instant)
            else { return }
            let day = Day(number: local.floorDivided(by: 86_400))
            let second = local - day.number * 86_400
            let yesterday = Day(number: day.number - 1)
            func covers(_ spans: [BusinessCalendar.Span]?, _ second: Int) -> Bool {
                spans?.contains { $0.start <= second && second < $0.end } ?? false
            }
            let isShift =
                covers(hours.calendar.spans(on: day), second)
                || covers(hours.calendar.spans(on: yesterday), second + 86_400)
            let isBreak =
                covers(hours.calendar.breaks[day], second) || covers(hours.calendar.breaks[yesterday], second + 86_400)
            if isShift, !isBreak { counted += 60 }
        }
        let elapsed = try hours.elapsed(
            from: Timestamp(milliseconds: Int64(start) * 1_000),
            to: Timestamp(milliseconds: Int64(start + 60 * 60 * 24 * 14) * 1_000))
        #expect(elapsed == Int64(counted) * 1_000_000)
    }

    /// Known answers of other systems, where the file with them lies beside the project.
    @Test func knownAnswersOfOtherSystems() throws {
        let path = "../shared/data/business_time_cases.json"
        guard let data = FileManager.default.contents(atPath: path) else { return }
        let cases = try #require(try JSON.parse([UInt8](data)).arrayValue)
        #expect(cases.count >= 40)
        for known in cases {
            let id = known["id"]?.stringValue ?? "?"
            let hours = try hours(try #require(known["calendar"]))
            let start = try #require(known["start"]?.timestampValue)
            if let seconds = known["elapsedSeconds"]?.intValue {
                let end = try #require(known["end"]?.timestampValue)
                #expect(try hours.elapsed(from: start, to: end) == seconds * 1_000_000, "\(id)")
            } else {
                let seconds = try #require(known["seconds"]?.intValue)
                let pauses = try (known["pauses"]?.arrayValue ?? []).map { pair in
                    Segment(
                        from: try #require(pair.arrayValue?[0].timestampValue),
                        to: try #require(pair.arrayValue?[1].timestampValue))
                }
                let due = try hours.deadline(from: start, microseconds: seconds * 1_000_000, pauses: pauses)
                #expect(due == known["deadline"]?.timestampValue, "\(id)")
            }
        }
    }
}
