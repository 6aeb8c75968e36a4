import Logging

/// Where the broker is and how to treat it.
public struct AMQPConfiguration: Sendable {
    /// `amqp://user:password@host:port/vhost` taken apart; `amqps` means TLS.
    public struct Address: Sendable, Hashable {
        public var host: String
        public var port: Int
        public var user: String
        public var password: String
        public var virtualHost: String
        public var usesTLS: Bool

        /// Fails on anything that is not an `amqp` or `amqps` URL.
        public init(url: String) throws(AMQPError) {
            let refused = AMQPError(.invalidRequest, "not an amqp:// or amqps:// URL")
            let scheme: Substring
            var rest: Substring
            if let range = url.firstRange(of: "://") {
                scheme = url[..<range.lowerBound]
                rest = url[range.upperBound...]
            } else {
                throw refused
            }
            switch scheme.lowercased() {
            case "amqp": usesTLS = false
            case "amqps": usesTLS = true
            default: throw refused
            }
            rest = rest.prefix { $0 != "?" && $0 != "#" }

            var path: Substring = ""
            if let slash = rest.firstIndex(of: "/") {
                path = rest[rest.index(after: slash)...]
                rest = rest[..<slash]
            }
            user = "guest"
            password = "guest"
            if let at = rest.lastIndex(of: "@") {
                let parts = rest[..<at].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
                guard let name = Self.decoded(parts[0]), let secret = Self.decoded(parts.count > 1 ? parts[1] : "")
                else { throw refused }
                user = name
                password = secret
                rest = rest[rest.index(after: at)...]
            }

            var portText: Substring = ""
            if rest.hasPrefix("["), let close = rest.firstIndex(of: "]") {
                host = String(rest[rest.index(after: rest.startIndex)..<close])
                let tail = rest[rest.index(after: close)...]
                guard tail.isEmpty || tail.hasPrefix(":") else { throw refused }
                portText = tail.dropFirst()
            } else if let colon = rest.lastIndex(of: ":") {
                host = String(rest[..<colon])
                portText = rest[rest.index(after: colon)...]
            } else {
                host = String(rest)
            }
            if host.isEmpty { host = "localhost" }
            port = usesTLS ? 5671 : 5672
            if !portText.isEmpty {
                guard let number = UInt16(portText), number > 0 else { throw refused }
                port = Int(number)
            }
            guard let name = Self.decoded(path), !name.contains("/") || path.contains("%") else { throw refused }
            virtualHost = path.isEmpty ? "/" : name
        }

        private static func decoded(_ text: Substring) -> String? {
            var bytes: [UInt8] = []
            var source = text.utf8.makeIterator()
            while let byte = source.next() {
                guard byte == UInt8(ascii: "%") else {
                    bytes.append(byte)
                    continue
                }
                guard let high = source.next(), let low = source.next(),
                    let value = UInt8(String(decoding: [high, low], as: UTF8.self), radix: 16)
                else { return nil }
                bytes.append(value)
            }
            return String(validating: bytes, as: UTF8.self)
        }
    }

    /// Whom to trust on `amqps`.
    public struct TLS: Sendable, Hashable {
        /// A PEM file of certificate authorities; without it, the system's.
        public var authorityFile: String?
        /// Whether the broker's certificate and its host name are verified. Off only for experiments.
        public var verifiesPeer: Bool
        /// A PEM certificate chain and key to show to the broker.
        public var certificateFile: String?
        public var keyFile: String?

        public init(
            authorityFile: String? = nil, verifiesPeer: Bool = true, certificateFile: String? = nil,
            keyFile: String? = nil
        ) {
            self.authorityFile = authorityFile
            self.verifiesPeer = verifiesPeer
            self.certificateFile = certificateFile
            self.keyFile = keyFile
        }
    }

    public var address: Address
    /// Shown by the broker's tools; " publisher" is appended for the connection that publishes.
    public var connectionName: String
    public var tls: TLS
    /// Both sides send something at least every half of it; silence for twice as long ends the connection.
    public var heartbeatSeconds: Int
    /// Bounds TCP connect, TLS handshake and login together.
    public var connectTimeout: Duration
    /// Bounds every request that the broker answers (declarations, bindings …).
    public var requestTimeout: Duration
    /// Bounds the wait for a publisher confirm, including the time in which the broker blocks publishers.
    public var confirmTimeout: Duration
    /// Publications sent and not yet confirmed, per exchange; more wait in memory.
    public var unconfirmedLimit: Int
    public var backoff: AMQPBackoff
    public var logger: Logger

    public init(
        url: String,
        connectionName: String = "deskwire",
        tls: TLS = TLS(),
        heartbeatSeconds: Int = 15,
        connectTimeout: Duration = .seconds(10),
        requestTimeout: Duration = .seconds(30),
        confirmTimeout: Duration = .seconds(30),
        unconfirmedLimit: Int = 4096,
        backoff: AMQPBackoff = AMQPBackoff(),
        logger: Logger = Logger(label: "amqp")
    ) throws(AMQPError) {
        self.address = try Address(url: url)
        self.connectionName = connectionName
        self.tls = tls
        self.heartbeatSeconds = heartbeatSeconds
        self.connectTimeout = connectTimeout
        self.requestTimeout = requestTimeout
        self.confirmTimeout = confirmTimeout
        self.unconfirmedLimit = max(1, unconfirmedLimit)
        self.backoff = backoff
        self.logger = logger
    }
}

/// Growing pauses between attempts to connect, shortened at random so that clients do not return all at once.
public struct AMQPBackoff: Sendable, Hashable {
    public var first: Duration
    public var limit: Duration

    public init(first: Duration = .milliseconds(100), limit: Duration = .seconds(3)) {
        self.first = first
        self.limit = limit
    }

    /// The pause before attempt `attempt` (1, 2, 3 …): it doubles up to the limit, less up to a half at random.
    public func delay<G: RandomNumberGenerator>(beforeAttempt attempt: Int, using generator: inout G) -> Duration {
        let full = min(first * (1 << min(max(attempt - 1, 0), 20)), limit)
        return full * Double.random(in: 0.5...1, using: &generator)
    }
}
