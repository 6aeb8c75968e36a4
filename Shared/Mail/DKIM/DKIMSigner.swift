import Contracts
import Crypto

/// Signs messages for a domain (RFC 6376), `relaxed/relaxed`, with one key or with several: a verifier takes the one that it knows
/// (RFC 8463, section 3).
public struct DKIMSigner: Sendable {
    /// A key and where its public half is found.
    public struct Selected: Sendable {
        public let selector: String
        public let key: DKIMKey

        /// A selector is a domain name of one or more labels (RFC 6376, section 3.1).
        public init(selector: String, key: DKIMKey) throws(MailFault) {
            self.selector = try DomainName(selector).ascii
            self.key = key
        }
    }

    public let domain: DomainName
    public let keys: [Selected]

    public init(domain: DomainName, keys: [Selected]) {
        self.domain = domain
        self.keys = keys
    }

    /// What is signed: each as often as it is there and once more, so that none can be added (RFC 6376, section 5.4.2). Both
    /// unsubscribe fields must be among them (RFC 8058, section 4).
    static let signedNames = [
        "from", "to", "cc", "reply-to", "subject", "date", "message-id", "in-reply-to", "references", "mime-version",
        "content-type", "content-transfer-encoding", "list-id", "list-unsubscribe", "list-unsubscribe-post",
        "auto-submitted",
    ]

    /// The message with its signatures above its header.
    public func signed(_ message: [UInt8], at time: Timestamp) throws -> [UInt8] {
        guard !keys.isEmpty else { return message }
        let split = SplitMessage(message)
        let bodyHash = Base64.encode(Array(SHA256.hash(data: Canonical.relaxed(body: split.body))))
        let fields = split.fields.map { Canonical.relaxed(field: $0) }

        var names: [String] = []
        var covered: [UInt8] = []
        for name in Self.signedNames {
            let prefix = Array("\(name):".utf8)
            // From the bottom up (section 5.4.2).
            for field in fields.reversed() where field.starts(with: prefix) {
                names.append(name)
                covered += field
                covered += [0x0D, 0x0A]
            }
            names.append(name)
        }

        var signatures: [UInt8] = []
        for selected in keys {
            signatures += try signature(selected, names, covered, bodyHash, time)
        }
        return signatures + message
    }

    private func signature(
        _ selected: Selected, _ names: [String], _ covered: [UInt8], _ bodyHash: String, _ time: Timestamp
    ) throws -> [UInt8] {
        var line = HeaderLine("DKIM-Signature")
        for tag in [
            "v=1;", "a=\(selected.key.algorithm.rawValue);", "c=relaxed/relaxed;", "d=\(domain.ascii);",
            "s=\(selected.selector);", "t=\(time.milliseconds / 1000);",
        ] { line.append(tag) }
        for (index, name) in names.enumerated() {
            let isLast = index + 1 == names.count
            line.append((index == 0 ? "h=" : "") + name + (isLast ? ";" : ":"))
        }
        line.append("bh=\(bodyHash);")
        line.fold()
        line.append("b=")
        // The signature covers its own field with an empty `b=`, without the CRLF (section 3.7).
        let signature = Base64.encode(
            try selected.key.signature(of: covered + Canonical.relaxed(field: line.bytes[...])))
        var rest = Substring(signature)
        while !rest.isEmpty {
            line.append(rest.prefix(72))
            rest = rest.dropFirst(72)
        }
        return line.finished()
    }
}
