import Contracts
import TestKit
import Testing

@testable import BusinessTime

/// An instant as tests write it; without seconds and zone they are `:00Z`.
func at(_ text: String) -> Timestamp {
    guard let instant = Timestamp(rfc3339: text.hasSuffix("Z") ? text : text + ":00Z") else {
        preconditionFailure("\(text) is no instant")
    }
    return instant
}

func hours(_ document: JSON) throws -> WorkingHours { WorkingHours(try BusinessCalendar(document)) }

/// A calendar of a zone with the same shifts on the days that are named.
func hours(
    _ zone: String, _ weekdays: [String], _ shifts: JSON, holidays: JSON = [], overrides: JSON = [:], breaks: JSON = [:]
) throws -> WorkingHours {
    try hours([
        "timezone": .string(zone), "weeklyHours": .object(JSONObject(weekdays.map { ($0, shifts) })),
        "holidays": holidays, "dateOverrides": overrides, "breaks": breaks,
    ])
}

let workdays = ["mon", "tue", "wed", "thu", "fri"]
let everyDay = BusinessCalendar.weekdays

extension WorkingHours {
    func deadline(_ start: String, seconds: Int64) throws -> String {
        try deadline(from: at(start), microseconds: seconds * 1_000_000).rfc3339
    }

    func elapsedSeconds(_ start: String, _ end: String) throws -> Int64 {
        try elapsed(from: at(start), to: at(end)) / 1_000_000
    }
}

extension SeededGenerator {
    mutating func instant(years: ClosedRange<Int>) -> Timestamp {
        let from = Int64(Day.number(year: years.lowerBound, month: 1, day: 1)) * 86_400_000
        let to = Int64(Day.number(year: years.upperBound + 1, month: 1, day: 1)) * 86_400_000
        return Timestamp(milliseconds: Int64.random(in: from..<to, using: &self))
    }

    /// A calendar of any shape, in any of the zones.
    mutating func calendar(zones: [String]) -> JSON {
        func time(_ seconds: Int) -> JSON {
            func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
            return .string("\(two(seconds / 3_600)):\(two(seconds / 60 % 60))")
        }
        func shifts(_ generator: inout SeededGenerator) -> JSON {
            let marks = (0..<Int.random(in: 0...2, using: &generator) * 2)
                .map { _ in Int.random(in: 0...96, using: &generator) * 900 }.sorted()
            var spans: [JSON] = []
            for index in stride(from: 0, to: marks.count, by: 2) where marks[index] < marks[index + 1] {
                spans.append([time(marks[index]), time(marks[index + 1])])
            }
            return .array(spans)
        }
        func date(_ generator: inout SeededGenerator) -> String {
            Day(number: Int.random(in: 3_650...47_000, using: &generator)).text
        }
        var weekly = JSONObject()
        for day in everyDay where Int.random(in: 0..<4, using: &self) > 0 { weekly[day] = shifts(&self) }
        weekly["wed"] = [["07:15", "19:45"]]
        if Int.random(in: 0..<3, using: &self) == 0 {
            weekly["fri"] = [["21:30", "05:15"]]
            weekly["sat"] = []
        }
        var (overrides, breaks) = (JSONObject(), JSONObject())
        for _ in 0..<Int.random(in: 0...5, using: &self) { overrides[date(&self)] = shifts(&self) }
        for _ in 0..<Int.random(in: 0...5, using: &self) { breaks[date(&self)] = shifts(&self) }
        let holidays = (0..<Int.random(in: 0...20, using: &self)).map { _ in
            JSON.string(Bool.random(using: &self) ? date(&self) : "--" + date(&self).dropFirst(5))
        }
        return [
            "timezone": .string(zones.randomElement(using: &self) ?? "UTC"), "weeklyHours": .object(weekly),
            "holidays": .array(holidays), "dateOverrides": .object(overrides), "breaks": .object(breaks),
        ]
    }
}
