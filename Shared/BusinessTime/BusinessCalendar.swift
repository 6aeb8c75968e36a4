// When an organization works: the document, read and checked. What it means for instants is `WorkingHours`.

import Contracts

/// A calendar of working hours in one time zone.
///
/// ```json
/// {"name": "Berlin", "timezone": "Europe/Berlin",
///  "weeklyHours": {"mon": [["08:00","13:00"],["14:00","18:00"]], "fri": [["22:00","06:00"]]},
///  "holidays": ["2026-12-24", "--01-01"],
///  "dateOverrides": {"2026-12-23": [["08:00","12:00"]]},
///  "breaks": {"2026-06-02": [["12:00","12:30"]]}}
/// ```
///
/// A shift belongs to the date it begins on: Friday's shift that ends on Saturday at 06:00 is Friday's, and a holiday or an
/// override on the Saturday leaves it alone. A break is a time of its own date and cuts into whatever shift is then.
public struct BusinessCalendar: Sendable, Hashable {
    /// A shift, in seconds after its date's midnight by the clock on the wall; beyond 86,400 it ends on the next date.
    struct Span: Sendable, Hashable {
        var start: Int
        var end: Int
    }

    public let name: String?
    public let zone: Zone
    /// From Monday to Sunday.
    let weekly: [[Span]]
    let holidays: Set<Day>
    let yearlyHolidays: Set<YearDay>
    let overrides: [Day: [Span]]
    let breaks: [Day: [Span]]

    /// Dates that calendars can speak of.
    public static let years = 1_970...2_199
    /// The most dates of each kind in one calendar.
    public static let datesMax = 5_000
    /// The most shifts, or breaks, of one date.
    public static let spansMax = 50
    public static let nameLengthMax = 200

    /// The keys of ``weekly``, in its order.
    public static let weekdays = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

    /// Why a date has no shifts.
    public enum Closure: String, Sendable, Hashable, CaseIterable {
        case holiday
        /// An override says that it has none.
        case override
        /// Breaks leave nothing of it.
        case breaks = "break"
        /// The weekday has none.
        case closed
        /// The zone went over the date line and left the date out.
        case noSuchDate = "no_such_date"
    }

    func isHoliday(_ day: Day) -> Bool {
        if holidays.contains(day) { return true }
        guard !yearlyHolidays.isEmpty else { return false }
        let parts = day.parts
        guard let yearDay = YearDay(month: parts.month, day: parts.day) else { return false }
        return yearlyHolidays.contains(yearDay)
    }

    /// The shifts that begin on a date, before breaks.
    func spans(on day: Day) -> [Span] {
        if isHoliday(day) { return [] }
        return overrides[day] ?? weekly[day.weekday]
    }

    /// Why nothing is open on a date's own account; nil where something is.
    public func closure(of day: Day) -> Closure? {
        guard zone.has(day) else { return .noSuchDate }
        if isHoliday(day) { return .holiday }
        let spans = spans(on: day)
        if spans.isEmpty { return overrides[day] == nil ? .closed : .override }
        guard let breaks = breaks[day] else { return nil }
        return spans.allSatisfy { span in isCovered(span, by: breaks) } ? .breaks : nil
    }

    private func isCovered(_ span: Span, by breaks: [Span]) -> Bool {
        var open = span.start
        for pause in breaks.sorted(by: { $0.start < $1.start }) where pause.start <= open {
            open = max(open, pause.end)
        }
        return open >= span.end
    }
}

/// What is wrong in a calendar's document, and where.
public struct CalendarFault: Sendable, Hashable {
    /// A JSON pointer into the document: `/weeklyHours/mon/1`.
    public let pointer: String
    /// A slug for programs: `overlap`.
    public let code: String
    /// A sentence for people.
    public let detail: String

    public init(pointer: String, code: String, detail: String) {
        self.pointer = pointer
        self.code = code
        self.detail = detail
    }
}

/// Everything that is wrong in a calendar's document.
public struct CalendarFaults: Error, Sendable, Hashable {
    public let faults: [CalendarFault]

    public init(_ faults: [CalendarFault]) { self.faults = faults }
}
