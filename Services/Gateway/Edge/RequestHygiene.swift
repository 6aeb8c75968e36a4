/// Checks what a client wrote into the request line and the headers before anything else looks at it. Bodies are
/// checked by the strict parsers of the services.
enum RequestHygiene {
    static let targetBytes = 8 * 1024
    static let headerCount = 100
    static let headerBytes = 32 * 1024

    /// A fault in a request, in the words of the problem that answers it.
    struct Fault: Error, Equatable {
        /// 400, 414 or 431.
        let status: Int
        let code: String
        let detail: String
        /// The header that is at fault, where it is one.
        var header: String?
    }

    /// Checks a request target: origin form, printable ASCII, valid percent-encoding of valid UTF-8 without control
    /// characters, no `.`/`..` and no empty segments. Returns where the query begins.
    static func check(target: String) throws(Fault) -> (path: Substring, query: Substring?) {
        guard target.utf8.count <= targetBytes else {
            throw Fault(
                status: 414, code: "target_too_long", detail: "The request target is longer than \(targetBytes) bytes.")
        }
        guard target.utf8.first == UInt8(ascii: "/") else {
            throw Fault(status: 400, code: "malformed_path", detail: "The path does not begin with '/'.")
        }
        let mark = target.utf8.firstIndex(of: UInt8(ascii: "?"))
        let path = target[..<(mark ?? target.endIndex)]
        let query = mark.map { target[target.utf8.index(after: $0)...] }
        try checkPath(path)
        if let query { try checkEncoding(query, of: "query") }
        return (path, query)
    }

    private static func checkPath(_ path: Substring) throws(Fault) {
        try checkEncoding(path, of: "path")
        var length = 0
        var dots = 0
        var first = true
        for byte in path.utf8 {
            if byte == UInt8(ascii: "/") {
                if !first {
                    try checkSegment(length: length, dots: dots)
                }
                first = false
                length = 0
                dots = 0
            } else {
                length += 1
                dots += byte == UInt8(ascii: ".") ? 1 : 0
            }
        }
        // The last segment may be empty only in "/" itself.
        if path.utf8.count > 1 { try checkSegment(length: length, dots: dots) }
        // An encoded slash, dot or backslash would let one segment pass for another further down.
        if let at = path.utf8.firstIndex(of: UInt8(ascii: "%")) {
            let lower = path[at...].lowercased()
            for hidden in ["%2f", "%5c", "%2e"] where lower.contains(hidden) {
                throw Fault(
                    status: 400, code: "malformed_path", detail: "The path contains an encoded separator (\(hidden)).")
            }
        }
    }

    private static func checkSegment(length: Int, dots: Int) throws(Fault) {
        if length == 0 {
            throw Fault(status: 400, code: "malformed_path", detail: "The path has an empty segment.")
        }
        if length == dots, length <= 2 {
            throw Fault(status: 400, code: "malformed_path", detail: "The path has a '.' or '..' segment.")
        }
    }

    /// Printable ASCII only, and what is percent-encoded must be UTF-8 without control characters.
    private static func checkEncoding(_ text: Substring, of part: String) throws(Fault) {
        var bytes = text.utf8.makeIterator()
        var decoder = UTF8Check()
        while let byte = bytes.next() {
            guard byte > 0x20, byte < 0x7F else {
                throw Fault(
                    status: 400, code: "malformed_\(part)",
                    detail: "The \(part) contains a character that must be percent-encoded.")
            }
            var value = byte
            if byte == UInt8(ascii: "%") {
                guard let high = bytes.next().flatMap(hexDigit), let low = bytes.next().flatMap(hexDigit) else {
                    throw Fault(
                        status: 400, code: "malformed_\(part)",
                        detail: "The \(part) has an incomplete percent-encoding.")
                }
                value = high << 4 | low
                guard value >= 0x20, value != 0x7F else {
                    throw Fault(
                        status: 400, code: "control_character", detail: "The \(part) contains a control character.")
                }
            }
            guard decoder.feed(value) else {
                throw Fault(status: 400, code: "invalid_utf8", detail: "The \(part) is not valid UTF-8.")
            }
        }
        guard decoder.isComplete else {
            throw Fault(status: 400, code: "invalid_utf8", detail: "The \(part) is not valid UTF-8.")
        }
    }

    private static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    /// Checks header fields one after the other.
    struct HeaderCheck {
        private var count = 0
        private var bytes = 0

        mutating func add(name: String, value: String) throws(Fault) {
            count += 1
            bytes += name.utf8.count + value.utf8.count
            guard count <= RequestHygiene.headerCount, bytes <= RequestHygiene.headerBytes else {
                throw Fault(
                    status: 431, code: "headers_too_large",
                    detail:
                        "More than \(RequestHygiene.headerCount) header fields or \(RequestHygiene.headerBytes) bytes.")
            }
            var tail: (UInt8, UInt8) = (0, 0)
            for byte in value.utf8 {
                guard byte >= 0x20 && byte != 0x7F || byte == 0x09 else {
                    throw Fault(
                        status: 400, code: "control_character", detail: "The header contains a control character.",
                        header: name)
                }
                // The server repairs bytes that are not UTF-8 to U+FFFD (EF BF BD) before we see them.
                if byte == 0xBD, tail == (0xEF, 0xBF) {
                    throw Fault(
                        status: 400, code: "invalid_utf8", detail: "The header is not valid UTF-8.", header: name)
                }
                tail = (tail.1, byte)
            }
        }
    }

    /// Whether a client's request id may be taken over: short and of harmless characters.
    static func isUsable(requestId: String) -> Bool {
        (8...128).contains(requestId.utf8.count)
            && requestId.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                    UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
                    true
                default: false
                }
            }
    }
}

/// Validates UTF-8 byte by byte.
struct UTF8Check {
    private var pending = 0
    private var low: UInt8 = 0x80
    private var high: UInt8 = 0xBF

    var isComplete: Bool { pending == 0 }

    /// Takes the next byte; false when it can't follow what came before.
    mutating func feed(_ byte: UInt8) -> Bool {
        if pending > 0 {
            guard byte >= low, byte <= high else { return false }
            pending -= 1
            (low, high) = (0x80, 0xBF)
            return true
        }
        switch byte {
        case 0x00...0x7F: return true
        case 0xC2...0xDF: pending = 1
        case 0xE0: (pending, low) = (2, 0xA0)
        case 0xED: (pending, high) = (2, 0x9F)
        case 0xE1...0xEF: pending = 2
        case 0xF0: (pending, low) = (3, 0x90)
        case 0xF1...0xF3: pending = 3
        case 0xF4: (pending, high) = (3, 0x8F)
        default: return false
        }
        return true
    }
}
