// One JSON object a line, read in pieces of any size, in bounded memory. A line that is no object is a fault, and the
// next line is read.
import Contracts

/// A streaming reader of newline-delimited JSON.
public struct NDJSONReader: SourceReader {
    private let limits: SourceLimits
    private var bytes: [UInt8] = []
    private var isTooLong = false
    private var offset: Int64
    private var line: Int64
    private var row: Int64

    public init(from position: SourcePosition = SourcePosition(), limits: SourceLimits = SourceLimits()) {
        self.limits = limits
        offset = position.offset
        line = position.line
        row = position.row
    }

    private static let lineFeed = UInt8(ascii: "\n")

    public mutating func feed(_ input: UnsafeRawBufferPointer, _ emit: (SourceRecord) throws -> Void) rethrows {
        var index = 0
        while index < input.count {
            var end = index
            while end < input.count, input[end] != Self.lineFeed { end += 1 }
            if !isTooLong {
                if bytes.count + end - index > limits.recordBytesMax {
                    isTooLong = true
                    bytes.removeAll(keepingCapacity: true)
                } else {
                    bytes.append(contentsOf: input[index..<end])
                }
            }
            offset += Int64(end - index)
            index = end
            guard index < input.count else { return }
            index += 1
            offset += 1
            try endLine(emit)
        }
    }

    public mutating func finish(_ emit: (SourceRecord) throws -> Void) rethrows {
        guard isTooLong || !bytes.isEmpty else { return }
        try endLine(emit)
    }

    private mutating func endLine(_ emit: (SourceRecord) throws -> Void) rethrows {
        let began = line
        line += 1
        defer {
            bytes.removeAll(keepingCapacity: true)
            isTooLong = false
        }
        if began == 1, bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes.removeFirst(3) }
        guard isTooLong || bytes.contains(where: { $0 != 0x20 && $0 != 0x09 && $0 != 0x0D }) else { return }
        row += 1
        let end = SourcePosition(offset: offset, line: line, row: row)
        try emit(SourceRecord(content: content(), line: began, row: row, end: end))
    }

    private func content() -> SourceRecord.Content {
        if isTooLong {
            return .fault(
                SourceFault(
                    code: "record_too_long", detail: "The line is longer than \(limits.recordBytesMax) bytes."))
        }
        do {
            guard case .object(let object) = try JSON.parse(bytes) else {
                return .fault(SourceFault(code: "not_an_object", detail: "The line is not a JSON object."))
            }
            return .object(object)
        } catch {
            return .fault(SourceFault(code: "invalid_json", detail: error.detail))
        }
    }
}
