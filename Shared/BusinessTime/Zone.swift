// A time zone as what it is: offsets from UTC, and the instants at which they change.

/// The offsets of one IANA zone, from the beginning of time to the end of ``lastYear``, as sorted arrays.
public struct Zone: Sendable, Hashable {
    /// The last year whose rules are written out; no arithmetic here goes beyond it.
    public static let lastYear = 2_201

    public let name: String
    /// When the offset changes, in seconds since 1970 UTC, ascending.
    let transitions: [Int]
    /// Seconds east of UTC: `offsets[0]` before the first transition, `offsets[i + 1]` from `transitions[i]` on.
    let offsets: [Int]

    init(name: String, transitions: [Int], offsets: [Int]) {
        precondition(offsets.count == transitions.count + 1, "an offset for each stretch between transitions")
        self.name = name
        self.transitions = transitions
        self.offsets = offsets
    }

    public static let utc = Zone(name: "UTC", transitions: [], offsets: [0])

    /// Seconds east of UTC at an instant, in seconds since 1970 UTC.
    public func offset(at instant: Int) -> Int { offsets[stretch(at: instant)] }

    /// The date on the zone's calendars at an instant.
    func day(at instant: Int) -> Day {
        Day(number: (instant + offset(at: instant)).floorDivided(by: 86_400))
    }

    /// The instant of a local time, given in seconds since 1970-01-01 00:00 local. A time that occurs twice is the first
    /// of the two; one that is skipped is as much later as the clocks jump.
    func instant(ofLocal local: Int) -> Int {
        // No zone is a day and a half from UTC, so the time lies in one of the stretches around.
        var index = stretch(at: local - 129_600)
        while index < transitions.count {
            if local < transitions[index] + offsets[index] { break }
            index += 1
        }
        // In this stretch, or in the gap before it: then the clocks that jumped had the offset before.
        guard index > 0, local < transitions[index - 1] + offsets[index] else { return local - offsets[index] }
        return local - offsets[index - 1]
    }

    /// Whether the zone has any instant of a date: some have gone from one side of the date line to the other.
    func has(_ day: Day) -> Bool {
        let instant = instant(ofLocal: day.number * 86_400)
        return self.day(at: instant) == day
    }

    /// The index of the stretch that an instant is in.
    private func stretch(at instant: Int) -> Int {
        var low = 0
        var high = transitions.count
        while low < high {
            let middle = (low + high) / 2
            if transitions[middle] <= instant { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
