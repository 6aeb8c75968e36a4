#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A server that takes our mail, and how to speak with it.
public struct SMTPConfiguration: Sendable {
    public enum Encryption: Sendable, Hashable {
        /// Encrypted from the first byte (RFC 8314, section 3).
        case implicitTLS
        /// Encrypted after STARTTLS (RFC 3207), or not at all used.
        case startTLS
        /// In clear, the password too: for a server on the same machine.
        case none
    }

    public struct Login: Sendable, Hashable, CustomStringConvertible {
        public let user: String
        public let password: String

        public init(user: String, password: String) {
            self.user = user
            self.password = password
        }

        /// Without the password: this may land in a log.
        public var description: String { "\(user):***" }
    }

    /// How long a server may take for each step. RFC 5321, section 4.5.3.2, names the least that a client should grant.
    public struct Timeouts: Sendable {
        public var connect: Duration = .seconds(30)
        public var greeting: Duration = .seconds(300)
        public var command: Duration = .seconds(300)
        public var data: Duration = .seconds(120)
        /// For each block of a message to leave.
        public var block: Duration = .seconds(180)
        public var end: Duration = .seconds(600)

        public init() {}

        /// The same limit for every step.
        public init(each limit: Duration) {
            (connect, greeting, command, data, block, end) = (limit, limit, limit, limit, limit, limit)
        }
    }

    public var host: String
    public var port: Int
    public var encryption: Encryption
    public var login: Login?
    /// PEM file of the authorities to trust; nil for the system's.
    public var authorityFile: String?
    /// The name that we greet with (RFC 5321, section 4.1.1.1).
    public var clientName = "localhost"
    public var timeouts = Timeouts()
    /// Connections at once.
    public var connectionsMax = 8
    /// Messages over one connection: some servers count.
    public var messagesPerConnectionMax = 500
    /// How long a connection is kept for the next message. RFC 5321 lets servers hang up after 5 minutes.
    public var idleLimit: Duration = .seconds(60)

    public init(host: String, port: Int, encryption: Encryption, login: Login? = nil) {
        self.host = host
        self.port = port
        self.encryption = encryption
        self.login = login
    }

    /// Reads `smtp://user:password@host:port?tls=starttls` or `smtps://…`. Without a port it is 465 for `smtps`, 587 for STARTTLS, 25 in
    /// clear; without `tls`, `smtp` means STARTTLS.
    public init(url: String) throws(MailFault) {
        guard let parts = URLComponents(string: url), let scheme = parts.scheme?.lowercased(), let host = parts.host,
            !host.isEmpty, parts.path.isEmpty || parts.path == "/", parts.fragment == nil
        else {
            throw MailFault("bad_format", "The address is smtp://user:password@host:port?tls=starttls or smtps://….")
        }
        var tls: String?
        for item in parts.queryItems ?? [] {
            guard item.name == "tls", tls == nil else {
                throw MailFault("bad_format", "The address takes one parameter, tls.")
            }
            tls = item.value ?? ""
        }
        switch (scheme, tls) {
        case ("smtps", nil): encryption = .implicitTLS
        case ("smtp", nil), ("smtp", "starttls"): encryption = .startTLS
        case ("smtp", "none"): encryption = .none
        default: throw MailFault("bad_format", "The scheme is smtps, or smtp with tls=starttls or tls=none.")
        }
        let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
        self.host = isBracketed ? String(host.dropFirst().dropLast()) : host
        let usual = encryption == .implicitTLS ? 465 : encryption == .startTLS ? 587 : 25
        port = parts.port ?? usual
        guard (1...65_535).contains(port) else { throw MailFault("bad_format", "A port is 1 to 65535.") }
        switch (parts.user, parts.password) {
        case (let user?, let password?) where !user.isEmpty: login = Login(user: user, password: password)
        case (nil, nil): login = nil
        default: throw MailFault("bad_format", "A login has a name and a password.")
        }
    }
}

/// Who a message comes from and goes to, as the servers see it (RFC 5321, section 2.3.1).
public struct SMTPEnvelope: Sendable {
    /// Where reports go; nil for a message that must make none (`MAIL FROM:<>`).
    public var from: EmailAddress?
    public var to: [EmailAddress]
    /// Comes back in reports (ENVID, RFC 3461, section 4.4), where the server knows how.
    public var id: String?

    public init(from: EmailAddress?, to: [EmailAddress], id: String? = nil) {
        self.from = from
        self.to = to
        self.id = id
    }
}

/// A message was handed over.
public struct SMTPReceipt: Sendable {
    /// What the server said when it took the message: often its queue id.
    public let reply: SMTPReply
    public let accepted: [EmailAddress]
    /// Recipients that it refused, while it took the message for others.
    public let refused: [(address: EmailAddress, reply: SMTPReply)]
}

/// A message that was handed over, and the connection that is held for it.
public struct SMTPHandover: Sendable {
    public let receipt: SMTPReceipt
    private let giveBack: @Sendable () -> Void

    init(receipt: SMTPReceipt, giveBack: @escaping @Sendable () -> Void) {
        self.receipt = receipt
        self.giveBack = giveBack
    }

    /// Lets the connection take the next message. To be called once.
    public func release() { giveBack() }
}
