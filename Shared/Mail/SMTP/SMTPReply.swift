/// A server's answer (RFC 5321, section 4.2).
public struct SMTPReply: Sendable, Hashable, CustomStringConvertible {
    public let code: Int
    /// The lines' texts without their codes.
    public let lines: [String]

    public init(code: Int, lines: [String]) {
        self.code = code
        self.lines = lines
    }

    public var isPositive: Bool { (200...399).contains(code) }
    /// 4xx: the same may work later.
    public var isTransient: Bool { (400...499).contains(code) }

    /// The first line's enhanced code (RFC 2034).
    public var status: EnhancedStatus? { lines.first.flatMap { EnhancedStatus(prefixOf: $0) } }

    public var text: String { lines.joined(separator: " ") }
    public var description: String { "\(code) \(text)" }
}

/// Puts replies together from bytes as they come. What a server may send is bounded: lines, their number and so the whole.
struct SMTPReplyParser {
    static let lineOctetsMax = 2_048
    static let linesMax = 100

    private var line: [UInt8] = []
    private var lines: [String] = []
    private var code: Int?

    /// Whether no part of a reply is waiting for its rest.
    var isEmpty: Bool { line.isEmpty && code == nil }

    /// Takes bytes, answers the replies that they complete.
    mutating func feed(_ bytes: some Sequence<UInt8>) throws(MailFault) -> [SMTPReply] {
        var replies: [SMTPReply] = []
        for byte in bytes {
            guard byte == 0x0A else {
                guard line.count < Self.lineOctetsMax else {
                    throw MailFault("too_long", "A reply's line has more than \(Self.lineOctetsMax) octets.")
                }
                line.append(byte)
                continue
            }
            if line.last == 0x0D { line.removeLast() }
            if let reply = try endLine() { replies.append(reply) }
        }
        return replies
    }

    private mutating func endLine() throws(MailFault) -> SMTPReply? {
        defer { line.removeAll(keepingCapacity: true) }
        guard line.count >= 3, line[..<3].allSatisfy({ (0x30...0x39).contains($0) }) else {
            throw MailFault("bad_format", "A reply does not begin with three digits.")
        }
        let code = line[..<3].reduce(0) { $0 * 10 + Int($1 - 0x30) }
        let mark = line.count > 3 ? line[3] : 0x20
        guard (200...599).contains(code), mark == 0x20 || mark == 0x2D, self.code ?? code == code else {
            throw MailFault("bad_format", "A reply's code is none, or changes between its lines.")
        }
        lines.append(String(decoding: line.dropFirst(4), as: UTF8.self))
        guard lines.count <= Self.linesMax else {
            throw MailFault("too_many", "A reply has more than \(Self.linesMax) lines.")
        }
        guard mark == 0x20 else {
            self.code = code
            return nil
        }
        defer { (self.code, lines) = (nil, []) }
        return SMTPReply(code: code, lines: lines)
    }
}

/// What a server offers in its answer to EHLO (RFC 5321, section 4.1.1.1).
public struct SMTPExtensions: Sendable, Hashable {
    public let pipelining: Bool
    public let eightBitMIME: Bool
    public let smtpUTF8: Bool
    public let startTLS: Bool
    public let dsn: Bool
    /// Octets that a message may have (RFC 1870); nil where nothing is said.
    public let sizeMax: Int?
    /// Upper case.
    public let authMechanisms: Set<String>

    public init(_ reply: SMTPReply) {
        var keywords: [String: [String]] = [:]
        for line in reply.lines.dropFirst() {
            // "AUTH=PLAIN" is how some servers of old say it.
            let words = line.uppercased().split { $0 == " " || $0 == "=" }.map(String.init)
            guard let keyword = words.first else { continue }
            keywords[keyword, default: []] += words.dropFirst()
        }
        pipelining = keywords["PIPELINING"] != nil
        eightBitMIME = keywords["8BITMIME"] != nil
        smtpUTF8 = keywords["SMTPUTF8"] != nil
        startTLS = keywords["STARTTLS"] != nil
        dsn = keywords["DSN"] != nil
        sizeMax = keywords["SIZE"]?.first.flatMap { Int($0) }.flatMap { $0 > 0 ? $0 : nil }
        authMechanisms = Set(keywords["AUTH"] ?? [])
    }
}
