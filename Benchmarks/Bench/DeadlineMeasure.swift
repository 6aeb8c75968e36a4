import BusinessTime
import Contracts

/// How many deadlines one core works out per second over a calendar with split shifts, a night shift and 30 holidays a
/// year. Needs no stack.
struct DeadlineMeasure {
    let seconds: Int

    private static func calendar() throws -> BusinessCalendar {
        let day: JSON = [["08:00", "13:00"], ["14:00", "18:00"]]
        let holidays = (0..<30).map { index in
            JSON.string("--\(index % 12 < 9 ? "0" : "")\(index % 12 + 1)-\(10 + index / 12 * 7)")
        }
        return try BusinessCalendar([
            "timezone": "Europe/Berlin",
            "weeklyHours": [
                "mon": day, "tue": day, "wed": day, "thu": day, "fri": [["08:00", "13:00"], ["22:00", "06:00"]],
            ],
            "holidays": .array(holidays), "dateOverrides": ["2026-12-23": [["08:00", "12:00"]]],
            "breaks": ["2026-06-02": [["10:00", "10:30"]]],
        ])
    }

    func run(into table: inout ResultTable) throws {
        let hours = WorkingHours(try Self.calendar())
        guard let newYear = Timestamp(rfc3339: "2026-01-01T00:00:00Z") else { return }
        // Starts all over a year and targets from a minute to ten working days, by a generator that costs next to nothing.
        var state: UInt64 = 1
        func next(below bound: UInt64) -> Int64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int64((state >> 33) % bound)
        }
        let batch = 100_000
        var (count, sum) = (0, Int64(0))
        let clock = ContinuousClock()
        let began = clock.now
        while clock.now - began < .seconds(seconds) {
            for _ in 0..<batch {
                let start = Timestamp(microseconds: newYear.microseconds + next(below: 365 * 86_400) * 1_000_000)
                let due = try hours.deadline(from: start, microseconds: (60 + next(below: 324_000)) * 1_000_000)
                sum &+= due.microseconds
            }
            count += batch
        }
        let elapsed = clock.now - began
        let taken = Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) / 1e18
        precondition(sum != 0, "the deadlines are used")
        table.add(
            "deadlines, one core", "\(Int(Double(count) / taken))/s", least: "100,000/s", aim: "1,000,000/s")
    }
}
