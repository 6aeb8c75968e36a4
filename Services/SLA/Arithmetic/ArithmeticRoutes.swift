// Deadlines and elapsed time on demand, with the arithmetic shown.

import BusinessTime
import Contracts
import Database
import HTTPTypes
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

enum ArithmeticRoutes {
    static let all = [deadline, elapsed]

    /// Segments and skipped dates that an answer lists.
    private static let partsMax = 5_000
    private static let pausesMax = 1_000

    private static let calendarFields: [Field] = [
        .json("calendar", ["type": "object"]).described("A calendar's document; instead of calendarId."),
        .uuid("calendarId").described("A stored calendar; instead of calendar."),
        .timestamp("start").required.example("2026-12-23T10:00:00.000Z"),
    ]

    private static let segmentsSchema: JSON = [
        "type": "array",
        "items": [
            "type": "object",
            "properties": [
                "from": ["type": "string", "format": "date-time"], "to": ["type": "string", "format": "date-time"],
                "seconds": ["type": "number"],
            ],
        ],
    ]

    // MARK: Deadline

    static let deadline = Route(
        .post, "sla/deadline", on: [.tenant], permission: "sla.read",
        summary: "When so many working seconds have passed, and how that was counted",
        description: "With seconds 0 from a closed time, the next opening.", tag: "sla",
        body: .fields(
            calendarFields + [
                .integer("seconds", Int64.min...Int64.max).required.example(14_400),
                .json("pauses", ["type": "array", "items": ["type": "array"]])
                    .described("Pairs of instants between which no time passes.").example([]),
            ]),
        answers: [
            AnswerSpec(
                .ok, "The deadline.",
                schema: [
                    "type": "object", "required": ["deadline", "segments", "skipped"],
                    "properties": [
                        "deadline": ["type": "string", "format": "date-time"], "segments": segmentsSchema,
                        "skipped": [
                            "type": "array",
                            "items": [
                                "type": "object",
                                "properties": ["date": ["type": "string"], "reason": ["type": "string"]],
                            ],
                        ],
                        "truncated": ["type": "boolean"],
                    ],
                ])
        ], operationId: "computeSLADeadline"
    ) { call in
        let hours = try await hours(call)
        let start = call.values.timestamp("start") ?? call.now
        let seconds = call.values.int("seconds") ?? 0
        guard seconds <= WorkingHours.secondsMax, seconds >= 0 else {
            throw Problem.invalid([
                Fault(
                    .pointer("/seconds"), seconds < 0 ? "negative" : "out_of_range",
                    "Seconds are between 0 and \(WorkingHours.secondsMax).")
            ])
        }
        let pauses = try pauses(call.values.json("pauses"))
        do throws(WorkingHoursError) {
            let due = try hours.deadline(from: start, microseconds: seconds * 1_000_000, pauses: pauses)
            let segments = try hours.segments(from: start, to: due, pauses: pauses, limit: partsMax)
            let skipped = hours.closures(from: start, to: due, limit: partsMax)
            var answer: JSONObject = [
                "deadline": .timestamp(due), "segments": .array(segments.map(json)),
                "skipped": .array(
                    skipped.map { ["date": .string($0.day.text), "reason": .string($0.why.rawValue)] }),
            ]
            if max(segments.count, skipped.count) == partsMax { answer["truncated"] = true }
            return .json(.object(answer))
        } catch {
            throw problem(error)
        }
    }

    // MARK: Elapsed

