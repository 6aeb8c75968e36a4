import Foundation
import NIOHTTP1

/// What PostgreSQL alone does on this machine: pgbench writes the rows of one ticket's creation, in prepared statements
/// sent in one pipeline, with as many clients, into copies of the tables that have the same columns, indexes and checks.
struct PgbenchBound {
    let stack: StackUnderTest

    func ticketsPerSecond(seconds: Int, clients: Int = 32) async throws -> Double {
        let ticket = try await pattern()
        try stack.sql("DROP SCHEMA IF EXISTS bench CASCADE; CREATE SCHEMA bench")
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("bench-\(UUID().uuidString).sql")
        try script(ticket).write(to: file, atomically: true, encoding: .utf8)
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

    /// A new ticket, once all that its creation writes is there: what pgbench writes are copies of its rows.
    private func pattern() async throws -> String {
        let answer = try await stack.send(
            .POST, "/v1/tenants/\(stack.tenant)/tickets", json: CreateMeasure.body)
        guard answer.status == 201,
            let object = try JSONSerialization.jsonObject(with: Data(answer.body.utf8)) as? [String: Any],
            let id = object["id"] as? String
        else { throw BenchError("a ticket can't be made: \(answer.body)") }
        return id
    }

    private func script(_ ticket: String) throws -> String {
        let tenant = "'\(stack.tenant)'"
        for table in ["ticket_counters", "outbox"] { try copy(table, where: "tenant_id = \(tenant)") }
        try stack.sql("INSERT INTO bench.ticket_counters SELECT * FROM bench.pattern_ticket_counters")
        let id = "CAST(:ticket AS uuid)"
        let number = "WITH n AS (UPDATE bench.ticket_counters SET last_number = last_number + 1 RETURNING last_number) "
        return [
            "SELECT gen_random_uuid() AS ticket, gen_random_uuid() AS event \\gset",
            "\\startpipeline",
            "BEGIN;",
            try number
                + insert(
                    "tickets", fresh: ["id": id, "number": "last_number", "key": "last_number::text"],
                    where: "id = '\(ticket)'", from: "n"),
            try insert(
                "ticket_status_durations", fresh: ["id": "gen_random_uuid()", "ticket_id": id],
                where: "ticket_id = '\(ticket)'"),
            try insert(
                "audits", fresh: ["id": "gen_random_uuid()", "aggregate_id": id, "entity_id": id],
                where: "entity_id = '\(ticket)'"),
            try insert("aggregate_sequences", fresh: ["aggregate_id": id], where: "aggregate_id = '\(ticket)'"),
            try "WITH made AS ("
                + insert(
                    "events",
                    fresh: [
                        "event_id": "CAST(:event AS uuid)", "aggregate_id": id, "xid": "pg_current_xact_id()",
                        "recorded_at": "clock_timestamp()",
                    ],
                    where: "aggregate_id = '\(ticket)' AND sequence = 1"
                ).dropLast() + " RETURNING *)"
                + " INSERT INTO bench.outbox SELECT tenant_id, position, 0, aggregate_id, sequence, event_id, xid, recorded_at"
                + " FROM made;",
            "COMMIT;",
            "\\endpipeline",
        ].joined(separator: "\n")
    }

    /// An `INSERT` of the pattern's row with fresh keys; makes the table, and the pattern beside it.
    private func insert(
        _ table: String, fresh: [String: String], where condition: String, from source: String? = nil
    ) throws -> String {
        try copy(table, where: condition)
        let columns = try stack.sql(
            """
            SELECT attname FROM pg_attribute WHERE attrelid = 'tickets.\(table)'::regclass AND attnum > 0
                AND NOT attisdropped AND attidentity = '' AND attgenerated = '' ORDER BY attnum
            """
        ).split(separator: "\n").map(String.init)
        let values = columns.map { fresh[$0] ?? $0 }.joined(separator: ", ")
        let sources = ["bench.pattern_\(table)", source].compactMap(\.self).joined(separator: ", ")
        return "INSERT INTO bench.\(table) (\(columns.joined(separator: ", "))) SELECT \(values) FROM \(sources);"
    }

    private func copy(_ table: String, where condition: String) throws {
        try stack.sql(
            """
            CREATE TABLE bench.\(table) (LIKE tickets.\(table) INCLUDING ALL);
            CREATE TABLE bench.pattern_\(table) AS
                SELECT * FROM tickets.\(table) WHERE tenant_id = '\(stack.tenant)' AND \(condition) LIMIT 1
            """)
    }
}
