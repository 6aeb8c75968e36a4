import Foundation
import Testing

@testable import Contracts

@Suite struct TimestampTests {
    static let readable: [(String, Int64)] = [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00.000Z", 0),
        ("1969-12-31T23:59:59.999999Z", -1),
        ("2026-01-02T03:04:05.678Z", 1_767_323_045_678_000),
        ("2026-01-02t03:04:05.678z", 1_767_323_045_678_000),
        ("2026-01-02T03:04:05.6Z", 1_767_323_045_600_000),
        ("2026-01-02T03:04:05.678901Z", 1_767_323_045_678_901),
        ("2026-01-02T03:04:05.6789019999999999999999Z", 1_767_323_045_678_901),
        ("2026-01-02T05:04:05.678+02:00", 1_767_323_045_678_000),
        ("2026-01-01T21:34:05.678-05:30", 1_767_323_045_678_000),
        ("2026-01-02T03:04:05.678-00:00", 1_767_323_045_678_000),
        ("2024-02-29T00:00:00Z", 1_709_164_800_000_000),
        ("2000-02-29T00:00:00Z", 951_782_400_000_000),
        ("0001-01-01T00:00:00Z", -62_135_596_800_000_000),
        ("9999-12-31T23:59:59.999999Z", 253_402_300_799_999_999),
        ("1969-12-31T23:59:59.5Z", -500_000),
    ]

    @Test(arguments: readable)
    func reads(text: String, microseconds: Int64) {
        #expect(Timestamp(rfc3339: text)?.microseconds == microseconds)
        #expect(Timestamp(rfc3339: ("(" + text + ")").dropFirst().dropLast())?.microseconds == microseconds)
        #expect(Timestamp(rfc3339: Array(text.utf8))?.microseconds == microseconds)
    }

    @Test(arguments: [
        "", "2026", "2026-01-02", "2026-01-02T03:04Z", "2026-01-02T03:04:05", "2026-01-02 03:04:05Z",
        "2026-1-2T03:04:05Z", "2026-00-02T03:04:05Z", "2026-13-02T03:04:05Z", "2026-01-00T03:04:05Z",
        "2026-01-32T03:04:05Z", "2026-04-31T03:04:05Z", "2026-02-29T03:04:05Z", "1900-02-29T00:00:00Z",
        "2026-01-02T24:00:00Z", "2026-01-02T03:60:05Z", "2026-01-02T03:04:60Z", "2016-12-31T23:59:60Z",
        "2026-01-02T03:04:05.Z", "2026-01-02T03:04:05,6Z", "2026-01-02T03:04:05+0200", "2026-01-02T03:04:05+02",
        "2026-01-02T03:04:05+24:00", "2026-01-02T03:04:05+02:60", "2026-01-02T03:04:05ZZ", "2026-01-02T03:04:05Z ",
        " 2026-01-02T03:04:05Z", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01",
        "+2026-01-02T03:04:05Z", "-2026-01-02T03:04:05Z", "２026-01-02T03:04:05Z", "2026-01-02T03:04:05\u{0}Z",
    ])
    func refuses(text: String) {
        #expect(Timestamp(rfc3339: text) == nil)
    }

    @Test func writesMillisecondsAndMoreOnlyWhereNeeded() {
        #expect(Timestamp(microseconds: 0).rfc3339 == "1970-01-01T00:00:00.000Z")
        #expect(Timestamp(microseconds: 1_000).rfc3339 == "1970-01-01T00:00:00.001Z")
        #expect(Timestamp(microseconds: 1).rfc3339 == "1970-01-01T00:00:00.000001Z")
        #expect(Timestamp(microseconds: -1).rfc3339 == "1969-12-31T23:59:59.999999Z")
        #expect(Timestamp.min.rfc3339 == "0001-01-01T00:00:00.000Z")
        #expect(Timestamp.max.rfc3339 == "9999-12-31T23:59:59.999999Z")
    }

