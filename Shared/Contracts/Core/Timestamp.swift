#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// An instant: microseconds since 1970-01-01T00:00:00Z, from the year 0001 to the year 9999.
public struct Timestamp: Sendable, Hashable, Comparable {
    public let microseconds: Int64

    /// Values beyond the years 0001 to 9999 are moved to the nearest end, so that every timestamp has an RFC 3339 text.
    public init(microseconds: Int64) {
        self.microseconds = Swift.min(Swift.max(microseconds, Self.first), Self.last)
    }

    public init(milliseconds: Int64) {
        let (product, overflowed) = milliseconds.multipliedReportingOverflow(by: 1000)
        self.init(microseconds: overflowed ? (milliseconds < 0 ? .min : .max) : product)
    }

    private static let first: Int64 = -62_135_596_800_000_000
    private static let last: Int64 = 253_402_300_799_999_999

    /// 0001-01-01T00:00:00Z.
    public static let min = Timestamp(microseconds: first)
    /// The last microsecond of the year 9999.
    public static let max = Timestamp(microseconds: last)

    /// The present, truncated to milliseconds: what the API shows and the database keeps.
    public static var now: Timestamp {
        Timestamp(milliseconds: Int64((Date().timeIntervalSince1970 * 1000).rounded(.down)))
    }

    public var milliseconds: Int64 { microseconds.floorDivided(by: 1000) }

    /// The same instant without what is finer than a millisecond.
    public var truncatedToMilliseconds: Timestamp { Timestamp(milliseconds: milliseconds) }

    public static func < (left: Timestamp, right: Timestamp) -> Bool { left.microseconds < right.microseconds }

    public static func + (instant: Timestamp, distance: Duration) -> Timestamp {
        let (sum, overflowed) = instant.microseconds.addingReportingOverflow(distance.wholeMicroseconds)
        return Timestamp(microseconds: overflowed ? (distance < .zero ? .min : .max) : sum)
    }

    public static func - (instant: Timestamp, distance: Duration) -> Timestamp { instant + (.zero - distance) }

    public static func - (later: Timestamp, earlier: Timestamp) -> Duration {
        .microseconds(later.microseconds - earlier.microseconds)
    }
}

extension Duration {
    /// Truncated toward zero; durations beyond 64 bits are moved to the nearest end.
    fileprivate var wholeMicroseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflowed) = seconds.multipliedReportingOverflow(by: 1_000_000)
        let (sum, carried) = product.addingReportingOverflow(attoseconds / 1_000_000_000_000)
        return overflowed || carried ? (seconds < 0 ? .min : .max) : sum
    }
}

extension Int64 {
    fileprivate func floorDivided(by divisor: Int64) -> Int64 {
        let quotient = self / divisor
        return self % divisor < 0 ? quotient - 1 : quotient
    }
}

// MARK: - RFC 3339

extension Timestamp {
    /// Reads RFC 3339: any offset, any number of fraction digits (cut, not rounded, after the sixth), upper- or
    /// lower-case `T` and `Z`. A leap second (`:60`) is refused: the time that follows it has the same number of
    /// microseconds, so it could not be told apart.
    public init?(rfc3339 text: some StringProtocol) {
        let parsed = text.utf8.withContiguousStorageIfAvailable {
            Timestamp(rfc3339: UnsafeRawBufferPointer($0))
        }
        if let parsed {
            guard let parsed else { return nil }
            self = parsed
        } else {
            self.init(rfc3339: Array(text.utf8))
        }
    }

    public init?(rfc3339 bytes: [UInt8]) {
        guard let parsed = bytes.withUnsafeBytes({ Timestamp(rfc3339: $0) }) else { return nil }
        self = parsed
    }

    private init?(rfc3339 bytes: UnsafeRawBufferPointer) {
        var reader = DigitReader(bytes)
        guard
            let year = reader.digits(4), reader.skip("-"),
            let month = reader.digits(2), reader.skip("-"),
            let day = reader.digits(2), reader.skip("T", or: "t"),
            let hour = reader.digits(2), reader.skip(":"),
            let minute = reader.digits(2), reader.skip(":"),
            let second = reader.digits(2)
        else { return nil }
        guard
            year >= 1, (1...12).contains(month), day >= 1, day <= Gregorian.days(inMonth: month, of: year),
            hour < 24, minute < 60, second < 60
        else { return nil }

        var fraction: Int64 = 0
        if reader.skip(".") {
            guard let micros = reader.fraction() else { return nil }
            fraction = micros
        }
        var offsetMinutes: Int64 = 0
        if !reader.skip("Z", or: "z") {
            let sign: Int64 = reader.skip("+") ? 1 : -1
            guard sign == 1 || reader.skip("-") else { return nil }
            guard let hours = reader.digits(2), reader.skip(":"), let minutes = reader.digits(2) else { return nil }
            guard hours < 24, minutes < 60 else { return nil }
            offsetMinutes = sign * (hours * 60 + minutes)
        }
        guard reader.isAtEnd else { return nil }

        let days = Gregorian.days(year: year, month: month, day: day)
        let seconds = days * 86_400 + hour * 3600 + (minute - offsetMinutes) * 60 + second
        let micros = seconds * 1_000_000 + fraction
        guard (Self.first...Self.last).contains(micros) else { return nil }
        self.microseconds = micros
    }

