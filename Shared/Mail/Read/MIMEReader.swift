/// A message or a part of one as it came in: read, bounded, and lenient where senders are careless.
public struct MIMEEntity: Sendable {
    /// How much is read before a message is refused.
    public struct Limits: Sendable {
        public var octets = 10 * 1024 * 1024
        public var fields = 500
        public var depth = 8
        public var parts = 200

        public init() {}
    }

    public struct Field: Sendable, Hashable {
        /// In lower case.
        public let name: String
        /// Unfolded, without white space around it.
        public let value: String
    }

    public let fields: [Field]
    /// In lower case, without parameters: `text/plain` where nothing is said (RFC 2045, section 5.2).
    public let contentType: String
    let parameters: [String: String]
    /// As it stands, still encoded.
    let body: ArraySlice<UInt8>
    /// What a multipart consists of; of a message in a message, that message.
    public let parts: [MIMEEntity]

    public init(_ message: [UInt8], limits: Limits = Limits()) throws(MailFault) {
        guard message.count <= limits.octets else {
            throw MailFault("too_long", "A message has at most \(limits.octets) octets.")
        }
        var partsLeft = limits.parts
        try self.init(message[...], limits, depth: 0, &partsLeft, default: "text/plain")
    }

    private init(
        _ bytes: ArraySlice<UInt8>, _ limits: Limits, depth: Int, _ partsLeft: inout Int, default defaultType: String
    ) throws(MailFault) {
        guard depth <= limits.depth else {
            throw MailFault("too_deep", "Parts are at most \(limits.depth) deep in each other.")
        }
        partsLeft -= 1
        guard partsLeft >= 0 else { throw MailFault("too_many", "A message has at most \(limits.parts) parts.") }
        var header = HeaderReader(bytes)
        fields = try header.read(max: limits.fields)
        body = header.rest

        let type = fields.first { $0.name == "content-type" }.map { ParameterReader.read($0.value) }
        contentType = type.flatMap { $0.value.contains("/") ? $0.value : nil } ?? defaultType
        parameters = type?.parameters ?? [:]

        var parts: [MIMEEntity] = []
        if contentType.hasPrefix("multipart/"), let boundary = parameters["boundary"], !boundary.isEmpty {
            let inner = contentType == "multipart/digest" ? "message/rfc822" : "text/plain"
            for slice in Self.split(body, at: boundary, max: partsLeft) {
                parts.append(try MIMEEntity(slice, limits, depth: depth + 1, &partsLeft, default: inner))
            }
        } else if contentType == "message/rfc822" || contentType == "message/global" {
            parts.append(try MIMEEntity(body, limits, depth: depth + 1, &partsLeft, default: "text/plain"))
        }
        self.parts = parts
    }

    /// The first field of a name, given in lower case.
    public func field(_ name: String) -> String? { fields.first { $0.name == name }?.value }

    /// This entity and everything in it, outermost first.
    public var all: [MIMEEntity] { [self] + parts.flatMap(\.all) }

    /// The content with its transfer encoding undone (RFC 2045, section 6).
    public var content: [UInt8] {
        switch field("content-transfer-encoding")?.lowercased() {
        case "base64": Base64.decode(body)
        case "quoted-printable": QuotedPrintable.decode(body)
        default: Array(body)
        }
    }

    /// The parts between the delimiter lines of a multipart (RFC 2046, section 5.1.1); what stands before the first and after the
    /// closing one belongs to nobody. One more than `max` at most.
    private static func split(_ body: ArraySlice<UInt8>, at boundary: String, max: Int) -> [ArraySlice<UInt8>] {
        let delimiter = Array("--\(boundary)".utf8)
        var found: [ArraySlice<UInt8>] = []
        var partStart: Int?
        var lineStart = body.startIndex
        while lineStart < body.endIndex, found.count <= max {
            let lineEnd = body[lineStart...].firstIndex(of: 0x0A) ?? body.endIndex
            let line = body[lineStart..<lineEnd]
            if line.starts(with: delimiter) {
                let tail = line.dropFirst(delimiter.count).drop { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }
                let isClosing = tail.starts(with: [0x2D, 0x2D])
                if tail.isEmpty || isClosing {
                    if let start = partStart {
                        found.append(withoutLastLineEnd(body[start..<Swift.max(start, lineStart)]))
                    }
                    if isClosing { return found }
                    partStart = Swift.min(lineEnd + 1, body.endIndex)
                }
            }
            lineStart = lineEnd + 1
        }
        if let start = partStart, found.count <= max { found.append(body[start...]) }
        return found
    }

