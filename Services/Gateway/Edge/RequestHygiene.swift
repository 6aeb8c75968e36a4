import Web

/// Checks the path and the query that a client asks for before anything else looks at them. Headers have been checked as
/// they arrived, bodies are checked by the strict parsers of the services.
enum RequestHygiene {
    static let targetBytes = 8 * 1024

    /// A fault in a request, in the words of the problem that answers it.
    struct Fault: Error, Equatable {
        /// 400 or 414.
        let status: Int
        let code: String
        let detail: String
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
