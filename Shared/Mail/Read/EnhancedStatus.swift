/// An enhanced mail system status code (RFC 3463): `5.1.1`.
public struct EnhancedStatus: Sendable, Hashable, CustomStringConvertible {
    public let statusClass: Int
    public let subject: Int
    public let detail: Int

    public init(_ statusClass: Int, _ subject: Int, _ detail: Int) {
        self.statusClass = statusClass
        self.subject = subject
        self.detail = detail
    }

    /// Reads the code that text begins with; nil where it begins with none.
    public init?(prefixOf text: some StringProtocol) {
        var numbers: [Int] = []
        var current: Int?
        for byte in text.utf8.prefix(10) {
            if (0x30...0x39).contains(byte), (current ?? 0) < 100 {
                current = (current ?? 0) * 10 + Int(byte - 0x30)
            } else if byte == 0x2E, let number = current, numbers.count < 2 {
                numbers.append(number)
                current = nil
            } else if byte == 0x20 || byte == 0x28 || byte == 0x3B || byte == 0x09 || byte == 0x2D {
                break
            } else {
                return nil
            }
        }
        guard numbers.count == 2, let current, [2, 4, 5].contains(numbers[0]) else { return nil }
        self.init(numbers[0], numbers[1], current)
    }

    public var description: String { "\(statusClass).\(subject).\(detail)" }
}

/// What a refusal says about an address.
public enum BounceKind: String, Sendable, CaseIterable {
    /// The address is bad: nobody should write there again.
    case hard
    /// It may work later, or another message may: full, too large, refused for what it says or where it comes from.
    case soft

    /// Judges a permanent or transient refusal by its codes. Without an enhanced one, what 550 and 553 mean in practice (RFC 5321,
    /// section 4.2.3: mailbox unavailable, name not allowed) is taken to be about the address if the text says so.
    public init(code: Int?, status: EnhancedStatus?, text: String) {
        if let status {
            guard status.statusClass == 5 else {
                self = .soft
                return
            }
            switch (status.subject, status.detail) {
            // Bad destination mailbox, system, syntax; ambiguous, moved, no such domain (RFC 3463, section 3.2; RFC 7505).
            case (1, 0...4), (1, 6), (1, 10): self = .hard
            // Disabled (RFC 3463, section 3.3).
            case (2, 1): self = .hard
            // Nothing said: the text decides.
            case (0, 0), (5, 0): self = Self.saysUnknown(text) ? .hard : .soft
            default: self = .soft
            }
            return
        }
        guard let code, [550, 551, 553].contains(code) else {
            self = .soft
            return
        }
        self = Self.saysUnknown(text) ? .hard : .soft
    }

    /// What servers that give no better code say of an address that they do not know.
    private static func saysUnknown(_ text: String) -> Bool {
        let text = text.prefix(1_000).lowercased()
        return [
            "unknown", "no such", "does not exist", "doesn't exist", "not found", "invalid recipient",
            "invalid mailbox",
            "no mailbox", "user doesn", "not a valid", "disabled", "unrouteable",
        ].contains { text.contains($0) }
    }
}
