// How well promises were kept: counts, compliance and percentiles over finished and missed clocks.

import Contracts
import Database
import HTTPTypes
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// `GET sla/reports/compliance`. A clock belongs to the period in which it ended or was missed; cancelled and unfinished ones
/// that are in time are not counted. What is older than the rows that are kept comes from daily sums, without percentiles.
enum ComplianceReport {
    /// What rows can be grouped by, and the column.
    private static let dimensions: [(name: String, column: String)] = [
        ("policyId", "policy_id"), ("metric", "metric"), ("groupId", "group_id"), ("assigneeId", "assignee_id"),
        ("priority", "priority"),
    ]
    private static let periods = ["day", "week", "month"]
    private static let rowsMax = 2_000

    static let route = Route(
        .get, "sla/reports/compliance", permission: "sla.read",
        summary: "Compliance, breaches and percentiles, by policy, metric, group, agent, priority and period",
        tag: "sla",
        parameters: [
            Parameter("from", .timestamp, "Inclusive; by default 30 days before to."),
            Parameter("to", .timestamp, "Exclusive; by default now."),
            Parameter("groupBy", .choice(dimensions.map(\.name) + ["period"]), "By default metric.").list,
            Parameter("period", .choice(periods), "By default day. UTC."),
            Parameter("metric", .choice(Metric.allCases.map(\.rawValue))).list,
            Parameter("policyId", .uuid).list,
            Parameter("groupId", .uuid).list,
        ],
        answers: [
            AnswerSpec(
                .ok, "The figures.",
                schema: [
                    "type": "object", "required": ["from", "to", "data"],
                    "properties": [
                        "from": ["type": "string", "format": "date-time"],
                        "to": ["type": "string", "format": "date-time"],
                        "data": ["type": "array", "items": ["type": "object"]],
                    ],
                ])
        ], operationId: "getSLACompliance"
    ) { call in
        let to = call.arguments.timestamp("to") ?? call.now
        let from = call.arguments.timestamp("from") ?? to - .seconds(30 * 86_400)
        guard from < to else {
            throw Problem.badRequest(
                "The query has faults.", errors: [Fault(.parameter("to"), "before_from", "It is after from.")])
        }
        let asked = call.arguments.strings("groupBy")
        let names = asked.isEmpty ? ["metric"] : asked
        let sql = statement(
            names: names, period: call.arguments.string("period") ?? "day", from: from, to: to,
            filter: filter(call))
        let rows = try await call.read { tx in try await tx.query(sql) }
        return .json(["from": .timestamp(from), "to": .timestamp(to), "data": .array(try documents(rows))])
    }

    private static func documents(_ rows: [Row]) throws -> [JSON] {
        var documents: [JSON] = []
        for row in rows { documents.append(try JSON.parse(try row.get(0, as: String.self))) }
        return documents
    }

    private static func filter(_ call: Call) -> SQL {
        var filter = SQL.empty
        if let tenant = call.tenantId { filter += " AND tenant_id = \(tenant)" }
        let metrics = call.arguments.strings("metric")
        if !metrics.isEmpty { filter += " AND metric = ANY(\(metrics))" }
        let policies = call.arguments.uuids("policyId")
        if !policies.isEmpty { filter += " AND policy_id = ANY(\(policies))" }
        let groups = call.arguments.uuids("groupId")
        if !groups.isEmpty { filter += " AND group_id = ANY(\(groups))" }
        return filter
    }

    private static func statement(
        names: [String], period: String, from: Timestamp, to: Timestamp, filter: SQL
    ) -> SQL {
        var keys: [SQL] = []
        for (name, column) in dimensions where names.contains(name) {
            keys.append("\(identifier: column) AS \(identifier: name)")
        }
        if names.contains("period") {
            keys.append("to_char(date_trunc(\(period), ended_at AT TIME ZONE 'UTC'), 'YYYY-MM-DD') AS period")
        }
        let positions = SQL(unsafe: (1...keys.count).map(String.init).joined(separator: ", "))
        return """
            SELECT row_to_json(report)::text FROM (
            SELECT \(SQL.joined(keys)),
                sum(met)::bigint AS met, sum(breached)::bigint AS breached,
                round(sum(met) * 100.0 / NULLIF(sum(met) + sum(breached), 0), 2)::float8 AS "compliancePercent",
                \(percentiles("used_seconds", "Used")), \(percentiles("real_seconds", "Real"))
            FROM (
                SELECT tenant_id, policy_id, metric, group_id, assignee_id, priority,
                    COALESCE(finished_at, breached_at) AS ended_at,
                    CASE WHEN breached_at IS NULL THEN 1 ELSE 0 END AS met,
                    CASE WHEN breached_at IS NULL THEN 0 ELSE 1 END AS breached,
                    CASE WHEN finished_at IS NOT NULL THEN used_seconds END AS used_seconds,
                    EXTRACT(epoch FROM finished_at - started_at)::bigint AS real_seconds
                FROM sla_clocks
                WHERE COALESCE(finished_at, breached_at) >= \(from) AND COALESCE(finished_at, breached_at) < \(to)
                UNION ALL
                SELECT tenant_id, policy_id, metric, NULLIF(group_id, \(UUID.none)), NULLIF(assignee_id, \(UUID.none)),
                    priority, day::timestamp AT TIME ZONE 'UTC', met, breached, NULL, NULL
                FROM sla_daily
                WHERE day::timestamp AT TIME ZONE 'UTC' >= \(from) AND day::timestamp AT TIME ZONE 'UTC' < \(to)
            ) AS ended
            WHERE TRUE\(filter)
            GROUP BY \(positions) ORDER BY \(positions) LIMIT \(rowsMax)) AS report
            """
    }

    /// `usedP50Seconds` in the target's own kind of time, `realP50Seconds` by the clock on the wall.
    private static func percentiles(_ column: String, _ name: String) -> SQL {
        let parts = [50, 90, 95].map { percent in
            "round((percentile_cont(0.\(percent)) WITHIN GROUP (ORDER BY \(column)))::numeric)::bigint "
                + "AS \"\(name.lowercased())P\(percent)Seconds\""
        }
        return SQL(unsafe: parts.joined(separator: ", "))
    }
}

extension UUID {
    /// Stands for no group and no agent where a key needs a value.
    static let none = UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))
}