    static let elapsed = Route(
        .post, "sla/elapsed", on: [.tenant], permission: "sla.read",
        summary: "How many working seconds lie between two instants, and which", tag: "sla",
        body: .fields(calendarFields + [.timestamp("end").required.example("2026-12-28T10:00:00.000Z")]),
        answers: [
            AnswerSpec(
                .ok, "The time.",
                schema: [
                    "type": "object", "required": ["elapsedSeconds", "segments"],
                    "properties": [
                        "elapsedSeconds": ["type": "number"], "segments": segmentsSchema,
                        "truncated": ["type": "boolean"],
                    ],
                ])
        ], operationId: "computeSLAElapsed"
    ) { call in
        let hours = try await hours(call)
        let start = call.values.timestamp("start") ?? call.now
        let end = call.values.timestamp("end") ?? call.now
        guard start <= end else {
            throw Problem.invalid([Fault(.pointer("/end"), "before_start", "The end is not before the start.")])
        }
        do throws(WorkingHoursError) {
            let elapsed = try hours.elapsed(from: start, to: end)
            let segments = try hours.segments(from: start, to: end, limit: partsMax)
            var answer: JSONObject = [
                "elapsedSeconds": seconds(elapsed), "segments": .array(segments.map(json)),
            ]
            if segments.count == partsMax { answer["truncated"] = true }
            return .json(.object(answer))
        } catch {
            throw problem(error)
        }
    }

    // MARK: Parts

    private static func json(_ segment: Segment) -> JSON {
        [
            "from": .timestamp(segment.from), "to": .timestamp(segment.to), "seconds": seconds(segment.microseconds),
        ]
    }

    /// A whole number where it is one.
    private static func seconds(_ microseconds: Int64) -> JSON {
        microseconds % 1_000_000 == 0 ? .int(microseconds / 1_000_000) : .double(Double(microseconds) / 1e6)
    }

    private static func hours(_ call: Call) async throws -> WorkingHours {
        let document: JSON
        switch (call.values.json("calendar"), call.values.uuid("calendarId")) {
        case (let given?, nil):
            document = given
        case (nil, let id?):
            let tenant = call.tenantId
            let record = try await call.read { tx in
                try await BusinessCalendars.store.find(id, in: tx, tenantId: tenant)
            }
            guard let record else {
                throw Problem.invalid([Fault(.pointer("/calendarId"), "unknown_calendar", "There is no such calendar.")]
                )
            }
            document = try BusinessCalendars.document(record)
        default:
            throw Problem.invalid([Fault(.pointer("/calendar"), "required", "Give either calendar or calendarId.")])
        }
        do {
            return try CalendarShelf.shared.checked(document)
        } catch {
            throw Problem.invalid(
                error.faults.map { Fault(.pointer("/calendar" + $0.pointer), $0.code, $0.detail) })
        }
    }

    private static func pauses(_ value: JSON?) throws -> [Segment] {
        let list = value?.arrayValue ?? []
        guard list.count <= pausesMax else {
            throw Problem.invalid([Fault(.pointer("/pauses"), "too_many", "At most \(pausesMax) pauses.")])
        }
        var pauses: [Segment] = []
        var faults: [Fault] = []
        for (index, item) in list.enumerated() {
            let pair = item.arrayValue ?? []
            guard pair.count == 2, let from = pair[0].timestampValue, let to = pair[1].timestampValue else {
                faults.append(Fault(.pointer("/pauses/\(index)"), "bad_format", "A pause is a pair of instants."))
                continue
            }
            if to < from { faults.append(Fault(.pointer("/pauses/\(index)"), "reversed", "It ends before it begins.")) }
            pauses.append(Segment(from: from, to: to))
        }
        if !faults.isEmpty { throw Problem.invalid(faults) }
        return pauses
    }

    private static func problem(_ error: WorkingHoursError) -> Problem {
        let sentence = "\(error).".prefix(1).uppercased() + "\(error).".dropFirst()
        return switch error {
        case .outOfRange: .invalid([Fault(.pointer("/start"), "out_of_range", sentence)])
        case .negativeDuration: .invalid([Fault(.pointer("/seconds"), "negative", sentence)])
        case .durationTooLong: .invalid([Fault(.pointer("/seconds"), "out_of_range", sentence)])
        case .beyondHorizon: .invalid([Fault(.pointer("/seconds"), "beyond_horizon", sentence)])
        case .pauseReversed(let index): .invalid([Fault(.pointer("/pauses/\(index)"), "reversed", sentence)])
        }
    }
}
