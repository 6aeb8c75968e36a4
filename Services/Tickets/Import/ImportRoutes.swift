// A file comes in: it is read once to know that it can be imported and how many rows it has, and kept in pieces for the
// job that files its rows.
import Contracts
import Crypto
import Database
import HTTPTypes
import NIOCore
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

enum ImportRoutes {
    static let all: [Route] = [upload, cancel]

    /// The largest file.
    private static let bytesMax = 2 << 30

    private static let upload = Route(
        .post, "tickets/import", permission: "tickets.import", summary: "Import tickets from a file",
        description: """
            The body is the file, CSV (RFC 4180, with a header) or one JSON object a line. Columns that are named like a \
            field of a ticket are taken for it; `map.subject=title` says that the column title is the subject. A row whose \
            externalId is filed already is skipped; a row without one is skipped when the same row of the same file was \
            filed before. Bad rows are reported and passed over. The answer is the job that does it.
            """,
        tag: "ticket_imports",
        parameters: [
            Parameter("format", .choice(ImportFormat.allCases.map(\.rawValue)), "By the content type if not said."),
            Parameter("fileName", .text(length: 1...255, format: nil), "To be recognized by."),
            Parameter("dryRun", .boolean, "Only says what would be done."),
            Parameter(
                "delimiter", .text(length: 1...1, format: nil), "Between the fields of a CSV, if it is no comma."),
            .prefixed("map.", .text(length: 1...500, format: nil), "The column that is this field."),
        ],
        body: .stream(
            ["text/csv", "application/x-ndjson", "application/ndjson", "application/octet-stream"], bytesMax: bytesMax),
        answers: [
            AnswerSpec(.accepted, "The import.", schema: ["$ref": "#/components/schemas/TicketImport"])
        ],
        operationId: "importTickets"
    ) { call in
        guard let tenantId = call.tenantId else {
            throw Problem.badRequest(errors: [
                Fault(.parameter("tenantId"), "required", "It says whose tickets they are.")
            ])
        }
        let request = try ImportRequest(call)
        return try await ImportUpload(call: call, tenantId: tenantId, request: request).run()
    }

    private static let cancel = Route(
        .post, "ticket_imports/{ticketImportId}/cancel", permission: "tickets.import",
        summary: "Stop an import", description: "What it has filed stays.", tag: "ticket_imports",
        answers: [.entity("TicketImport")], operationId: "cancelTicketImport"
    ) { call in
        try await call.write { op in
            let job = try await Imports.store.loadForChange(try call.id("ticketImportId"), in: op)
            guard let status = job.string("status").flatMap(ImportStatus.init(rawValue:)), !status.isOver else {
                throw Problem.conflict("The import is over.", code: "invalid_transition", allowed: [])
            }
            let cancelled = try await Imports.store.update(
                job, changes: ["status": ImportStatus.cancelled.rawValue, "finishedAt": op.now], in: op)
            op.tx.enqueue(ImportChunks.removal(of: job.id, tenantId: job.tenantId))
            return .json(bytes: try cancelled.bytes(), headers: [.eTag: "\"\(cancelled.version)\""])
        }
    }
}

/// What an upload asks for beside the file.
struct ImportRequest: Sendable {
    var format: ImportFormat
    var mapping: ImportMapping
    var delimiter: UInt8
    var dryRun: Bool
    var fileName: String?

    init(_ call: Call) throws {
        let arguments = call.arguments
        let isJSON = call.headers[.contentType]?.contains("ndjson") ?? false
        format = arguments.string("format").flatMap(ImportFormat.init(rawValue:)) ?? (isJSON ? .ndjson : .csv)
        dryRun = arguments.bool("dryRun") ?? false
        fileName = arguments.string("fileName")
        var faults: [Fault] = []
        let text = arguments.string("delimiter") ?? ","
        delimiter = text.utf8.first ?? UInt8(ascii: ",")
        if text.utf8.count != 1 || text == "\"" || text == "\n" || text == "\r" {
            faults.append(
                Fault(.parameter("delimiter"), "bad_format", "It is one ASCII character, no quote and no line end."))
        }
        mapping = ImportMapping()
        for argument in arguments.all where argument.name.hasPrefix("map.") {
            let field = String(argument.name.dropFirst("map.".count))
            if let refusal = ImportMapping.refusal(ofField: field) {
                faults.append(Fault(.parameter(argument.name), refusal.code, refusal.detail))
            }
            mapping.columns[field] = argument.texts.first
        }
        if !faults.isEmpty { throw Problem.badRequest(errors: faults) }
    }
}

/// The pieces in which a file is kept.
enum ImportChunks {
    /// All of one size, but for the last one of a file.
    static let bytes = 256 << 10

