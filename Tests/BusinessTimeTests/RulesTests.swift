import Contracts
import Testing

@testable import BusinessTime

/// Each rule of calendars, worked out by hand.
struct RulesTests {
    @Test func startIsInTheShiftAndEndIsNot() throws {
        let office = try hours("UTC", workdays, [["09:00", "17:00"]])
        #expect(try office.isOpen(at: at("2026-06-01T09:00")))
        #expect(try !office.isOpen(at: at("2026-06-01T17:00")))
        #expect(try !office.isOpen(at: at("2026-06-01T08:59:59Z")))
        #expect(try office.isOpen(at: at("2026-06-01T16:59:59Z")))
    }

    @Test func aDeadlineOnAClosingTimeStaysThere() throws {
        let office = try hours("UTC", workdays, [["09:00", "17:00"]])
        #expect(try office.deadline("2026-06-01T09:00", seconds: 8 * 3_600) == "2026-06-01T17:00:00.000Z")
        #expect(try office.deadline("2026-06-01T09:00", seconds: 8 * 3_600 + 1) == "2026-06-02T09:00:01.000Z")
    }

    @Test func noTimeFromAClosedInstantIsTheNextOpening() throws {
        let office = try hours("UTC", workdays, [["09:00", "17:00"]])
        #expect(try office.deadline("2026-06-05T17:00", seconds: 0) == "2026-06-08T09:00:00.000Z")
        #expect(try office.deadline("2026-06-06T03:00", seconds: 0) == "2026-06-08T09:00:00.000Z")
        #expect(try office.deadline("2026-06-05T16:59", seconds: 0) == "2026-06-05T16:59:00.000Z")
    }

    @Test func fractionsOfSecondsAreKept() throws {
        let office = try hours("UTC", workdays, [["09:00", "17:00"]])
        let due = try office.deadline(from: at("2026-06-01T16:59:59.750Z"), microseconds: 1_000_000)
        #expect(due.rfc3339 == "2026-06-02T09:00:00.750Z")
    }

    @Test func aShiftMayEndAtTwentyFour() throws {
        let evening = try hours("UTC", ["mon"], [["18:00", "24:00"]])
        #expect(try evening.elapsedSeconds("2026-06-01T00:00", "2026-06-03T00:00") == 6 * 3_600)
    }

    @Test func aShiftThatEndsBeforeItBeginsCrossesMidnight() throws {
        let night = try hours("UTC", ["fri"], [["22:00", "06:00"]])
        #expect(try night.elapsedSeconds("2026-06-05T00:00", "2026-06-07T00:00") == 8 * 3_600)
        #expect(try night.deadline("2026-06-05T22:00", seconds: 3 * 3_600) == "2026-06-06T01:00:00.000Z")
        #expect(try night.deadline("2026-06-06T01:00", seconds: 6 * 3_600) == "2026-06-12T23:00:00.000Z")
    }

    @Test func aNightShiftBelongsToTheDateItBeginsOn() throws {
        let shift: JSON = [["22:00", "06:00"]]
        let saturdayOff = try hours("UTC", ["fri"], shift, holidays: ["2026-06-06"])
        #expect(try saturdayOff.elapsedSeconds("2026-06-05T00:00", "2026-06-07T00:00") == 8 * 3_600)
        let fridayOff = try hours("UTC", ["fri"], shift, holidays: ["2026-06-05"])
        #expect(try fridayOff.elapsedSeconds("2026-06-05T00:00", "2026-06-07T00:00") == 0)
        let pause = try hours("UTC", ["fri"], shift, breaks: ["2026-06-06": [["02:00", "02:30"]]])
        #expect(try pause.elapsedSeconds("2026-06-05T00:00", "2026-06-07T00:00") == 8 * 3_600 - 1_800)
    }

    @Test func anOverrideReplacesTheWeeklyHoursOfItsDate() throws {
        let office = try hours(
            "UTC", workdays, [["09:00", "17:00"]], overrides: ["2026-06-02": [["12:00", "14:00"]], "2026-06-03": []])
        #expect(try office.elapsedSeconds("2026-06-02T00:00", "2026-06-03T00:00") == 2 * 3_600)
        #expect(try office.elapsedSeconds("2026-06-03T00:00", "2026-06-04T00:00") == 0)
    }

