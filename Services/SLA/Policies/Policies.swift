// What is promised to whom, as a resource.

import Conditions
import Contracts
import Database
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

struct Policies: Resource {
    static let store: ResourceStore<Policies> = ResourceStore(Policies())

    let path = "sla_policies"
    let entity = "sla_policy"
    let component = "SLAPolicy"
    let summary = "What is promised to whom: the first policy whose conditions hold for a ticket sets its targets."
    let softDelete = true
    let defaultSort = "position"
    let permissions = ResourcePermissions("sla")
    let writeParameters: [Parameter] = [TermsChange.dryRun, TermsChange.moveTickets]

    private static let target: JSON = [
        "type": "object", "additionalProperties": false, "required": ["seconds"],
        "properties": [
            "seconds": ["type": "integer", "minimum": 1, "maximum": .int(PolicyDocument.secondsMax)],
            "hours": ["type": "string", "enum": ["calendar", "business"], "default": "calendar"],
        ],
    ]
    private static let targets: JSON = [
        "type": "object",
        "properties": .object(
            JSONObject(
                TicketPriorities.all.map { priority in
                    let metrics = JSONObject(Metric.allCases.map { ($0.rawValue, target) })
                    let schema: JSON = ["type": "object", "properties": .object(metrics)]
                    return (priority, schema)
                })),
    ]
    private static let metrics: JSON = [
        "type": "array", "items": ["type": "string", "enum": .array(Metric.allCases.map { .string($0.rawValue) })],
    ]
    private static let warnings: JSON = [
        "type": "array",
        "items": [
            "type": "object", "additionalProperties": false,
            "properties": [
                "percent": ["type": "integer"], "secondsBefore": ["type": "integer"], "metrics": metrics,
            ],
        ],
    ]
    private static let escalations: JSON = [
        "type": "array",
        "items": [
            "type": "object", "additionalProperties": false, "required": ["afterSeconds"],
            "properties": [
                "afterSeconds": ["type": "integer"], "metrics": metrics, "note": ["type": "string", "maxLength": 500],
                "notify": ["type": "array", "maxItems": 50, "items": ["type": "string", "format": "uuid"]],
            ],
        ],
    ]

    let fields: [Field] = [
        .text("name", 1...200).required.sortable.searchable.example("Gold customers"),
        .integer("position", 0...1_000_000).defaults(to: 100).filterable.sortable
            .described("Policies are asked from the lowest on; the first that matches counts."),
        .boolean("active").defaults(to: true).filterable,
        .json("conditions", ["type": "object"]).defaults(to: [:])
            .described("As in routing rules: all, any, none over the ticket's fields. Empty matches every ticket.")
            .example(["all": [["field": "ticket.tags", "operator": "contains", "value": "gold"]]]),
        .uuid("calendarId").filterable.described("Whose hours targets in business hours count."),
        .json("targets", targets).required
            .described("By priority and metric. A ticket without a target for its priority has no clock.")
            .example(["urgent": ["first_response": ["seconds": 3_600, "hours": "business"]]]),
        Field("pausingStatuses", .strings(each: 1...50, count: 0...5))
            .defaults(to: ["on_hold", "waiting_for_response"])
            .described("Where pausable_update and resolution stand still."),
        .json("warnings", warnings).defaults(to: [["percent": 80]])
            .described("With so much of a target used, or so long before its end, in its own kind of time.")
            .example([["percent": 80], ["secondsBefore": 900, "metrics": ["resolution"]]]),
        .json("escalations", escalations).defaults(to: [])
            .described("Steps after a breach, in the target's own kind of time.").example([["afterSeconds": 1_800]]),
    ]

    // MARK: Checking

    static let members = [
        "name", "position", "conditions", "calendarId", "targets", "pausingStatuses", "warnings", "escalations",
    ]

    /// What a version keeps.
    static func document(_ record: Record) throws -> JSONObject {
        var document: JSONObject = [:]
        for name in members { document[name] = try record.json(name) }
        return document
    }

    private static func document(_ draft: Draft) throws -> JSONObject {
        var document: JSONObject = [:]
        for name in members {
            guard draft.values.contains(name) else {
                document[name] = try draft.before?.json(name) ?? .null
                continue
            }
            let values = draft.values
            document[name] =
                values.json(name) ?? values.strings(name).map { .array($0.map { .string($0) }) }
                ?? values.uuid(name).map { .uuid($0) } ?? values.int(name).map { .int($0) }
                ?? values.string(name).map { .string($0) } ?? .null
        }
        return document
    }

    private static func check(_ draft: Draft, _ op: Operation) async throws {
        let document = try document(draft)
        let policy = PolicyDocument(document)
        var faults = policy.faults
        for (index, status) in (document["pausingStatuses"]?.arrayValue ?? []).enumerated()
        where !TicketStatuses.unresolved.contains(status.stringValue ?? "") {
            faults.append(
                Fault(
                    .pointer("/pausingStatuses/\(index)"), "not_allowed", "Clocks can't pause in it.",
                    allowed: TicketStatuses.unresolved))
        }
        if let calendar = policy.terms.calendarId {
            let known = try await op.tx.first(
                """
                SELECT FROM business_calendars
                WHERE tenant_id = \(op.tenantId) AND id = \(calendar) AND deleted_at IS NULL FOR SHARE
                """)
            if known == nil {
                faults.append(Fault(.pointer("/calendarId"), "unknown_calendar", "There is no such calendar."))
            }
        }
        if !faults.isEmpty { throw Problem.invalid(faults) }
    }

    // MARK: Writing

    func willCreate(_ draft: inout Draft, _ op: Operation) async throws {
        try await Self.check(draft, op)
        try await TermsChange.begin(op)
    }

    func willUpdate(_ draft: inout Draft, _ op: Operation) async throws {
        try await Self.check(draft, op)
        if !draft.values.isEmpty { try await TermsChange.begin(op) }
    }

    func willDelete(_ draft: inout Draft, _ op: Operation) async throws { try await TermsChange.begin(op) }

    func willRestore(_ draft: inout Draft, _ op: Operation) async throws { try await TermsChange.begin(op) }

    func didCreate(_ mutation: inout Mutation, _ op: Operation) async throws {
        try await TermsChange.of(policy: mutation.record, version: mutation.version, isGone: false, op)
    }

    func didUpdate(_ mutation: inout Mutation, _ op: Operation) async throws {
        try await TermsChange.of(policy: mutation.record, version: mutation.version, isGone: false, op)
    }

    func didDelete(_ mutation: inout Mutation, _ op: Operation) async throws {
        try await TermsChange.of(policy: mutation.record, version: mutation.version, isGone: true, op)
    }

    func didRestore(_ mutation: inout Mutation, _ op: Operation) async throws {
        try await TermsChange.of(policy: mutation.record, version: mutation.version, isGone: false, op)
    }
}
