/// Bounds on what a parser accepts.
public struct JSONLimits: Sendable, Hashable {
    public var maxBytes: Int
    /// Arrays and objects inside each other.
    public var maxDepth: Int
    /// Characters of one number: longer ones only serve to slow a reader down.
    public var maxNumberBytes: Int

    public init(maxBytes: Int = 16 << 20, maxDepth: Int = 64, maxNumberBytes: Int = 128) {
        self.maxBytes = maxBytes
        self.maxDepth = maxDepth
        self.maxNumberBytes = maxNumberBytes
    }

    /// 16 MiB and 64 levels: documents from inside.
    public static let `default` = JSONLimits()
    /// 1 MiB and 64 levels: request bodies.
    public static let request = JSONLimits(maxBytes: 1 << 20)
}

/// Why a text is not JSON that we accept, and where.
public struct JSONParseError: Error, Sendable, Hashable {
    public enum Code: String, Sendable, CaseIterable {
        case tooLarge = "too_large"
        case tooDeep = "too_deep"
        case unexpectedEnd = "unexpected_end"
        case unexpectedCharacter = "unexpected_character"
        case trailingContent = "trailing_content"
        case invalidNumber = "invalid_number"
        /// A whole number beyond 64 bits or a magnitude beyond a double: refused rather than changed.
        case numberOutOfRange = "number_out_of_range"
        case invalidEscape = "invalid_escape"
        case loneSurrogate = "lone_surrogate"
        /// `\u0000`: PostgreSQL cannot store it.
        case nulCharacter = "nul_character"
        case controlCharacter = "control_character"
        case invalidUTF8 = "invalid_utf8"
        case duplicateKey = "duplicate_key"
    }

    public var code: Code
    /// Bytes before the fault.
    public var offset: Int
    /// 1-based.
    public var line: Int
    /// 1-based, in characters (Unicode scalars).
    public var column: Int
    /// JSON Pointer to the innermost value that holds the fault.
    public var pointer: String
    public var detail: String
}

extension JSONParseError: CustomStringConvertible {
    public var description: String { "line \(line), column \(column): \(detail)" }
}

/// A recursive-descent parser over raw bytes; recursion is bounded by `JSONLimits.maxDepth`.
struct JSONParser {
    /// A fault on its way up; every level adds its own step to the path.
    struct Failure: Error {
        var code: JSONParseError.Code
        var offset: Int
        var detail: String
        var reversedPath: [String] = []
    }

    private let base: UnsafeRawPointer
    private let end: Int
    private let limits: JSONLimits
    private var at = 0
    private var depth = 0

    static func parse(_ bytes: UnsafeRawBufferPointer, limits: JSONLimits) -> Result<JSON, JSONParseError> {
        do throws(Failure) {
            guard bytes.count <= limits.maxBytes else {
                throw Failure(code: .tooLarge, offset: 0, detail: "the text has more than \(limits.maxBytes) bytes")
            }
            guard let base = bytes.baseAddress else {
                throw Failure(code: .unexpectedEnd, offset: 0, detail: "the text is empty")
            }
            var parser = JSONParser(base: base, end: bytes.count, limits: limits)
            return .success(try parser.document())
        } catch {
            return .failure(JSONParseError(error, in: bytes))
        }
    }

    private init(base: UnsafeRawPointer, end: Int, limits: JSONLimits) {
        self.base = base
        self.end = end
        self.limits = limits
    }

    private mutating func document() throws(Failure) -> JSON {
        skipWhitespace()
        let value = try value()
        skipWhitespace()
        guard at == end else {
            throw Failure(code: .trailingContent, offset: at, detail: "more text follows the value")
        }
        return value
    }

    // MARK: Values

