/// One header field while it is written: words with single spaces between them, folded before a word that would go beyond
/// column 78 (RFC 5322, section 2.2.3). No octet of a value can end the line: words are checked or encoded before they come here.
struct HeaderLine {
    private(set) var bytes: [UInt8]
    private(set) var column: Int
    private var isAtStart = true

    static let columnMax = 78

    init(_ name: String) {
        bytes = Array("\(name):".utf8)
        column = bytes.count
    }

    /// Columns that are left for a word after a space.
    var room: Int { Self.columnMax - column - 1 }

    mutating func append(_ word: some StringProtocol) {
        let width = word.utf8.count
        // The first word stays beside the name: a field whose first line is empty irritates some readers.
        if !isAtStart, column + 1 + width > Self.columnMax {
            fold()
        }
        bytes.append(0x20)
        bytes.append(contentsOf: word.utf8)
        column += 1 + width
        isAtStart = false
    }

    /// The next word begins a new line.
    mutating func fold() {
        bytes += [0x0D, 0x0A]
        column = 0
    }

    consuming func finished() -> [UInt8] { bytes + [0x0D, 0x0A] }
}

/// Whether headers are ASCII, or UTF-8 as RFC 6532 allows where the whole way understands SMTPUTF8.
enum HeaderCharset {
    case ascii, utf8
}

/// Text as it may stand in a header.
enum HeaderText {
    /// Text with each run of controls, which could end a line or hide something, turned to one space.
    static func cleaned(_ text: String) -> String {
        var cleaned = String.UnicodeScalarView()
        var wasBad = false
        for scalar in text.unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control, .lineSeparator, .paragraphSeparator:
                if !wasBad { cleaned.append(" ") }
                wasBad = true
            default:
                cleaned.append(scalar)
                wasBad = false
            }
        }
        var result = Substring(String(cleaned))
        while result.first == " " { result.removeFirst() }
        while result.last == " " { result.removeLast() }
        return String(result)
    }

    /// Writes an unstructured value, such as a subject.
    static func append(unstructured text: String, to line: inout HeaderLine, _ charset: HeaderCharset) {
        let text = cleaned(text)
        if isPlain(text, charset) {
            for word in text.split(separator: " ") { line.append(word) }
        } else {
            EncodedWord.append(text, to: &line)
        }
    }

    /// Writes a phrase, such as the name of a mailbox: atoms, a quoted string, or encoded words.
    static func append(phrase text: String, to line: inout HeaderLine, _ charset: HeaderCharset) {
        let text = cleaned(text)
        guard isPlain(text, charset), text.utf8.count <= 200 else { return EncodedWord.append(text, to: &line) }
        let isAtoms = text.unicodeScalars.allSatisfy { $0 == " " || $0.isAtomText }
        if isAtoms {
            for word in text.split(separator: " ") { line.append(word) }
        } else {
            var quoted = "\""
            for scalar in text.unicodeScalars {
                if scalar == "\"" || scalar == "\\" { quoted.append("\\") }
                quoted.unicodeScalars.append(scalar)
            }
            line.append(quoted + "\"")
        }
    }

    /// Whether text reads the same after folding and unfolding, fits its lines, and is not taken for an encoded word.
    private static func isPlain(_ text: String, _ charset: HeaderCharset) -> Bool {
        var wordLength = 0
        var wasSpace = false
        var last: UInt8 = 0
        for byte in text.utf8 {
            if byte == 0x20 {
                guard !wasSpace else { return false }
                wordLength = 0
            } else {
                guard byte < 0x80 || charset == .utf8, !(last == 0x3D && byte == 0x3F) else { return false }
                wordLength += 1
                guard wordLength <= (charset == .utf8 ? 500 : 60) else { return false }
            }
            wasSpace = byte == 0x20
            last = byte
        }
        return true
    }
}

/// RFC 2047: words in UTF-8 within headers that are ASCII.
enum EncodedWord {
    /// Octets of `=?utf-8?B?` and `?=`.
    private static let frame = 12
    private static let lengthMax = 75

    /// Writes `text` as encoded words, in the shorter of the two encodings.
    static func append(_ text: String, to line: inout HeaderLine) {
        let usesBase64 = base64Length(text.utf8.count) < text.unicodeScalars.reduce(0) { $0 + qWidth($1) }
        var chunk = String.UnicodeScalarView()
        var octets = 0
        var width = 0
        // A word shorter than this says nothing: rather begin a new line.
        if line.room < 30 { line.fold() }
        for scalar in text.unicodeScalars {
            let octetsAfter = octets + UTF8.width(scalar)
            let widthAfter = usesBase64 ? base64Length(octetsAfter) : width + qWidth(scalar)
            // No character is torn in two words (section 5 (3)).
            if !chunk.isEmpty, widthAfter + frame > min(lengthMax, line.room) {
                line.append(word(chunk, usesBase64))
                line.fold()
                chunk = String.UnicodeScalarView()
                octets = 0
                width = 0
            }
            chunk.append(scalar)
            octets += UTF8.width(scalar)
            width = usesBase64 ? base64Length(octets) : width + qWidth(scalar)
        }
        if !chunk.isEmpty { line.append(word(chunk, usesBase64)) }
    }

    private static func base64Length(_ octets: Int) -> Int { (octets + 2) / 3 * 4 }

    private static func word(_ scalars: String.UnicodeScalarView, _ usesBase64: Bool) -> String {
        let bytes = Array(String(scalars).utf8)
        if usesBase64 { return "=?utf-8?B?\(Base64.encode(bytes))?=" }
        var q = "=?utf-8?Q?"
        for byte in bytes {
            let scalar = Unicode.Scalar(byte)
            if scalar == " " {
                q.append("_")
            } else if isQPlain(scalar) {
                q.unicodeScalars.append(scalar)
            } else {
                let digits = String(byte, radix: 16, uppercase: true)
                q.append(digits.count == 1 ? "=0\(digits)" : "=\(digits)")
            }
        }
        return q + "?="
    }

    /// What the strictest context, a phrase, allows unencoded (section 5 (3)).
    private static func isQPlain(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9", "!", "*", "+", "-", "/": true
        default: false
        }
    }

    private static func qWidth(_ scalar: Unicode.Scalar) -> Int {
        scalar == " " || isQPlain(scalar) ? 1 : 3 * UTF8.width(scalar)
    }
}
