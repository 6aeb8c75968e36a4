/// Finds where a chunked body ends, so that what follows is looked at as the head of the next request. The grammar is
/// the parser's business.
struct ChunkScanner {
    private enum Place {
        case size
        case sizeExtension
        case data(left: Int)
        case dataEnd
        case trailerStart
        case trailer
    }

    private var place = Place.size
    private var size = 0

    /// Takes the bytes that follow those of the calls before; how many of them belong to the body, if it ends there.
    mutating func scan(_ bytes: UnsafeRawBufferPointer) -> Int? {
        var index = 0
        while index < bytes.count {
            if case .data(let left) = place {
                let step = min(left, bytes.count - index)
                index += step
                place = left == step ? .dataEnd : .data(left: left - step)
                continue
            }
            let byte = bytes[index]
            index += 1
            switch (place, byte) {
            case (.size, UInt8(ascii: "\n")), (.sizeExtension, UInt8(ascii: "\n")):
                place = size == 0 ? .trailerStart : .data(left: size)
                size = 0
            case (.size, UInt8(ascii: ";")):
                place = .sizeExtension
            case (.size, _):
                if let digit = Character(Unicode.Scalar(byte)).hexDigitValue { size = min(size, 1 << 50) * 16 + digit }
            case (.dataEnd, UInt8(ascii: "\n")):
                place = .size
            case (.trailerStart, UInt8(ascii: "\n")):
                return index
            case (.trailer, UInt8(ascii: "\n")):
                place = .trailerStart
            case (.trailerStart, UInt8(ascii: "\r")), (.sizeExtension, _), (.dataEnd, _), (.trailer, _), (.data, _):
                break
            case (.trailerStart, _):
                place = .trailer
            }
        }
        return nil
    }
}
