// Clocks as a resource, and a ticket's clocks as they are this moment.

import Contracts
import Database
import HTTPTypes
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

struct Clocks: Resource {
    let path = "sla_clocks"
    let entity = "sla_clock"
    let component = "SLAClock"
    let summary = "One promise to one customer: per ticket, metric and instance."
    let operations: ResourceOperations = .readOnly
    let permissions = ResourcePermissions("sla")
    let stamps: ResourceStamps = [.version, .createdAt, .updatedAt]

    let fields: [Field] = [
        .uuid("ticketId").notNull.readOnly.filterable,
        .choice("metric", Metric.self).notNull.readOnly.filterable,
        .integer("instance").notNull.readOnly.described("1, 2, 3 … of the metric in the ticket."),
        .choice("stage", TicketSlaStageEntered.Stage.self).notNull.readOnly.filterable,
        .choice("state", Clock.State.allCases.map(\.rawValue)).notNull.readOnly.filterable,
        .uuid("policyId").notNull.readOnly.filterable,
        .integer("policyVersion").notNull.readOnly,
        .uuid("calendarId").readOnly.filterable,
        .integer("calendarVersion").readOnly,
        .choice("priority", TicketPriorities.all).notNull.readOnly.filterable,
        .uuid("groupId").readOnly.filterable,
        .uuid("assigneeId").readOnly.filterable,
        .choice("hours", ["calendar", "business"]).notNull.readOnly,
        .integer("targetSeconds", 0...Int64.max).notNull.readOnly.sortable,
        .integer("usedSeconds", 0...Int64.max).notNull.readOnly
            .described("In the target's own kind of time, until measuredAt."),
        .integer("remainingSeconds", 0...Int64.max).notNull.readOnly.sortable,
        .integer("overdueSeconds", 0...Int64.max).notNull.readOnly,
        .timestamp("measuredAt").notNull.readOnly.described("The clock's last change; it counts on from there."),
        .timestamp("startedAt").notNull.readOnly.rangeFilterable.sortable,
        .timestamp("targetAt").readOnly.rangeFilterable.sortable.described("The deadline; none while it is paused."),
        .timestamp("pausedAt").readOnly,
        .timestamp("breachedAt").readOnly.rangeFilterable.sortable,
        .timestamp("finishedAt").readOnly.rangeFilterable.sortable,
        .json("history", ["type": "array", "items": ["type": "object"]]).notNull.readOnly
            .described("Pauses, retargets, alerts and its end, in order."),
    ]
}

/// `GET tickets/{ticketId}/sla`
struct TicketSLARoute {
    let terms: TermsStore

    private static let schema: JSON = [
        "type": "object", "required": ["ticketId", "clocks", "asOf"],
        "properties": [
            "ticketId": ["type": "string", "format": "uuid"], "asOf": ["type": "string", "format": "date-time"],
            "policyId": ["type": ["string", "null"]], "policyVersion": ["type": ["integer", "null"]],
            "clocks": ["type": "array", "items": ["type": "object"]],
        ],
    ]

    var route: Route {
        Route(
            .get, "tickets/{ticketId}/sla", permission: "sla.read",
            summary: "A ticket's clocks at this moment, each with its deadline and what it went through", tag: "sla",
            answers: [AnswerSpec(.ok, "The clocks.", schema: Self.schema)], operationId: "getTicketSLA"
        ) { call in
            let id = try call.id("ticketId")
            let found = try await call.read { tx -> (TicketKey, [TicketFact], Terms)? in
                var sql: SQL = "SELECT tenant_id FROM sla_tickets WHERE ticket_id = \(id)"
                if let tenant = call.tenantId { sql += " AND tenant_id = \(tenant)" }
                guard let row = try await tx.first(sql) else { return nil }
                let key = TicketKey(tenantId: try row.get(0), ticketId: id)
                let facts = try await ClockKeeper.facts(of: [key], in: tx)
                return (key, facts[key] ?? [], try await terms.read([key.tenantId], in: tx)[key.tenantId] ?? .none)
            }
            guard let (key, facts, terms) = found else {
                throw Problem.notFound("No clock was ever set for such a ticket.")
            }
            // Folded here and now, so that used time is this moment's.
            let state = TicketClocks(of: facts, terms: terms, asOf: call.now, live: true)
            return .json([
                "ticketId": .uuid(key.ticketId), "asOf": .timestamp(call.now),
                "policyId": state.policyId.map { .uuid($0) } ?? .null,
                "policyVersion": state.policyVersion.map { .int($0) } ?? .null,
                "clocks": .array(state.clocks.map { $0.json(in: key.ticketId) }),
            ])
        }
    }
}

extension Clock {
    func json(in ticket: UUID) -> JSON {
        func value(_ instant: Timestamp?) -> JSON { instant.map { .timestamp($0) } ?? .null }
        return [
            "id": .uuid(id(in: ticket)), "metric": .string(metric.rawValue), "instance": .int(Int64(instance)),
            "stage": .string(metric.stage.rawValue), "state": .string(state.rawValue), "policyId": .uuid(policyId),
            "policyVersion": .int(policyVersion), "calendarId": calendarId.map { .uuid($0) } ?? .null,
            "calendarVersion": calendarVersion.map { .int($0) } ?? .null, "priority": .string(priority),
            "hours": .string(target.isBusiness ? "business" : "calendar"), "targetSeconds": .int(target.seconds),
            "usedSeconds": .int(usedSeconds), "remainingSeconds": .int(remainingSeconds),
            "overdueSeconds": .int(overdueSeconds), "startedAt": .timestamp(startedAt), "targetAt": value(targetAt),
            "pausedAt": value(pausedAt), "breachedAt": value(breachedAt), "finishedAt": value(finishedAt),
            "history": .array(history.map(\.json)),
        ]
    }
}
