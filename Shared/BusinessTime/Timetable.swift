// A calendar's open time as sorted arrays of instants, for a range of years.

/// Every stretch of open time in a range, and how much there was before each: what arithmetic is looked up in.
/// Times are microseconds since 1970 UTC.
final class Timetable: Sendable {
    let from: Int64
    let to: Int64
    let starts: [Int64]
    let ends: [Int64]
    /// `sums[i]` is the open time before `starts[i]`; one more than there are stretches.
    let sums: [Int64]

    init(_ calendar: BusinessCalendar, years: ClosedRange<Int>) {
        let zone = calendar.zone
        let firstDay = Day.number(year: years.lowerBound, month: 1, day: 1)
        let endDay = Day.number(year: years.upperBound + 1, month: 1, day: 1)
        let from = firstDay * 86_400
        let to = endDay * 86_400
        // A shift that began before the range may reach into it, and UTC's year is not the zone's.
        var open: [(start: Int, end: Int)] = []
        open.reserveCapacity((endDay - firstDay) * 2)
        var closed: [(start: Int, end: Int)] = []
        for number in firstDay - 3...endDay + 2 {
            let day = Day(number: number)
            let spans = calendar.spans(on: day)
            let breaks = calendar.breaks[day] ?? []
            guard !spans.isEmpty || !breaks.isEmpty, zone.has(day) else { continue }
            for span in spans { open.append(Timetable.instants(span, day, zone)) }
            for span in breaks { closed.append(Timetable.instants(span, day, zone)) }
        }
        let stretches = Timetable.subtract(Timetable.merged(closed), from: Timetable.merged(open))
        var (starts, ends, sums): ([Int64], [Int64], [Int64]) = ([], [], [0])
        for stretch in stretches {
            let (start, end) = (max(stretch.start, from), min(stretch.end, to))
            guard start < end else { continue }
            starts.append(Int64(start) * 1_000_000)
            ends.append(Int64(end) * 1_000_000)
            sums.append(sums[sums.count - 1] + Int64(end - start) * 1_000_000)
        }
        self.from = Int64(from) * 1_000_000
        self.to = Int64(to) * 1_000_000
        self.starts = starts
        self.ends = ends
        self.sums = sums
    }

    var total: Int64 { sums[sums.count - 1] }

    /// The open time from the range's beginning to an instant.
    func openTime(before instant: Int64) -> Int64 {
        let next = stretchesBegun(by: instant)
        guard next > 0 else { return 0 }
        return sums[next - 1] + min(instant, ends[next - 1]) - starts[next - 1]
    }

    /// How many stretches have begun at an instant.
    func stretchesBegun(by instant: Int64) -> Int {
        var low = 0
        var high = starts.count
        while low < high {
            let middle = (low + high) >> 1
            if starts[middle] <= instant { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// When so much open time has passed since the range's beginning: the end of a stretch rather than the beginning of
    /// the next. Nil where the range has less.
    func instant(ofOpenTime wanted: Int64) -> Int64? {
        guard wanted <= total else { return nil }
        var low = 0
        var high = starts.count
        while low < high {
            let middle = (low + high) >> 1
            if sums[middle + 1] < wanted { low = middle + 1 } else { high = middle }
        }
        guard low < starts.count else { return nil }
        return starts[low] + wanted - sums[low]
    }

    /// The instant itself where it is open, else the next at which something is. Nil where nothing comes in the range.
    func opening(from instant: Int64) -> Int64? {
        let next = stretchesBegun(by: instant)
        if next > 0, instant < ends[next - 1] { return instant }
        return next < starts.count ? starts[next] : nil
    }

    // MARK: Making

    private static func instants(_ span: BusinessCalendar.Span, _ day: Day, _ zone: Zone) -> (start: Int, end: Int) {
        let midnight = day.number * 86_400
        return (zone.instant(ofLocal: midnight + span.start), zone.instant(ofLocal: midnight + span.end))
    }

    /// Sorted, without what is empty, and what overlaps or touches as one.
    private static func merged(_ stretches: [(start: Int, end: Int)]) -> [(start: Int, end: Int)] {
        var merged: [(start: Int, end: Int)] = []
        merged.reserveCapacity(stretches.count)
        for stretch in stretches.sorted(by: { $0.start < $1.start }) where stretch.start < stretch.end {
            if let last = merged.last, stretch.start <= last.end {
                merged[merged.count - 1].end = max(last.end, stretch.end)
            } else {
                merged.append(stretch)
            }
        }
        return merged
    }

    private static func subtract(
        _ holes: [(start: Int, end: Int)], from stretches: [(start: Int, end: Int)]
    ) -> [(start: Int, end: Int)] {
        guard !holes.isEmpty else { return stretches }
        var rest: [(start: Int, end: Int)] = []
        var first = 0
        for stretch in stretches {
            while first < holes.count, holes[first].end <= stretch.start { first += 1 }
            var start = stretch.start
            var hole = first
            while hole < holes.count, holes[hole].start < stretch.end {
                if holes[hole].start > start { rest.append((start, holes[hole].start)) }
                start = max(start, holes[hole].end)
                hole += 1
            }
            if start < stretch.end { rest.append((start, stretch.end)) }
        }
        return rest
    }
}
