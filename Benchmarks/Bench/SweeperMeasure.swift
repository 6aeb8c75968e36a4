import AMQP
import Contracts
import Foundation
import Synchronization

/// How soon alerts are told while many clocks run and one of three processes is killed, what ten times as many clocks cost,
/// and how a backlog is worked off. The clocks are written straight into the tables of the sla service, which then does what
/// it does for any others.
struct SweeperMeasure {
    let stack: StackUnderTest
    let running: Int

    /// Tickets that fall due in a minute, each with a warning and, ten seconds later, a breach.
    private static let due = 2_000
    private static let minute = 60
    /// Minutes that a backlog goes back.
    private static let outage = 10
    private static let tenants = 100

    func run(into table: inout ResultTable) async throws {
        let few = try await measureAMinute(beside: running / 10)
        let many = try await measureAMinute(beside: running)
        for (figures, count) in [(few, running / 10), (many, running)] {
            table.add(
                "alerts, \(count) running clocks, \(Self.due) due in a minute, 1 of 3 processes killed",
                "told \(figures.told); at a subscriber \(figures.arrived); \(figures.count) of \(Self.due * 2), "
                    + "\(figures.doubled) doubled, \(figures.early) early",
                least: "1,000 ms, each once", aim: "100 ms")
        }
        table.add(
            "cost of that minute, 10 times the clocks",
            "\(few.cost) to \(many.cost)", ratio: few.cpuSeconds > 0 ? many.cpuSeconds / few.cpuSeconds : nil,
            least: "below 150 %", aim: "100 %")
        try await measureBacklog(into: &table)
    }

    // MARK: A minute

    private struct Figures {
        var told = Spread([])
        var arrived = Spread([])
        var count = 0
        var doubled = 0
        var early = 0
        var slaSeconds = 0.0
        var databaseSeconds = 0.0
        var blocks = 0

        var cpuSeconds: Double { slaSeconds + databaseSeconds }
        var cost: String {
            String(format: "%.2f s of CPU (%.2f in sla, %.2f in the database)", cpuSeconds, slaSeconds, databaseSeconds)
                + ", \(blocks) blocks"
        }
    }

    private func measureAMinute(beside running: Int) async throws -> Figures {
        try fill(to: running)
        let others = [try AnotherProcess(of: "sla"), try AnotherProcess(of: "sla")]
        guard
            try await stack.seconds(
                within: 60,
                until: {
                    for other in others where await !other.isReady() { return false }
                    return true
                }) != nil
        else { throw BenchError("the other sla processes do not become ready") }
        return try await withBroker(stack) { client in
            let queue = "bench.alerts.\(UUID().uuidString)"
            try await client.declareQueue(queue, arguments: ["x-queue-type": "quorum"])
            try await client.bindQueue(queue, to: stack.exchange, routingKey: "\(stack.exchange).ticket_sla_stage.*")
            let consumer = try await client.consume(queue, prefetch: 500)
            let arrivals = Mutex<[Double]>([])
            let receiving = Task {
                for await delivery in consumer {
                    let now = Date().timeIntervalSince1970
                    if let late = Self.lateness(of: delivery.message.body, at: now) {
                        arrivals.withLock { $0.append(late) }
                    }
                    consumer.ack(delivery.tag)
                }
            }
            var figures = try await aMinute(others)
            receiving.cancel()
            _ = try? await client.deleteQueue(queue)
            figures.arrived = Spread(arrivals.withLock { $0 })
            return figures
        }
    }

    /// Milliseconds from an alert's due time to its arrival; nil for other events.
    private static func lateness(of body: [UInt8], at now: Double) -> Double? {
        guard let payload = try? JSON.parse(body),
            let due = (payload["warnedAt"] ?? payload["breachedAt"])?.timestampValue
        else { return nil }
        return now * 1_000 - Double(due.microseconds) / 1_000
    }

