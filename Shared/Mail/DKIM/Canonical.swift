/// The forms that a signature covers: `relaxed` for header and body (RFC 6376, sections 3.4.2 and 3.4.4).
enum Canonical {
    /// A field without its last CRLF: name in lower case, unfolded, white space in runs of one space.
    static func relaxed(field: ArraySlice<UInt8>) -> [UInt8] {
        guard let colon = field.firstIndex(of: 0x3A) else { return [] }
        var output: [UInt8] = []
        output.reserveCapacity(field.count)
        for byte in field[..<colon] where byte != 0x20 && byte != 0x09 {
            output.append((0x41...0x5A).contains(byte) ? byte + 0x20 : byte)
        }
        output.append(0x3A)
        var isPending = false
        var isAtStart = true
        for byte in field[(colon + 1)...] {
            switch byte {
            case 0x20, 0x09: isPending = true
            case 0x0D, 0x0A: continue
            default:
                if isPending, !isAtStart { output.append(0x20) }
                output.append(byte)
                isPending = false
                isAtStart = false
            }
        }
        return output
    }

    /// The body: runs of white space as one space, none at line ends, no empty lines at the end.
    static func relaxed(body: ArraySlice<UInt8>) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(body.count)
        var emptyLines = 0
        var isPending = false
        var lineHasText = false
        for byte in body {
            switch byte {
            case 0x0D: continue
            case 0x0A:
                isPending = false
                if lineHasText { output += [0x0D, 0x0A] } else { emptyLines += 1 }
                lineHasText = false
            case 0x20, 0x09: isPending = true
            default:
                if !lineHasText {
                    for _ in 0..<emptyLines { output += [0x0D, 0x0A] }
                    emptyLines = 0
                }
                if isPending { output.append(0x20) }
                output.append(byte)
                isPending = false
                lineHasText = true
            }
        }
        if lineHasText { output += [0x0D, 0x0A] }
        return output
    }
}

/// A message as its fields, each with its folding and without its last CRLF, and its body.
struct SplitMessage {
    var fields: [ArraySlice<UInt8>] = []
    var body: ArraySlice<UInt8>

    /// For messages whose lines end with CRLF.
    init(_ message: [UInt8]) {
        body = message[message.endIndex...]
        var start = 0
        var at = 0
        while at + 1 < message.count {
            guard message[at] == 0x0D, message[at + 1] == 0x0A else {
                at += 1
                continue
            }
            if at == start {
                body = message[(at + 2)...]
                return
            }
            let isFolded = at + 2 < message.count && (message[at + 2] == 0x20 || message[at + 2] == 0x09)
            if !isFolded {
                fields.append(message[start..<at])
                start = at + 2
            }
            at += 2
        }
        if start < message.count { fields.append(message[start...]) }
    }
}
