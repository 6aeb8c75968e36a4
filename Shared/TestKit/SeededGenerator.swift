/// Random numbers that are the same for the same seed (SplitMix64), for tests whose failures must be repeatable.
public struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    /// Starts the sequence of `seed`.
    public init(seed: UInt64) {
        state = seed
    }

    /// The next number of the sequence.
    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// Text that likes to break things: quotes, escapes, controls, several scripts, beyond the basic plane. No NUL.
    public mutating func text(maxLength: Int) -> String {
        let awkward: [Unicode.Scalar] = [
            "'", "\"", "\\", "%", "$", "{", "}", ",", "\n", "\t", "\u{1}", "\u{7f}", "\u{85}", "é", "ß", "ı", "Ω", "漢",
            "\u{301}", "\u{200d}", "\u{202e}", "\u{2028}", "\u{fffd}", "\u{ffff}", "👩", "𝒳", "\u{10ffff}",
        ]
        var text = String.UnicodeScalarView()
        for _ in 0..<Int.random(in: 0...maxLength, using: &self) {
            let letter = Unicode.Scalar(UInt8.random(in: 32...126, using: &self))
            text.append(Bool.random(using: &self) ? letter : awkward.randomElement(using: &self) ?? letter)
        }
        return String(text)
    }

    /// Bytes of any value.
    public mutating func bytes(maxLength: Int) -> [UInt8] {
        (0..<Int.random(in: 0...maxLength, using: &self)).map { _ in UInt8.random(in: 0...255, using: &self) }
    }
}
