// How tickets are shown, found and sorted by what the sla service tells of them.
import Contracts
import Database
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

enum TicketSLA {
    static let filters: [Filter] = [
        Filter(Parameter("slaTargetAt", .timestamp, "The next deadline of its running clocks.").rangeOnly) { filter in
            "t.sla_target_at \(filter.comparison) \(filter.value)"
        },
        Filter(Parameter("slaBreached", .boolean, "Whether a target was missed.")) { filter in
            filter.argument.texts.first == "true" ? "t.sla_breached" : "NOT t.sla_breached"
        },
    ]

    static let sorts: [SortKey] = [SortKey("slaTargetAt", .timestamp, by: "t.sla_target_at", nullable: true)]
}

extension Expansion {
    static let sla: Expansion = Expansion(
        "sla", "Its next deadline, whether a target was missed, and its clocks; kept from the sla service's events.",
        schema: ["type": ["object", "null"]], inLists: true
    ) { input in
        let rows = try await input.tx.query(
            """
            SELECT t.id, json_build_object(
                'targetAt', to_char(t.sla_target_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
                'breached', t.sla_breached,
                'stages', (
                    SELECT COALESCE(json_agg(json_build_object(
                        'slaClockId', s.clock_id, 'slaPolicyId', s.policy_id, 'stage', s.stage, 'metric', s.metric,
                        'instance', s.instance, 'state', s.state,
                        'targetAt', to_char(s.target_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
                        'breachedAt', to_char(s.breached_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
                        'metAt', to_char(s.met_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
                    ) ORDER BY s.metric, s.instance), '[]'::json)
                    FROM ticket_sla_stages AS s WHERE s.tenant_id = t.tenant_id AND s.ticket_id = t.id)
                )::text AS sla
            FROM tickets AS t WHERE t.tenant_id = ANY(\(input.tenantIds)) AND t.id = ANY(\(input.ids))
            """)
        var shown: [UUID: [UInt8]] = [:]
        for row in rows {
            let (id, text) = try row.decode((UUID, String).self)
            shown[id] = Array(text.utf8)
        }
        return shown
    }
}