    @Test func aBreakCutsIntoWhatIsLeft() throws {
        let office = try hours(
            "UTC", workdays, [["09:00", "17:00"]], overrides: ["2026-06-02": [["12:00", "14:00"]]],
            breaks: ["2026-06-02": [["11:00", "12:30"]], "2026-06-03": [["12:00", "12:45"]]])
        #expect(try office.elapsedSeconds("2026-06-02T00:00", "2026-06-03T00:00") == 90 * 60)
        #expect(try office.deadline("2026-06-03T11:30", seconds: 3_600) == "2026-06-03T13:15:00.000Z")
    }

    @Test func aHolidayBeatsBoth() throws {
        let office = try hours(
            "UTC", workdays, [["09:00", "17:00"]], holidays: ["2026-06-02"],
            overrides: ["2026-06-02": [["12:00", "14:00"]]])
        #expect(try office.elapsedSeconds("2026-06-02T00:00", "2026-06-03T00:00") == 0)
    }

    @Test func aHolidayWithoutAYearIsEveryYears() throws {
        let office = try hours("UTC", everyDay, [["09:00", "17:00"]], holidays: ["--12-25", "--02-29"])
        for year in [1_999, 2_026, 2_099] {
            #expect(try office.elapsedSeconds("\(year)-12-25T00:00", "\(year)-12-26T00:00") == 0)
        }
        #expect(try office.elapsedSeconds("2028-02-28T00:00", "2028-03-02T00:00") == 16 * 3_600)
        #expect(try office.elapsedSeconds("2026-02-28T00:00", "2026-03-02T00:00") == 16 * 3_600)
    }

    @Test func timeIsCountedInRealSeconds() throws {
        let always = try hours("Europe/Berlin", everyDay, [["00:00", "24:00"]])
        // 25 October 2026 has 25 hours in Berlin, 29 March 2026 has 23.
        #expect(try always.elapsedSeconds("2026-10-24T22:00", "2026-10-25T23:00") == 25 * 3_600)
        let sunday = try hours("Europe/Berlin", ["sun"], [["00:00", "24:00"]])
        #expect(try sunday.elapsedSeconds("2026-10-24T00:00", "2026-10-27T00:00") == 25 * 3_600)
        #expect(try sunday.elapsedSeconds("2026-03-28T00:00", "2026-03-31T00:00") == 23 * 3_600)
    }

    @Test func aSkippedLocalTimeMovesForwardByTheGap() throws {
        // In Berlin 02:00 to 03:00 is skipped on 29 March 2026; 02:15 means 03:15, which is 01:15 UTC.
        let start = try hours("Europe/Berlin", ["sun"], [["02:15", "04:00"]])
        #expect(try start.deadline("2026-03-28T00:00", seconds: 0) == "2026-03-29T01:15:00.000Z")
        #expect(try start.elapsedSeconds("2026-03-29T00:00", "2026-03-30T00:00") == 45 * 60)
        let end = try hours("Europe/Berlin", ["sun"], [["01:00", "02:30"]])
        #expect(try end.elapsedSeconds("2026-03-29T00:00", "2026-03-30T00:00") == 90 * 60)
        let gone = try hours("Europe/Berlin", ["sun"], [["02:30", "03:15"]])
        #expect(try gone.elapsedSeconds("2026-03-29T00:00", "2026-03-30T00:00") == 0)
    }

    @Test func aLocalTimeThatOccursTwiceMeansItsFirstOccurrence() throws {
        // In Berlin 02:00 to 03:00 comes twice on 25 October 2026, at 00:00 and at 01:00 UTC.
        let start = try hours("Europe/Berlin", ["sun"], [["02:30", "04:00"]])
        #expect(try start.deadline("2026-10-24T00:00", seconds: 0) == "2026-10-25T00:30:00.000Z")
        #expect(try start.elapsedSeconds("2026-10-25T00:00", "2026-10-26T00:00") == 150 * 60)
        let end = try hours("Europe/Berlin", ["sun"], [["01:00", "02:30"]])
        #expect(try end.elapsedSeconds("2026-10-24T00:00", "2026-10-26T00:00") == 90 * 60)
    }

    @Test func midnightItselfMayBeSkipped() throws {
        // In São Paulo clocks went from 24:00 on 3 November 2018 to 01:00.
        let sunday = try hours("America/Sao_Paulo", ["sun"], [["00:00", "24:00"]])
        #expect(try sunday.elapsedSeconds("2018-11-03T00:00", "2018-11-06T00:00") == 23 * 3_600)
        let saturday = try hours("America/Sao_Paulo", ["sat"], [["20:00", "24:00"]])
        #expect(try saturday.elapsedSeconds("2018-11-03T00:00", "2018-11-06T00:00") == 4 * 3_600)
    }

