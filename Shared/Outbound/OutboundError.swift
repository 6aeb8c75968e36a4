/// Why a request was not answered.
public struct OutboundError: Error, Sendable, Hashable, CustomStringConvertible {
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        /// The URL is none that a request is sent to.
        case invalidURL = "invalid_url"
        /// What it leads to is refused: the address, the port, or that it is not encrypted.
        case refused = "refused_address"
        /// The name has no address.
        case unknownHost = "unknown_host"
        /// No address of it takes a connection.
        case unreachable = "unreachable"
        /// No TLS with it, or not with the one that it should be.
        case tls = "tls_failed"
        case timeout = "timeout"
        /// The connection ended before an answer.
        case dropped = "connection_dropped"
        /// What came is no HTTP.
        case malformed = "malformed_answer"
        case cancelled = "cancelled"
    }

    public let kind: Kind
    /// What about it: for an address its class, for a URL the offending part.
    public let reason: String
    /// A sentence for whoever gave the URL; says nothing of our network.
    public let hint: String

    public init(_ kind: Kind, reason: String = "", hint: String) {
        self.kind = kind
        self.reason = reason
        self.hint = hint
    }

    public var code: String { kind.rawValue }
    public var description: String { reason.isEmpty ? "\(code): \(hint)" : "\(code) (\(reason)): \(hint)" }

    static func url(_ reason: String, _ hint: String) -> OutboundError {
        OutboundError(.invalidURL, reason: reason, hint: hint)
    }
}
