import HTTPTypes
import Web

/// Reads a request's head as it arrives, before the parser does: finds where it ends, and what is too large in it or
/// must not be there at all. The grammar is the parser's business.
struct HeadScanner {
    enum Outcome {
        /// All of the bytes belong to the head, which goes on.
        case incomplete
        /// The head ends with this many of the bytes.
        case complete(Int)
        case refused(Problem)
    }

    private enum Place {
        /// Empty lines before a request are passed over.
        case before
        case requestLine
        case fieldStart
        case fieldName
        case fieldValue
    }

    /// Methods are short words: what has no space by then is no request line.
    private static let methodBytes = 32
    /// What the request line has beside the target.
    private static let lineBytes = methodBytes + " HTTP/1.1".utf8.count

    private let limits: ConnectionLimits
    private var place = Place.before
    private var afterReturn = false
    private var lineLength = 0
    private var lineEnd: UInt8 = 0
    private var hasMethod = false
    private var fields = 0
    private var headerLength = 0
    private var utf8 = UTF8Check()

    init(_ limits: ConnectionLimits) {
        self.limits = limits
    }

    /// Whether the head has begun.
    var hasBegun: Bool { place != .before }

    /// Whether the request line ends as that of HTTP/1.0 does.
    var isOldVersion: Bool { lineEnd == UInt8(ascii: "0") }

    /// Takes the bytes that follow those of the calls before.
    mutating func scan(_ bytes: UnsafeRawBufferPointer) -> Outcome {
        var lineStart: Int? = place == .before ? 0 : nil
        do throws(Problem) {
            var index = try skipPlain(bytes, from: 0)
            while index < bytes.count {
                let byte = bytes[index]
                if byte == UInt8(ascii: "\n") {
                    guard afterReturn || place == .before else {
                        throw .malformed("bare_line_feed", "A line ends without a carriage return.")
                    }
                    afterReturn = false
                    if try endLine() { return .complete(index + 1) }
                    lineStart = index + 1
                } else if afterReturn {
                    throw .malformed("bare_carriage_return", "A carriage return stands within a line.")
                } else if byte == UInt8(ascii: "\r") {
                    afterReturn = true
                } else {
                    try take(byte) { lineStart.flatMap { Self.fieldName(bytes[$0..<index]) } }
                }
                index = try skipPlain(bytes, from: index + 1)
            }
            return .incomplete
        } catch {
            return .refused(error)
        }
    }

    /// Takes the letters that follow in a field's value, which are most of a head.
    private mutating func skipPlain(_ bytes: UnsafeRawBufferPointer, from start: Int) throws(Problem) -> Int {
        guard place == .fieldValue, !afterReturn, utf8.isComplete else { return start }
        var index = start
        while index < bytes.count, bytes[index] >= 0x20, bytes[index] < 0x7F { index += 1 }
        try countOfHeader(index - start)
        return index
    }

    private mutating func take(_ byte: UInt8, _ name: () -> String?) throws(Problem) {
        switch place {
        case .before:
            place = .requestLine
            try takeOfRequestLine(byte)
        case .requestLine:
            try takeOfRequestLine(byte)
        case .fieldStart:
            guard byte != UInt8(ascii: " "), byte != UInt8(ascii: "\t") else {
                throw .malformed("folded_header", "A header field goes on in a second line.")
            }
            fields += 1
            guard fields <= limits.headerFields else {
                throw .headersTooLarge("At most \(limits.headerFields) header fields are accepted.")
            }
            place = .fieldName
            try countOfHeader()
        case .fieldName:
            if byte == UInt8(ascii: ":") { place = .fieldValue }
            try countOfHeader()
        case .fieldValue:
            try countOfHeader()
            guard byte >= 0x20 && byte != 0x7F || byte == UInt8(ascii: "\t") else {
                throw .malformed("control_character", "A header field contains a control character.", header: name())
            }
            guard utf8.feed(byte) else {
                throw .malformed("invalid_utf8", "A header field is not valid UTF-8.", header: name())
            }
        }
    }

    private mutating func takeOfRequestLine(_ byte: UInt8) throws(Problem) {
        lineLength += 1
        lineEnd = byte
        guard byte > 0x1F, byte < 0x7F else {
            throw .malformed(
                byte < 0x80 ? "control_character" : "malformed_request_line",
                "The request line contains a character that must be percent-encoded.")
        }
        if byte == UInt8(ascii: " ") { hasMethod = true }
        guard hasMethod || lineLength <= Self.methodBytes else {
            throw .malformed("malformed_request_line", "The request does not begin with a method.")
        }
        guard lineLength <= limits.targetBytes + Self.lineBytes else {
            throw Problem(
                .uriTooLong, code: "target_too_long", title: "The request's target is too long",
                detail: "At most \(limits.targetBytes) bytes are accepted.")
        }
    }

    private mutating func countOfHeader(_ bytes: Int = 1) throws(Problem) {
        headerLength += bytes
        guard headerLength <= limits.headerBytes else {
            throw .headersTooLarge("At most \(limits.headerBytes) bytes of header fields are accepted.")
        }
    }

    /// Whether the head ends with this line.
    private mutating func endLine() throws(Problem) -> Bool {
        switch place {
        case .before:
            return false
        case .fieldStart:
            return true
        case .fieldValue:
            guard utf8.isComplete else { throw .malformed("invalid_utf8", "A header field is not valid UTF-8.") }
            utf8 = UTF8Check()
        case .requestLine, .fieldName:
            break
        }
        place = .fieldStart
        return false
    }

    /// The name with which a line begins, if it is one that may be told.
    private static func fieldName(_ line: Slice<UnsafeRawBufferPointer>) -> String? {
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { return nil }
        return HTTPField.Name(String(decoding: line[..<colon], as: UTF8.self))?.rawName
    }
}

extension Problem {
    /// 400: what came is not the HTTP that is spoken here.
    static func malformed(_ code: String, _ detail: String, header: String? = nil) -> Problem {
        Problem(
            .badRequest, code: code, title: "The request is malformed", detail: detail,
            errors: header.map { [Fault(.header($0), code, detail)] } ?? [])
    }

    /// 431.
    static func headersTooLarge(_ detail: String) -> Problem {
        Problem(
            .requestHeaderFieldsTooLarge, code: "headers_too_large", title: "The header fields are too large",
            detail: detail)
    }

    /// 408.
    static func tooSlow(_ what: String) -> Problem {
        Problem(
            .requestTimeout, code: "request_timeout", title: "The request took too long to arrive",
            detail: "The \(what) did not arrive in time.")
    }
}
