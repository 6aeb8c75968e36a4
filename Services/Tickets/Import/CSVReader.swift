// CSV as RFC 4180 has it, read byte by byte in pieces of any size, in bounded memory. A bad record is handed on as a
// fault and reading goes on behind it: a file of a million rows is not lost for one stray quote.
//
// Beyond the RFC it takes what real files have: LF and CR as line ends, a byte order mark, empty lines (skipped), and
// quotes inside a field that does not begin with one (they stand for themselves).
import Contracts

/// The fields of one CSV record, decoded only when asked for: most columns of a wide file are never looked at.
public struct CSVRow: Sendable, Hashable {
    private var bytes: [UInt8]
    private var ends: [Int]

    init(bytes: [UInt8], ends: [Int]) {
        self.bytes = bytes
        self.ends = ends
    }

    public init(_ fields: [String]) {
        bytes = []
        ends = []
        for field in fields {
            bytes.append(contentsOf: field.utf8)
            ends.append(bytes.count)
        }
    }

    public var count: Int { ends.count }

    /// The text of a field; `nil` when its bytes are not UTF-8 or hold a NUL.
    public func text(_ index: Int) -> String? {
        let slice = bytes[(index == 0 ? 0 : ends[index - 1])..<ends[index]]
        guard !slice.contains(0) else { return nil }
        return String(validating: slice, as: UTF8.self)
    }

    /// Whether a field has no bytes.
    public func isEmpty(_ index: Int) -> Bool {
        (index == 0 ? 0 : ends[index - 1]) == ends[index]
    }

    /// All fields as text; `nil` when one of them is not.
    public var texts: [String]? {
        var texts: [String] = []
        texts.reserveCapacity(count)
        for index in 0..<count {
            guard let text = text(index) else { return nil }
            texts.append(text)
        }
        return texts
    }
}

/// A streaming CSV reader. Begin a file that has a header at row −1, so that the header is row 0 and the first record
/// row 1.
public struct CSVReader: SourceReader {
    private enum State {
        /// At the beginning of a record.
        case start
        /// At the beginning of a field, not the first.
        case fieldStart
        case plain
        case quoted
        /// Behind a quote within a quoted field: either its end or the first of two.
        case quote
        /// Behind a carriage return that ended a record: a line feed would still belong to it.
        case carriageReturn
        /// Behind a fault, up to the end of the line.
        case skipping
        /// Behind the carriage return that ended a skipped line.
        case skippedReturn
    }

    private let limits: SourceLimits
    private let delimiter: UInt8
    private var state = State.start
    private var bytes: [UInt8] = []
    private var ends: [Int] = []
    /// Where the record being read began.
    private var began: SourcePosition
    /// The place of the next byte.
    private var offset: Int64
    private var line: Int64
    private var row: Int64
    private var fault: SourceFault?
    /// Bytes of the byte order mark matched so far; 3 when none can come any more.
    private var markBytes: Int

    public init(
        from position: SourcePosition = SourcePosition(), delimiter: UInt8 = UInt8(ascii: ","),
        limits: SourceLimits = SourceLimits()
    ) {
        self.limits = limits
        self.delimiter = delimiter
        began = position
        offset = position.offset
        line = position.line
        row = position.row
        markBytes = position.offset == 0 ? 0 : 3
    }

    private static let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
    private static let quote = UInt8(ascii: "\"")
    private static let lineFeed = UInt8(ascii: "\n")
    private static let carriageReturn = UInt8(ascii: "\r")

