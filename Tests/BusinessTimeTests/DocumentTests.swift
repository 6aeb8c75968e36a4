import Contracts
import Testing

@testable import BusinessTime

/// Calendars that are refused, and why.
struct DocumentTests {
    static let wrong: [(String, String, String)] = [
        (#"[]"#, "", "type"),
        (#"{"weeklyHours":{"mon":[["08:00","12:00"]]}}"#, "/timezone", "required"),
        (#"{"timezone":7,"weeklyHours":{"mon":[["08:00","12:00"]]}}"#, "/timezone", "type"),
        (#"{"timezone":"Mars/Olympus","weeklyHours":{"mon":[["08:00","12:00"]]}}"#, "/timezone", "unknown_zone"),
        (#"{"timezone":"../../etc/passwd","weeklyHours":{"mon":[["08:00","12:00"]]}}"#, "/timezone", "unknown_zone"),
        (#"{"timezone":"Europe","weeklyHours":{"mon":[["08:00","12:00"]]}}"#, "/timezone", "unknown_zone"),
        (#"{"timezone":"right/UTC","weeklyHours":{"mon":[["08:00","12:00"]]}}"#, "/timezone", "unknown_zone"),
        (#"{"timezone":"tzdata.zi","weeklyHours":{"mon":[["08:00","12:00"]]}}"#, "/timezone", "unknown_zone"),
        (#"{"timezone":"localtime","weeklyHours":{"mon":[["08:00","12:00"]]}}"#, "/timezone", "unknown_zone"),
        (#"{"timezone":"UTC"}"#, "/weeklyHours", "never_open"),
        (#"{"timezone":"UTC","weeklyHours":{}}"#, "/weeklyHours", "never_open"),
        (#"{"timezone":"UTC","weeklyHours":{"mon":[]}}"#, "/weeklyHours", "never_open"),
        (
            #"{"timezone":"UTC","dateOverrides":{"2026-06-01":[["08:00","09:00"]]},"holidays":["2026-06-01"]}"#,
            "/weeklyHours", "never_open"
        ),
        (
            #"{"timezone":"UTC","dateOverrides":{"2026-06-01":[["08:00","09:00"]]},"breaks":{"2026-06-01":[["07:00","09:00"]]}}"#,
            "/weeklyHours", "never_open"
        ),
        (#"{"timezone":"UTC","weeklyHours":{"monday":[["08:00","12:00"]]}}"#, "/weeklyHours/monday", "unknown_field"),
        (#"{"timezone":"UTC","weeklyHours":{"mon":"all"}}"#, "/weeklyHours/mon", "type"),
        (#"{"timezone":"UTC","weeklyHours":{"mon":[["08:00"]]}}"#, "/weeklyHours/mon/0", "invalid_interval"),
        (#"{"timezone":"UTC","weeklyHours":{"mon":[["8:00","12:00"]]}}"#, "/weeklyHours/mon/0/0", "invalid_time"),
        (#"{"timezone":"UTC","weeklyHours":{"mon":[["24:00","12:00"]]}}"#, "/weeklyHours/mon/0/0", "invalid_time"),
        (#"{"timezone":"UTC","weeklyHours":{"mon":[["08:00","24:01"]]}}"#, "/weeklyHours/mon/0/1", "invalid_time"),
        (#"{"timezone":"UTC","weeklyHours":{"mon":[["08:00","12:60"]]}}"#, "/weeklyHours/mon/0/1", "invalid_time"),
        (#"{"timezone":"UTC","weeklyHours":{"mon":[["08:00","08:00"]]}}"#, "/weeklyHours/mon/0", "empty_interval"),
        (
            #"{"timezone":"UTC","weeklyHours":{"mon":[["08:00","12:00"],["11:00","13:00"]]}}"#, "/weeklyHours/mon/1",
            "overlap"
        ),
        (
            #"{"timezone":"UTC","weeklyHours":{"fri":[["22:00","06:00"]],"sat":[["05:59","12:00"]]}}"#,
            "/weeklyHours/sat/0", "overlap"
        ),
        (
            #"{"timezone":"UTC","weeklyHours":{"sun":[["22:00","06:00"]],"mon":[["05:00","12:00"]]}}"#,
            "/weeklyHours/mon/0", "overlap"
        ),
        (
            #"{"timezone":"UTC","weeklyHours":{"mon":[["08:00","12:00"]]},"holidays":["2026-02-30"]}"#, "/holidays/0",
            "invalid_date"
        ),
        (
            #"{"timezone":"UTC","weeklyHours":{"mon":[["08:00","12:00"]]},"holidays":["--02-30"]}"#, "/holidays/0",
            "invalid_date"
        ),
        (
            #"{"timezone":"UTC","weeklyHours":{"mon":[["08:00","12:00"]]},"holidays":["2026-01-01","9999-12-31"]}"#,
            "/holidays/1", "out_of_range"
        ),
        (
            #"{"timezone":"UTC","weeklyHours":{"mon":[["08:00","12:00"]]},"holidays":"none"}"#, "/holidays", "type"
        ),
        (
            #"{"timezone":"UTC","weeklyHours":{"mon":[["08:00","12:00"]]},"dateOverrides":{"--12-24":[]}}"#,
            "/dateOverrides/--12-24", "invalid_date"
        ),
        (
            #"{"timezone":"UTC","weeklyHours":{"mon":[["08:00","12:00"]]},"breaks":{"2026-06-01":[["08:00","09:00"],["08:30","10:00"]]}}"#,
            "/breaks/2026-06-01/1", "overlap"
        ),
        (
            #"{"timezone":"UTC","weeklyHours":{"mon":[["08:00","12:00"]]},"extends":"other"}"#, "/extends",
            "unknown_field"
        ),
    ]

    @Test(arguments: wrong)
    func aFaultIsNamedWithItsPlace(_ text: String, _ pointer: String, _ code: String) throws {
        let document = try JSON.parse(text)
        let refusal = #expect(throws: CalendarFaults.self) { try BusinessCalendar(document) }
        let fault = try #require(refusal?.faults.first)
        #expect(refusal?.faults.count == 1)
        #expect(fault.pointer == pointer)
        #expect(fault.code == code)
        #expect(fault.detail.hasSuffix("."))
    }

    @Test func allFaultsAreReportedAtOnce() throws {
        let document = try JSON.parse(
            #"{"timezone":"Nowhere","weeklyHours":{"mon":[["x","12:00"]],"day":[]},"holidays":["soon"]}"#)
        let refusal = #expect(throws: CalendarFaults.self) { try BusinessCalendar(document) }
        #expect(
            Set(refusal?.faults.map(\.pointer) ?? []) == [
                "/timezone", "/weeklyHours/mon/0/0", "/weeklyHours/day", "/holidays/0",
            ])
    }

    @Test func absurdSizesAreRefused() throws {
        let many = JSON.array((0...BusinessCalendar.datesMax).map { _ in "2026-01-01" })
        let tooMany = #expect(throws: CalendarFaults.self) {
            try BusinessCalendar(["timezone": "UTC", "weeklyHours": ["mon": [["08:00", "09:00"]]], "holidays": many])
        }
        #expect(tooMany?.faults.first?.code == "too_many")
        let everyDayOff = (1...12).flatMap { month in
            (1...Day.count(inMonth: month, of: 2_000)).map { day in
                JSON.string("--" + Day(number: Day.number(year: 2_000, month: month, day: day)).text.dropFirst(5))
            }
        }
        let closed = #expect(throws: CalendarFaults.self) {
            try BusinessCalendar([
                "timezone": "UTC", "weeklyHours": ["mon": [["08:00", "09:00"]]], "holidays": .array(everyDayOff),
            ])
        }
        #expect(closed?.faults.first?.code == "never_open")
    }

    @Test func wholeDaysThatTouchAreFine() throws {
        let always = try hours("UTC", everyDay, [["00:00", "24:00"]])
        #expect(try always.elapsedSeconds("2026-01-01T00:00", "2027-01-01T00:00") == 365 * 86_400)
        let halves = try hours("UTC", everyDay, [["00:00", "12:00"], ["12:00", "24:00"]])
        #expect(try halves.elapsedSeconds("2026-01-01T00:00", "2026-01-02T00:00") == 86_400)
    }

    @Test func aFeedOfHolidaysIsRead() throws {
        let feed = """
            BEGIN:VCALENDAR\r
            VERSION:2.0\r
            BEGIN:VEVENT\r
            SUMMARY:Christmas\r
            DTSTART;VALUE=DATE:20261225\r
            DTEND;VALUE=DATE:20261227\r
            END:VEVENT\r
            BEGIN:VEVENT\r
            SUMMARY:New\r
              Year\r
            DTSTART;VALUE=DATE:20200101\r
            RRULE:FREQ=YEARLY\r
            END:VEVENT\r
            BEGIN:VEVENT\r
            SUMMARY:Party\r
            DTSTART:20260601T180000Z\r
            END:VEVENT\r
            BEGIN:VEVENT\r
            SUMMARY:Thanksgiving\r
            DTSTART;VALUE=DATE:20261126\r
            RRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=4TH\r
            END:VEVENT\r
            END:VCALENDAR\r
            """
        let read = try #require(ICalendarHolidays(feed))
        #expect(read.holidays == ["--01-01", "2026-11-26", "2026-12-25", "2026-12-26"])
        #expect(read.skipped.map(\.summary) == ["Party", "Thanksgiving"])
        #expect(ICalendarHolidays("<html>") == nil)
    }
}
