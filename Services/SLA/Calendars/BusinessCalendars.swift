// Working hours as a resource: documents that are checked when saved, kept in versions, and whose edits move the deadlines
// that they touch.

import BusinessTime
import Contracts
import Database
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

struct BusinessCalendars: Resource {
    static let store: ResourceStore<BusinessCalendars> = ResourceStore(BusinessCalendars())

    let path = "business_calendars"
    let entity = "business_calendar"
    let summary = "When an organization works: weekly hours, holidays, exceptions and breaks in one time zone."
    let softDelete = true
    let permissions = ResourcePermissions("sla")
    let writeParameters: [Parameter] = [TermsChange.dryRun]

    private static let hours: JSON = [
        "type": "array", "maxItems": .int(Int64(BusinessCalendar.spansMax)),
        "items": ["type": "array", "minItems": 2, "maxItems": 2, "items": ["type": "string"]],
    ]
    private static let week: JSON = [
        "type": "object", "additionalProperties": false,
        "properties": .object(JSONObject(BusinessCalendar.weekdays.map { ($0, hours) })),
    ]
    private static let dates: JSON = [
        "type": "object", "maxProperties": .int(Int64(BusinessCalendar.datesMax)), "additionalProperties": hours,
    ]

    let fields: [Field] = [
        .text("name", 1...BusinessCalendar.nameLengthMax).required.sortable.searchable.example("Berlin"),
        .text("timezone", 1...64).required.filterable.described("An IANA zone.").example("Europe/Berlin"),
        .json("weeklyHours", week).defaults(to: [:])
            .described("By weekday; an end before its beginning crosses midnight, 24:00 is the end of the day.")
            .example(["mon": [["08:00", "13:00"], ["14:00", "18:00"]], "fri": [["22:00", "06:00"]]]),
        .strings("holidays", each: 7...10, count: 0...BusinessCalendar.datesMax)
            .described("2026-12-24, or --01-01 for every year.").example(["2026-12-24", "--01-01"]),
        .json("dateOverrides", dates).defaults(to: [:]).described("Replaces the weekly hours of a date.")
            .example(["2026-12-23": [["08:00", "12:00"]]]),
        .json("breaks", dates).defaults(to: [:]).described("Cuts into what is left of a date.")
            .example(["2026-06-02": [["12:00", "12:30"]]]),
    ]

    // MARK: Checking

    /// The document that a row stands for.
    private static let members = ["name", "timezone", "weeklyHours", "holidays", "dateOverrides", "breaks"]

    static func document(_ record: Record) throws -> JSON {
        var document: JSONObject = [:]
        for name in members { document[name] = try record.json(name) }
        return .object(document)
    }

    private static func check(_ draft: Draft) throws {
        var document: JSONObject = [:]
        for name in members {
            guard draft.values.contains(name) else {
                document[name] = try draft.before?.json(name) ?? .null
                continue
            }
            let json = draft.values.json(name)
            let strings = draft.values.strings(name).map { JSON.array($0.map { .string($0) }) }
            document[name] = json ?? strings ?? draft.values.string(name).map { .string($0) } ?? .null
        }
        do {
            _ = try BusinessCalendar(.object(document))
        } catch {
            throw Problem.invalid(error.faults.map { Fault(.pointer($0.pointer), $0.code, $0.detail) })
        }
    }

    // MARK: Writing

    func willCreate(_ draft: inout Draft, _ op: Operation) async throws { try Self.check(draft) }

    func willUpdate(_ draft: inout Draft, _ op: Operation) async throws {
        try Self.check(draft)
        if !draft.values.isEmpty { try await TermsChange.begin(op) }
    }

    func didCreate(_ mutation: inout Mutation, _ op: Operation) async throws {
        try await TermsChange.begin(op)
        try await TermsChange.of(calendar: mutation.record, document: Self.document(mutation.record), op)
    }

    func didUpdate(_ mutation: inout Mutation, _ op: Operation) async throws {
        try await TermsChange.of(calendar: mutation.record, document: Self.document(mutation.record), op)
    }

    /// A calendar that a policy counts in can't go.
    func willDelete(_ draft: inout Draft, _ op: Operation) async throws {
        let users = try await op.tx.query(
            """
            SELECT name FROM sla_policies
            WHERE tenant_id = \(op.tenantId) AND calendar_id = \(draft.id) AND deleted_at IS NULL ORDER BY name LIMIT 5
            """)
        guard let first = users.first else { return }
        let name = try first.get("name", as: String.self)
        throw Problem.conflict("The policy \(name) counts in it.", code: "still_referenced")
    }
}
