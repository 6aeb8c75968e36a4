import Contracts

/// The header of a message or of a part, written field by field.
struct HeaderBlock {
    private(set) var bytes: [UInt8] = []
    let charset: HeaderCharset

    init(_ charset: HeaderCharset) { self.charset = charset }

    mutating func add(raw line: HeaderLine) { bytes += line.finished() }

    mutating func add(_ name: String, unstructured text: String) {
        var line = HeaderLine(name)
        HeaderText.append(unstructured: text, to: &line, charset)
        bytes += line.finished()
    }

    /// A value of words that are known to be fit.
    mutating func add(_ name: String, words: [String]) {
        var line = HeaderLine(name)
        for word in words { line.append(word) }
        bytes += line.finished()
    }

    mutating func add(_ name: String, mailboxes: [Mailbox]) {
        guard !mailboxes.isEmpty else { return }
        var line = HeaderLine(name)
        for (index, mailbox) in mailboxes.enumerated() {
            let address = charset == .utf8 ? mailbox.address.text : mailbox.address.asciiDomainText
            let comma = index + 1 < mailboxes.count ? "," : ""
            if let name = mailbox.name, !HeaderText.cleaned(name).isEmpty {
                HeaderText.append(phrase: name, to: &line, charset)
                line.append("<\(address)>\(comma)")
            } else {
                line.append(address + comma)
            }
        }
        bytes += line.finished()
    }

    /// A value with parameters: what is not a plain token is written as RFC 2231 has it.
    mutating func add(_ name: String, _ value: String, parameters: [(name: String, value: String)]) {
        var line = HeaderLine(name)
        let written = parameters.flatMap { MIMEParameter.written($0.name, $0.value) }
        line.append(value + (written.isEmpty ? "" : ";"))
        for (index, parameter) in written.enumerated() {
            line.append(parameter + (index + 1 < written.count ? ";" : ""))
        }
        bytes += line.finished()
    }
}

/// Parameters of Content-Type and Content-Disposition.
enum MIMEParameter {
    /// The parameter in one piece where it is short ASCII, else percent-encoded UTF-8, in pieces where it is long (RFC 2231,
    /// sections 3 and 4).
    static func written(_ name: String, _ value: String) -> [String] {
        let value = HeaderText.cleaned(value)
        if value.utf8.count <= 60, value.utf8.allSatisfy({ (0x20..<0x7F).contains($0) && $0 != 0x22 && $0 != 0x5C }) {
            return ["\(name)=\"\(value)\""]
        }
        var pieces: [String] = []
        var piece = "utf-8''"
        for scalar in value.unicodeScalars {
            let encoded = percentEncoded(scalar)
            if piece.utf8.count + encoded.utf8.count > 60 {
                pieces.append(piece)
                piece = ""
            }
            piece += encoded
        }
        pieces.append(piece)
        guard pieces.count > 1 else { return ["\(name)*=\(piece)"] }
        return pieces.enumerated().map { index, piece in "\(name)*\(index)*=\(piece)" }
    }

    /// `attribute-char` of RFC 2231, section 7, less what RFC 5987 leaves out.
    private static func percentEncoded(_ scalar: Unicode.Scalar) -> String {
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9", "!", "#", "$", "&", "+", "-", ".", "^", "_", "`", "|", "~":
            return String(scalar)
        default:
            return String(scalar).utf8.map { byte in
                let digits = String(byte, radix: 16, uppercase: true)
                return digits.count == 1 ? "%0\(digits)" : "%\(digits)"
            }.joined()
        }
    }
}

extension Timestamp {
    /// `date-time` of RFC 5322, section 3.3, in UTC: `Sat, 21 Nov 2026 18:10:11 +0000`.
    public var mailDate: String {
        let text = Array(rfc3339)
        let weekdays = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let day = Int(milliseconds / 86_400_000 - (milliseconds % 86_400_000 < 0 ? 1 : 0))
        let month = Int(String(text[5...6])) ?? 1
        let weekday = weekdays[(day % 7 + 7) % 7]
        return
            "\(weekday), \(String(text[8...9])) \(months[month - 1]) \(String(text[0...3])) \(String(text[11...18])) +0000"
    }
}
