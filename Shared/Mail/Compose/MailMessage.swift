import Contracts
import Crypto

/// An email as it is meant; `composed` makes what goes over the wire.
public struct MailMessage: Sendable {
    public var from: Mailbox
    public var replyTo: [Mailbox]
    public var to: [Mailbox]
    public var cc: [Mailbox]
    public var subject: String
    public var date: Timestamp
    public var messageId: MessageID
    public var inReplyTo: [MessageID] = []
    /// Oldest first.
    public var references: [MessageID] = []
    public var text: String
    public var html: String?
    public var attachments: [MailAttachment] = []
    public var listId: ListID?
    public var unsubscribe: Unsubscribe?
    /// Written by no person (RFC 3834): other machines do not answer it.
    public var isAutomatic = true
    /// Further fields, such as `X-Ticket`.
    public var fields: [Field] = []

    /// How to get no more of these.
    public struct Unsubscribe: Sendable {
        /// An address that a POST of `List-Unsubscribe=One-Click` is enough for; said so only of https (RFC 8058, section 3.1).
        public let url: String
        public let mailto: EmailAddress?

        public init(url: String, mailto: EmailAddress? = nil) throws(MailFault) {
            guard url.utf8.count <= 300 else { throw MailFault("too_long", "An address has at most 300 octets here.") }
            self.url = url
            self.mailto = mailto
        }
    }

    /// The name of what this is one of (RFC 2919).
    public struct ListID: Sendable {
        public var name: String
        public var id: DomainName

        public init(name: String, id: DomainName) {
            self.name = name
            self.id = id
        }
    }

    /// A field of the header with text for people or machines as its value.
    public struct Field: Sendable, Hashable {
        public let name: String
        public let value: String

        /// Only names that begin with `X-`: all others have their own place above.
        public init(_ name: String, _ value: String) throws(MailFault) {
            let isToken = name.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                    || byte == 0x2D
            }
            guard isToken, name.lowercased().hasPrefix("x-"), (3...60).contains(name.utf8.count) else {
                throw MailFault("bad_format", "A field's name is X- and letters, digits or hyphens.")
            }
            self.name = name
            self.value = value
        }
    }

    public init(
        from: Mailbox, to: [Mailbox], cc: [Mailbox] = [], replyTo: [Mailbox] = [], subject: String, date: Timestamp,
        messageId: MessageID, text: String, html: String? = nil
    ) {
        self.from = from
        self.to = to
        self.cc = cc
        self.replyTo = replyTo
        self.subject = subject
        self.date = date
        self.messageId = messageId
        self.text = text
        self.html = html
    }

    /// Whether an address of the header can only be written in UTF-8 (RFC 6532).
    public var needsSMTPUTF8: Bool { ([from] + replyTo + to + cc).contains { $0.address.needsSMTPUTF8 } }

    /// The message in the form of RFC 5322 and RFC 2045 to 2049: lines end with CRLF and have at most 998 octets, all of them
    /// ASCII unless an address needs SMTPUTF8.
    public func composed() -> [UInt8] {
        var header = HeaderBlock(needsSMTPUTF8 ? .utf8 : .ascii)
        header.add("Date", words: [date.mailDate])
        header.add("From", mailboxes: [from])
        header.add("Reply-To", mailboxes: replyTo)
        if to.isEmpty && cc.isEmpty {
            header.add("To", words: ["undisclosed-recipients:;"])
        }
        header.add("To", mailboxes: to)
        header.add("Cc", mailboxes: cc)
        header.add("Subject", unstructured: subject)
        header.add("Message-ID", words: [messageId.text])
        if !inReplyTo.isEmpty { header.add("In-Reply-To", words: inReplyTo.map(\.text)) }
        if !references.isEmpty { header.add("References", words: references.map(\.text)) }
        if isAutomatic { header.add("Auto-Submitted", words: ["auto-generated"]) }
        if let listId { add(listId, to: &header) }
        if let unsubscribe { add(unsubscribe, to: &header) }
        for field in fields { header.add(field.name, unstructured: field.value) }
        header.add("MIME-Version", words: ["1.0"])

        var boundaries = Boundaries(messageId)
        return header.bytes + body.composed(header.charset, &boundaries)
    }

    /// Text and HTML are alternatives, pictures belong to the HTML, other attachments stand beside both.
    private var body: MIMEPart {
        var part = MIMEPart.text(text, "text/plain")
        if let html {
            var rich = MIMEPart.text(html, "text/html")
            let pictures = attachments.filter { $0.contentId != nil }
            if !pictures.isEmpty {
                rich = .multipart("multipart/related", [rich] + pictures.map(MIMEPart.attachment))
            }
            part = .multipart("multipart/alternative", [part, rich])
        }
        let others = attachments.filter { $0.contentId == nil || html == nil }
        return others.isEmpty ? part : .multipart("multipart/mixed", [part] + others.map(MIMEPart.attachment))
    }

    private func add(_ listId: ListID, to header: inout HeaderBlock) {
        var line = HeaderLine("List-Id")
        HeaderText.append(phrase: listId.name, to: &line, header.charset)
        line.append("<\(listId.id.ascii)>")
        header.add(raw: line)
    }

    private func add(_ unsubscribe: Unsubscribe, to header: inout HeaderBlock) {
        // RFC 2369, section 2, has angle brackets around each address; what would end one is percent-encoded.
        var addresses = ["<\(Self.percentEncoded(unsubscribe.url))>"]
        if let mailto = unsubscribe.mailto {
            addresses[0] += ","
            addresses.append("<mailto:\(Self.percentEncoded(mailto.asciiDomainText))?subject=unsubscribe>")
        }
        header.add("List-Unsubscribe", words: addresses)
        if unsubscribe.url.hasPrefix("https://") {
            header.add("List-Unsubscribe-Post", words: ["List-Unsubscribe=One-Click"])
        }
    }

    private static func percentEncoded(_ text: String) -> String {
        text.utf8.map { byte in
            let isPlain = byte > 0x20 && byte < 0x7F && ![0x22, 0x2C, 0x3C, 0x3E, 0x5C].contains(byte)
            let digits = String(byte, radix: 16, uppercase: true)
            return isPlain ? String(Unicode.Scalar(byte)) : (digits.count == 1 ? "%0\(digits)" : "%\(digits)")
        }.joined()
    }
}

