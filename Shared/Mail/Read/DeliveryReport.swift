/// What a mail system reports about a message of ours: a `multipart/report` of `message/delivery-status` (RFC 3461, 3464).
public struct DeliveryReport: Sendable, Hashable {
    public enum Action: String, Sendable, CaseIterable {
        case failed, delayed, delivered, relayed, expanded
    }

    public struct Recipient: Sendable, Hashable {
        /// Whom it was sent to: as we wrote it where that is known, else as it ended up.
        public let address: EmailAddress
        public let action: Action
        public let status: EnhancedStatus?
        /// The SMTP reply's code, where an SMTP reply is the diagnosis.
        public let smtpCode: Int?
        /// What the last server said.
        public let diagnostic: String?

        /// Of a failure, what it says about the address.
        public var bounce: BounceKind? {
            action == .failed ? BounceKind(code: smtpCode, status: status, text: diagnostic ?? "") : nil
        }
    }

    public let recipients: [Recipient]
    /// What we gave as ENVID (RFC 3461, section 4.4).
    public let envelopeId: String?
    /// The id of the message that it is about.
    public let messageId: MessageID?
    public let reportingMTA: String?

    static let recipientsMax = 100

    /// Nil where the message is no such report.
    public init?(_ message: MIMEEntity) {
        let entities = message.all
        guard
            let status = entities.first(where: {
                $0.contentType == "message/delivery-status" || $0.contentType == "message/global-delivery-status"
            })
        else { return nil }
        let groups = status.fieldGroups
        guard let aboutMessage = groups.first else { return nil }
        envelopeId = aboutMessage.value("original-envelope-id").flatMap(XText.decode)
        reportingMTA = aboutMessage.value("reporting-mta").map { afterType($0).value }
        recipients = groups.dropFirst().prefix(Self.recipientsMax).compactMap(Self.recipient)
        guard !recipients.isEmpty else { return nil }
        messageId = message.returnedMessageId
    }

    private static func recipient(_ fields: [MIMEEntity.Field]) -> Recipient? {
        // What we asked for may have been forwarded: the address that we know is the original one.
        let named = fields.value("original-recipient") ?? fields.value("final-recipient")
        let final = fields.value("final-recipient")
        guard
            let address = [named, final].lazy.compactMap({ $0 }).compactMap({ reportedAddress($0) }).first,
            let action = fields.value("action").flatMap({ word in
                Action(rawValue: word.prefix { !$0.isWhitespace && $0 != "(" }.lowercased())
            })
        else { return nil }
        let diagnosis = fields.value("diagnostic-code").map(afterType)
        let smtpCode = diagnosis.flatMap { $0.type == "smtp" ? Int($0.value.prefix(3)) : nil }
        return Recipient(
            address: address, action: action,
            status: fields.value("status").flatMap { EnhancedStatus(prefixOf: $0) },
            smtpCode: smtpCode.flatMap { (200...599).contains($0) ? $0 : nil },
            diagnostic: diagnosis.map { String($0.value.prefix(1_000)) })
    }
}

/// A complaint: somebody called a message spam (RFC 5965).
public struct ComplaintReport: Sendable, Hashable {
    /// `abuse`, `fraud`, `not-spam` …
    public let type: String
    public let recipients: [EmailAddress]
    public let messageId: MessageID?
    public let envelopeId: String?
    /// The program that reports, which names the provider.
    public let userAgent: String?

    /// Nil where the message is no such report.
    public init?(_ message: MIMEEntity) {
        guard let report = message.all.first(where: { $0.contentType == "message/feedback-report" }) else { return nil }
        let fields = report.fieldGroups.first ?? []
        guard let type = fields.value("feedback-type") else { return nil }
        self.type = String(type.lowercased().prefix(100))
        userAgent = fields.value("user-agent").map { String($0.prefix(200)) }
        envelopeId = fields.value("original-envelope-id").flatMap(XText.decode)
        messageId = message.returnedMessageId
        var addresses = fields.filter { $0.name == "original-rcpt-to" }.prefix(100).compactMap {
            reportedAddress($0.value)
        }
        if addresses.isEmpty {
            // Many providers hide the recipient there and leave it in the message itself.
            let returned = message.returnedHeader?.field("to").flatMap { try? Mailbox.list($0) } ?? []
            addresses = returned.prefix(100).map(\.address)
        }
        recipients = addresses
    }
}

extension MIMEEntity {
    /// The groups of fields of a machine-readable part, which empty lines separate (RFC 3464, section 2.1).
    fileprivate var fieldGroups: [[Field]] {
        let content = self.content
        var groups: [[Field]] = []
        var rest = content[...]
        while !rest.isEmpty, groups.count <= DeliveryReport.recipientsMax {
            var reader = HeaderReader(rest)
            guard let fields = try? reader.read(max: 100) else { break }
            rest = reader.rest
            if !fields.isEmpty { groups.append(fields) }
        }
        return groups
    }

    /// The header of the message that a report returns: whole or only its header (RFC 6522, section 3).
    fileprivate var returnedHeader: MIMEEntity? {
        for entity in all {
            switch entity.contentType {
            case "message/rfc822", "message/global": return entity.parts.first
            case "text/rfc822-headers", "message/global-headers": return try? MIMEEntity(entity.content)
            default: continue
            }
        }
        return nil
    }

    fileprivate var returnedMessageId: MessageID? {
        returnedHeader?.field("message-id").flatMap { MessageID.list($0).first }
    }
}

extension [MIMEEntity.Field] {
    fileprivate func value(_ name: String) -> String? { first { $0.name == name }?.value }
}

/// `rfc822; ada@example.com`: what stands before and after the type.
private func afterType(_ value: String) -> (type: String, value: String) {
    guard let semicolon = value.firstIndex(of: ";") else { return ("", value) }
    let type = value[..<semicolon].filter { !$0.isWhitespace }.lowercased()
    let rest = value[value.index(after: semicolon)...].drop { $0.isWhitespace }
    return (type, String(rest))
}

private func reportedAddress(_ value: String) -> EmailAddress? {
    let (type, text) = afterType(value)
    // An original recipient stands in xtext (RFC 3461, section 4.2); other systems leave it plain.
    let plain = type == "rfc822" ? XText.decode(text) ?? text : text
    return (try? Mailbox.list(plain))?.first?.address
}

/// `xtext` of RFC 3461, section 4.
enum XText {
    static func encode(_ text: String) -> String {
        text.utf8.map { byte in
            guard (0x21...0x7E).contains(byte), byte != 0x2B, byte != 0x3D else {
                let digits = String(byte, radix: 16, uppercase: true)
                return digits.count == 1 ? "+0\(digits)" : "+\(digits)"
            }
            return String(Unicode.Scalar(byte))
        }.joined()
    }

    /// Nil for what is no xtext.
    static func decode(_ text: String) -> String? {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8.prefix(1_000))[...]
        while let byte = rest.popFirst() {
            guard byte == 0x2B else {
                bytes.append(byte)
                continue
            }
            guard rest.count >= 2, let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) else {
                return nil
            }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