    private mutating func value() throws(Failure) -> JSON {
        guard at < end else { throw endOfText() }
        switch byte(at) {
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "{"): return try object()
        case UInt8(ascii: "["): return try array()
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        case UInt8(ascii: "t"):
            try literal("true")
            return .bool(true)
        case UInt8(ascii: "f"):
            try literal("false")
            return .bool(false)
        case UInt8(ascii: "n"):
            try literal("null")
            return .null
        default: throw unexpected("a value")
        }
    }

    private mutating func literal(_ word: StaticString) throws(Failure) {
        for position in 0..<word.utf8CodeUnitCount {
            guard at < end else { throw endOfText() }
            guard byte(at) == word.utf8Start[position] else { throw unexpected("\"\(word)\"") }
            at += 1
        }
    }

    private mutating func enter() throws(Failure) {
        depth += 1
        guard depth <= limits.maxDepth else {
            throw Failure(code: .tooDeep, offset: at, detail: "more than \(limits.maxDepth) levels of nesting")
        }
        at += 1
        skipWhitespace()
    }

    private mutating func array() throws(Failure) -> JSON {
        try enter()
        var values: [JSON] = []
        if at < end, byte(at) == UInt8(ascii: "]") {
            at += 1
            depth -= 1
            return .array(values)
        }
        while true {
            do throws(Failure) {
                values.append(try value())
            } catch {
                throw error.inside(String(values.count))
            }
            skipWhitespace()
            guard at < end else { throw endOfText() }
            switch byte(at) {
            case UInt8(ascii: ","):
                at += 1
                skipWhitespace()
            case UInt8(ascii: "]"):
                at += 1
                depth -= 1
                return .array(values)
            default: throw unexpected("\",\" or \"]\"")
            }
        }
    }

    private mutating func object() throws(Failure) -> JSON {
        try enter()
        var members = JSONObject()
        if at < end, byte(at) == UInt8(ascii: "}") {
            at += 1
            depth -= 1
            return .object(members)
        }
        while true {
            guard at < end else { throw endOfText() }
            guard byte(at) == UInt8(ascii: "\"") else { throw unexpected("a key in double quotes") }
            let keyOffset = at
            let key = try string()
            skipWhitespace()
            guard at < end else { throw endOfText() }
            guard byte(at) == UInt8(ascii: ":") else { throw unexpected("\":\"") }
            at += 1
            skipWhitespace()
            let member: JSON
            do throws(Failure) {
                member = try value()
            } catch {
                throw error.inside(key)
            }
            guard members.insertNew(key: key, value: member) else {
                throw Failure(code: .duplicateKey, offset: keyOffset, detail: "the key appears twice").inside(key)
            }
            skipWhitespace()
            guard at < end else { throw endOfText() }
            switch byte(at) {
            case UInt8(ascii: ","):
                at += 1
                skipWhitespace()
            case UInt8(ascii: "}"):
                at += 1
                depth -= 1
                return .object(members)
            default: throw unexpected("\",\" or \"}\"")
            }
        }
    }

    // MARK: Strings

    private mutating func string() throws(Failure) -> String {
        at += 1
        let start = at
        let isASCII = skipPlainCharacters()
        guard at < end else { throw endOfText() }
        guard byte(at) == UInt8(ascii: "\"") else { return try escapedString(from: start, isASCII: isASCII) }
        let text = UnsafeRawBufferPointer(start: base + start, count: at - start)
        if !isASCII { try requireUTF8(text, at: start) }
        at += 1
        return String(decoding: text, as: UTF8.self)
    }

    /// Moves to the next quote, backslash or control character, eight bytes at a time; true if all characters on the
    /// way were ASCII.
    private mutating func skipPlainCharacters() -> Bool {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let highs: UInt64 = 0x8080_8080_8080_8080
        var seen: UInt64 = 0
        while at + 8 <= end {
            let word = (base + at).loadUnaligned(as: UInt64.self)
            let quote = word ^ (ones &* 0x22)
            let backslash = word ^ (ones &* 0x5C)
            // The classic "has a byte below n" trick; it may report a byte above a real hit, never miss one.
            let hits =
                ((quote &- ones) & ~quote) | ((backslash &- ones) & ~backslash) | ((word &- (ones &* 0x20)) & ~word)
            if hits & highs != 0 { break }
            seen |= word
            at += 8
        }
        while at < end {
            let character = byte(at)
            if character == UInt8(ascii: "\"") || character == UInt8(ascii: "\\") || character < 0x20 { break }
            seen |= UInt64(character)
            at += 1
        }
        return seen & highs == 0
    }

    /// Goes on where ``skipPlainCharacters()`` stopped.
    private mutating func escapedString(from start: Int, isASCII: Bool) throws(Failure) -> String {
        var bytes: [UInt8] = []
        var runStart = start
        var isASCII = isASCII
        while true {
            guard at < end else { throw endOfText() }
            bytes.append(contentsOf: UnsafeRawBufferPointer(start: base + runStart, count: at - runStart))
            switch byte(at) {
            case UInt8(ascii: "\""):
                // Escapes are valid by themselves, so that only the raw text needs a look.
                if !isASCII {
                    try requireUTF8(UnsafeRawBufferPointer(start: base + start, count: at - start), at: start)
                }
                at += 1
                return String(decoding: bytes, as: UTF8.self)
            case UInt8(ascii: "\\"):
                try escape(into: &bytes)
                runStart = at
                if !skipPlainCharacters() { isASCII = false }
            default:
                throw Failure(
                    code: .controlCharacter, offset: at, detail: "a control character in a string must be escaped")
            }
        }
    }

    private mutating func escape(into bytes: inout [UInt8]) throws(Failure) {
        let start = at
        guard at + 1 < end else {
            at = end
            throw endOfText()
        }
        let letter = byte(at + 1)
        at += 2
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): bytes.append(letter)
        case UInt8(ascii: "b"): bytes.append(0x08)
        case UInt8(ascii: "f"): bytes.append(0x0C)
        case UInt8(ascii: "n"): bytes.append(0x0A)
        case UInt8(ascii: "r"): bytes.append(0x0D)
        case UInt8(ascii: "t"): bytes.append(0x09)
        case UInt8(ascii: "u"):
            var code = try hexadecimal(escapeAt: start)
            switch code {
            case 0:
                throw Failure(code: .nulCharacter, offset: start, detail: "the character U+0000 is not allowed")
            case 0xD800..<0xDC00:
                guard at + 1 < end, byte(at) == UInt8(ascii: "\\"), byte(at + 1) == UInt8(ascii: "u") else {
                    throw loneSurrogate(at: start)
                }
                at += 2
                let low = try hexadecimal(escapeAt: at - 2)
                guard (0xDC00..<0xE000).contains(low) else { throw loneSurrogate(at: start) }
                code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
            case 0xDC00..<0xE000:
                throw loneSurrogate(at: start)
            default: break
            }
            append(code, to: &bytes)
        default:
            throw Failure(code: .invalidEscape, offset: start, detail: "no such escape sequence")
        }
    }

    private mutating func hexadecimal(escapeAt start: Int) throws(Failure) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard at < end else { throw endOfText() }
            guard let digit = Hexadecimal.value(byte(at)) else {
                throw Failure(code: .invalidEscape, offset: start, detail: "\\u needs four hexadecimal digits")
            }
            code = code << 4 | UInt32(digit)
            at += 1
        }
        return code
    }

    private func append(_ code: UInt32, to bytes: inout [UInt8]) {
        switch code {
        case ..<0x80:
            bytes.append(UInt8(code))
        case ..<0x800:
            bytes.append(UInt8(0xC0 | code >> 6))
            bytes.append(UInt8(0x80 | code & 0x3F))
        case ..<0x10000:
            bytes.append(UInt8(0xE0 | code >> 12))
            bytes.append(UInt8(0x80 | code >> 6 & 0x3F))
            bytes.append(UInt8(0x80 | code & 0x3F))
        default:
            bytes.append(UInt8(0xF0 | code >> 18))
            bytes.append(UInt8(0x80 | code >> 12 & 0x3F))
            bytes.append(UInt8(0x80 | code >> 6 & 0x3F))
            bytes.append(UInt8(0x80 | code & 0x3F))
        }
    }

    // MARK: Numbers

    private mutating func number() throws(Failure) -> JSON {
        let start = at
        let negative = byte(at) == UInt8(ascii: "-")
        if negative { at += 1 }
        guard at < end else { throw endOfText() }

        // The significant digits as one integer, while they fit 64 bits.
        var significand: UInt64 = 0
        var exact = true
        let integerStart = at
        guard isDigit(at) else { throw invalidNumber(start) }
        takeDigits(into: &significand, exact: &exact)
        if byte(integerStart) == UInt8(ascii: "0"), at - integerStart > 1 { throw invalidNumber(start) }

        var isInteger = true
        var exponent = 0
        if at < end, byte(at) == UInt8(ascii: ".") {
            isInteger = false
            at += 1
            let fractionStart = at
            takeDigits(into: &significand, exact: &exact)
            guard at > fractionStart else { throw at < end ? invalidNumber(start) : endOfText() }
            exponent = fractionStart - at
        }
        if at < end, byte(at) | 0x20 == UInt8(ascii: "e") {
            isInteger = false
            exponent += try self.exponent(numberAt: start)
        }
        guard at - start <= limits.maxNumberBytes else {
            throw Failure(
                code: .invalidNumber, offset: start,
                detail: "a number has more than \(limits.maxNumberBytes) characters")
        }

        if isInteger {
            let magnitudeMax: UInt64 = negative ? 1 << 63 : 1 << 63 - 1
            guard exact, significand <= magnitudeMax else { throw outOfRange(start) }
            return .int(negative ? Int64(truncatingIfNeeded: 0 &- significand) : Int64(significand))
        }
        // Both operands are exact doubles, so that one division or multiplication rounds correctly.
        if exact, significand <= 1 << 53, abs(exponent) <= 22 {
            let magnitude = Double(significand)
            let scaled = exponent < 0 ? magnitude / powersOfTen[-exponent] : magnitude * powersOfTen[exponent]
            return .double(negative ? -scaled : scaled)
        }
        let digits = UnsafeRawBufferPointer(start: base + start, count: at - start)
        guard let value = Double(String(decoding: digits, as: UTF8.self)), value.isFinite else {
            throw outOfRange(start)
        }
        return .double(value)
    }

    private mutating func takeDigits(into significand: inout UInt64, exact: inout Bool) {
        while isDigit(at) {
            let (tens, overflowed) = significand.multipliedReportingOverflow(by: 10)
            let (sum, carried) = tens.addingReportingOverflow(UInt64(byte(at) - UInt8(ascii: "0")))
            if overflowed || carried { exact = false }
            significand = sum
            at += 1
        }
    }

    private mutating func exponent(numberAt start: Int) throws(Failure) -> Int {
        at += 1
        var negative = false
        if at < end, byte(at) == UInt8(ascii: "+") || byte(at) == UInt8(ascii: "-") {
            negative = byte(at) == UInt8(ascii: "-")
            at += 1
        }
        guard at < end else { throw endOfText() }
        guard isDigit(at) else { throw invalidNumber(start) }
        var value = 0
        while isDigit(at) {
            // Far beyond every double; stops the sum from overflowing.
            if value < 100_000 { value = value * 10 + Int(byte(at) - UInt8(ascii: "0")) }
            at += 1
        }
        return negative ? -value : value
    }

    // MARK: Bytes

    @inline(__always) private func byte(_ position: Int) -> UInt8 {
        base.load(fromByteOffset: position, as: UInt8.self)
    }

    @inline(__always) private func isDigit(_ position: Int) -> Bool {
        position < end && byte(position) &- UInt8(ascii: "0") < 10
    }

    @inline(__always) private mutating func skipWhitespace() {
        while at < end {
            switch byte(at) {
            case 0x20, 0x0A, 0x0D, 0x09: at += 1
            default: return
            }
        }
    }

    // MARK: Faults

    private func endOfText() -> Failure {
        Failure(code: .unexpectedEnd, offset: end, detail: "the text ends too early")
    }

    private func unexpected(_ wanted: String) -> Failure {
        Failure(code: .unexpectedCharacter, offset: at, detail: "expected \(wanted)")
    }

    private func invalidNumber(_ start: Int) -> Failure {
        Failure(code: .invalidNumber, offset: start, detail: "not a JSON number")
    }

    private func outOfRange(_ start: Int) -> Failure {
        Failure(code: .numberOutOfRange, offset: start, detail: "the number is out of range")
    }

    private func loneSurrogate(at start: Int) -> Failure {
        Failure(code: .loneSurrogate, offset: start, detail: "half of a surrogate pair")
    }

    private func requireUTF8(_ text: UnsafeRawBufferPointer, at offset: Int) throws(Failure) {
        var valid = 0
        while valid < text.count {
            let length = UTF8Sequence.length(at: base + offset + valid, available: text.count - valid)
            guard length > 0 else {
                throw Failure(code: .invalidUTF8, offset: offset + valid, detail: "the bytes are not valid UTF-8")
            }
            valid += length
        }
    }
}

