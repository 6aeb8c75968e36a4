// The kind of time that a target is in.

import BusinessTime
import Contracts

/// Real time, or the open time of a calendar. Durations are microseconds.
enum TimeScale: Sendable {
    case calendar
    case business(WorkingHours)

    /// Nil where there is no such instant before the last year that calendars speak of.
    func deadline(from start: Timestamp, _ microseconds: Int64) -> Timestamp? {
        switch self {
        case .calendar: start + .microseconds(max(0, microseconds))
        case .business(let hours): try? hours.deadline(from: start, microseconds: max(0, microseconds))
        }
    }

    /// Zero where an instant lies outside the years that calendars speak of.
    func elapsed(_ start: Timestamp, _ end: Timestamp) -> Int64 {
        switch self {
        case .calendar: max(0, end.microseconds - start.microseconds)
        case .business(let hours): (try? hours.elapsed(from: start, to: end)) ?? 0
        }
    }
}
