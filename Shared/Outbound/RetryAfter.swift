/// What a Retry-After field asks for (RFC 9110, section 10.2.3): a number of seconds, or an instant.
public enum RetryAfter {
    /// Seconds from `now` (of the Unix epoch), never negative; nil where the field is neither.
    public static func seconds(_ field: some StringProtocol, now: Int64) -> Int64? {
        let text = field.utf8.prefix(64).filter { $0 != 32 }
        if !text.isEmpty, text.count <= 18, text.allSatisfy({ (48...57).contains($0) }) {
            return Int64(String(decoding: text, as: UTF8.self))
        }
        return instant(String(field.prefix(64))).map { max(0, $0 - now) }
    }

    /// An IMF-fixdate: `Sun, 06 Nov 1994 08:49:37 GMT`. The two obsolete forms are not read.
    private static func instant(_ text: String) -> Int64? {
        let parts = text.split(whereSeparator: { $0 == " " || $0 == "," || $0 == ":" })
        guard parts.count == 8, parts[7] == "GMT", let month = months.firstIndex(of: String(parts[2])) else {
            return nil
        }
        let numbers = [1, 3, 4, 5, 6].compactMap { index -> Int64? in
            let digits = parts[index].utf8
            return digits.count <= 4 && digits.allSatisfy({ (48...57).contains($0) }) ? Int64(parts[index]) : nil
        }
        guard numbers.count == 5, (1...31).contains(numbers[0]), (1970...9999).contains(numbers[1]),
            numbers[2] < 24, numbers[3] < 60, numbers[4] <= 60
        else { return nil }
        return days(numbers[1], Int64(month) + 1, numbers[0]) * 86_400 + numbers[2] * 3_600 + numbers[3] * 60
            + numbers[4]
    }

    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    /// Days from 1970-01-01, in years that begin in March, so that the leap day is the last.
    private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let (era, ofEra) = (shifted / 400, shifted % 400)
        let ofYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        return era * 146_097 + ofEra * 365 + ofEra / 4 - ofEra / 100 + ofYear - 719_468
    }
}