    public mutating func feed(_ input: UnsafeRawBufferPointer, _ emit: (SourceRecord) throws -> Void) rethrows {
        var index = 0
        while index < input.count {
            let byte = input[index]
            if markBytes < 3 {
                if byte == Self.mark[markBytes] {
                    markBytes += 1
                    index += 1
                    offset += 1
                    if markBytes == 3 { began.offset = offset }
                    continue
                }
                // Not a mark after all: what matched of it is text.
                if markBytes > 0 {
                    bytes.append(contentsOf: Self.mark[..<markBytes])
                    state = .plain
                }
                markBytes = 3
            }
            switch state {
            case .carriageReturn, .skippedReturn:
                let wasSkipped = state == .skippedReturn
                if byte == Self.lineFeed {
                    index += 1
                    offset += 1
                }
                line += 1
                try endRecord(wasSkipped: wasSkipped, emit)
            case .start, .fieldStart:
                if byte == Self.quote {
                    state = .quoted
                    index += 1
                    offset += 1
                } else {
                    state = .plain
                }
            case .plain:
                var end = index
                while end < input.count, input[end] != delimiter, input[end] != Self.lineFeed,
                    input[end] != Self.carriageReturn
                {
                    end += 1
                }
                take(UnsafeRawBufferPointer(rebasing: input[index..<end]))
                offset += Int64(end - index)
                index = end
                guard index < input.count, state == .plain else { continue }
                index += 1
                offset += 1
                try endField(at: input[index - 1], emit)
            case .quoted:
                var end = index
                while end < input.count, input[end] != Self.quote {
                    if input[end] == Self.lineFeed { line += 1 }
                    end += 1
                }
                let room = limits.recordBytesMax - bytes.count
                if end - index > room {
                    // The lines behind the limit are counted again when they are skipped.
                    let stop = index + room
                    for position in stop..<end where input[position] == Self.lineFeed { line -= 1 }
                    end = stop
                }
                take(UnsafeRawBufferPointer(rebasing: input[index..<end]))
                offset += Int64(end - index)
                index = end
                if index < input.count, input[index] != Self.quote { fail(.tooLong(limits.recordBytesMax)) }
                guard index < input.count, state == .quoted else { continue }
                state = .quote
                index += 1
                offset += 1
            case .quote:
                index += 1
                offset += 1
                if byte == Self.quote {
                    state = .quoted
                    takeQuote()
                } else if byte == delimiter || byte == Self.lineFeed || byte == Self.carriageReturn {
                    try endField(at: byte, emit)
                } else {
                    fail(.textAfterQuote)
                }
            case .skipping:
                var end = index
                while end < input.count, input[end] != Self.lineFeed, input[end] != Self.carriageReturn { end += 1 }
                offset += Int64(end - index)
                index = end
                guard index < input.count else { continue }
                index += 1
                offset += 1
                if input[index - 1] == Self.carriageReturn {
                    state = .skippedReturn
                } else {
                    line += 1
                    try endRecord(wasSkipped: true, emit)
                }
            }
        }
    }

    public mutating func finish(_ emit: (SourceRecord) throws -> Void) rethrows {
        if markBytes > 0, markBytes < 3 {
            bytes.append(contentsOf: Self.mark[..<markBytes])
            state = .plain
        }
        markBytes = 3
        switch state {
        case .start:
            return
        case .carriageReturn, .skippedReturn:
            line += 1
            try endRecord(wasSkipped: state == .skippedReturn, emit)
        case .skipping:
            try endRecord(wasSkipped: true, emit)
        case .quoted:
            fail(.unclosedQuote)
            try endRecord(wasSkipped: true, emit)
        case .fieldStart, .plain, .quote:
            ends.append(bytes.count)
            try endRecord(wasSkipped: false, emit)
        }
    }

    private mutating func take(_ slice: UnsafeRawBufferPointer) {
        guard bytes.count + slice.count <= limits.recordBytesMax else {
            fail(.tooLong(limits.recordBytesMax))
            return
        }
        bytes.append(contentsOf: slice)
    }

    private mutating func takeQuote() {
        guard bytes.count < limits.recordBytesMax else {
            fail(.tooLong(limits.recordBytesMax))
            return
        }
        bytes.append(Self.quote)
    }

    private mutating func fail(_ fault: SourceFault) {
        self.fault = fault
        state = .skipping
        bytes.removeAll(keepingCapacity: true)
        ends.removeAll(keepingCapacity: true)
    }

    private mutating func endField(at byte: UInt8, _ emit: (SourceRecord) throws -> Void) rethrows {
        ends.append(bytes.count)
        if byte == delimiter {
            state = .fieldStart
            if ends.count >= limits.fieldsMax { fail(.tooManyFields(limits.fieldsMax)) }
        } else if byte == Self.carriageReturn {
            state = .carriageReturn
        } else {
            line += 1
            try endRecord(wasSkipped: false, emit)
        }
    }

    private mutating func endRecord(wasSkipped: Bool, _ emit: (SourceRecord) throws -> Void) rethrows {
        let start = began
        state = .start
        defer {
            bytes.removeAll(keepingCapacity: true)
            ends.removeAll(keepingCapacity: true)
            fault = nil
        }
        let content: SourceRecord.Content
        if wasSkipped {
            content = .fault(fault ?? .unclosedQuote)
        } else if ends.count == 1, bytes.isEmpty {
            began = SourcePosition(offset: offset, line: line, row: row)
            return
        } else {
            content = .fields(CSVRow(bytes: bytes, ends: ends))
        }
        row += 1
        began = SourcePosition(offset: offset, line: line, row: row)
        try emit(SourceRecord(content: content, line: start.line, row: row, end: began))
    }
}

extension SourceFault {
    static let unclosedQuote = SourceFault(code: "unclosed_quote", detail: "A quoted field is not closed.")
    static let textAfterQuote = SourceFault(
        code: "text_after_quote", detail: "A quoted field is followed by something other than a delimiter.")
    static func tooLong(_ limit: Int) -> SourceFault {
        SourceFault(
            code: "record_too_long", detail: "The record is longer than \(limit) bytes; is a quote left open?")
    }
    static func tooManyFields(_ limit: Int) -> SourceFault {
        SourceFault(code: "too_many_fields", detail: "The record has more than \(limit) fields.")
    }
}
