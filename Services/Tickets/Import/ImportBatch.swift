// Some rows of a file become tickets, in one transaction with the progress that counts them.
import Contracts
import Database
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A row of a file, checked as far as that goes without the database.
struct ImportRow: Sendable {
    var line: Int64
    var row: Int64
    /// The place behind it.
    var end: SourcePosition
    /// The ticket it asks for; without faults only.
    var values = Values()
    var faults: [ImportFault] = []
}

/// What is wrong with a row.
struct ImportFault: Sendable, Hashable {
    var field: String?
    var code: String
    var detail: String
}

/// How a file's records are read as tickets.
struct ImportInterpreter: Sendable {
    let mapping: ImportMapping
    /// For CSV.
    let plan: ImportPlan?

    func row(_ record: SourceRecord) -> ImportRow {
        var row = ImportRow(line: record.line, row: record.row, end: record.end)
        do {
            var values = try values(of: record.content)
            if values["channel"] == nil { values["channel"] = .string(TicketChannel.imported.rawValue) }
            row.values = try TicketResource.store.validate(creating: .object(values))
        } catch let fault as SourceFault {
            row.faults = [ImportFault(code: fault.code, detail: fault.detail)]
        } catch let problem as Problem {
            row.faults = problem.errors.map { fault in
                guard case .pointer(let pointer) = fault.place else {
                    return ImportFault(code: fault.code, detail: fault.detail)
                }
                return ImportFault(field: String(pointer.dropFirst()), code: fault.code, detail: fault.detail)
            }
        } catch {
            row.faults = [ImportFault(code: "unreadable", detail: "The row can't be read.")]
        }
        return row
    }

    private func values(of content: SourceRecord.Content) throws -> JSONObject {
        switch content {
        case .fault(let fault): throw fault
        case .object(let object): return mapping.values(of: object)
        case .fields(let row):
            guard let plan else { throw SourceFault(code: "unreadable", detail: "The file has no header.") }
            return try plan.values(of: row)
        }
    }
}

/// The import is not this instance's any more: another one has taken it over, or somebody has cancelled it.
struct ImportLost: Error {}

/// Writes rows and progress together.
struct ImportBatch: Sendable {
    /// Faults kept of one import; beyond it they are only counted.
    static let faultsKeptMax: Int64 = 100_000

    let job: ImportClaim
    let rows: [ImportRow]
    /// Whether the file ends behind the rows.
    let isLast: Bool

    func write(in tx: Transaction) async throws {
        let op = Operation(
            tx: tx, tenantId: job.tenantId, actor: job.actor, actorName: job.actorName, requestId: job.requestId)
        let record = try await job.locked(op)
        let good = rows.filter(\.faults.isEmpty)
        let new = try await unfiled(good, op)
        if !job.dryRun, !new.isEmpty { try await file(new, op) }
        let failed = rows.filter { !$0.faults.isEmpty }
        keepFaults(of: failed, sofar: record.int("failedRows") ?? 0, op)
        var changes: Values = [
            "createdRows": (record.int("createdRows") ?? 0) + Int64(new.count),
            "skippedRows": (record.int("skippedRows") ?? 0) + Int64(good.count - new.count),
            "failedRows": (record.int("failedRows") ?? 0) + Int64(failed.count),
        ]
        if let end = rows.last?.end {
            changes.set("processedBytes", end.offset)
            changes.set("processedRows", end.row)
            changes.set("nextLine", end.line)
        }
        changes.set("leaseExpiresAt", sql: ImportClaim.leaseEnd)
        if isLast {
            changes.set("status", ImportStatus.completed.rawValue)
            changes.set("finishedAt", op.now)
            changes.set("processedBytes", job.totalBytes)
            op.tx.enqueue(ImportChunks.removal(of: job.id, tenantId: job.tenantId))
        } else if let end = rows.last?.end {
            op.tx.enqueue(ImportChunks.removal(of: job.id, tenantId: job.tenantId, before: end.offset))
        }
        _ = try await Imports.store.update(record, changes: changes, in: op)
    }