extension JSONParser.Failure {
    fileprivate func inside(_ step: String) -> Self {
        var copy = self
        copy.reversedPath.append(step)
        return copy
    }
}

extension JSONParseError {
    fileprivate init(_ failure: JSONParser.Failure, in bytes: UnsafeRawBufferPointer) {
        var line = 1
        var column = 1
        for byte in bytes.prefix(failure.offset) {
            if byte == 0x0A {
                line += 1
                column = 1
            } else if byte & 0xC0 != 0x80 {
                column += 1
            }
        }
        self.init(
            code: failure.code, offset: failure.offset, line: line, column: column,
            pointer: failure.reversedPath.reversed().map { "/" + JSONPointer.escape($0) }.joined(),
            detail: failure.detail)
    }
}

private let powersOfTen: [Double] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
]

enum UTF8Sequence {
    /// Bytes of the well-formed sequence that starts here, 0 when there is none.
    static func length(at start: UnsafeRawPointer, available: Int) -> Int {
        @inline(__always) func byte(_ position: Int) -> UInt8 { start.load(fromByteOffset: position, as: UInt8.self) }
        func continues(_ position: Int, _ range: ClosedRange<UInt8> = 0x80...0xBF) -> Bool {
            position < available && range.contains(byte(position))
        }
        switch byte(0) {
        case 0x00...0x7F: return 1
        case 0xC2...0xDF: return continues(1) ? 2 : 0
        case 0xE0: return continues(1, 0xA0...0xBF) && continues(2) ? 3 : 0
        case 0xED: return continues(1, 0x80...0x9F) && continues(2) ? 3 : 0
        case 0xE1...0xEF: return continues(1) && continues(2) ? 3 : 0
        case 0xF0: return continues(1, 0x90...0xBF) && continues(2) && continues(3) ? 4 : 0
        case 0xF1...0xF3: return continues(1) && continues(2) && continues(3) ? 4 : 0
        case 0xF4: return continues(1, 0x80...0x8F) && continues(2) && continues(3) ? 4 : 0
        default: return 0
        }
    }
}

enum Hexadecimal {
    static let digits: [UInt8] = Array("0123456789abcdef".utf8)

    @inline(__always) static func value(_ character: UInt8) -> UInt8? {
        switch character {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): character - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): character - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
