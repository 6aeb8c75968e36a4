/// A routing-key pattern as a topic exchange reads it: words between dots, `*` for one word, `#` for any number.
/// The exchange's name may lead (`support.ticket.*`) or be left out (`ticket.*`).
struct EventPattern: Sendable, Hashable {
    static let longestBytes = 255

    private enum Word: Sendable, Hashable {
        case literal(String)
        case one
        case any
    }

    let text: String
    private let words: [Word]

    /// Nil where the text is not a pattern: empty, too long, an empty word, or other characters than `a-z0-9_*#`.
    init?(_ text: String, exchange: String) {
        guard !text.isEmpty, text.utf8.count <= Self.longestBytes else { return nil }
        var words: [Word] = []
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        for part in parts {
            switch part {
            case "*": words.append(.one)
            case "#": words.append(.any)
            default:
                let isWord = !part.isEmpty && part.utf8.allSatisfy(Self.isWordByte)
                guard isWord else { return nil }
                words.append(.literal(String(part)))
            }
        }
        let leading = exchange.split(separator: ".").map { Word.literal(String($0)) }
        if words.count > leading.count, Array(words.prefix(leading.count)) == leading {
            words.removeFirst(leading.count)
        }
        self.text = text
        self.words = words
    }

    private static func isWordByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"),
            UInt8(ascii: "-"):
            true
        default: false
        }
    }

    /// Whether an event's name (`ticket.created`, without the exchange) matches.
    func matches(_ name: some StringProtocol) -> Bool {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        return Self.matches(words[...], parts[...])
    }

    private static func matches<S: StringProtocol>(_ words: ArraySlice<Word>, _ parts: ArraySlice<S>) -> Bool {
        guard let word = words.first else { return parts.isEmpty }
        switch word {
        case .any:
            // `#` takes nothing, or one part and tries again; names have few words, so the search stays small.
            if matches(words.dropFirst(), parts) { return true }
            return !parts.isEmpty && matches(words, parts.dropFirst())
        case .one:
            return !parts.isEmpty && matches(words.dropFirst(), parts.dropFirst())
        case .literal(let literal):
            return parts.first.map { $0 == literal } == true && matches(words.dropFirst(), parts.dropFirst())
        }
    }
}
