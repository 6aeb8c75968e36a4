// The proleptic Gregorian calendar as arithmetic on days since 1970-01-01.

/// A day without a time or a zone, as the number of days since 1970-01-01.
public struct Day: Sendable, Hashable, Comparable {
    public let number: Int

    public init(number: Int) { self.number = number }

    /// Nil for a date that does not exist.
    public init?(year: Int, month: Int, day: Int) {
        guard (1...12).contains(month), day >= 1, day <= Day.count(inMonth: month, of: year) else { return nil }
        number = Day.number(year: year, month: month, day: day)
    }

    /// Reads `2026-01-31`, nothing else.
    public init?(text: some StringProtocol) {
        let bytes = Array(text.utf8)
        guard bytes.count == 10, bytes[4] == UInt8(ascii: "-"), bytes[7] == UInt8(ascii: "-") else { return nil }
        guard
            let year = Digits.value(bytes[0..<4]), let month = Digits.value(bytes[5..<7]),
            let day = Digits.value(bytes[8..<10])
        else { return nil }
        self.init(year: year, month: month, day: day)
    }

    public static func < (left: Day, right: Day) -> Bool { left.number < right.number }

    /// 0 for Monday … 6 for Sunday; 1970-01-01 was a Thursday.
    public var weekday: Int { let rest = (number + 3) % 7; return rest < 0 ? rest + 7 : rest }

    public var parts: (year: Int, month: Int, day: Int) {
        // Years that begin in March, counted in eras of 400 years (146,097 days).
        let shifted = number + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (
            yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        )
    }

    public var year: Int { parts.year }

    /// `2026-01-31`
    public var text: String {
        let (year, month, day) = parts
        return "\(Digits.padded(year, 4))-\(Digits.padded(month, 2))-\(Digits.padded(day, 2))"
    }

    static func isLeap(_ year: Int) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }

    static func count(inMonth month: Int, of year: Int) -> Int {
        switch month {
        case 2: isLeap(year) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    static func number(year: Int, month: Int, day: Int) -> Int {
        let year = month <= 2 ? year - 1 : year
        let era = (year >= 0 ? year : year - 399) / 400
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}

/// A day of every year: `--12-25`.
public struct YearDay: Sendable, Hashable {
    public let month: Int
    public let day: Int

    /// Nil for a day that no year has.
    init?(month: Int, day: Int) {
        guard (1...12).contains(month), day >= 1, day <= Day.count(inMonth: month, of: 2_000) else { return nil }
        self.month = month
        self.day = day
    }

    /// Reads `--12-25`, nothing else.
    init?(text: some StringProtocol) {
        let bytes = Array(text.utf8)
        guard bytes.count == 7, bytes[0] == UInt8(ascii: "-"), bytes[1] == UInt8(ascii: "-"),
            bytes[4] == UInt8(ascii: "-"), let month = Digits.value(bytes[2..<4]), let day = Digits.value(bytes[5..<7])
        else { return nil }
        self.init(month: month, day: day)
    }
}

/// Decimal digits as numbers and back.
enum Digits {
    static func value(_ bytes: some Sequence<UInt8>) -> Int? {
        var value = 0
        for byte in bytes {
            guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
            value = value * 10 + Int(byte - UInt8(ascii: "0"))
        }
        return value
    }

    static func padded(_ value: Int, _ width: Int) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}

extension Int {
    /// Division that rounds down, also below zero.
    func floorDivided(by divisor: Int) -> Int {
        let quotient = self / divisor
        return self % divisor != 0 && (self < 0) != (divisor < 0) ? quotient - 1 : quotient
    }
}
