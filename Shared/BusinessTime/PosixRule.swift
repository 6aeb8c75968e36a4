// The rule at the end of a TZif file (RFC 9636, section 3.3.1): what goes on after its table, as POSIX writes it.

/// `CET-1CEST,M3.5.0,M10.5.0/3`: standard time, and daylight-saving time between two moments of each year.
struct PosixRule: Sendable, Hashable {
    /// A moment of each year, on local clocks.
    struct Moment: Sendable, Hashable {
        enum Form: Sendable, Hashable {
            /// Of the month, the nth (5: the last) such weekday, 0 for Sunday.
            case weekday(month: Int, week: Int, weekday: Int)
            /// Day 1…365, never 29 February.
            case julian(Int)
            /// Day 0…365.
            case zeroBased(Int)
        }

        var form: Form
        /// Seconds after midnight; may be negative or more than a day.
        var seconds: Int

        /// Seconds since 1970-01-01 00:00 on the clocks of that time.
        func local(in year: Int) -> Int { day(in: year) * 86_400 + seconds }

        private func day(in year: Int) -> Int {
            let firstOfYear = Day.number(year: year, month: 1, day: 1)
            switch form {
            case .zeroBased(let day):
                return firstOfYear + day
            case .julian(let day):
                return firstOfYear + day - 1 + (Day.isLeap(year) && day >= 60 ? 1 : 0)
            case .weekday(let month, let week, let weekday):
                let first = Day(number: Day.number(year: year, month: month, day: 1))
                // Here Monday is 0, in POSIX Sunday is.
                let ahead = (weekday + 6 - first.weekday + 7) % 7
                var day = ahead + (week - 1) * 7
                if day >= Day.count(inMonth: month, of: year) { day -= 7 }
                return first.number + day
            }
        }
    }

    var standardOffset: Int
    var daylight: (offset: Int, start: Moment, end: Moment)?

    /// Nil for what is no such rule.
    init?(_ text: some StringProtocol) {
        var reader = RuleReader(Array(text.utf8))
        guard reader.name(), let west = reader.time(hoursMax: 24) else { return nil }
        standardOffset = -west
        guard !reader.isAtEnd else { return }
        guard reader.name() else { return nil }
        var offset = standardOffset + 3_600
        if !reader.isNext(",") {
            guard let west = reader.time(hoursMax: 24) else { return nil }
            offset = -west
        }
        guard let start = reader.moment(), let end = reader.moment(), reader.isAtEnd else { return nil }
        daylight = (offset, start, end)
    }

    /// The changes of offset in a year, in no order.
    func transitions(in year: Int) -> [(at: Int, offset: Int)] {
        guard let daylight else { return [] }
        return [
            (daylight.start.local(in: year) - standardOffset, daylight.offset),
            (daylight.end.local(in: year) - daylight.offset, standardOffset),
        ]
    }

    static func == (left: PosixRule, right: PosixRule) -> Bool {
        left.standardOffset == right.standardOffset && left.daylight?.offset == right.daylight?.offset
            && left.daylight?.start == right.daylight?.start && left.daylight?.end == right.daylight?.end
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(standardOffset)
        hasher.combine(daylight?.offset)
    }
}

/// Reads the parts of a rule.
private struct RuleReader {
    private let bytes: [UInt8]
    private var at = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { at == bytes.count }

    func isNext(_ character: Unicode.Scalar) -> Bool { at < bytes.count && bytes[at] == UInt8(ascii: character) }

    mutating func skip(_ character: Unicode.Scalar) -> Bool {
        guard isNext(character) else { return false }
        at += 1
        return true
    }

    /// `CET`, or anything in angle brackets.
    mutating func name() -> Bool {
        let start = at
        if skip("<") {
            while at < bytes.count, !isNext(">") { at += 1 }
            return skip(">")
        }
        while at < bytes.count, bytes[at] | 0x20 >= UInt8(ascii: "a"), bytes[at] | 0x20 <= UInt8(ascii: "z") { at += 1 }
        return at - start >= 3
    }

    private mutating func number(max: Int) -> Int? {
        var value: Int?
        while at < bytes.count, bytes[at] >= UInt8(ascii: "0"), bytes[at] <= UInt8(ascii: "9") {
            value = (value ?? 0) * 10 + Int(bytes[at] - UInt8(ascii: "0"))
            if let value, value > max { return nil }
            at += 1
        }
        return value
    }

    /// `[+-]hh[:mm[:ss]]` in seconds.
    mutating func time(hoursMax: Int) -> Int? {
        var sign = 1
        if skip("-") { sign = -1 } else { _ = skip("+") }
        guard let hours = number(max: hoursMax) else { return nil }
        var seconds = hours * 3_600
        for unit in [60, 1] {
            guard skip(":") else { break }
            guard let value = number(max: 59) else { return nil }
            seconds += value * unit
        }
        return sign * seconds
    }

    /// `,M3.5.0/2`, `,J60`, `,59`.
    mutating func moment() -> PosixRule.Moment? {
        guard skip(",") else { return nil }
        let form: PosixRule.Moment.Form
        if skip("M") {
            guard let month = number(max: 12), month >= 1, skip("."), let week = number(max: 5), week >= 1, skip("."),
                let weekday = number(max: 6)
            else { return nil }
            form = .weekday(month: month, week: week, weekday: weekday)
        } else if skip("J") {
            guard let day = number(max: 365), day >= 1 else { return nil }
            form = .julian(day)
        } else {
            guard let day = number(max: 365) else { return nil }
            form = .zeroBased(day)
        }
        guard skip("/") else { return PosixRule.Moment(form: form, seconds: 7_200) }
        guard let seconds = time(hoursMax: 167) else { return nil }
        return PosixRule.Moment(form: form, seconds: seconds)
    }
}
