// An import in the hands of one instance.
import Contracts
import Database
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// An import that this instance has taken: for as long as its lease lasts, which each batch of rows prolongs. An instance
/// that dies lets the lease run out, and another one goes on behind the last row that was filed.
struct ImportClaim: Sendable {
    let id: UUID
    let tenantId: UUID
    let owner: UUID
    let format: ImportFormat
    let dryRun: Bool
    let contentHash: String
    let totalBytes: Int64
    let actor: Actor
    let actorName: String
    let requestId: String
    let interpreter: ImportInterpreter
    let delimiter: UInt8
    /// Where to go on.
    let begin: SourcePosition

    /// How long an instance may be silent.
    static let leaseSeconds = 10

    /// The end of a lease that is taken or prolonged now, by the database's clock.
    static let leaseEnd: SQL = SQL(unsafe: "clock_timestamp() + interval '\(leaseSeconds) seconds'")

    /// The next import that waits, or whose instance has gone silent; nil when there is none.
    static func next(for owner: UUID, in database: Database) async throws -> ImportClaim? {
        let found = try await database.transaction(as: .admin) { tx in
            try await tx.first(
                """
                UPDATE ticket_imports AS i SET lease_owner = \(owner), lease_expires_at = \(leaseEnd)
                FROM (
                    SELECT tenant_id, id FROM ticket_imports
                    WHERE status IN ('queued', 'running')
                        AND (lease_expires_at IS NULL OR lease_expires_at < clock_timestamp())
                    ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
                ) AS n
                WHERE i.tenant_id = n.tenant_id AND i.id = n.id
                RETURNING i.tenant_id, i.id
                """)?.decode((UUID, UUID).self)
        }
        guard let (tenantId, id) = found else { return nil }
        return try await database.transaction(as: .tenant(tenantId)) { tx in
            let op = Operation(tx: tx, tenantId: tenantId)
            var record = try await Imports.store.load(id, in: op, forUpdate: true)
            guard record.uuid("leaseOwner") == owner,
                record.string("status").flatMap(ImportStatus.init)?.isOver == false
            else { return nil }
            if record.string("status") == ImportStatus.queued.rawValue {
                record = try await Imports.store.update(
                    record, changes: ["status": ImportStatus.running.rawValue, "startedAt": op.now], in: op)
            }
            return try ImportClaim(record, owner: owner)
        }
    }

    private init(_ record: Record, owner: UUID) throws {
        id = record.id
        tenantId = record.tenantId
        self.owner = owner
        format = record.string("format").flatMap(ImportFormat.init) ?? .csv
        dryRun = record.bool("dryRun") ?? false
        contentHash = record.string("contentHash") ?? ""
        totalBytes = record.int("totalBytes") ?? 0
        actor = try Wire.decode(Actor.self, from: try record.json("actor"))
        actorName = record.string("actorName") ?? ""
        requestId = record.string("requestId") ?? ""
        delimiter = record.string("delimiter")?.utf8.first ?? UInt8(ascii: ",")
        begin = SourcePosition(
            offset: record.int("processedBytes") ?? 0, line: record.int("nextLine") ?? 1,
            row: record.int("processedRows") ?? 0)
        var columns: [String: String] = [:]
        for (field, column) in try record.json("mapping").objectValue ?? [:] { columns[field] = column.stringValue }
        let mapping = ImportMapping(columns: columns)
        let plan = format == .csv ? try ImportPlan(mapping: mapping, header: record.strings("header")) : nil
        interpreter = ImportInterpreter(mapping: mapping, plan: plan)
    }

    /// The job's row, locked, if it is still this instance's.
    func locked(_ op: Operation) async throws -> Record {
        let record = try await Imports.store.find(id, in: op.tx, tenantId: tenantId, forUpdate: true)
        guard let record, record.uuid("leaseOwner") == owner, record.string("status") == ImportStatus.running.rawValue
        else { throw ImportLost() }
        return record
    }
}
