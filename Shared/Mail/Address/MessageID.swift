/// A message's name in the world: `msg-id` of RFC 5322, section 3.6.4.
public struct MessageID: Sendable, Hashable, CustomStringConvertible {
    /// Without the angle brackets.
    public let bare: String

    /// Octets without the brackets; one fits a line.
    static let octetsMax = 900

    /// Reads `<left@right>`, with or without the brackets. Some senders write what the grammar does not allow; what has no
    /// space, no bracket and no control is taken, since a reply must name its parent as the parent named itself.
    public init(_ text: some StringProtocol) throws(MailFault) {
        var inner = Substring(text)
        if inner.hasPrefix("<"), inner.hasSuffix(">") { inner = inner.dropFirst().dropLast() }
        guard !inner.isEmpty else { throw MailFault("empty", "A message id is <left@right>.") }
        guard inner.utf8.count <= Self.octetsMax else {
            throw MailFault("too_long", "A message id has at most \(Self.octetsMax) octets.")
        }
        guard inner.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != 0x3C && $0 != 0x3E }) else {
            throw MailFault("bad_format", "A message id has no spaces, brackets or characters beyond ASCII.")
        }
        bare = String(inner)
    }

    /// The id of a message of ours: `left` must be unique at the domain, and is made of letters, digits, dots and hyphens.
    public init(left: String, domain: DomainName) throws(MailFault) {
        try self.init("\(left)@\(domain.ascii)")
    }

    /// With the brackets, as it stands in a header.
    public var text: String { "<\(bare)>" }

    public var description: String { text }

    /// The ids in a header's value, in order; what is none is left out.
    public static func list(_ text: String) -> [MessageID] {
        var found: [MessageID] = []
        for piece in text.split(separator: "<", omittingEmptySubsequences: false).dropFirst().prefix(1_000) {
            guard let end = piece.firstIndex(of: ">"), let id = try? MessageID(piece[..<end]) else { continue }
            found.append(id)
        }
        return found
    }

    /// The `References` of a reply: its parent's, and then the parent (RFC 5322, section 3.6.4). A long thread keeps its first
    /// ids, which name the conversation, and its last ones, which name the branch.
    public static func references(ofReplyTo parent: MessageID, whoseReferencesAre others: [MessageID]) -> [MessageID] {
        var thread: [MessageID] = []
        for id in others where id != parent && !thread.contains(id) { thread.append(id) }
        thread.append(parent)
        return thread.count <= 20 ? thread : Array(thread.prefix(2) + thread.suffix(18))
    }
}
