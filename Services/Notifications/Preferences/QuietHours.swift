// When somebody does not want to be disturbed, on their own clocks.

import BusinessTime
import Contracts

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A time on the clock, `22:00`, as minutes since midnight.
struct ClockTime: Sendable, Hashable {
    let minutes: Int

    init(minutes: Int) { self.minutes = minutes }

    /// Reads `08:30`, nothing else.
    init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count == 5, bytes[2] == UInt8(ascii: ":") else { return nil }
        let digits = [0, 1, 3, 4].map { Int(bytes[$0]) - 48 }
        guard digits.allSatisfy({ (0...9).contains($0) }) else { return nil }
        let (hour, minute) = (digits[0] * 10 + digits[1], digits[2] * 10 + digits[3])
        guard hour < 24, minute < 60 else { return nil }
        minutes = hour * 60 + minute
    }

    /// The first instant after another at which a zone's clocks show this time.
    func next(after instant: Timestamp, in zone: Zone) -> Timestamp {
        let clock = LocalClock(instant, in: zone)
        let ahead = minutes * 60 - clock.secondsOfDay
        return clock.instant(secondsAhead: ahead > 0 ? ahead : ahead + 86_400)
    }
}

/// From one time on the clock to another, over midnight where the end comes first.
struct QuietHours: Sendable, Hashable {
    let start: ClockTime
    let end: ClockTime

    /// Reads `{"start": "22:00", "end": "07:00"}`; nil where there are none.
    init?(_ json: JSON?) {
        guard let start = json?["start"]?.stringValue.flatMap(ClockTime.init),
            let end = json?["end"]?.stringValue.flatMap(ClockTime.init), start != end
        else { return nil }
        self.init(start: start, end: end)
    }

    init(start: ClockTime, end: ClockTime) {
        self.start = start
        self.end = end
    }

    /// Whether the zone's clocks show a quiet time.
    func contains(_ instant: Timestamp, in zone: Zone) -> Bool {
        let minute = LocalClock(instant, in: zone).secondsOfDay / 60
        guard start.minutes < end.minutes else { return minute >= start.minutes || minute < end.minutes }
        return (start.minutes..<end.minutes).contains(minute)
    }

    /// The instant itself, or the end of the quiet time that it is in.
    func release(_ instant: Timestamp, in zone: Zone) -> Timestamp {
        contains(instant, in: zone) ? end.next(after: instant, in: zone) : instant
    }
}

/// What a zone's clocks show at an instant.
struct LocalClock: Sendable {
    private let zone: Zone
    private let seconds: Int
    private let offset: Int

    init(_ instant: Timestamp, in zone: Zone) {
        self.zone = zone
        seconds = Int((instant.milliseconds - (instant.milliseconds % 1_000 + 1_000) % 1_000) / 1_000)
        offset = zone.offset(at: seconds)
    }

    var secondsOfDay: Int { ((seconds + offset) % 86_400 + 86_400) % 86_400 }

    /// The instant at which the clocks show a time so far ahead. One that they skip is as much later as they are put forward;
    /// one that they show twice is the first of the two that is still to come.
    func instant(secondsAhead: Int) -> Timestamp {
        let wanted = seconds + offset + secondsAhead
        var instant = seconds + secondsAhead
        let shift = zone.offset(at: instant) - offset
        if shift != 0 {
            instant -= shift
            // Skipped by the clocks: they show a later time already.
            if instant + zone.offset(at: instant) != wanted { instant += max(shift, 0) }
        }
        return Timestamp(milliseconds: Int64(max(instant, seconds + 1)) * 1_000)
    }

    /// `2026-03-01 14:30`
    var text: String {
        let local = Timestamp(milliseconds: Int64(seconds + offset) * 1_000).rfc3339
        return "\(local.prefix(10)) \(local.dropFirst(11).prefix(5))"
    }
}
