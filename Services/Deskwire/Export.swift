import ArgumentParser
import AsyncHTTPClient
import Contracts
import Foundation
import NIOCore
import NIOHTTP1

#if canImport(FoundationEssentials)
    import FoundationEssentials
#endif

/// `deskwire export`: the organization's tickets as a file, streamed.
struct Export: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write the organization's tickets as CSV or NDJSON.",
        discussion:
            "Filters are those of the ticket list, e.g. --filter status=open,pending --filter 'createdAt[gte]=2026-01-01T00:00:00Z'."
    )

    @OptionGroup var connection: ConnectionOptions

    @Option(help: "csv or ndjson.")
    var format: FileFormat = .csv

    @Option(help: "A filter of the ticket list, name=value; repeatable.")
    var filter: [String] = []

    @Option(name: .shortAndLong, help: "The file to write; standard output without it.")
    var output: String?

    func run() async throws {
        let gateway = try connection.tenantConnection()
        var path = try connection.tenantPath() + "/tickets/export?format=\(format.rawValue)"
        for item in filter {
            guard let equals = item.firstIndex(of: "=") else {
                throw ValidationError("A filter is name=value, not '\(item)'.")
            }
            path +=
                "&\(String(item[..<equals]).urlQueryEncoded)=\(String(item[item.index(after: equals)...]).urlQueryEncoded)"
        }
        let file = try output.map { try OutputFile(path: $0) } ?? OutputFile.standardOutput
        var written: Int64 = 0
        try await reporting {
            try await gateway.stream(.GET, path) { response in
                for try await chunk in response.body {
                    try file.write(chunk)
                    written += Int64(chunk.readableBytes)
                    if output != nil { Terminal.progress("export", done: written, total: nil, unit: "bytes") }
                }
            }
        }
        if output != nil { Terminal.endProgress() }
    }
}

/// The two file formats that tickets travel in.
enum FileFormat: String, ExpressibleByArgument, CaseIterable {
    case csv
    case ndjson

    /// By the file's ending; CSV where it says nothing.
    init(fileName: String) {
        let name = fileName.lowercased()
        self = name.hasSuffix(".ndjson") || name.hasSuffix(".jsonl") ? .ndjson : .csv
    }

    var contentType: String { self == .csv ? "text/csv" : "application/x-ndjson" }
}

/// A file opened for writing, closed when released.
struct OutputFile {
    private let handle: FileHandle

    static var standardOutput: OutputFile { OutputFile(handle: .standardOutput) }

    private init(handle: FileHandle) { self.handle = handle }

    init(path: String) throws {
        guard FileManager.default.createFile(atPath: path, contents: nil),
            let handle = FileHandle(forWritingAtPath: path)
        else { throw ValidationError("\(path) can't be written.") }
        self.handle = handle
    }

    func write(_ chunk: ByteBuffer) throws {
        try handle.write(contentsOf: Data(chunk.readableBytesView))
    }

    func write(line: String) throws {
        try handle.write(contentsOf: Data((line + "\n").utf8))
    }
}

/// Runs a command's work; a refusal or an unreachable gateway ends it with a sentence and the documented exit status.
func reporting<Result>(_ work: () async throws -> Result) async throws -> Result {
    do {
        return try await work()
    } catch let problem as GatewayProblem {
        Terminal.note(Terminal.paint("refused: ", .red) + problem.description)
        throw ExitCode(1)
    } catch let error as HTTPClientError {
        Terminal.note("The gateway does not answer: \(error.shortDescription)")
        throw ExitCode(69)
    } catch let error as ChannelError {
        Terminal.note("The gateway does not answer: \(error)")
        throw ExitCode(69)
    } catch let error as IOError {
        Terminal.note("The gateway does not answer: \(error)")
        throw ExitCode(69)
    }
}
