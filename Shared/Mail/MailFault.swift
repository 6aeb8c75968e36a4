/// Why text is not what mail allows: an address, a message id, a header, a message.
public struct MailFault: Error, Sendable, Hashable, CustomStringConvertible {
    /// Stable: `empty`, `too_long`, `bad_format`, `control_character`, `too_deep`, `too_many`.
    public let code: String
    /// What to change.
    public let hint: String

    public init(_ code: String, _ hint: String) {
        self.code = code
        self.hint = hint
    }

    public var description: String { "\(code): \(hint)" }
}
