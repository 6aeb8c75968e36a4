// Arithmetic over a calendar: when so many working seconds have passed, how many have, whether it is open.

import Contracts
import Synchronization

/// Why there is no answer.
public enum WorkingHoursError: Error, Sendable, Hashable, CustomStringConvertible {
    /// An instant lies outside the years that calendars speak of.
    case outOfRange(Timestamp)
    case negativeDuration
    /// More than ``WorkingHours/secondsMax``.
    case durationTooLong
    /// The calendar has too little open time before the last year that it speaks of.
    case beyondHorizon
    /// A pause, by its index, that ends before it begins.
    case pauseReversed(Int)

    public var description: String {
        switch self {
        case .outOfRange:
            "instants lie in the years \(BusinessCalendar.years.lowerBound) to \(BusinessCalendar.years.upperBound)"
        case .negativeDuration: "a duration is not negative"
        case .durationTooLong: "a duration is at most \(WorkingHours.secondsMax) seconds"
        case .beyondHorizon:
            "the calendar has too few open hours: there is no such instant before \(BusinessCalendar.years.upperBound + 1)"
        case .pauseReversed: "a pause ends after it begins"
        }
    }
}

/// A stretch of time that counted.
public struct Segment: Sendable, Hashable {
    public let from: Timestamp
    public let to: Timestamp

    public init(from: Timestamp, to: Timestamp) {
        self.from = from
        self.to = to
    }

    public var microseconds: Int64 { to.microseconds - from.microseconds }
}

/// A calendar made ready for arithmetic. The open time of the years that were asked about is kept as sorted arrays, so an
/// answer is two binary searches. Shared between tasks; all answers depend on the arguments alone.
///
/// Durations are microseconds of real time, not of the clock on the wall: a whole-day shift on a day of 25 hours is 25
/// hours.
public final class WorkingHours: Sendable {
    /// Ten years of 366 days.
    public static let secondsMax: Int64 = 316_224_000

    public let calendar: BusinessCalendar
    private let known: Mutex<Timetable?> = Mutex(nil)

    private static let firstInstant = instant(ofYear: BusinessCalendar.years.lowerBound)
    private static let endInstant = instant(ofYear: BusinessCalendar.years.upperBound + 1)

    private static func instant(ofYear year: Int) -> Int64 {
        Int64(Day.number(year: year, month: 1, day: 1)) * 86_400_000_000
    }

    public init(_ calendar: BusinessCalendar) { self.calendar = calendar }

    // MARK: Questions

    /// When so much working time has passed since `start`. What falls on a closing time stays there; with no time to pass,
    /// the answer is the first open instant from `start` on.
    public func deadline(from start: Timestamp, microseconds: Int64) throws(WorkingHoursError) -> Timestamp {
        try Self.check(microseconds)
        let start = try Self.checked(start)
        var table = try table(covering: start)
        while true {
            let found =
                microseconds == 0
                ? table.opening(from: start) : table.instant(ofOpenTime: table.openTime(before: start) + microseconds)
            if let found { return Timestamp(microseconds: found) }
            guard let longer = longer(table) else { throw .beyondHorizon }
            table = longer
        }
    }

    /// As ``deadline(from:microseconds:)``, where time in the pauses does not count either. They may overlap and be in
    /// any order.
    public func deadline(
        from start: Timestamp, microseconds: Int64, pauses: [Segment]
    ) throws(WorkingHoursError) -> Timestamp {
        var from = start
        var rest = microseconds
        for pause in try Self.merged(pauses) where pause.to > from {
            let due = try deadline(from: from, microseconds: rest)
            if due < pause.from || due == pause.from && rest > 0 { return due }
            if pause.from > from { rest -= try elapsed(from: from, to: pause.from) }
            from = pause.to
        }
        return try deadline(from: from, microseconds: rest)
    }

    /// The working time between two instants; none where the second is not after the first.
    public func elapsed(from start: Timestamp, to end: Timestamp) throws(WorkingHoursError) -> Int64 {
        let (start, end) = (try Self.checked(start), try Self.checked(end))
        guard start < end else { return 0 }
        let table = try table(covering: start, end)
        return table.openTime(before: end) - table.openTime(before: start)
    }

    /// The stretches of open time between two instants that no pause covers, in order; at most `limit` of them.
    public func segments(
        from start: Timestamp, to end: Timestamp, pauses: [Segment] = [], limit: Int = .max
    ) throws(WorkingHoursError) -> [Segment] {
        let (start, end) = (try Self.checked(start), try Self.checked(end))
        guard start < end else { return [] }
        let table = try table(covering: start, end)
        let pauses = try Self.merged(pauses)
        var segments: [Segment] = []
        var index = max(0, table.stretchesBegun(by: start) - 1)
        var firstPause = 0
        while index < table.starts.count, table.starts[index] < end, segments.count < limit {
            var from = max(start, table.starts[index])
            let to = min(end, table.ends[index])
            while firstPause < pauses.count, pauses[firstPause].to.microseconds <= from { firstPause += 1 }
            var pause = firstPause
            while pause < pauses.count, pauses[pause].from.microseconds < to {
                Self.append(from, min(to, pauses[pause].from.microseconds), to: &segments)
                from = max(from, pauses[pause].to.microseconds)
                pause += 1
            }
            Self.append(from, to, to: &segments)
            index += 1
        }
        return segments.count > limit ? Array(segments.prefix(limit)) : segments
    }

