// From the calendar's document, with every fault of it named.

import Contracts

extension BusinessCalendar {
    /// Reads a document. Pure, but for the zone's file, which is read once per process.
    public init(_ document: JSON, zones: ZoneDatabase = .system) throws(CalendarFaults) {
        var reader = DocumentReader()
        let calendar = reader.calendar(document, zones)
        guard let calendar, reader.faults.isEmpty else { throw CalendarFaults(reader.faults) }
        self = calendar
    }
}

private struct DocumentReader {
    private(set) var faults: [CalendarFault] = []
    /// A document with more faults than this is reported by its first ones.
    private let faultsMax = 100

    private static let keys: Set = ["name", "timezone", "weeklyHours", "holidays", "dateOverrides", "breaks"]

    mutating func calendar(_ document: JSON, _ zones: ZoneDatabase) -> BusinessCalendar? {
        guard let object = document.objectValue else {
            fault("", "type", "A calendar is an object, not \(document.typeName).")
            return nil
        }
        for (key, _) in object where !Self.keys.contains(key) {
            fault("/" + JSONPointer.escape(key), "unknown_field", "A calendar has no field \(key.prefix(50)).")
        }
        let name = name(object["name"])
        let zone = zone(object["timezone"], zones)
        let weekly = weekly(object["weeklyHours"])
        let (dates, yearly) = holidays(object["holidays"])
        let overrides = dated(object["dateOverrides"], "/dateOverrides")
        let breaks = dated(object["breaks"], "/breaks")
        guard let zone, faults.isEmpty else { return nil }
        let calendar = BusinessCalendar(
            name: name, zone: zone, weekly: weekly, holidays: dates, yearlyHolidays: yearly, overrides: overrides,
            breaks: breaks)
        if !calendar.hasOpenTime {
            fault("/weeklyHours", "never_open", "The calendar has no open hour: nothing could ever fall due.")
        }
        return calendar
    }

    private mutating func fault(_ pointer: String, _ code: String, _ detail: String) {
        guard faults.count < faultsMax else { return }
        faults.append(CalendarFault(pointer: pointer, code: code, detail: detail))
    }

    // MARK: Members

    private mutating func name(_ value: JSON?) -> String? {
        guard let value, !value.isNull else { return nil }
        guard let name = value.stringValue, name.count <= BusinessCalendar.nameLengthMax else {
            fault("/name", "invalid", "A name is a text of at most \(BusinessCalendar.nameLengthMax) characters.")
            return nil
        }
        return name
    }

    private mutating func zone(_ value: JSON?, _ zones: ZoneDatabase) -> Zone? {
        guard let value, !value.isNull else {
            fault("/timezone", "required", "A calendar needs a time zone, such as Europe/Berlin.")
            return nil
        }
        guard let name = value.stringValue else {
            fault("/timezone", "type", "A time zone is a name, such as Europe/Berlin.")
            return nil
        }
        do {
            return try zones.zone(named: name)
        } catch {
            fault("/timezone", "unknown_zone", "\(error).")
            return nil
        }
    }

    private mutating func weekly(_ value: JSON?) -> [[BusinessCalendar.Span]] {
        var weekly = Array(repeating: [BusinessCalendar.Span](), count: 7)
        guard let object = object(value, "/weeklyHours") else { return weekly }
        let before = faults.count
        for (key, value) in object {
            let pointer = "/weeklyHours/" + JSONPointer.escape(key)
            guard let day = BusinessCalendar.weekdays.firstIndex(of: key) else {
                fault(
                    pointer, "unknown_field",
                    "A weekday is one of \(BusinessCalendar.weekdays.joined(separator: ", ")).")
                continue
            }
            weekly[day] = spans(value, pointer)
        }
        if faults.count == before { checkWeek(weekly) }
        return weekly
    }

    /// No shift may begin before the one before it has ended, also from one day to the next, and from Sunday to Monday.
    private mutating func checkWeek(_ weekly: [[BusinessCalendar.Span]]) {
        let week = 7 * 86_400
        var shifts: [(start: Int, end: Int, pointer: String)] = []
        for (day, spans) in weekly.enumerated() {
            for (index, span) in spans.enumerated() {
                shifts.append(
                    (
                        day * 86_400 + span.start, day * 86_400 + span.end,
                        "/weeklyHours/\(BusinessCalendar.weekdays[day])/\(index)"
                    ))
            }
        }
        shifts.sort { $0.start < $1.start }
        for (index, shift) in shifts.enumerated() where shifts.count > 1 {
            let previous = index > 0 ? shifts[index - 1] : shifts[shifts.count - 1]
            let end = index > 0 ? previous.end : previous.end - week
            if shift.start < end {
                fault(shift.pointer, "overlap", "It begins before \(previous.pointer) has ended.")
            }
        }
    }

    private mutating func holidays(_ value: JSON?) -> (Set<Day>, Set<YearDay>) {
        var dates: Set<Day> = []
        var yearly: Set<YearDay> = []
        guard let value, !value.isNull else { return (dates, yearly) }
        guard let list = value.arrayValue else {
            fault("/holidays", "type", "Holidays are a list of dates.")
            return (dates, yearly)
        }
        guard list.count <= BusinessCalendar.datesMax else {
            fault("/holidays", "too_many", "A calendar has at most \(BusinessCalendar.datesMax) holidays.")
            return (dates, yearly)
        }
        for (index, item) in list.enumerated() {
            let pointer = "/holidays/\(index)"
            if let text = item.stringValue, text.hasPrefix("--") {
                if let day = YearDay(text: text) {
                    yearly.insert(day)
                } else {
                    fault(pointer, "invalid_date", "A day of every year is written --12-25.")
                }
            } else if let day = date(
                item.stringValue, pointer, "A holiday is a date, 2026-12-25, or --12-25 for every year.")
            {
                dates.insert(day)
            }
        }
        return (dates, yearly)
    }

