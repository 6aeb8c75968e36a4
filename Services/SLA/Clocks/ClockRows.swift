// Clocks and their tickets as rows, many in one statement.

import Contracts
import Database

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

struct ClockRows {
    private var json = JSONWriter(reservingCapacity: 4_096)
    private(set) var isEmpty = true

    init() { json.beginArray() }

    mutating func append(
        _ clock: Clock, _ key: TicketKey, id: UUID, digest: Int64, announced: Set<String>, _ attributes: JSONObject,
        at instant: Timestamp
    ) {
        isEmpty = false
        let members: JSONObject = [
            "tenant_id": .uuid(key.tenantId), "id": .uuid(id), "ticket_id": .uuid(key.ticketId),
            "metric": .string(clock.metric.rawValue), "instance": .int(Int64(clock.instance)),
            "stage": .string(clock.metric.stage.rawValue), "state": .string(clock.state.rawValue),
            "policy_id": .uuid(clock.policyId), "policy_version": .int(clock.policyVersion),
            "calendar_id": clock.calendarId.map { .uuid($0) } ?? .null,
            "calendar_version": clock.calendarVersion.map { .int($0) } ?? .null, "priority": .string(clock.priority),
            "group_id": attributes["groupId"] ?? .null, "assignee_id": attributes["assigneeId"] ?? .null,
            "hours": .string(clock.target.isBusiness ? "business" : "calendar"),
            "target_seconds": .int(clock.target.seconds), "used_seconds": .int(clock.usedSeconds),
            "remaining_seconds": .int(clock.remainingSeconds), "overdue_seconds": .int(clock.overdueSeconds),
            "measured_at": .timestamp(clock.measuredAt), "started_at": .timestamp(clock.startedAt),
            "target_at": Self.value(clock.targetAt), "paused_at": Self.value(clock.pausedAt),
            "breached_at": Self.value(clock.breachedAt), "finished_at": Self.value(clock.finishedAt),
            "history": .array(clock.history.map(\.json)),
            "announced": .array(announced.sorted().map { .string($0) }), "digest": .int(digest),
            "updated_at": .timestamp(instant),
        ]
        json.value(.object(members))
    }

    private static func value(_ instant: Timestamp?) -> JSON { instant.map { .timestamp($0) } ?? .null }

    private static let columns: [(name: String, type: String)] = [
        ("tenant_id", "uuid"), ("id", "uuid"), ("ticket_id", "uuid"), ("metric", "text"), ("instance", "bigint"),
        ("stage", "text"), ("state", "text"), ("policy_id", "uuid"), ("policy_version", "bigint"),
        ("calendar_id", "uuid"), ("calendar_version", "bigint"), ("priority", "text"), ("group_id", "uuid"),
        ("assignee_id", "uuid"), ("hours", "text"), ("target_seconds", "bigint"), ("used_seconds", "bigint"),
        ("remaining_seconds", "bigint"), ("overdue_seconds", "bigint"), ("measured_at", "timestamptz(3)"),
        ("started_at", "timestamptz(3)"), ("target_at", "timestamptz(3)"), ("paused_at", "timestamptz(3)"),
        ("breached_at", "timestamptz(3)"), ("finished_at", "timestamptz(3)"), ("history", "jsonb"),
        ("announced", "text[]"), ("digest", "bigint"), ("updated_at", "timestamptz(3)"),
    ]

    private static let statement: (head: SQL, tail: SQL) = {
        let names = columns.map(\.name).joined(separator: ", ")
        let typed = columns.map { "\($0.name) \($0.type)" }.joined(separator: ", ")
        let updates = columns.dropFirst(3).map { "\($0.name) = excluded.\($0.name)" }.joined(separator: ", ")
        let head = SQL(
            unsafe: """
                INSERT INTO sla_clocks AS c (\(names), version, created_at)
                SELECT \(names), 1, updated_at FROM json_to_recordset(
                """)
        let tail = SQL(
            unsafe: """
                ::json) AS r (\(typed))
                ON CONFLICT (tenant_id, ticket_id, id) DO UPDATE SET \(updates), version = c.version + 1
                """)
        return (head, tail)
    }()

    var upsert: SQL {
        var json = json
        json.endArray()
        return Self.statement.head + "\(String(decoding: json.bytes, as: UTF8.self))" + Self.statement.tail
    }
}

struct TicketRows {
    private var json = JSONWriter(reservingCapacity: 1_024)

    init() { json.beginArray() }

    mutating func append(_ key: TicketKey, _ state: TicketClocks, version: Int64) {
        let members: JSONObject = [
            "tenant_id": .uuid(key.tenantId), "ticket_id": .uuid(key.ticketId), "version": .int(version),
            "created_at": state.createdAt.map { .timestamp($0) } ?? .null, "is_open": .bool(!state.isOver),
            "policy_id": state.policyId.map { .uuid($0) } ?? .null,
            "policy_version": state.policyVersion.map { .int($0) } ?? .null,
            "next_due_at": state.nextDue.map { .timestamp($0) } ?? .null,
        ]
        json.value(.object(members))
    }

    var update: SQL {
        var json = json
        json.endArray()
        return """
            UPDATE sla_tickets AS t SET version = r.version, created_at = r.created_at, is_open = r.is_open,
                policy_id = r.policy_id, policy_version = r.policy_version, next_due_at = r.next_due_at
            FROM json_to_recordset(\(String(decoding: json.bytes, as: UTF8.self))::json) AS r (
                tenant_id uuid, ticket_id uuid, version bigint, created_at timestamptz(3), is_open boolean,
                policy_id uuid, policy_version bigint, next_due_at timestamptz(3))
            WHERE t.tenant_id = r.tenant_id AND t.ticket_id = r.ticket_id
            """
    }
}
