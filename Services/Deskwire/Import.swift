import ArgumentParser
import AsyncHTTPClient
import Contracts
import Foundation
import NIOCore
import NIOHTTP1

#if canImport(FoundationEssentials)
    import FoundationEssentials
#endif

/// `deskwire import FILE`: a file of tickets through the gateway, with a progress bar and the faults row by row.
struct Import: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "File the tickets of a CSV or NDJSON file.",
        discussion: """
            The first line of a CSV names its columns. --subject title says that the column 'title' is the subject.
            The import runs in the service: interrupt this command, or lose the connection, and running it again with the
            same file goes on with the same import. Rows that were filed are not filed twice.

            Exit status: 0 every row filed; 1 some rows were refused (listed, and in --errors).
            """)

    @OptionGroup var connection: ConnectionOptions

    @Argument(help: "The file; its ending decides the format.")
    var file: String

    @Option(help: "csv or ndjson; by the file's ending without it.")
    var format: FileFormat?

    @Option(help: "The column with the subject.")
    var subject: String?

    @Option(help: "The column with the description.")
    var description: String?

    @Option(help: "The column with the external id.")
    var externalId: String?

    @Option(help: "Any further mapping, field=column; repeatable.")
    var map: [String] = []

    @Option(help: "Where the faults go, one JSON document a line.")
    var errors: String?

    @Flag(help: "Check the file, file nothing.")
    var dryRun = false

    private static let pollMilliseconds = 200
    private static let faultsShownMax = 20

    func run() async throws {
        try await reporting {
            let gateway = try connection.tenantConnection()
            let tenant = try connection.tenantPath()
            let upload = try FileUpload(path: file)
            let format = format ?? FileFormat(fileName: file)
            let started = try await gateway.stream(
                .POST, "\(tenant)/tickets/import?\(try query(format: format))",
                headers: [("content-type", format.contentType)],
                body: .stream(upload, length: .known(upload.sizeBytes))
            ) { response in
                try JSON.parse(Array(buffer: try await response.body.collect(upTo: 1024 * 1024)))
            }
            guard let id = started["id"]?.stringValue else {
                Terminal.note("The gateway's answer names no import.")
                throw ExitCode(1)
            }
            let job = try await follow("\(tenant)/ticket_imports/\(id)", over: gateway)
            let failed = try await listFaults("\(tenant)/ticket_imports/\(id)/errors", over: gateway)
            summarize(job, id: id, failed: failed)
            if failed > 0 || job["status"]?.stringValue != "completed" { throw ExitCode(1) }
        }
    }

    private func query(format: FileFormat) throws -> String {
        var mapping: [(String, String)] = []
        if let subject { mapping.append(("subject", subject)) }
        if let description { mapping.append(("description", description)) }
        if let externalId { mapping.append(("externalId", externalId)) }
        for item in map {
            guard let equals = item.firstIndex(of: "=") else {
                throw ValidationError("A mapping is field=column, not '\(item)'.")
            }
            mapping.append((String(item[..<equals]), String(item[item.index(after: equals)...])))
        }
        let name = URL(fileURLWithPath: file).lastPathComponent
        return
            (["format=\(format.rawValue)", "fileName=\(name.urlQueryEncoded)", "dryRun=\(dryRun)"]
            + mapping.map { "map.\($0.urlQueryEncoded)=\($1.urlQueryEncoded)" }).joined(separator: "&")
    }

    /// Waits until the import is over, showing how far it is.
    private func follow(_ path: String, over gateway: Connection) async throws -> JSON {
        while true {
            let job = try await gateway.json(.GET, path)
            Terminal.progress(
                dryRun ? "check" : "import", done: job["processedRows"]?.intValue ?? 0,
                total: job["totalRows"]?.intValue,
                unit: "rows")
            if let status = job["status"]?.stringValue, ["completed", "failed", "cancelled"].contains(status) {
                Terminal.endProgress()
                return job
            }
            try await Task.sleep(for: .milliseconds(Self.pollMilliseconds))
        }
    }

    /// Shows the first faults and writes all of them to the errors file; answers how many there are.
    private func listFaults(_ path: String, over gateway: Connection) async throws -> Int {
        let sink = try errors.map { try OutputFile(path: $0) }
        var count = 0
        try await gateway.pages(path + "?limit=200") { fault in
            count += 1
            try sink?.write(line: fault.text)
            guard count <= Self.faultsShownMax else { return }
            let place = fault["field"]?.stringValue.map { " \($0)" } ?? ""
            Terminal.note(
                "\(file):\(fault["line"]?.text ?? "?"):\(place) "
                    + (fault["detail"]?.stringValue ?? fault["code"]?.stringValue ?? ""))
        }
        if count > Self.faultsShownMax { Terminal.note("… and \(count - Self.faultsShownMax) more (--errors FILE)") }
        return count
    }

    private func summarize(_ job: JSON, id: String, failed: Int) {
        func number(_ key: String) -> Int64 { job[key]?.intValue ?? 0 }
        Terminal.line(
            "import \(id) \(job["status"]?.stringValue ?? "?"): \(number("createdRows")) filed, "
                + "\(number("skippedRows")) already there, \(failed) refused, of \(number("processedRows")) rows")
        if let reason = job["failure"]?.stringValue { Terminal.note(reason) }
    }
}

/// A file read in pieces as it is sent.
struct FileUpload: AsyncSequence, Sendable {
    typealias Element = ByteBuffer

    let path: String
    let sizeBytes: Int64
    private static let pieceBytes = 256 * 1024

    init(path: String) throws {
        guard let attributes = try? FileManager.default.attributesOfItem(atPath: path),
            let size = attributes[.size] as? NSNumber
        else { throw ValidationError("\(path) can't be read.") }
        self.path = path
        sizeBytes = size.int64Value
    }

    func makeAsyncIterator() -> Iterator { Iterator(handle: FileHandle(forReadingAtPath: path)) }

    struct Iterator: AsyncIteratorProtocol {
        let handle: FileHandle?

        mutating func next() async throws -> ByteBuffer? {
            guard let data = try handle?.read(upToCount: FileUpload.pieceBytes), !data.isEmpty else { return nil }
            return ByteBuffer(bytes: data)
        }
    }
}
