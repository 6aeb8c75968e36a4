import Foundation

/// How soon alerts are told while many clocks run, and what ten times as many cost. The clocks are written straight into the
/// tables of the sla service, which then does what it does for any others.
struct SweeperMeasure {
    let stack: StackUnderTest
    let running: Int

    /// Tickets that fall due in a minute, each with a warning and a breach.
    private static let due = 2_000
    private static let minute = 60

    func run(into table: inout ResultTable) async throws {
        let few = try await measure(running: running / 10)
        let many = try await measure(running: running)
        table.add(
            "alerts, \(running) running clocks, \(Self.due) tickets due in a minute",
            "latest after \(many.latestMs) ms, p50 \(many.medianMs) ms, \(many.alerts) of \(Self.due * 2), \(many.doubled) doubled",
            least: "1,000 ms, each once", aim: "500 ms")
        table.add(
            "cost of alerts, 10 times the clocks",
            "\(Self.text(few.cpuSeconds)) s to \(Self.text(many.cpuSeconds)) s of CPU, \(few.blocks) to \(many.blocks) blocks",
            ratio: few.cpuSeconds > 0 ? many.cpuSeconds / few.cpuSeconds : nil, least: "below 150 %", aim: "100 %")
    }

    private struct Figures {
        var latestMs = 0
        var medianMs = 0
        var alerts = 0
        var doubled = 0
        var cpuSeconds = 0.0
        var blocks = 0
    }

    private static func text(_ seconds: Double) -> String { String(format: "%.2f", seconds) }

    private func measure(running: Int) async throws -> Figures {
        let tenant = UUID().uuidString.lowercased()
        let (policy, document) = (
            UUID().uuidString.lowercased(),
            #"{"targets": {"normal": {"resolution": {"seconds": 60}}}, "warnings": [{"percent": 50}]}"#
        )
        try stack.sql(
            """
            INSERT INTO sla.sla_policy_versions VALUES
                ('\(tenant)', '\(policy)', 1, '2020-01-01', false, true, '\(document)');
            INSERT INTO sla.sla_terms VALUES ('\(tenant)', 1);
            INSERT INTO sla.sla_tickets (tenant_id, ticket_id, version, is_open, last_fact_at, next_due_at)
                SELECT '\(tenant)', gen_random_uuid(), 1, true, now(), now() + interval '1 day' + n * interval '1 second'
                FROM generate_series(1, \(running)) AS n;
            """)
        // A minute's tickets: created from ten seconds on, so warned of after forty and missed after seventy.
        try stack.sql(
            """
            WITH made AS (
                SELECT gen_random_uuid() AS id,
                    date_trunc('milliseconds', now()) + interval '10 seconds'
                        + n * interval '\(Self.minute) seconds' / \(Self.due) AS at
                FROM generate_series(1, \(Self.due)) AS n
            ), facts AS (
                INSERT INTO sla.sla_ticket_facts
                SELECT '\(tenant)', id, 1, at, 'created', '{"status": "open", "priority": "normal"}' FROM made
            )
            INSERT INTO sla.sla_tickets (tenant_id, ticket_id, version, is_open, last_fact_at, next_due_at)
            SELECT '\(tenant)', id, 1, true, at, at + interval '30 seconds' FROM made;
            """)
        let before = (cpu: cpuSeconds(), blocks: try blocks())
        _ = try await stack.seconds(within: Double(Self.minute) + 90) {
            try stack.sql(
                "SELECT count(*) FROM sla.events WHERE tenant_id = '\(tenant)' AND name = 'ticket_sla_stage.breached'")
                == "\(Self.due)"
        }
        var figures = Figures()
        figures.cpuSeconds = cpuSeconds() - before.cpu
        figures.blocks = try blocks() - before.blocks
        let latency = """
            round(extract(epoch FROM recorded_at - (payload::json ->> CASE name
                WHEN 'ticket_sla_stage.warning' THEN 'warnedAt' ELSE 'breachedAt' END)::timestamptz) * 1000)
            """
        let answer = try stack.sql(
            """
            SELECT max(ms)::int, (percentile_cont(0.5) WITHIN GROUP (ORDER BY ms))::int, count(*),
                count(*) - count(DISTINCT (name, aggregate_id))
            FROM (SELECT name, aggregate_id, \(latency) AS ms FROM sla.events WHERE tenant_id = '\(tenant)'
                AND name IN ('ticket_sla_stage.warning', 'ticket_sla_stage.breached')) AS alerts
            """
        ).split(separator: "|").map { Int($0) ?? 0 }
        if answer.count == 4 {
            (figures.latestMs, figures.medianMs, figures.alerts, figures.doubled) = (
                answer[0], answer[1], answer[2], answer[3]
            )
        }
        try stack.sql("DELETE FROM sla.sla_tickets WHERE tenant_id = '\(tenant)'")
        return figures
    }

    /// What the sla service's process has used.
    private func cpuSeconds() -> Double {
        guard let pid = try? String(contentsOf: stack.home.appendingPathComponent("run/sla.pid"), encoding: .utf8),
            let stat = try? String(
                contentsOfFile: "/proc/\(pid.trimmingCharacters(in: .whitespacesAndNewlines))/stat", encoding: .utf8),
            let rest = stat.split(separator: ")").last
        else { return 0 }
        let fields = rest.split(separator: " ")
        guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else { return 0 }
        return (user + system) / 100
    }

    /// Blocks of the tickets' table and its indexes that were looked at.
    private func blocks() throws -> Int {
        Int(
            try stack.sql(
                """
                SELECT heap_blks_hit + heap_blks_read + idx_blks_hit + idx_blks_read FROM pg_statio_user_tables
                WHERE schemaname = 'sla' AND relname = 'sla_tickets'
                """)) ?? 0
    }
}