/// A file that goes with a message.
public struct MailAttachment: Sendable, Hashable {
    public let fileName: String
    public let contentType: String
    public let bytes: [UInt8]
    /// Set for a picture that the HTML shows: the HTML names it as `cid:` and this.
    public let contentId: MessageID?

    /// A content type that is none, or that may not be encoded (RFC 2046, section 5.2.1), becomes `application/octet-stream`.
    public init(fileName: String, contentType: String, bytes: [UInt8], contentId: MessageID? = nil) {
        self.fileName = fileName
        let type = contentType.lowercased()
        self.contentType = Self.isEncodable(type) ? type : "application/octet-stream"
        self.bytes = bytes
        self.contentId = contentId
    }

    private static func isEncodable(_ type: String) -> Bool {
        let halves = type.split(separator: "/", omittingEmptySubsequences: false)
        guard halves.count == 2, type.utf8.count <= 100, halves[0] != "message", halves[0] != "multipart" else {
            return false
        }
        return halves.allSatisfy { half in
            !half.isEmpty
                && half.utf8.allSatisfy { byte in
                    (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte)
                        || [0x21, 0x23, 0x24, 0x26, 0x2B, 0x2D, 0x2E, 0x5E, 0x5F].contains(byte)
                }
        }
    }
}

/// Boundaries that no part contains (RFC 2046, section 5.1.1). Made of the message id, so that the same message composes to the
/// same octets at every try.
struct Boundaries {
    private let seed: String
    private var count = 0

    init(_ messageId: MessageID) { seed = messageId.bare }

    mutating func next(notIn parts: [[UInt8]]) -> String {
        while true {
            count += 1
            let digest = SHA256.hash(data: Array("\(seed) \(count)".utf8))
            // "=_" is in no quoted-printable or base64 text.
            let boundary =
                "=_"
                + digest.prefix(12).map { byte in
                    let digits = String(byte, radix: 16)
                    return digits.count == 1 ? "0\(digits)" : digits
                }.joined()
            let needle = Array("--\(boundary)".utf8)
            if !parts.contains(where: { $0.containsSequence(needle) }) { return boundary }
        }
    }
}

extension [UInt8] {
    func containsSequence(_ needle: [UInt8]) -> Bool {
        guard let first = needle.first, count >= needle.count else { return false }
        var at = 0
        while at <= count - needle.count {
            if self[at] == first, self[at..<at + needle.count].elementsEqual(needle) { return true }
            at += 1
        }
        return false
    }
}