    static func insertion(_ piece: [UInt8], at offset: Int64, of importId: UUID, tenantId: UUID) -> SQL {
        """
        INSERT INTO ticket_import_chunks (tenant_id, import_id, start_offset, bytes)
        VALUES (\(tenantId), \(importId), \(offset), \(SQLValue.bytes(piece)))
        """
    }

    /// All pieces of a file, or those that end before a place.
    static func removal(of importId: UUID, tenantId: UUID, before offset: Int64? = nil) -> SQL {
        let sql: SQL = "DELETE FROM ticket_import_chunks WHERE tenant_id = \(tenantId) AND import_id = \(importId)"
        guard let offset else { return sql }
        return sql + " AND start_offset <= \(offset - Int64(bytes))"
    }
}

/// Takes a file in.
struct ImportUpload {
    let call: Call
    let tenantId: UUID
    let request: ImportRequest

    /// An upload that has said nothing for so long is over.
    static let patienceSeconds = 120
    /// The most rows of a file.
    static let rowsMax: Int64 = 1_000_000

    func run() async throws -> Answer {
        let importId = UUID.v7()
        let job = try await write { op in try await Imports.store.create(values, id: importId, in: op) }
        do {
            let file = try await take(importId)
            return try await call.write { op in
                let op = op.on(tenant: tenantId)
                let job = try await Imports.store.load(job.id, in: op, forUpdate: true)
                let queued = try await Imports.store.update(job, changes: file.values, in: op)
                return Answer.json(
                    bytes: try queued.bytes(), status: .accepted, headers: [.eTag: "\"\(queued.version)\""]
                )
                .with(.location, location(importId))
            }
        } catch {
            try? await write { op in
                guard let job = try await Imports.store.find(importId, in: op.tx, tenantId: tenantId, forUpdate: true)
                else {
                    return
                }
                try await Imports.store.delete(job, in: op)
            }
            throw error
        }
    }

    private func location(_ importId: UUID) -> String {
        call.location("").replacing("tickets/import/", with: "ticket_imports/\(importId.text)")
    }

    private func write<Result>(_ body: (Operation) async throws -> Result) async throws -> Result {
        try await call.database.transaction(as: .tenant(tenantId)) { tx in
            try await body(
                Operation(
                    tx: tx, tenantId: tenantId, actor: call.caller.actor, actorName: call.caller.displayName,
                    requestId: call.requestId))
        }
    }

    private var values: Values {
        var mapping = JSONObject()
        for (field, column) in request.mapping.columns.sorted(by: { $0.key < $1.key }) {
            mapping[field] = .string(column)
        }
        var values: Values = [
            "status": ImportStatus.uploading.rawValue, "format": request.format.rawValue, "dryRun": request.dryRun,
            "mapping": JSON.object(mapping), "totalBytes": 0, "processedBytes": 0, "processedRows": 0, "createdRows": 0,
            "skippedRows": 0, "failedRows": 0, "nextLine": 1, "actorName": call.caller.displayName,
            "requestId": call.requestId,
            "leaseExpiresAt": Timestamp.now + .seconds(Self.patienceSeconds),
        ]
        values["actor"] = (try? Wire.json(call.caller.actor)).map { .json($0) } ?? .json([:])
        values.set("fileName", request.fileName)
        values.set("delimiter", request.format == .csv ? String(UnicodeScalar(request.delimiter)) : nil)
        return values
    }

    /// What is known of a file once it is here.
    private struct File {
        var values: Values
    }

    private func take(_ importId: UUID) async throws -> File {
        var inspection = ImportInspection(request)
        var hash = SHA256()
        var piece: [UInt8] = []
        piece.reserveCapacity(ImportChunks.bytes)
        var offset: Int64 = 0
        for try await part in call.stream {
            var rest = part.readableBytesView[...]
            while !rest.isEmpty {
                let taken = rest.prefix(ImportChunks.bytes - piece.count)
                piece.append(contentsOf: taken)
                rest = rest.dropFirst(taken.count)
                guard piece.count == ImportChunks.bytes else { continue }
                try await keep(piece, at: &offset, importId, &inspection, &hash)
                piece.removeAll(keepingCapacity: true)
            }
        }
        if !piece.isEmpty { try await keep(piece, at: &offset, importId, &inspection, &hash) }
        try inspection.finish()
        var values: Values = [
            "status": ImportStatus.queued.rawValue, "totalBytes": offset, "totalRows": inspection.rows,
            "contentHash": hash.finalize().map { Self.hexadecimal($0) }.joined(),
            "processedBytes": inspection.begin.offset, "nextLine": inspection.begin.line,
            "header": inspection.header,
        ]
        values["leaseExpiresAt"] = .null
        return File(values: values)
    }

