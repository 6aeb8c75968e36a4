/// A part of a message: text, a file, or parts in parts.
indirect enum MIMEPart {
    case text(String, String)
    case attachment(MailAttachment)
    case multipart(String, [MIMEPart])

    /// The part's own fields, an empty line and its content, which ends with CRLF.
    func composed(_ charset: HeaderCharset, _ boundaries: inout Boundaries) -> [UInt8] {
        var header = HeaderBlock(charset)
        switch self {
        case .text(let text, let type):
            let (encoding, content) = Self.encoded(text)
            let charset = text.utf8.allSatisfy { $0 < 0x80 } ? "us-ascii" : "utf-8"
            header.add("Content-Type", type, parameters: [("charset", charset)])
            header.add("Content-Transfer-Encoding", words: [encoding])
            return header.bytes + [0x0D, 0x0A] + content
        case .attachment(let file):
            header.add("Content-Type", file.contentType, parameters: [("name", file.fileName)])
            header.add("Content-Transfer-Encoding", words: ["base64"])
            let disposition = file.contentId == nil ? "attachment" : "inline"
            header.add("Content-Disposition", disposition, parameters: [("filename", file.fileName)])
            if let contentId = file.contentId { header.add("Content-ID", words: [contentId.text]) }
            var composed = header.bytes + [0x0D, 0x0A]
            Base64.append(file.bytes, to: &composed, lineMax: 76)
            return composed
        case .multipart(let type, let parts):
            let contents = parts.map { $0.composed(charset, &boundaries) }
            let boundary = boundaries.next(notIn: contents)
            header.add("Content-Type", type, parameters: [("boundary", boundary)])
            var composed = header.bytes
            composed.reserveCapacity(composed.count + contents.reduce(0) { $0 + $1.count + 40 })
            composed += [0x0D, 0x0A]
            for content in contents {
                composed += Array("--\(boundary)\r\n".utf8)
                composed += content
                composed += [0x0D, 0x0A]
            }
            composed += Array("--\(boundary)--\r\n".utf8)
            return composed
        }
    }

    /// Text in the encoding that its content asks for (RFC 2045, section 6): as it is where every server leaves it alone, else the
    /// shorter of quoted-printable and base64.
    static func encoded(_ text: String) -> (encoding: String, content: [UInt8]) {
        let lines = withCanonicalLineEnds(text)
        if isLeftAlone(lines) { return ("7bit", lines) }
        let quoted = QuotedPrintable.encode(lines)
        guard quoted.count > lines.count / 3 * 4 + lines.count / 57 * 2 + 80 else {
            return ("quoted-printable", quoted)
        }
        var base64: [UInt8] = []
        Base64.append(lines, to: &base64, lineMax: 76)
        return ("base64", base64)
    }

    /// ASCII in short lines that no mailbox file, no old gateway and no server changes.
    private static func isLeftAlone(_ lines: [UInt8]) -> Bool {
        var length = 0
        var last: UInt8 = 0x0A
        for (at, byte) in lines.enumerated() {
            switch byte {
            case 0x0A:
                length = 0
            case 0x0D:
                guard last != 0x20, last != 0x09 else { return false }
            case 0x46 where length == 0 && QuotedPrintable.beginsMailboxLine(lines, at):
                return false
            case 0x2E where length == 0:
                return false
            case 0x09, 0x20...0x7E:
                length += 1
            default: return false
            }
            guard length <= HeaderLine.columnMax else { return false }
            last = byte
        }
        return true
    }

    /// Every line ends with CRLF, the last one too.
    static func withCanonicalLineEnds(_ text: String) -> [UInt8] {
        var lines: [UInt8] = []
        lines.reserveCapacity(text.utf8.count + text.utf8.count / 32 + 2)
        var last: UInt8 = 0
        for byte in text.utf8 {
            switch byte {
            case 0x0A where last == 0x0D: break
            case 0x0A, 0x0D: lines += [0x0D, 0x0A]
            default: lines.append(byte)
            }
            last = byte
        }
        if !lines.isEmpty, lines.suffix(2) != [0x0D, 0x0A] { lines += [0x0D, 0x0A] }
        return lines
    }
}
