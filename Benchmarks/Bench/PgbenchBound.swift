import Foundation

/// What PostgreSQL alone does on this machine: pgbench writes the rows of one ticket creation, prepared, with as many
/// clients, into copies of the tables that have the same columns, indexes and checks.
struct PgbenchBound {
    let stack: StackUnderTest

    private static let tables = [
        "tickets", "ticket_status_durations", "audits", "aggregate_sequences", "outbox", "ticket_counters",
    ]

    func ticketsPerSecond(seconds: Int, clients: Int = 32) throws -> Double {
        try stack.sql("DROP SCHEMA IF EXISTS bench CASCADE; CREATE SCHEMA bench")
        for table in Self.tables { try stack.sql("CREATE TABLE bench.\(table) (LIKE tickets.\(table) INCLUDING ALL)") }
        try stack.sql("CREATE TABLE bench.events (LIKE tickets.events INCLUDING ALL)")
        // The newest ticket serves as the pattern: the copy has exactly the rows that its creation wrote.
        let pattern = try newestTicket()
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("bench-\(UUID().uuidString).sql")
        try script(pattern).write(to: file, atomically: true, encoding: .utf8)
        defer {
            try? FileManager.default.removeItem(at: file)
            _ = try? stack.sql("DROP SCHEMA IF EXISTS bench CASCADE")
        }
        let output = try shell([
            "pgbench", stack.databaseURL, "-n", "-M", "prepared", "-c", "\(clients)", "-j", "1", "-T", "\(seconds)",
            "-f", file.path,
        ])
        guard let line = output.split(separator: "\n").first(where: { $0.hasPrefix("tps = ") }),
            let tps = Double(line.split(separator: " ")[2])
        else { throw BenchError("pgbench said: \(output)") }
        return tps
    }

    private func newestTicket() throws -> String {
        let id = try stack.sql(
            "SELECT id FROM tickets.tickets WHERE tenant_id = '\(stack.tenant)' AND version = 1 ORDER BY id DESC LIMIT 1"
        )
        guard !id.isEmpty else { throw BenchError("make a ticket first, so that pgbench has a pattern") }
        return id
    }

    /// `INSERT … SELECT` from the pattern's own rows with fresh keys.
    private func script(_ ticket: String) throws -> String {
        func columns(_ table: String) throws -> [String] {
            try stack.sql(
                """
                SELECT attname FROM pg_attribute WHERE attrelid = 'tickets.\(table)'::regclass AND attnum > 0
                    AND NOT attisdropped AND attidentity = '' AND attgenerated = '' ORDER BY attnum
                """
            ).split(separator: "\n").map(String.init)
        }
        func copy(_ table: String, fresh: [String: String], where condition: String) throws -> String {
            let names = try columns(table)
            let values = names.map { fresh[$0] ?? $0 }
            return
                "INSERT INTO bench.\(table) (\(names.joined(separator: ", "))) SELECT \(values.joined(separator: ", ")) FROM tickets.\(table) WHERE tenant_id = '\(stack.tenant)' AND \(condition) LIMIT 1;"
        }
        try stack.sql(
            "INSERT INTO bench.ticket_counters SELECT * FROM tickets.ticket_counters WHERE tenant_id = '\(stack.tenant)'"
        )
        let event = "aggregate_id = '\(ticket)' AND sequence = 1"
        return [
            "BEGIN;",
            "UPDATE bench.ticket_counters SET last_number = last_number + 1 WHERE tenant_id = '\(stack.tenant)' RETURNING last_number AS number \\gset",
            "SELECT gen_random_uuid() AS id, gen_random_uuid() AS event, txid_current() AS position \\gset",
            try copy(
                "tickets", fresh: ["id": "'\\:id'", "number": ":number", "external_id": "NULL"],
                where: "id = '\(ticket)'"),
            try copy(
                "ticket_status_durations", fresh: ["id": "gen_random_uuid()", "ticket_id": "':id'"],
                where: "ticket_id = '\(ticket)'"),
            try copy("audits", fresh: ["id": "gen_random_uuid()"], where: "entity_id = '\(ticket)'"),
            "INSERT INTO bench.aggregate_sequences (tenant_id, aggregate_id, last_sequence) VALUES ('\(stack.tenant)', ':id', 1);",
            try copy(
                "events", fresh: ["event_id": "':event'", "aggregate_id": "':id'", "position": ":position"],
                where: event),
            "INSERT INTO bench.outbox (tenant_id, position, partition, aggregate_id, sequence, event_id, xid, recorded_at) VALUES ('\(stack.tenant)', :position, 0, ':id', 1, ':event', pg_current_xact_id(), now());",
            "COMMIT;",
        ].joined(separator: "\n").replacingOccurrences(of: "'\\:id'", with: ":id").replacingOccurrences(
            of: "':id'", with: ":id"
        )
        .replacingOccurrences(of: "':event'", with: ":event")
    }
}