    @Test(arguments: 1...8 as ClosedRange<UInt64>)
    func readingWhatWasWrittenGivesTheSameInstant(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<2000 {
            let instant = Timestamp(
                microseconds: .random(
                    in: Timestamp.min.microseconds...Timestamp.max.microseconds, using: &generator))
            #expect(Timestamp(rfc3339: instant.rfc3339) == instant)
            let milliseconds = instant.truncatedToMilliseconds
            #expect(milliseconds <= instant)
            #expect(instant - milliseconds < .milliseconds(1))
            #expect(Timestamp(rfc3339: milliseconds.rfc3339) == milliseconds)
            #expect(milliseconds.rfc3339.utf8.count == 24)
        }
    }

    /// Text sorts as time does: indexes and people rely on it.
    @Test func textsSortLikeInstants() {
        var generator = SeededGenerator(seed: 9)
        let instants = (0..<500).map { _ in
            Timestamp(milliseconds: .random(in: -62_135_596_800_000...253_402_300_799_999, using: &generator))
        }
        #expect(instants.sorted().map(\.rfc3339) == instants.map(\.rfc3339).sorted())
    }

    /// From 1583 on, where Foundation's calendar is Gregorian too.
    @Test(arguments: 1...8 as ClosedRange<UInt64>)
    func agreesWithFoundation(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<500 {
            let seconds = Int64.random(in: -12_212_553_600...253_402_300_799, using: &generator)
            let instant = Timestamp(milliseconds: seconds * 1000)
            let date = Date(timeIntervalSince1970: Double(seconds))
            let text = date.formatted(Date.ISO8601FormatStyle())
            #expect(instant.rfc3339 == text.dropLast() + ".000Z")
            #expect(Timestamp(rfc3339: text) == instant)
        }
    }

    @Test func knowsEveryDayOfEightCenturies() {
        var days = Gregorian.days(year: 1601, month: 1, day: 1)
        for year in Int64(1601)...2400 {
            for month in Int64(1)...12 {
                for day in 1...Gregorian.days(inMonth: month, of: year) {
                    guard Gregorian.days(year: year, month: month, day: day) == days,
                        Gregorian.date(days: days) == (year, month, day)
                    else {
                        Issue.record("\(year)-\(month)-\(day) is not day \(days)")
                        return
                    }
                    days += 1
                }
            }
        }
    }

    @Test func addsAndSubtractsDurations() {
        let start = Timestamp(milliseconds: 1_000)
        #expect(start + .milliseconds(250) == Timestamp(milliseconds: 1_250))
        #expect(start - .seconds(2) == Timestamp(milliseconds: -1_000))
        #expect((start + .seconds(90)) - start == .seconds(90))
        #expect(start - (start + .seconds(90)) == .seconds(-90))
        #expect(start + .nanoseconds(999) == start)
    }

    @Test func staysWithinItsYears() {
        #expect(Timestamp(microseconds: .max) == .max)
        #expect(Timestamp(microseconds: .min) == .min)
        #expect(Timestamp(milliseconds: .max) == .max)
        #expect(Timestamp(milliseconds: .min) == .min)
        #expect(Timestamp.max + .seconds(Int64.max) == .max)
        #expect(Timestamp.min - .seconds(Int64.max) == .min)
        #expect(Timestamp.now + .seconds(Int64.max) == .max)
    }

    @Test func nowHasMilliseconds() {
        let now = Timestamp.now
        #expect(now.microseconds % 1000 == 0)
        #expect(abs(Double(now.microseconds) / 1_000_000 - Date().timeIntervalSince1970) < 60)
    }
}

@Suite struct CalendarDateTests {
    @Test func readsAndWrites() {
        #expect(CalendarDate(text: "2026-01-31")?.text == "2026-01-31")
        #expect(CalendarDate(text: "0001-01-01")?.text == "0001-01-01")
        #expect(CalendarDate(text: "2024-02-29") != nil)
        #expect(CalendarDate(year: 2026, month: 2, day: 3)?.text == "2026-02-03")
    }

    @Test(arguments: [
        "", "2026-1-31", "2026-02-29", "2026-04-31", "2026-13-01", "0000-01-01", "2026-01-01T", "20260101",
    ])
    func refuses(text: String) {
        #expect(CalendarDate(text: text) == nil)
    }

    @Test func sortsByDay() throws {
        let texts = ["2025-12-31", "2026-01-01", "2026-01-02", "2026-10-01"]
        let days = try texts.map { try #require(CalendarDate(text: $0)) }
        #expect(days.reversed().sorted() == days)
    }
}