    private func keep(
        _ piece: [UInt8], at offset: inout Int64, _ importId: UUID, _ inspection: inout ImportInspection,
        _ hash: inout SHA256
    ) async throws {
        try inspection.feed(piece)
        hash.update(data: piece)
        let place = offset
        try await call.database.transaction(as: .tenant(tenantId)) { tx in
            tx.enqueue(
                """
                UPDATE ticket_imports SET lease_expires_at = now() + make_interval(secs => \(Double(Self.patienceSeconds)))
                WHERE tenant_id = \(tenantId) AND id = \(importId)
                """)
            tx.enqueue(ImportChunks.insertion(piece, at: place, of: importId, tenantId: tenantId))
        }
        offset += Int64(piece.count)
    }

    private static func hexadecimal(_ byte: UInt8) -> String {
        String(byte >> 4, radix: 16) + String(byte & 0xF, radix: 16)
    }
}

/// Looks through a file as it comes in: whether its columns can be mapped, where its rows begin, how many there are.
struct ImportInspection {
    private let request: ImportRequest
    private var reader: ImportReader
    private(set) var rows: Int64 = 0
    /// Where the first row begins.
    private(set) var begin = SourcePosition()
    private(set) var header: [String] = []
    private var fault: SourceFault?

    init(_ request: ImportRequest) {
        self.request = request
        let start = SourcePosition(row: request.format == .csv ? -1 : 0)
        reader = ImportReader(request.format, delimiter: request.delimiter, from: start)
    }

    mutating func feed(_ bytes: [UInt8]) throws {
        var seen = Seen(rows: rows, begin: begin, header: header)
        reader.feed(bytes) { seen.take($0, isCSV: request.format == .csv) }
        try look(at: seen)
    }

    mutating func finish() throws {
        var seen = Seen(rows: rows, begin: begin, header: header)
        reader.finish { seen.take($0, isCSV: request.format == .csv) }
        try look(at: seen)
        if request.format == .csv, header.isEmpty {
            throw Self.problem(SourceFault(code: "no_header", detail: "The file has no header."))
        }
    }

    private mutating func look(at seen: Seen) throws {
        if let fault = seen.fault { throw Self.problem(fault) }
        if header.isEmpty, !seen.header.isEmpty {
            do {
                _ = try ImportPlan(mapping: request.mapping, header: seen.header)
            } catch {
                throw Self.problem(error)
            }
        }
        (rows, begin, header) = (seen.rows, seen.begin, seen.header)
        if rows > ImportUpload.rowsMax {
            throw Self.problem(
                SourceFault(code: "too_many_rows", detail: "A file has at most \(ImportUpload.rowsMax) rows; part it."))
        }
    }

    static func problem(_ fault: SourceFault) -> Problem {
        .invalid([Fault(.pointer(""), fault.code, fault.detail)], detail: fault.detail)
    }

    private struct Seen {
        var rows: Int64
        var begin: SourcePosition
        var header: [String]
        var fault: SourceFault?

        mutating func take(_ record: SourceRecord, isCSV: Bool) {
            guard isCSV, record.row == 0 else {
                rows = record.row
                return
            }
            begin = record.end
            switch record.content {
            case .fields(let row):
                if let texts = row.texts {
                    header = texts
                } else {
                    fault = SourceFault(code: "invalid_text", detail: "The header is not UTF-8 text.")
                }
            case .fault(let own): fault = own
            case .object: break
            }
        }
    }
}

/// A reader of either format.
enum ImportReader: SourceReader {
    case csv(CSVReader)
    case ndjson(NDJSONReader)

    init(_ format: ImportFormat, delimiter: UInt8, from position: SourcePosition) {
        switch format {
        case .csv: self = .csv(CSVReader(from: position, delimiter: delimiter))
        case .ndjson: self = .ndjson(NDJSONReader(from: position))
        }
    }

    mutating func feed(_ bytes: UnsafeRawBufferPointer, _ emit: (SourceRecord) throws -> Void) rethrows {
        switch self {
        case .csv(var reader):
            defer { self = .csv(reader) }
            try reader.feed(bytes, emit)
        case .ndjson(var reader):
            defer { self = .ndjson(reader) }
            try reader.feed(bytes, emit)
        }
    }

    mutating func finish(_ emit: (SourceRecord) throws -> Void) rethrows {
        switch self {
        case .csv(var reader):
            defer { self = .csv(reader) }
            try reader.finish(emit)
        case .ndjson(var reader):
            defer { self = .ndjson(reader) }
            try reader.finish(emit)
        }
    }
}
