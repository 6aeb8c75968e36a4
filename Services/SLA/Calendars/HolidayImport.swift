// Holidays from an iCalendar feed, into a calendar.

import BusinessTime
import Contracts
import HTTPTypes
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

enum HolidayImport {
    /// Takes the feed itself: where it is fetched from is the caller's business.
    static let route = Route(
        .post, "business_calendars/{businessCalendarId}/holidays/import", permission: "sla.write",
        summary: "Import holidays from an iCalendar feed",
        description:
            "The feed's whole-day events; those that recur every year without further rules become yearly holidays.",
        tag: "business_calendars",
        parameters: [
            Parameter("replace", .boolean, "Take the place of the present holidays instead of joining them."),
            TermsChange.dryRun,
        ],
        body: .bytes(["text/calendar"], bytesMax: ICalendarHolidays.bytesMax),
        answers: [
            AnswerSpec(
                .ok, "What was taken, and what was not.",
                schema: [
                    "type": "object", "required": ["holidays", "added", "skipped"],
                    "properties": [
                        "holidays": ["type": "array", "items": ["type": "string"]],
                        "added": ["type": "array", "items": ["type": "string"]],
                        "skipped": [
                            "type": "array",
                            "items": [
                                "type": "object",
                                "properties": ["summary": ["type": "string"], "reason": ["type": "string"]],
                            ],
                        ],
                    ],
                ])
        ], operationId: "importHolidays"
    ) { call in
        guard let feed = ICalendarHolidays(String(decoding: call.bytes, as: UTF8.self)) else {
            throw Problem.invalid([Fault(.pointer(""), "no_icalendar", "It does not begin with BEGIN:VCALENDAR.")])
        }
        let id = try call.id("businessCalendarId")
        do {
            return try await call.write { op in
                let record = try await BusinessCalendars.store.loadForChange(id, in: op)
                let present = (call.arguments.bool("replace") ?? false) ? [] : record.strings("holidays")
                let added = feed.holidays.filter { !present.contains($0) }
                let all = (present + added).sorted()
                _ = try await BusinessCalendars.store.update(
                    record, changes: ["holidays": all], in: op.on(tenant: record.tenantId))
                return .json([
                    "holidays": .array(all.map { .string($0) }), "added": .array(added.map { .string($0) }),
                    "skipped": .array(
                        feed.skipped.map { ["summary": .string($0.summary), "reason": .string($0.reason)] }),
                ])
            }
        } catch let preview as Preview {
            return .json(preview.json)
        }
    }
}