    @Test func aDateThatAZoneLeftOutHasNoHours() throws {
        // Samoa went from 29 to 31 December 2011.
        let office = try hours("Pacific/Apia", workdays, [["09:00", "17:00"]])
        #expect(try office.elapsedSeconds("2011-12-26T10:00", "2012-01-01T10:00") == 4 * 8 * 3_600)
        let why = office.closures(from: at("2011-12-30T00:00"), to: at("2011-12-31T20:00")).map(\.why)
        #expect(why.contains(.noSuchDate) && why.contains(.closed))
    }

    @Test func pausesDoNotCount() throws {
        let office = try hours("UTC", workdays, [["09:00", "17:00"]])
        let pauses = [
            Segment(from: at("2026-06-01T10:00"), to: at("2026-06-01T10:30")),
            Segment(from: at("2026-06-01T10:15"), to: at("2026-06-01T11:00")),
            Segment(from: at("2026-06-01T16:00"), to: at("2026-06-02T10:00")),
        ]
        func due(_ start: String, _ seconds: Int64) throws -> String {
            try office.deadline(from: at(start), microseconds: seconds * 1_000_000, pauses: pauses).rfc3339
        }
        #expect(try due("2026-06-01T09:00", 3_600) == "2026-06-01T10:00:00.000Z")
        #expect(try due("2026-06-01T09:00", 3_601) == "2026-06-01T11:00:01.000Z")
        #expect(try due("2026-06-01T09:00", 6 * 3_600) == "2026-06-01T16:00:00.000Z")
        #expect(try due("2026-06-01T09:00", 7 * 3_600) == "2026-06-02T11:00:00.000Z")
        #expect(try due("2026-06-01T10:00", 0) == "2026-06-01T11:00:00.000Z")
        let segments = try office.segments(from: at("2026-06-01T09:00"), to: at("2026-06-02T11:00"), pauses: pauses)
        #expect(segments.map(\.microseconds).reduce(0, +) == 7 * 3_600_000_000)
        #expect(segments.map(\.from.rfc3339).last == "2026-06-02T10:00:00.000Z")
    }

    @Test func closuresSayWhy() throws {
        let office = try hours(
            "UTC", workdays, [["09:00", "17:00"]], holidays: ["2026-06-02"],
            overrides: ["2026-06-03": []], breaks: ["2026-06-04": [["08:00", "18:00"]]])
        let closures = office.closures(from: at("2026-06-01T09:00"), to: at("2026-06-07T09:00"))
        #expect(
            closures.map { "\($0.day.text) \($0.why.rawValue)" } == [
                "2026-06-02 holiday", "2026-06-03 override", "2026-06-04 break", "2026-06-06 closed",
                "2026-06-07 closed",
            ])
    }

    @Test func whatNeverComesIsAnErrorAndNoLoop() throws {
        let once = try hours([
            "timezone": "UTC", "weeklyHours": [:], "dateOverrides": ["2026-06-01": [["09:00", "10:00"]]],
        ])
        #expect(try once.deadline("2026-01-01T00:00", seconds: 3_600) == "2026-06-01T10:00:00.000Z")
        #expect(throws: WorkingHoursError.beyondHorizon) { try once.deadline("2026-01-01T00:00", seconds: 3_601) }
        #expect(throws: WorkingHoursError.beyondHorizon) { try once.deadline("2026-06-01T10:00", seconds: 0) }
        #expect(throws: WorkingHoursError.negativeDuration) { try once.deadline("2026-01-01T00:00", seconds: -1) }
        #expect(throws: WorkingHoursError.durationTooLong) {
            try once.deadline("2026-01-01T00:00", seconds: WorkingHours.secondsMax + 1)
        }
        #expect(throws: WorkingHoursError.outOfRange(at("9999-01-01T00:00"))) {
            try once.deadline("9999-01-01T00:00", seconds: 1)
        }
        #expect(throws: WorkingHoursError.outOfRange(at("1969-12-31T23:59"))) {
            try once.elapsedSeconds("1969-12-31T23:59", "1970-01-02T00:00")
        }
    }
}
