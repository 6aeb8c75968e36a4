/// A day without a time or a zone, such as the day on which an invoice is due: `2026-01-31`.
public struct CalendarDate: Sendable, Hashable, Comparable {
    public let year: Int
    public let month: Int
    public let day: Int

    /// Nil for a day that does not exist; years run from 1 to 9999.
    public init?(year: Int, month: Int, day: Int) {
        guard (1...9999).contains(year), (1...12).contains(month), day >= 1 else { return nil }
        guard day <= Gregorian.days(inMonth: Int64(month), of: Int64(year)) else { return nil }
        self.year = year
        self.month = month
        self.day = day
    }

    /// Reads `2026-01-31`, nothing else.
    public init?(text: String) {
        let parts = Array(text.utf8).withUnsafeBytes { bytes -> (Int64, Int64, Int64)? in
            var reader = DigitReader(bytes)
            guard
                let year = reader.digits(4), reader.skip("-"),
                let month = reader.digits(2), reader.skip("-"),
                let day = reader.digits(2), reader.isAtEnd
            else { return nil }
            return (year, month, day)
        }
        guard let (year, month, day) = parts else { return nil }
        self.init(year: Int(year), month: Int(month), day: Int(day))
    }

    public var text: String {
        func padded(_ value: Int, _ width: Int) -> String {
            let digits = String(value)
            return String(repeating: "0", count: width - digits.count) + digits
        }
        return "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))"
    }

    public static func < (left: CalendarDate, right: CalendarDate) -> Bool {
        (left.year, left.month, left.day) < (right.year, right.month, right.day)
    }
}

extension CalendarDate: Codable, CustomStringConvertible {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let value = CalendarDate(text: try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "must be a date (YYYY-MM-DD)")
        }
        self = value
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }

    public var description: String { text }
}