    /// `2026-01-02T03:04:05.678Z`; six fraction digits only where the instant is finer than a millisecond.
    public var rfc3339: String {
        String(unsafeUninitializedCapacity: 32) { buffer in
            write(to: UnsafeMutableRawBufferPointer(buffer))
        }
    }

    func append(to bytes: inout [UInt8]) {
        withUnsafeTemporaryAllocation(byteCount: 32, alignment: 1) { buffer in
            bytes.append(contentsOf: buffer[..<write(to: buffer)])
        }
    }

    private func write(to buffer: UnsafeMutableRawBufferPointer) -> Int {
        let days = microseconds.floorDivided(by: 86_400_000_000)
        var rest = microseconds - days * 86_400_000_000
        let (year, month, day) = Gregorian.date(days: days)
        let micros = rest % 1_000_000
        rest /= 1_000_000
        func put(_ value: Int64, _ count: Int, at offset: Int) {
            var value = value
            for position in stride(from: offset + count - 1, through: offset, by: -1) {
                buffer[position] = UInt8(ascii: "0") + UInt8(value % 10)
                value /= 10
            }
        }
        put(year, 4, at: 0)
        buffer[4] = UInt8(ascii: "-")
        put(month, 2, at: 5)
        buffer[7] = UInt8(ascii: "-")
        put(day, 2, at: 8)
        buffer[10] = UInt8(ascii: "T")
        put(rest / 3600, 2, at: 11)
        buffer[13] = UInt8(ascii: ":")
        put(rest / 60 % 60, 2, at: 14)
        buffer[16] = UInt8(ascii: ":")
        put(rest % 60, 2, at: 17)
        buffer[19] = UInt8(ascii: ".")
        let fractionDigits = micros % 1000 == 0 ? 3 : 6
        put(fractionDigits == 3 ? micros / 1000 : micros, fractionDigits, at: 20)
        buffer[20 + fractionDigits] = UInt8(ascii: "Z")
        return 21 + fractionDigits
    }
}

extension Timestamp: Codable, CustomStringConvertible {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let value = Timestamp(rfc3339: try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "must be an RFC 3339 timestamp")
        }
        self = value
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(rfc3339)
    }

    public var description: String { rfc3339 }
}

// MARK: - Calendar arithmetic

/// The proleptic Gregorian calendar in days since 1970-01-01.
enum Gregorian {
    static func isLeap(_ year: Int64) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }

    static func days(inMonth month: Int64, of year: Int64) -> Int64 {
        switch month {
        case 2: isLeap(year) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    // Both ways count years from 1 March, which puts the leap day at the end, in cycles of 400 years (146,097 days).

    static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let cycle = shifted.floorDivided(by: 400)
        let yearOfCycle = shifted - cycle * 400
        let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        let dayOfCycle = yearOfCycle * 365 + yearOfCycle / 4 - yearOfCycle / 100 + dayOfYear
        return cycle * 146_097 + dayOfCycle - 719_468
    }

    static func date(days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = days + 719_468
        let cycle = shifted.floorDivided(by: 146_097)
        let dayOfCycle = shifted - cycle * 146_097
        let yearOfCycle = (dayOfCycle - dayOfCycle / 1460 + dayOfCycle / 36_524 - dayOfCycle / 146_096) / 365
        let dayOfYear = dayOfCycle - (365 * yearOfCycle + yearOfCycle / 4 - yearOfCycle / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        return (yearOfCycle + cycle * 400 + (month <= 2 ? 1 : 0), month, day)
    }
}

/// Reads fixed-width decimal fields.
struct DigitReader {
    private let bytes: UnsafeRawBufferPointer
    private var at = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    var isAtEnd: Bool { at == bytes.count }

    mutating func digits(_ count: Int) -> Int64? {
        guard at + count <= bytes.count else { return nil }
        var value: Int64 = 0
        for position in at..<at + count {
            let digit = bytes[position] &- UInt8(ascii: "0")
            guard digit < 10 else { return nil }
            value = value * 10 + Int64(digit)
        }
        at += count
        return value
    }

    /// At least one digit; microseconds.
    mutating func fraction() -> Int64? {
        let start = at
        var value: Int64 = 0
        while at < bytes.count {
            let digit = bytes[at] &- UInt8(ascii: "0")
            guard digit < 10 else { break }
            if at - start < 6 { value = value * 10 + Int64(digit) }
            at += 1
        }
        guard at > start else { return nil }
        for _ in Swift.min(at - start, 6)..<6 { value *= 10 }
        return value
    }

    mutating func skip(_ character: Unicode.Scalar, or other: Unicode.Scalar? = nil) -> Bool {
        guard at < bytes.count else { return false }
        let found = bytes[at]
        guard found == UInt8(ascii: character) || other.map({ found == UInt8(ascii: $0) }) == true else {
            return false
        }
        at += 1
        return true
    }
}
