/// Why the broker, or the way to it, could not do what was asked.
public struct AMQPError: Error, Sendable, Hashable, CustomStringConvertible {
    public enum Kind: String, Sendable {
        /// There is no connection at the moment; the client keeps trying to make one.
        case notConnected
        /// The connection broke while the request was under way.
        case connectionLost
        /// The broker closed the connection and said why.
        case connectionClosed
        /// The broker closed the channel and said why: no such queue, different arguments, exclusive use …
        case channelClosed
        /// The broker stopped the consumer, for example because its queue was deleted.
        case consumerCancelled
        /// No answer in time.
        case timedOut
        /// The caller's task was cancelled.
        case cancelled
        /// The request can't be expressed in the protocol, for example a name of more than 255 bytes.
        case invalidRequest
        /// The peer said something that the protocol does not allow.
        case protocolViolation
        /// The TLS handshake failed: not trusted, wrong name, no common version.
        case tls
        /// The client was stopped, or this consumer closed, by us.
        case closed
    }

    public let kind: Kind
    /// The broker's reply code where there is one (404, 406, 403 …).
    public let code: Int?
    public let message: String

    public init(_ kind: Kind, code: Int? = nil, _ message: String) {
        self.kind = kind
        self.code = code
        self.message = message
    }

    public var description: String {
        code.map { "\(kind.rawValue) \($0): \(message)" } ?? "\(kind.rawValue): \(message)"
    }

    /// Whether the same request may succeed later without anybody changing it.
    public var isTransient: Bool {
        switch kind {
        case .notConnected, .connectionLost, .connectionClosed, .timedOut: true
        case .channelClosed, .consumerCancelled, .cancelled, .invalidRequest, .protocolViolation, .tls, .closed: false
        }
    }

    /// Whether the broker knows no queue or exchange of that name.
    public var isNotFound: Bool { kind == .channelClosed && code == 404 }

    /// Whether a declaration differs from what exists, or a delivery tag is unknown.
    public var isPreconditionFailed: Bool { kind == .channelClosed && code == 406 }
}
