// Files the rows of the imports that wait, a few imports at a time.
import Contracts
import Database
import Logging
import ServiceLifecycle
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Runs imports. Any number of instances may: each import is in the hands of one.
struct ImportRunner: Service {
    let database: Database
    /// Rows filed in one transaction. Creations of the same tenant wait while one commits, so it is not a large number.
    var batchRows = 500
    /// Imports at the same time.
    var concurrency = 2
    private let owner = UUID.v7()
    private let logger = Logger(label: "tickets.import")

    init(database: Database) { self.database = database }

    private static let idlePause = Duration.milliseconds(250)

    func run() async throws {
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<concurrency { group.addTask { await work() } }
            group.addTask { await sweep() }
        }
    }

    private var isOver: Bool { Task.isCancelled || Task.isShuttingDownGracefully }

    private func pause(_ duration: Duration) async {
        try? await cancelWhenGracefulShutdown { try await Task.sleep(for: duration) }
    }

    private func work() async {
        while !isOver {
            do {
                if try await runNext() { continue }
            } catch {
                logger.warning("imports wait", metadata: ["error": "\(error)"])
            }
            await pause(Self.idlePause)
        }
    }

    /// Takes the next import that waits and does it; false when there is none.
    func runNext() async throws -> Bool {
        guard let job = try await ImportClaim.next(for: owner, in: database) else { return false }
        logger.info("import begins", metadata: ["import.id": "\(job.id.text)", "row": "\(job.begin.row)"])
        do {
            try await run(job)
        } catch is ImportLost {
            logger.notice("import is another's now", metadata: ["import.id": "\(job.id.text)"])
        } catch let fault as SourceFault {
            try await fail(job, fault.detail)
        } catch {
            // The database is away, most likely: whoever has the lease next goes on.
            try? await release(job)
            throw error
        }
        return true
    }

    // MARK: One import

    private func run(_ job: ImportClaim) async throws {
        var reader = ImportReader(job.format, delimiter: job.delimiter, from: job.begin)
        var offset = job.begin.offset
        var waiting: [SourceRecord] = []
        var ready: [ImportRow] = []
        while offset < job.totalBytes {
            let piece = try await self.piece(at: offset, of: job)
            offset += Int64(piece.count)
            reader.feed(piece) { waiting.append($0) }
            if offset == job.totalBytes { reader.finish { waiting.append($0) } }
            var written = 0
            while waiting.count - written >= batchRows {
                if isOver { return try await release(job) }
                // While the database writes some rows, the next ones are read.
                async let reading = waiting[written..<written + batchRows].map(job.interpreter.row)
                try await write(ready, of: job)
                ready = await reading
                written += batchRows
            }
            waiting.removeFirst(written)
        }
        try await write(ready, of: job)
        try await write(waiting.map(job.interpreter.row), of: job, isLast: true)
        logger.info("import is complete", metadata: ["import.id": "\(job.id.text)"])
    }

    /// The file's bytes from a place to the end of the piece it is in.
    private func piece(at offset: Int64, of job: ImportClaim) async throws -> [UInt8] {
        let size = Int64(ImportChunks.bytes)
        let start = offset / size * size
        let bytes = try await database.transaction(as: .tenant(job.tenantId), readOnly: true) { tx in
            try await tx.first(
                """
                SELECT bytes FROM ticket_import_chunks
                WHERE tenant_id = \(job.tenantId) AND import_id = \(job.id) AND start_offset = \(start)
                """)?.get(0, as: [UInt8].self)
        }
        // Without its file it is over, cancelled perhaps.
        guard let bytes, bytes.count > Int(offset - start) else { throw ImportLost() }
        return Array(bytes[Int(offset - start)...])
    }

    private static let attemptsMax = 5

    /// Files some rows. When others file the same rows at the same moment, what they have filed is seen at the next attempt;
    /// a row that the database does not take is found by parting the batch.
    private func write(_ rows: [ImportRow], of job: ImportClaim, isLast: Bool = false, attempt: Int = 1) async throws {
        if rows.isEmpty, !isLast { return }
        do {
            try await database.transaction(as: .tenant(job.tenantId), retries: 2) { tx in
                tx.enqueue("SELECT refresh_ticket_statistics()")
                try await ImportBatch(job: job, rows: rows, isLast: isLast).write(in: tx)
            }
        } catch let error as DatabaseError {
            switch error.kind {
            case .unique where attempt < Self.attemptsMax:
                try await write(rows, of: job, isLast: isLast, attempt: attempt + 1)
            case .unique, .check, .foreignKey, .notNull, .invalidText, .outOfRange:
                guard !rows.isEmpty else { throw error }
                try await writeParted(rows, of: job, isLast: isLast, error)
            default:
                throw error
            }
        }
    }

    private func writeParted(
        _ rows: [ImportRow], of job: ImportClaim, isLast: Bool, _ error: DatabaseError
    ) async throws {
        if rows.count == 1 {
            var row = rows[0]
            row.faults = [ImportFault(field: error.field, code: "not_storable", detail: "The row can't be stored.")]
            return try await write([row], of: job, isLast: isLast)
        }
        let half = rows.count / 2
        try await write(Array(rows[..<half]), of: job)
        try await write(Array(rows[half...]), of: job, isLast: isLast)
    }

    private func fail(_ job: ImportClaim, _ reason: String) async throws {
        try await database.transaction(as: .tenant(job.tenantId)) { tx in
            let op = Operation(tx: tx, tenantId: job.tenantId)
            let record = try await job.locked(op)
            _ = try await Imports.store.update(
                record,
                changes: ["status": ImportStatus.failed.rawValue, "failure": reason, "finishedAt": op.now], in: op)
            tx.enqueue(ImportChunks.removal(of: job.id, tenantId: job.tenantId))
        }
    }

    private func release(_ job: ImportClaim) async throws {
        try await database.transaction(as: .tenant(job.tenantId)) { tx in
            tx.enqueue(
                """
                UPDATE ticket_imports SET lease_owner = NULL, lease_expires_at = NULL
                WHERE tenant_id = \(job.tenantId) AND id = \(job.id) AND lease_owner = \(owner)
                """)
        }
    }

    // MARK: Uploads that ended nowhere

    private static let sweepPause = Duration.seconds(30)

    private func sweep() async {
        while !isOver {
            do {
                try await failInterruptedUploads()
            } catch {
                logger.warning("interrupted uploads wait", metadata: ["error": "\(error)"])
            }
            await pause(Self.sweepPause)
        }
    }

    func failInterruptedUploads() async throws {
        let rows = try await database.transaction(as: .admin) { tx in
            try await tx.query(
                """
                SELECT tenant_id, id FROM ticket_imports
                WHERE status = 'uploading' AND lease_expires_at < clock_timestamp() LIMIT 100
                """)
        }
        for row in rows {
            let (tenantId, id) = try row.decode((UUID, UUID).self)
            try await database.transaction(as: .tenant(tenantId)) { tx in
                let op = Operation(tx: tx, tenantId: tenantId)
                let record = try await Imports.store.find(id, in: tx, tenantId: tenantId, forUpdate: true)
                guard let record, record.string("status") == ImportStatus.uploading.rawValue else { return }
                _ = try await Imports.store.update(
                    record,
                    changes: [
                        "status": ImportStatus.failed.rawValue, "failure": "The upload was interrupted.",
                        "finishedAt": op.now,
                    ], in: op)
                tx.enqueue(ImportChunks.removal(of: id, tenantId: tenantId))
            }
        }
    }
}