    public func isOpen(at instant: Timestamp) throws(WorkingHoursError) -> Bool {
        let instant = try Self.checked(instant)
        return try table(covering: instant).opening(from: instant) == instant
    }

    /// The instant itself where it is open, else the next that is.
    public func opening(from instant: Timestamp) throws(WorkingHoursError) -> Timestamp {
        try deadline(from: instant, microseconds: 0)
    }

    /// The dates between two instants, on the zone's calendar, on whose account nothing is open, and why; at most `limit`.
    public func closures(
        from start: Timestamp, to end: Timestamp, limit: Int = .max
    ) -> [(day: Day, why: BusinessCalendar.Closure)] {
        var closures: [(day: Day, why: BusinessCalendar.Closure)] = []
        let first = calendar.zone.day(at: Int(start.microseconds).floorDivided(by: 1_000_000))
        let last = calendar.zone.day(at: Int(end.microseconds).floorDivided(by: 1_000_000))
        guard first <= last else { return [] }
        for number in first.number...last.number where closures.count < limit {
            let day = Day(number: number)
            if let why = calendar.closure(of: day) { closures.append((day, why)) }
        }
        return closures
    }

    // MARK: Years

    /// The years written out at first around an instant.
    private static let yearsAhead = 3

    private func table(covering instant: Int64) throws(WorkingHoursError) -> Timetable {
        try table(covering: instant, instant)
    }

    private func table(covering start: Int64, _ end: Int64) throws(WorkingHoursError) -> Timetable {
        if let table = known.withLock({ $0 }), table.from <= start, end < table.to { return table }
        let first = Self.year(of: start) - 1
        let last = Self.year(of: end) + Self.yearsAhead
        return grow { from, to in (min(first, from ?? first), max(last, to ?? last)) }
    }

    /// A table that reaches twice as far; nil at the end of the years.
    private func longer(_ table: Timetable) -> Timetable? {
        guard table.to < Self.endInstant else { return nil }
        let last = Self.year(of: table.to - 1)
        let length = last - Self.year(of: table.from) + 1
        return grow { from, to in
            (from ?? Self.year(of: table.from), max(to ?? last, last + length))
        }
    }

    private func grow(_ years: (Int?, Int?) -> (Int, Int)) -> Timetable {
        let present = known.withLock { $0 }
        let (first, last) = years(present.map { Self.year(of: $0.from) }, present.map { Self.year(of: $0.to - 1) })
        let range = BusinessCalendar.years
        let table = Timetable(
            calendar,
            years: min(
                max(first, range.lowerBound), range.upperBound)...min(max(last, range.lowerBound), range.upperBound))
        // Two that grow at once both have a right table; either may stay.
        known.withLock { $0 = table }
        return table
    }

    private static func year(of instant: Int64) -> Int {
        Day(number: Int(instant).floorDivided(by: 86_400_000_000)).year
    }

    // MARK: Checks

    private static func checked(_ instant: Timestamp) throws(WorkingHoursError) -> Int64 {
        guard instant.microseconds >= firstInstant, instant.microseconds < endInstant else {
            throw .outOfRange(instant)
        }
        return instant.microseconds
    }

    private static func check(_ microseconds: Int64) throws(WorkingHoursError) {
        guard microseconds >= 0 else { throw .negativeDuration }
        guard microseconds <= secondsMax * 1_000_000 else { throw .durationTooLong }
    }

    /// In order, and what overlaps as one.
    private static func merged(_ pauses: [Segment]) throws(WorkingHoursError) -> [Segment] {
        if pauses.isEmpty { return [] }
        if let wrong = pauses.firstIndex(where: { $0.to < $0.from }) { throw .pauseReversed(wrong) }
        var merged: [Segment] = []
        for pause in pauses.sorted(by: { $0.from < $1.from }) where pause.from < pause.to {
            if let last = merged.last, pause.from <= last.to {
                merged[merged.count - 1] = Segment(from: last.from, to: max(last.to, pause.to))
            } else {
                merged.append(pause)
            }
        }
        return merged
    }

    private static func append(_ from: Int64, _ to: Int64, to segments: inout [Segment]) {
        guard from < to else { return }
        segments.append(Segment(from: Timestamp(microseconds: from), to: Timestamp(microseconds: to)))
    }
}
