// Holidays from an iCalendar feed (RFC 5545): the whole-day events of a published calendar.

import Contracts

/// What a feed says about holidays, in the form that calendars keep them.
public struct ICalendarHolidays: Sendable, Hashable {
    /// `2026-12-25`, or `--12-25` for what recurs every year; sorted, each once.
    public var holidays: [String] = []
    /// Events that are no holidays that a calendar could keep, and why.
    public var skipped: [Skipped] = []

    public struct Skipped: Sendable, Hashable {
        public var summary: String
        public var reason: String
    }

    /// A feed is at most this long.
    public static let bytesMax = 2 << 20
    /// A holiday of more days than this is a mistake.
    public static let daysMax = 31

    /// Nil for what is no iCalendar.
    public init?(_ text: String) {
        let lines = Self.unfolded(text)
        guard lines.first?.uppercased() == "BEGIN:VCALENDAR" else { return nil }
        var found: Set<String> = []
        var event: [(name: String, parameters: String, value: String)]?
        for line in lines {
            switch line.uppercased() {
            case "BEGIN:VEVENT": event = []
            case "END:VEVENT":
                if let event { take(event, into: &found) }
                event = nil
            default:
                guard event != nil, let property = Self.property(line) else { continue }
                event?.append(property)
            }
        }
        holidays = found.sorted()
    }

    private mutating func take(
        _ event: [(name: String, parameters: String, value: String)], into found: inout Set<String>
    ) {
        func value(_ name: String) -> String? { event.first { $0.name == name }?.value }
        let summary = String((value("SUMMARY") ?? "").prefix(200))
        func skip(_ reason: String) { skipped.append(Skipped(summary: summary, reason: reason)) }
        if value("STATUS")?.uppercased() == "CANCELLED" { return skip("cancelled") }
        guard let start = value("DTSTART"), start.utf8.count == 8, let first = Self.day(start) else {
            return skip("not a whole day")
        }
        // The end is the day after the last; without one the event is a single day.
        let end = value("DTEND").flatMap(Self.day) ?? Day(number: first.number + 1)
        let count = end.number - first.number
        guard count >= 1, count <= Self.daysMax else { return skip("not between one and \(Self.daysMax) days") }
        let days = (first.number..<end.number).map { Day(number: $0) }
        guard let rule = value("RRULE") else {
            found.formUnion(days.filter { BusinessCalendar.years.contains($0.year) }.map(\.text))
            return
        }
        let parts = Set(rule.uppercased().split(separator: ";"))
        let known: Set<Substring> = ["FREQ=YEARLY", "INTERVAL=1"]
        let (_, month, day) = first.parts
        let sameDay: Set<Substring> = ["BYMONTH=\(month)", "BYMONTHDAY=\(day)"]
        guard parts.contains("FREQ=YEARLY"), parts.subtracting(known).isSubset(of: sameDay) else {
            found.formUnion(days.map(\.text))
            return skip("recurs by a rule; only its first date is taken")
        }
        found.formUnion(days.map { "--" + $0.text.dropFirst(5) })
    }

    /// `20261225`, or the date of `20261225T000000Z`.
    private static func day(_ text: String) -> Day? {
        let date = text.prefix(8)
        guard date.utf8.count == 8 else { return nil }
        return Day(text: "\(date.prefix(4))-\(date.dropFirst(4).prefix(2))-\(date.dropFirst(6))")
    }

    /// Lines; one that begins with a blank goes on with the one before it.
    private static func unfolded(_ text: String) -> [String] {
        var lines: [String] = []
        for line in text.split(whereSeparator: \.isNewline) {
            if let first = line.first, first == " " || first == "\t", !lines.isEmpty {
                lines[lines.count - 1] += line.dropFirst()
            } else {
                lines.append(String(line))
            }
        }
        return lines
    }

    /// `NAME;PARAMETERS:VALUE`
    private static func property(_ line: String) -> (name: String, parameters: String, value: String)? {
        guard let colon = line.firstIndex(of: ":") else { return nil }
        let head = line[..<colon].split(separator: ";", maxSplits: 1)
        guard let name = head.first else { return nil }
        return (
            name.uppercased(), head.count > 1 ? String(head[1]) : "", String(line[line.index(after: colon)...])
        )
    }
}