    /// The line end before a delimiter belongs to the delimiter.
    private static func withoutLastLineEnd(_ slice: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var slice = slice
        if slice.last == 0x0A { slice.removeLast() }
        if slice.last == 0x0D { slice.removeLast() }
        return slice
    }
}

/// Reads fields up to an empty line; line ends may be CRLF or LF.
struct HeaderReader {
    private(set) var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

    /// Octets of one field; the rest of a longer one is left out.
    static let fieldOctetsMax = 65_536

    /// The fields up to the next empty line or the end; what is no field is skipped.
    mutating func read(max: Int) throws(MailFault) -> [MIMEEntity.Field] {
        var fields: [MIMEEntity.Field] = []
        var current: [UInt8] = []
        while !rest.isEmpty {
            let end = rest.firstIndex(of: 0x0A)
            var line = rest[..<(end ?? rest.endIndex)]
            rest = rest[(end.map { $0 + 1 } ?? rest.endIndex)...]
            if line.last == 0x0D { line.removeLast() }
            if line.isEmpty { break }
            if line.first == 0x20 || line.first == 0x09 {
                if current.count < Self.fieldOctetsMax { current += line.prefix(Self.fieldOctetsMax) }
                continue
            }
            if let field = Self.field(current) { fields.append(field) }
            guard fields.count <= max else { throw MailFault("too_many", "A header has at most \(max) fields.") }
            current = Array(line.prefix(Self.fieldOctetsMax))
        }
        if let field = Self.field(current) { fields.append(field) }
        return fields
    }

    private static func field(_ bytes: [UInt8]) -> MIMEEntity.Field? {
        guard let colon = bytes.firstIndex(of: 0x3A), colon > 0 else { return nil }
        let name = bytes[..<colon].filter { $0 != 0x20 && $0 != 0x09 }
        guard !name.isEmpty, name.allSatisfy({ (0x21...0x7E).contains($0) }) else { return nil }
        let value = String(decoding: bytes[(colon + 1)...], as: UTF8.self)
        return MIMEEntity.Field(
            name: String(decoding: name, as: UTF8.self).lowercased(),
            value: value.split(whereSeparator: { $0 == " " || $0 == "\t" }).joined(separator: " "))
    }
}

/// Reads `value; name=value; name="value"` (RFC 2045, section 5.1). Continued and percent-encoded parameters (RFC 2231) are not put
/// together: what is read by machine here has none.
enum ParameterReader {
    static func read(_ text: String) -> (value: String, parameters: [String: String]) {
        var pieces: [String] = [""]
        var isQuoted = false
        var isEscaped = false
        for scalar in text.unicodeScalars {
            if isEscaped {
                isEscaped = false
                pieces[pieces.count - 1].unicodeScalars.append(scalar)
            } else if isQuoted, scalar == "\\" {
                isEscaped = true
            } else if scalar == "\"" {
                isQuoted.toggle()
            } else if scalar == ";", !isQuoted {
                guard pieces.count < 50 else { break }
                pieces.append("")
            } else {
                pieces[pieces.count - 1].unicodeScalars.append(scalar)
            }
        }
        var parameters: [String: String] = [:]
        for piece in pieces.dropFirst() {
            guard let equals = piece.firstIndex(of: "=") else { continue }
            let name = trimmed(piece[..<equals]).lowercased()
            if parameters[name] == nil { parameters[name] = trimmed(piece[piece.index(after: equals)...]) }
        }
        return (trimmed(pieces[0][...]).lowercased(), parameters)
    }

    private static func trimmed(_ text: Substring) -> String {
        var text = text
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }
}
