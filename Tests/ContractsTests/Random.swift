import Contracts
import Testing

/// A small generator with a seed, so that a failure can be repeated.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

extension JSON {
    static func random(using generator: inout SeededGenerator, depth: Int = 0) -> JSON {
        switch Int.random(in: 0..<(depth > 4 ? 6 : 8), using: &generator) {
        case 0: return .null
        case 1: return .bool(.random(using: &generator))
        case 2: return .int(Int64(bitPattern: generator.next() >> UInt64.random(in: 0..<64, using: &generator)))
        case 3: return .double(randomDouble(using: &generator))
        case 4, 5: return .string(randomText(using: &generator))
        case 6:
            let count = Int.random(in: 0..<6, using: &generator)
            return .array((0..<count).map { _ in random(using: &generator, depth: depth + 1) })
        default:
            var object = JSONObject()
            // Now and then more members than are searched one by one.
            let most = depth == 0 && Bool.random(using: &generator) ? 40 : 6
            for _ in 0..<Int.random(in: 0..<most, using: &generator) {
                object[randomText(using: &generator)] = random(using: &generator, depth: depth + 1)
            }
            return .object(object)
        }
    }

    /// All magnitudes, also the smallest and largest; never infinite, never NaN.
    static func randomDouble(using generator: inout SeededGenerator) -> Double {
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: return Double(Int64.random(in: -1_000_000...1_000_000, using: &generator)) / 1000
        case 1: return Double.random(in: -1...1, using: &generator)
        default:
            let value = Double(bitPattern: generator.next())
            return value.isFinite ? value : 0.5
        }
    }

    static func randomText(using generator: inout SeededGenerator) -> String {
        let alphabet: [Unicode.Scalar] = [
            "a", "B", "7", " ", "\"", "\\", "/", "\n", "\t", "\u{1}", "\u{1F}", "\u{7F}", "ß", "€", "\u{2028}", "😀",
            "\u{10FFFF}", "e", "\u{301}",
        ]
        var text = ""
        for _ in 0..<Int.random(in: 0..<24, using: &generator) {
            text.unicodeScalars.append(alphabet.randomElement(using: &generator)!)
        }
        return text
    }
}
