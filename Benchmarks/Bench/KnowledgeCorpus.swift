import Foundation

/// Articles such as support teams write them, as far as an index is concerned: lengths from a note to a manual, words whose
/// frequency falls with their rank (Zipf's law), endings, numbers, three languages. The same seed gives the same articles.
struct KnowledgeCorpus {
    /// By language: its share of articles and how its words end.
    private static let languages: [(locale: String, share: Double, endings: [String])] = [
        ("en", 0.8, ["", "", "s", "ing", "ed"]), ("de", 0.12, ["", "", "en", "er", "ung"]),
        ("fr", 0.08, ["", "", "s", "er", "ement"]),
    ]
    /// The words that nobody looks for are the most frequent, in every language.
    private static let stopWords: [String: [String]] = [
        "en":
            "the to and of a in is you your it for on that this with or if be can are from not will when as at by an we"
            .split(separator: " ").map(String.init),
        "de":
            "die der und sie in den zu das mit ist auf für im nicht ein eine als auch an wenn werden aus er es hat dass"
            .split(separator: " ").map(String.init),
        "fr": "de la le les et des en un du une dans pour que vous est sur au par plus ce ne pas qui avec sont se il ou"
            .split(separator: " ").map(String.init),
    ]
    static let vocabularySize = 50_000
    /// The first rank that carries a meaning.
    static let firstRank = 30

    private let roots: [String]
    private var generator: SplitMix

    init(seed: UInt64) {
        generator = SplitMix(state: seed)
        roots = Self.roots(&generator)
    }

    struct Article {
        var locale: String
        var title: String
        var summary: String
        var body: String
        var label: String
    }

    /// Pronounceable words without endings, all different, shorter ones first: frequent words are short.
    private static func roots(_ generator: inout SplitMix) -> [String] {
        let (heads, middles) = ("b c d f g h j k l m n p r s t v w br cl dr fl gr pl pr st tr", "a e i o u ai ea ou")
        let (consonants, vowels) = (heads.split(separator: " "), middles.split(separator: " "))
        var seen: Set<String> = []
        var roots: [String] = []
        while roots.count < vocabularySize {
            let syllables = 2 + min(2, roots.count / 3_000)
            var root = ""
            for _ in 0..<syllables {
                root += consonants[generator.below(consonants.count)] + vowels[generator.below(vowels.count)]
            }
            root += ["n", "t", "r", "l", "k", "m"][generator.below(6)]
            if seen.insert(root).inserted { roots.append(root) }
        }
        return roots
    }

    /// The word of a rank as it is looked up; stop words come before `firstRank`.
    func word(_ rank: Int) -> String { roots[rank % roots.count] }

    /// A rank by Zipf's law with exponent 1: its logarithm is evenly spread.
    mutating func rank(from first: Int = 1) -> Int {
        let (low, high) = (log(Double(first)), log(Double(Self.vocabularySize)))
        return Int(exp(low + generator.unit() * (high - low)))
    }

    mutating func below(_ bound: Int) -> Int { generator.below(bound) }

    private mutating func spoken(_ rank: Int, _ language: (locale: String, share: Double, endings: [String])) -> String
    {
        let stopWords = Self.stopWords[language.locale] ?? []
        if rank < Self.firstRank, !stopWords.isEmpty { return stopWords[rank % stopWords.count] }
        return word(rank) + language.endings[generator.below(language.endings.count)]
    }

    mutating func words(_ count: Int, from first: Int = 1, locale: String = "en") -> [String] {
        let language = Self.languages.first { $0.locale == locale } ?? Self.languages[0]
        return (0..<count).map { _ in spoken(rank(from: first), language) }
    }

    mutating func article() -> Article {
        let share = generator.unit()
        let language =
            share < Self.languages[0].share
            ? Self.languages[0] : share < 1 - Self.languages[2].share ? Self.languages[1] : Self.languages[2]
        // 40 to 1,500 words, half of them below 250.
        let length = Int(40 * pow(37.5, generator.unit()))
        var body = ""
        var left = length
        while left > 0 {
            let sentence = words(min(left, 6 + generator.below(16)), locale: language.locale)
            body += sentence.joined(separator: " ") + (generator.below(6) == 0 ? ".\n\n" : ". ")
            left -= sentence.count
        }
        if generator.below(3) == 0 { body += "Error \(10_000 + generator.below(90_000))." }
        return Article(
            locale: language.locale,
            title: words(3 + generator.below(5), from: Self.firstRank / 3, locale: language.locale)
                .joined(separator: " ").capitalized,
            summary: words(8 + generator.below(10), locale: language.locale).joined(separator: " "), body: body,
            label: "label-\(Int(pow(60, generator.unit())))")
    }
}

/// SplitMix64: the same numbers for the same seed.
struct SplitMix {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// From 0 up to 1.
    mutating func unit() -> Double { Double(next() >> 11) / 9_007_199_254_740_992 }
    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
}
