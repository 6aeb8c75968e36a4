// What the readers of an uploaded file hand on: one record after the other, each with its place, good or bad.
import Contracts

/// A place between two records of a file, from which reading can go on.
public struct SourcePosition: Sendable, Hashable {
    /// How many bytes of the file lie before it.
    public var offset: Int64
    /// The line, from 1, that begins there.
    public var line: Int64
    /// How many records lie before it; a header is none.
    public var row: Int64

    public init(offset: Int64 = 0, line: Int64 = 1, row: Int64 = 0) {
        self.offset = offset
        self.line = line
        self.row = row
    }
}

/// What is wrong with a record before its content is even looked at.
public struct SourceFault: Error, Sendable, Hashable {
    public var code: String
    public var detail: String

    public init(code: String, detail: String) {
        self.code = code
        self.detail = detail
    }
}

/// One record of a file.
public struct SourceRecord: Sendable {
    public enum Content: Sendable {
        case fields(CSVRow)
        case object(JSONObject)
        case fault(SourceFault)
    }

    public var content: Content
    /// The line its first byte is on.
    public var line: Int64
    /// Its number among the records, from 1.
    public var row: Int64
    /// The place after it.
    public var end: SourcePosition

    public init(content: Content, line: Int64, row: Int64, end: SourcePosition) {
        self.content = content
        self.line = line
        self.row = row
        self.end = end
    }
}

/// Bounds on what one record may take.
public struct SourceLimits: Sendable, Hashable {
    /// The most bytes of one record; a longer one is a fault, and reading goes on at the next line.
    public var recordBytesMax: Int
    /// The most fields of one CSV record.
    public var fieldsMax: Int

    public init(recordBytesMax: Int = 1_048_576, fieldsMax: Int = 512) {
        self.recordBytesMax = recordBytesMax
        self.fieldsMax = fieldsMax
    }
}

/// Reads records out of bytes that arrive in pieces of any size.
public protocol SourceReader: Sendable {
    /// Takes the next piece and calls back for every record that it completes.
    mutating func feed(_ bytes: UnsafeRawBufferPointer, _ emit: (SourceRecord) throws -> Void) rethrows
    /// Ends the file: what is left is the last record.
    mutating func finish(_ emit: (SourceRecord) throws -> Void) rethrows
}

extension SourceReader {
    public mutating func feed(_ bytes: [UInt8], _ emit: (SourceRecord) throws -> Void) rethrows {
        try bytes.withUnsafeBytes { try feed($0, emit) }
    }
}