    private func aMinute(_ others: [AnotherProcess]) async throws -> Figures {
        let seconds = Double(Self.minute)
        let tenant = try promise()
        print("  measuring a minute")
        try makeTickets(
            Self.due, tenant,
            createdAfter: "now() - interval '5 seconds' + n * interval '\(Self.minute) seconds' / \(Self.due)")
        let supervised =
            pid_t(
                (try? String(contentsOf: stack.home.appendingPathComponent("run/sla.pid"), encoding: .utf8))?
                    .trimmingCharacters(in: .whitespacesAndNewlines) ?? "") ?? 0
        let processes = [supervised] + others.map(\.id)
        func spent() throws -> [Double] {
            processes.map { cpuSeconds($0) } + [try databaseSeconds(), Double(try blocks())]
        }
        let before = try spent()
        try await Task.sleep(for: .seconds(seconds / 2))
        let killed = cpuSeconds(others[0].id)
        others[0].kill()
        try await Task.sleep(for: .seconds(seconds / 2 + 15))
        _ = try await stack.seconds(within: 60) { try alerts(of: tenant) >= Self.due * 2 }
        var after = try spent()
        after[1] = killed
        let cost = zip(after, before).map { $0 - $1 }
        var figures = Figures(
            slaSeconds: cost[0] + cost[1] + cost[2], databaseSeconds: cost[3], blocks: Int(cost[4]))
        let told = try stack.sql(
            """
            SELECT name || aggregate_id, extract(epoch FROM recorded_at - occurred_at) * 1000 FROM sla.events
            WHERE tenant_id = '\(tenant)' AND name IN ('ticket_sla_stage.warning', 'ticket_sla_stage.breached')
            """
        ).split(separator: "\n").map { $0.split(separator: "|") }
        let late = told.compactMap { Double($0[1]) }
        figures.told = Spread(late)
        figures.count = told.count
        figures.doubled = told.count - Set(told.map { $0[0] }).count
        figures.early = late.count { $0 < 0 }
        return figures
    }

    // MARK: A backlog

    /// What fell due in ten minutes in which nobody looked.
    private func measureBacklog(into table: inout ResultTable) async throws {
        let count = Self.due * Self.outage
        let tenant = try promise()
        try makeTickets(
            count, tenant,
            createdAfter:
                "now() - interval '\(Self.outage) minutes' + n * interval '\(Self.outage - 1) minutes' / \(count)")
        let taken = try await stack.seconds(within: 300) { try alerts(of: tenant) >= count * 2 }
        // By how much an alert was told after one that fell due later.
        let back = try stack.sql(
            """
            SELECT round(max(extract(epoch FROM latest - occurred_at))::numeric, 1) FROM (
                SELECT occurred_at, max(occurred_at) OVER (ORDER BY position) AS latest FROM sla.events
                WHERE tenant_id = '\(tenant)' AND name IN ('ticket_sla_stage.warning', 'ticket_sla_stage.breached')
            ) AS told
            """)
        table.add(
            "alerts of \(Self.outage) minutes told after an outage, \(count * 2)",
            taken.map { String(format: "%.1f s, in the order they fell due but for %@ s", $0, back) } ?? "not in 300 s",
            least: "60 s", aim: "20 s")
    }

    // MARK: Rows

    private static let alertNames = "'ticket_sla_stage.warning', 'ticket_sla_stage.breached'"

    private func alerts(of tenant: String) throws -> Int {
        Int(
            try stack.sql(
                "SELECT count(*) FROM sla.events WHERE tenant_id = '\(tenant)' AND name IN (\(Self.alertNames))")) ?? 0
    }

    /// A new tenant with a policy: 20 seconds, and a warning after half of them.
    private func promise() throws -> String {
        let tenant = UUID().uuidString.lowercased()
        let document =
            #"{"targets": {"normal": {"resolution": {"seconds": 20}}}, "warnings": [{"percent": 50}]}"#
        try stack.sql(
            """
            INSERT INTO sla.sla_policy_versions VALUES
                ('\(tenant)', '\(UUID().uuidString.lowercased())', 1, '2020-01-01', false, true, '\(document)');
            INSERT INTO sla.sla_terms VALUES ('\(tenant)', 1);
            """)
        return tenant
    }