    private mutating func dated(_ value: JSON?, _ pointer: String) -> [Day: [BusinessCalendar.Span]] {
        guard let object = object(value, pointer) else { return [:] }
        guard object.count <= BusinessCalendar.datesMax else {
            fault(pointer, "too_many", "At most \(BusinessCalendar.datesMax) dates can be given.")
            return [:]
        }
        var dated: [Day: [BusinessCalendar.Span]] = [:]
        for (key, value) in object {
            let own = pointer + "/" + JSONPointer.escape(key)
            guard let day = date(key, own, "A date is written 2026-12-25.") else { continue }
            let spans = spans(value, own)
            checkDay(spans, own)
            dated[day] = spans
        }
        return dated
    }

    private mutating func checkDay(_ spans: [BusinessCalendar.Span], _ pointer: String) {
        let sorted = spans.enumerated().sorted { $0.element.start < $1.element.start }
        for (previous, next) in zip(sorted, sorted.dropFirst()) where next.element.start < previous.element.end {
            fault(
                "\(pointer)/\(next.offset)", "overlap", "It begins before \(pointer)/\(previous.offset) has ended.")
        }
    }

    // MARK: Parts

    private mutating func object(_ value: JSON?, _ pointer: String) -> JSONObject? {
        guard let value, !value.isNull else { return nil }
        guard let object = value.objectValue else {
            fault(pointer, "type", "An object is expected, not \(value.typeName).")
            return nil
        }
        return object
    }

    private mutating func date(_ text: String?, _ pointer: String, _ detail: String) -> Day? {
        guard let text, let day = Day(text: text) else {
            fault(pointer, "invalid_date", detail)
            return nil
        }
        guard BusinessCalendar.years.contains(day.year) else {
            let years = BusinessCalendar.years
            fault(pointer, "out_of_range", "Dates lie in the years \(years.lowerBound) to \(years.upperBound).")
            return nil
        }
        return day
    }

    private mutating func spans(_ value: JSON, _ pointer: String) -> [BusinessCalendar.Span] {
        guard let list = value.arrayValue else {
            fault(pointer, "type", "Hours are a list of pairs: [[\"08:00\", \"17:00\"]].")
            return []
        }
        guard list.count <= BusinessCalendar.spansMax else {
            fault(pointer, "too_many", "A date has at most \(BusinessCalendar.spansMax) intervals.")
            return []
        }
        var spans: [BusinessCalendar.Span] = []
        for (index, item) in list.enumerated() {
            if let span = span(item, "\(pointer)/\(index)") { spans.append(span) }
        }
        return spans
    }

    private mutating func span(_ value: JSON, _ pointer: String) -> BusinessCalendar.Span? {
        guard let pair = value.arrayValue, pair.count == 2 else {
            fault(pointer, "invalid_interval", "An interval is a pair of times: [\"08:00\", \"17:00\"].")
            return nil
        }
        let start = Self.seconds(pair[0].stringValue)
        let end = Self.seconds(pair[1].stringValue)
        if start == nil || start == 86_400 {
            fault("\(pointer)/0", "invalid_time", "A time is written 08:00, from 00:00 to 23:59.")
        }
        if end == nil { fault("\(pointer)/1", "invalid_time", "A time is written 17:00, from 00:00 to 24:00.") }
        guard let start, let end, start < 86_400 else { return nil }
        guard start != end else {
            fault(pointer, "empty_interval", "It ends where it begins; a whole day is [\"00:00\", \"24:00\"].")
            return nil
        }
        return BusinessCalendar.Span(start: start, end: end < start ? end + 86_400 : end)
    }

    /// `08:00` or `08:00:30`; `24:00` is the end of the day.
    private static func seconds(_ text: String?) -> Int? {
        guard let bytes = text.map({ Array($0.utf8) }), bytes.count == 5 || bytes.count == 8 else { return nil }
        var values: [Int] = []
        for part in stride(from: 0, to: bytes.count, by: 3) {
            guard part == 0 || bytes[part - 1] == UInt8(ascii: ":"), let value = Digits.value(bytes[part..<part + 2])
            else { return nil }
            values.append(value)
        }
        let seconds = values[0] * 3_600 + values[1] * 60 + (values.count > 2 ? values[2] : 0)
        guard values[0] < 24 || seconds == 86_400, values.dropFirst().allSatisfy({ $0 < 60 }) else { return nil }
        return seconds
    }
}

extension BusinessCalendar {
    /// Whether anything is ever open.
    fileprivate var hasOpenTime: Bool {
        // The week and the leap years come round again after 28 years (2000 to 2027 have no exception in them), so a
        // shift that no yearly holiday takes away shows in them. Dates given one by one are too few to take all away.
        if !weekly.allSatisfy(\.isEmpty) {
            let first = Day.number(year: 2_000, month: 1, day: 1)
            for number in first..<first + 28 * 366 {
                let day = Day(number: number)
                let parts = day.parts
                guard !weekly[day.weekday].isEmpty, let yearDay = YearDay(month: parts.month, day: parts.day) else {
                    continue
                }
                if !yearlyHolidays.contains(yearDay) { return true }
            }
        }
        return overrides.contains { day, spans in !spans.isEmpty && closure(of: day) == nil }
    }
}
