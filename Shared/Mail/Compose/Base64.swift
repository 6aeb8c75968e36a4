/// Base64 as RFC 4648, section 4, has it; in lines as RFC 2045, section 6.8, wants them.
enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    private static let values: [UInt8] = {
        var values = [UInt8](repeating: 0xFF, count: 256)
        for (value, character) in alphabet.enumerated() { values[Int(character)] = UInt8(value) }
        return values
    }()

    /// Appends the encoding of `bytes`; with `lineMax`, a multiple of 4, in lines of that length, each with its end.
    static func append(_ bytes: [UInt8], to output: inout [UInt8], lineMax: Int? = nil) {
        output.reserveCapacity(output.count + (bytes.count + 2) / 3 * 4 + (lineMax.map { bytes.count / $0 * 3 } ?? 0))
        var column = 0
        var at = 0
        while at < bytes.count {
            let rest = bytes.count - at
            let first = UInt32(bytes[at]) << 16
            let second = rest > 1 ? UInt32(bytes[at + 1]) << 8 : 0
            let group = first | second | (rest > 2 ? UInt32(bytes[at + 2]) : 0)
            output.append(alphabet[Int(group >> 18)])
            output.append(alphabet[Int(group >> 12 & 0x3F)])
            output.append(rest > 1 ? alphabet[Int(group >> 6 & 0x3F)] : 0x3D)
            output.append(rest > 2 ? alphabet[Int(group & 0x3F)] : 0x3D)
            at += 3
            column += 4
            if let lineMax, column >= lineMax || at >= bytes.count {
                output += [0x0D, 0x0A]
                column = 0
            }
        }
    }

    static func encode(_ bytes: [UInt8]) -> String {
        var output: [UInt8] = []
        append(bytes, to: &output)
        return String(decoding: output, as: UTF8.self)
    }

    /// What was encoded; foreign characters are skipped and the end is where padding is, as RFC 2045, section 6.8, demands of
    /// readers of mail.
    static func decode(_ text: some Sequence<UInt8>) -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer: UInt32 = 0
        var bits: UInt32 = 0
        for character in text {
            if character == 0x3D { break }
            let value = values[Int(character)]
            guard value != 0xFF else { continue }
            buffer = buffer << 6 | UInt32(value)
            bits += 6
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(truncatingIfNeeded: buffer >> bits))
            }
        }
        return bytes
    }
}