    private func makeTickets(_ count: Int, _ tenant: String, createdAfter at: String) throws {
        try stack.sql(
            """
            WITH made AS (
                SELECT gen_random_uuid() AS id, date_trunc('milliseconds', \(at)) AS at FROM generate_series(1, \(count)) AS n
            ), facts AS (
                INSERT INTO sla.sla_ticket_facts
                SELECT '\(tenant)', id, 1, at, 'created', '{"status": "open", "priority": "normal"}' FROM made
            )
            INSERT INTO sla.sla_tickets (tenant_id, ticket_id, version, is_open, last_fact_at, next_due_at)
            SELECT '\(tenant)', id, 1, true, at, at + interval '10 seconds' FROM made;
            """)
    }

    /// Clocks that run beside: tickets of a hundred tenants, each with its history and a clock that is due from tomorrow on.
    private func fill(to running: Int) throws {
        let there = Int(try stack.sql("SELECT count(*) FROM sla.sla_tickets")) ?? 0
        guard running > there else { return }
        try stack.sql(
            """
            CREATE TEMPORARY TABLE made AS
                SELECT md5('bench ' || n % \(Self.tenants))::uuid AS tenant_id, gen_random_uuid() AS id,
                    now() + interval '1 day' + n * interval '1 second' AS due
                FROM generate_series(\(there + 1), \(running)) AS n;
            INSERT INTO sla.sla_ticket_facts
                SELECT tenant_id, id, 1, now(), 'created', '{"status": "open", "priority": "normal"}' FROM made;
            INSERT INTO sla.sla_tickets (tenant_id, ticket_id, version, is_open, last_fact_at, next_due_at)
                SELECT tenant_id, id, 1, true, now(), due FROM made;
            INSERT INTO sla.sla_clocks (tenant_id, id, ticket_id, metric, instance, stage, state, policy_id, policy_version,
                priority, hours, target_seconds, used_seconds, remaining_seconds, overdue_seconds, measured_at, started_at,
                target_at, history, announced, digest, version, created_at, updated_at)
                SELECT tenant_id, gen_random_uuid(), id, 'resolution', 1, 'resolution', 'running', tenant_id, 1,
                    'normal', 'calendar', 86400, 0, 86400, 0, now(), now(),
                    due, '[{"kind": "entered"}]', '{entered}', 1, 1, now(), now() FROM made;
            """)
        for table in ["sla_ticket_facts", "sla_tickets", "sla_clocks"] { try stack.sql("VACUUM ANALYZE sla.\(table)") }
        try stack.sql("CHECKPOINT")
    }

    // MARK: Cost

    /// CPU of the database server and all its processes, ended ones included.
    private func databaseSeconds() throws -> Double {
        guard
            let server = pid_t(
                try String(contentsOf: stack.home.appendingPathComponent("run/postgres.pid"), encoding: .utf8)
                    .trimmingCharacters(in: .whitespacesAndNewlines))
        else { return 0 }
        let children =
            try String(contentsOfFile: "/proc/\(server)/task/\(server)/children", encoding: .utf8)
            .split(separator: " ").compactMap { pid_t($0) }
        return cpuSeconds(server, andEndedChildren: true) + children.reduce(0) { $0 + cpuSeconds($1) }
    }

    /// Blocks of the sla service's tables and their indexes that were looked at.
    private func blocks() throws -> Int {
        Int(
            try stack.sql(
                """
                SELECT sum(heap_blks_hit + heap_blks_read + idx_blks_hit + idx_blks_read) FROM pg_statio_user_tables
                WHERE schemaname = 'sla' AND relname LIKE 'sla_%'
                """)) ?? 0
    }
}

/// What milliseconds look like.
struct Spread: CustomStringConvertible {
    private let sorted: [Double]

    init(_ milliseconds: [Double]) { sorted = milliseconds.sorted() }

    func percentile(_ share: Double) -> Double {
        sorted.isEmpty ? .nan : sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]
    }

    var description: String {
        String(
            format: "p50 %.0f, p99 %.0f, at most %.0f ms", percentile(0.5), percentile(0.99), sorted.last ?? .nan)
    }
}
