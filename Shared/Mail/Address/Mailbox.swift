/// An address and the name of who has it: `mailbox` of RFC 5322, section 3.4.
public struct Mailbox: Sendable, Hashable, CustomStringConvertible {
    /// Nil or not empty.
    public let name: String?
    public let address: EmailAddress

    public init(name: String? = nil, _ address: EmailAddress) {
        self.name = name.flatMap { $0.isEmpty ? nil : $0 }
        self.address = address
    }

    public var description: String { name.map { "\($0) <\(address)>" } ?? address.text }

    /// Octets of a header's value that `list` reads.
    static let listOctetsMax = 65_536
    static let listMax = 1_000

    /// Reads an `address-list`: names, quoted strings, comments, groups. Names stay as they are written: encoded words are not
    /// decoded.
    public static func list(_ text: String) throws(MailFault) -> [Mailbox] {
        guard text.utf8.count <= listOctetsMax else {
            throw MailFault("too_long", "A list of addresses has at most \(listOctetsMax) octets.")
        }
        var reader = MailboxListReader(text)
        return try reader.read()
    }
}

/// Reads the `address-list` of a header.
private struct MailboxListReader {
    private let scalars: [Unicode.Scalar]
    private var at = 0
    private var found: [Mailbox] = []
    /// What stands before `<`, and the same with its quotes: an address without brackets is only known at its end.
    private var words = ""
    private var raw = ""
    private var bracketed: EmailAddress?

    init(_ text: String) { scalars = Array(text.unicodeScalars) }

    mutating func read() throws(MailFault) -> [Mailbox] {
        while at < scalars.count {
            let scalar = scalars[at]
            switch scalar {
            case "(": try skipComment()
            case "\"": try readQuoted()
            case "<": try readBracketed()
            case ",", ";":
                try endMailbox()
                at += 1
            case ":":
                // A group's name: what is in it are mailboxes as elsewhere.
                (words, raw) = ("", "")
                at += 1
            default:
                words.unicodeScalars.append(scalar)
                raw.unicodeScalars.append(scalar)
                at += 1
            }
        }
        try endMailbox()
        return found
    }

    private mutating func endMailbox() throws(MailFault) {
        defer { (words, raw, bracketed) = ("", "", nil) }
        guard found.count < Mailbox.listMax else {
            throw MailFault("too_many", "A list has at most \(Mailbox.listMax) addresses.")
        }
        if let bracketed {
            found.append(Mailbox(name: collapsed(words), bracketed))
        } else if let address = collapsed(raw) {
            found.append(Mailbox(try EmailAddress(address)))
        }
    }

    /// Words with single spaces between them; nil where there is none.
    private func collapsed(_ text: String) -> String? {
        let words = text.split { $0.isWhitespace }
        return words.isEmpty ? nil : words.joined(separator: " ")
    }

    private mutating func skipComment() throws(MailFault) {
        var depth = 0
        while at < scalars.count {
            switch scalars[at] {
            case "(": depth += 1
            case ")": depth -= 1
            case "\\": at += 1
            default: break
            }
            at += 1
            if depth == 0 {
                words.append(" ")
                raw.append(" ")
                return
            }
        }
        throw MailFault("bad_format", "A comment is not closed.")
    }

    private mutating func readQuoted() throws(MailFault) {
        raw.append("\"")
        at += 1
        while at < scalars.count {
            var scalar = scalars[at]
            if scalar == "\"" {
                raw.append("\"")
                at += 1
                return
            }
            if scalar == "\\", at + 1 < scalars.count {
                raw.append("\\")
                at += 1
                scalar = scalars[at]
            }
            words.unicodeScalars.append(scalar)
            raw.unicodeScalars.append(scalar)
            at += 1
        }
        throw MailFault("bad_format", "A quote is not closed.")
    }

    private mutating func readBracketed() throws(MailFault) {
        var inner = String.UnicodeScalarView()
        var isQuoted = false
        at += 1
        while at < scalars.count, isQuoted || scalars[at] != ">" {
            if scalars[at] == "\"" { isQuoted.toggle() }
            if isQuoted, scalars[at] == "\\", at + 1 < scalars.count {
                inner.append(scalars[at])
                at += 1
            }
            inner.append(scalars[at])
            at += 1
        }
        guard at < scalars.count, bracketed == nil else {
            throw MailFault("bad_format", "An address in angle brackets does not end, or there are two.")
        }
        at += 1
        bracketed = try EmailAddress(String(inner))
    }
}
