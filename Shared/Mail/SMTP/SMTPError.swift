/// Why a message was not handed over, or why that is not known.
public struct SMTPError: Error, Sendable, Hashable, CustomStringConvertible {
    public enum Kind: String, Sendable, CaseIterable {
        /// No connection could be made.
        case notConnected = "not_connected"
        /// The connection broke before the server could have taken the message.
        case connectionLost = "connection_lost"
        /// The server did not answer in time, before it could have taken the message.
        case timedOut = "timed_out"
        /// The message was sent whole and no answer came: it may have been taken. Sending it again may make a second one, which has
        /// the same Message-ID.
        case unknownOutcome = "unknown_outcome"
        /// The server said no; `reply` is what it said.
        case refused
        /// The server did not accept who we say we are, or has no way to say it that we know.
        case authentication
        /// No TLS, or none that can be trusted.
        case tls
        /// The message needs what the server does not offer, such as SMTPUTF8 or this size.
        case unsupported
        /// The message or an address can't be sent by SMTP.
        case invalidMessage = "invalid_message"
        /// The server said what the protocol does not allow.
        case protocolViolation = "protocol_violation"
        /// The caller's task was cancelled before the message was sent.
        case cancelled
        /// The client was closed.
        case closed
    }

    /// Where in the conversation it happened.
    public enum Phase: String, Sendable, CaseIterable {
        case connect, greeting, hello, tls, authentication, mail, recipient, data, content, reset, idle
    }

    public let kind: Kind
    public let phase: Phase
    public let reply: SMTPReply?
    public let detail: String

    public init(_ kind: Kind, _ phase: Phase, _ detail: String, reply: SMTPReply? = nil) {
        self.kind = kind
        self.phase = phase
        self.detail = detail
        self.reply = reply
    }

    static func refused(_ phase: Phase, _ reply: SMTPReply) -> SMTPError {
        SMTPError(.refused, phase, String(reply.description.prefix(1_000)), reply: reply)
    }

    public var description: String { "\(kind.rawValue) (\(phase.rawValue)): \(detail)" }

    /// Whether the same message will never be taken: to try again is of no use (RFC 5321, section 4.2.1).
    public var isPermanent: Bool {
        switch kind {
        case .invalidMessage, .unsupported: true
        // What a server says before it has seen the message is about us, and somebody will see to it.
        case .refused: [.mail, .recipient, .data, .content].contains(phase) && reply?.isTransient == false
        default: false
        }
    }

    /// What a refusal says about the recipient; nil where it says nothing.
    public var bounce: BounceKind? {
        guard kind == .refused, let reply, isPermanent, phase == .recipient || phase == .content || phase == .data
        else {
            return nil
        }
        // What is said of the message as a whole is about the address only if the code says so.
        if phase != .recipient, reply.status == nil { return .soft }
        return BounceKind(code: reply.code, status: reply.status, text: reply.text)
    }
}