    /// The rows that are not filed yet: by their external id where they have one, else by their place in this very file.
    private func unfiled(_ rows: [ImportRow], _ op: Operation) async throws -> [ImportRow] {
        let identified = rows.compactMap { $0.values.string("externalId") }
        let numbered = rows.filter { $0.values.string("externalId") == nil }.map(\.row)
        op.tx.planForManyKeys()
        let known = try await op.tx.batch([
            """
            SELECT w.external_id FROM unnest(\(identified)) AS w (external_id)
            CROSS JOIN LATERAL (
                SELECT FROM tickets
                WHERE tenant_id = \(job.tenantId) AND external_id = w.external_id AND deleted_at IS NULL LIMIT 1) AS t
            """,
            """
            SELECT row_number FROM ticket_import_rows
            WHERE tenant_id = \(job.tenantId) AND content_hash = \(job.contentHash) AND row_number = ANY(\(numbered))
            """,
        ])
        var taken = Set(try known[0].map { try $0.get(0, as: String.self) })
        let filed = Set(try known[1].map { try $0.get(0, as: Int64.self) })
        return rows.filter { row in
            guard let id = row.values.string("externalId") else { return !filed.contains(row.row) }
            return taken.insert(id).inserted
        }
    }

    private func file(_ rows: [ImportRow], _ op: Operation) async throws {
        let emails = rows.compactMap { row in
            row.values.contains("requesterId") ? nil : row.values.string("requesterEmail")
        }
        let requesters = try await Requester.ids(ofAddresses: Set(emails), op)
        op.tx.planAsUsual()
        let (first, prefix) = try await TicketNumber.take(rows.count, op)
        var tickets: [(id: UUID, values: Values)] = []
        tickets.reserveCapacity(rows.count)
        for (index, row) in rows.enumerated() {
            var values = row.values
            let number = first + Int64(index)
            values.set("number", number)
            values.set("key", "\(prefix)-\(number)")
            if !values.contains("requesterId") {
                values.set("requesterId", values.string("requesterEmail").flatMap { requesters[$0] })
            }
            if !values.contains("requesterEmail") { values.set("requesterEmail", String?.none) }
            tickets.append((id: .v7(), values: values))
        }
        try await TicketResource.store.create(many: tickets, in: op)
        let numbered = zip(rows, tickets).filter { $0.0.values.string("externalId") == nil }
        guard !numbered.isEmpty else { return }
        op.tx.enqueue(
            """
            INSERT INTO ticket_import_rows (tenant_id, content_hash, row_number, ticket_id)
            SELECT \(job.tenantId), \(job.contentHash), r.row_number, r.ticket_id
            FROM unnest(\(numbered.map(\.0.row)), \(numbered.map(\.1.id))) AS r (row_number, ticket_id)
            """)
    }

    private func keepFaults(of rows: [ImportRow], sofar: Int64, _ op: Operation) {
        let kept = rows.prefix(Int(max(0, Self.faultsKeptMax - sofar)))
        let faults = kept.flatMap { row in row.faults.map { (row, $0) } }
        guard !faults.isEmpty else { return }
        op.tx.enqueue(
            """
            INSERT INTO ticket_import_errors (
                tenant_id, id, import_id, line, row_number, field, code, detail, created_at)
            SELECT \(job.tenantId), f.id, \(job.id), f.line, f.row_number, f.field, f.code, f.detail, \(op.now)
            FROM unnest(
                \(faults.map { _ in UUID.v7() }), \(faults.map(\.0.line)), \(faults.map(\.0.row)), \(faults.map(\.1.field)),
                \(faults.map(\.1.code)), \(faults.map(\.1.detail))) AS f (id, line, row_number, field, code, detail)
            """)
    }
}
