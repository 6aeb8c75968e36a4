/// An address that mail can be sent to: `addr-spec` of RFC 5322, section 3.4.1, with the letters of RFC 6531 and the lengths
/// of RFC 5321, section 4.5.3.1. Address literals (`ada@[192.0.2.1]`) and comments are refused: nobody writes them who is
/// not up to something.
public struct EmailAddress: Sendable, Hashable, CustomStringConvertible {
    /// As it is meant, without quotes.
    public let localPart: String
    /// In lower case; Unicode where it was given so.
    public let domain: String
    /// The domain as DNS has it: labels that are not ASCII as A-labels (RFC 5890).
    public let asciiDomain: String

    /// Octets that an address may have (RFC 5321, section 4.5.3.1.3, less the angle brackets).
    public static let octetsMax = 254
    static let localOctetsMax = 64

    /// Reads an address and nothing else: no name, no brackets, no spaces around it.
    public init(_ text: some StringProtocol) throws(MailFault) {
        guard !text.isEmpty else { throw MailFault("empty", "An address is name@example.com.") }
        guard text.utf8.count <= Self.octetsMax else {
            throw MailFault("too_long", "An address has at most \(Self.octetsMax) octets.")
        }
        let scalars = Array(text.unicodeScalars)
        var local = String.UnicodeScalarView()
        var at = 0
        if scalars[0] == "\"" {
            at = try Self.readQuoted(scalars, into: &local)
        } else {
            while at < scalars.count, scalars[at] != "@" {
                local.append(scalars[at])
                at += 1
            }
            guard Self.isDotAtom(local) else {
                throw MailFault(
                    "bad_format", "The part before the @ has a character that needs quotes, or a stray dot.")
            }
        }
        guard at < scalars.count, scalars[at] == "@" else {
            throw MailFault("bad_format", "An address is name@example.com.")
        }
        localPart = String(local)
        guard localPart.utf8.count <= Self.localOctetsMax else {
            throw MailFault("too_long", "The part before the @ has at most \(Self.localOctetsMax) octets.")
        }
        let name = try DomainName(String(String.UnicodeScalarView(scalars[(at + 1)...])))
        domain = name.text
        asciiDomain = name.ascii
    }

    /// As it is written on the wire: quoted where it must be.
    public var text: String { "\(localText)@\(domain)" }

    /// With the domain's A-labels, which every server understands.
    public var asciiDomainText: String { "\(localText)@\(asciiDomain)" }

    /// Whether a server needs SMTPUTF8 (RFC 6531) for it: a domain can be said otherwise, a local part can't.
    public var needsSMTPUTF8: Bool { !localPart.utf8.allSatisfy { $0 < 0x80 } }

    /// What two spellings of an address have in common in practice: letter case. RFC 5321, section 2.4, lets a host see a
    /// difference; for knowing whom not to write to, none may be seen.
    public var folded: String { "\(localPart.lowercased())@\(asciiDomain)" }

    public var description: String { text }

    private var localText: String {
        if Self.isDotAtom(localPart.unicodeScalars) { return localPart }
        var quoted = "\""
        for scalar in localPart.unicodeScalars {
            if scalar == "\"" || scalar == "\\" { quoted.append("\\") }
            quoted.unicodeScalars.append(scalar)
        }
        return quoted + "\""
    }

    /// Reads `"…"` at the beginning; answers where it ends.
    private static func readQuoted(
        _ scalars: [Unicode.Scalar], into local: inout String.UnicodeScalarView
    ) throws(MailFault) -> Int {
        var at = 1
        while at < scalars.count {
            var scalar = scalars[at]
            if scalar == "\"" {
                guard !local.isEmpty else { throw MailFault("bad_format", "The part before the @ is empty.") }
                return at + 1
            }
            if scalar == "\\" {
                at += 1
                guard at < scalars.count else { break }
                scalar = scalars[at]
            }
            guard !scalar.isUnfitForMail else {
                throw MailFault("control_character", "An address has no control or invisible characters.")
            }
            local.append(scalar)
            at += 1
        }
        throw MailFault("bad_format", "A quote is not closed.")
    }

    /// `dot-atom-text`: atoms of `atext` between single dots.
    private static func isDotAtom(_ scalars: String.UnicodeScalarView) -> Bool {
        var wasDot = true
        for scalar in scalars {
            if scalar == "." {
                guard !wasDot else { return false }
                wasDot = true
            } else {
                guard scalar.isAtomText else { return false }
                wasDot = false
            }
        }
        return !wasDot
    }
}

extension Unicode.Scalar {
    /// `atext` of RFC 5322, section 3.2.3, and what RFC 6532 adds.
    var isAtomText: Bool {
        switch self {
        case "a"..."z", "A"..."Z", "0"..."9": true
        case "!", "#", "$", "%", "&", "'", "*", "+", "-", "/", "=", "?", "^", "_", "`", "{", "|", "}", "~": true
        default: value >= 0x80 && !isUnfitForMail && properties.generalCategory != .spaceSeparator
        }
    }

    /// Characters that end or hide something: controls, line and paragraph separators, and what has no shape of its own, such
    /// as marks that turn the direction of writing.
    var isUnfitForMail: Bool {
        switch properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .unassigned: true
        default: false
        }
    }
}
