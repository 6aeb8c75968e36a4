/// RFC 2045, section 6.7.
enum QuotedPrintable {
    private static let digits = Array("0123456789ABCDEF".utf8)
    private static let lineMax = 76

    /// Encodes text whose lines end with CRLF.
    static func encode(_ text: [UInt8]) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(text.count + text.count / 8)
        var at = 0
        var column = 0
        while at < text.count {
            let byte = text[at]
            if byte == 0x0D, at + 1 < text.count, text[at + 1] == 0x0A {
                output += [0x0D, 0x0A]
                column = 0
                at += 2
                continue
            }
            let isLineEnd =
                at + 1 == text.count || (at + 2 < text.count && text[at + 1] == 0x0D && text[at + 2] == 0x0A)
            // A character of UTF-8 is not torn in two lines: readers that decode line by line exist.
            let width = encodedWidth(text, at, isLineEnd: isLineEnd, column: column)
            let isFollowed = !isLineEnd || width.octets > 1
            if column + width.columns > lineMax - (isFollowed ? 1 : 0) {
                output += [0x3D, 0x0D, 0x0A]
                column = 0
            }
            for index in at..<at + width.octets {
                if isPlain(text, index, isLineEnd: isLineEnd, column: column) {
                    output.append(text[index])
                    column += 1
                } else {
                    output += [0x3D, digits[Int(text[index] >> 4)], digits[Int(text[index] & 0xF)]]
                    column += 3
                }
            }
            at += width.octets
        }
        return output
    }

    /// A line that begins with "From " gets a ">" on its way through mailbox files.
    static func beginsMailboxLine(_ text: [UInt8], _ at: Int) -> Bool {
        text.count - at >= 5 && text[at..<at + 5].elementsEqual("From ".utf8)
    }

    private static func isPlain(_ text: [UInt8], _ at: Int, isLineEnd: Bool, column: Int) -> Bool {
        switch text[at] {
        case 0x20, 0x09: !isLineEnd
        case 0x3D: false
        case 0x46 where column == 0: !beginsMailboxLine(text, at)
        case 0x21...0x7E: true
        default: false
        }
    }

    /// The octets of the character at a place, and the columns that its encoding takes.
    private static func encodedWidth(_ text: [UInt8], _ at: Int, isLineEnd: Bool, column: Int) -> (
        octets: Int, columns: Int
    ) {
        if isPlain(text, at, isLineEnd: isLineEnd, column: column) { return (1, 1) }
        var octets = 1
        if text[at] >= 0xC0 {
            while octets < 4, at + octets < text.count, text[at + octets] & 0xC0 == 0x80 { octets += 1 }
        }
        return (octets, 3 * octets)
    }

    /// What was encoded. Faults are taken as they stand, as section 6.7 suggests.
    static func decode(_ text: some Collection<UInt8>) -> [UInt8] {
        let text = Array(text)
        var output: [UInt8] = []
        output.reserveCapacity(text.count)
        // White space at a line's end was added on the way (section 6.7 (3)).
        var spaces = 0
        var at = 0
        while at < text.count {
            let byte = text[at]
            if byte == 0x3D {
                spaces = 0
                if at + 2 < text.count, let high = value(text[at + 1]), let low = value(text[at + 2]) {
                    output.append(high << 4 | low)
                    at += 3
                } else if let end = softBreakEnd(text, at) {
                    at = end
                } else {
                    output.append(byte)
                    at += 1
                }
                continue
            }
            if byte == 0x0D || byte == 0x0A {
                output.removeLast(spaces)
                spaces = 0
            } else {
                spaces = byte == 0x20 || byte == 0x09 ? spaces + 1 : 0
            }
            output.append(byte)
            at += 1
        }
        output.removeLast(spaces)
        return output
    }

    /// Where the next line begins, if the "=" at a place ends its line.
    private static func softBreakEnd(_ text: [UInt8], _ at: Int) -> Int? {
        var end = at + 1
        while end < text.count, text[end] == 0x20 || text[end] == 0x09 { end += 1 }
        guard end < text.count else { return end }
        if text[end] == 0x0A { return end + 1 }
        guard text[end] == 0x0D else { return nil }
        return end + 1 < text.count && text[end + 1] == 0x0A ? end + 2 : end + 1
    }

    private static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case 0x30...0x39: digit - 0x30
        case 0x41...0x46: digit - 0x41 + 10
        case 0x61...0x66: digit - 0x61 + 10
        default: nil
        }
    }
}
