// Which words in use somebody may have meant.
import Database

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Finds words that articles use in place of those that none does.
///
/// One slip anywhere is understood: a letter too many, one too few, a wrong one, two that changed places. Of several such words the
/// most used one was meant. Where there is none, a word that begins alike may be similar enough in the rest.
enum Spelling {
    /// Words that are looked at; shorter ones are like too many others.
    static let lengths = 4...40
    /// Words of a query that are looked at.
    private static let wordsMax = 8
    /// A slip is seldom among the first letters.
    private static let beginning = 3
    private static let similarityLeast = 0.4

    /// For each word that is not in use one that is, where there is one.
    static func replacements(_ words: [String], locale: String?, _ tenantId: UUID, in tx: Transaction) async throws
        -> [String: String]
    {
        let words = Set(words).filter { lengths.contains($0.count) }.sorted().prefix(wordsMax)
        let unknown = try await unused(Array(words), locale, tenantId, in: tx)
        guard !unknown.isEmpty else { return [:] }
        // With letters that have marks there are twice as many, which few need.
        var replacements = try await nearest(
            unknown, neighbours: { neighbours(of: $0, marked: false) }, locale, tenantId, in: tx)
        let rest = unknown.filter { replacements[$0] == nil }
        guard !rest.isEmpty else { return replacements }
        let others = try await nearest(rest, neighbours: { neighbours(of: $0) }, locale, tenantId, in: tx)
        replacements.merge(others) { $1 }
        let hopeless = rest.filter { replacements[$0] == nil }
        guard !hopeless.isEmpty else { return replacements }
        replacements.merge(try await similar(hopeless, locale, tenantId, in: tx)) { $1 }
        return replacements
    }

    /// Of each word's neighbours that are in use the most used one.
    private static func nearest(
        _ words: [String], neighbours: (String) -> [String], _ locale: String?, _ tenantId: UUID, in tx: Transaction
    ) async throws -> [String: String] {
        var given: [String] = []
        var slips: [String] = []
        for word in words {
            let others = neighbours(word)
            given += Array(repeating: word, count: others.count)
            slips += others
        }
        return try await pairs(
            """
            SELECT DISTINCT ON (given) given, word FROM (
                SELECT s.given, w.word, sum(w.frequency) AS frequency
                FROM unnest(\(given), \(slips)) AS s (given, word)
                JOIN kb_articles_words AS w ON w.tenant_id = \(tenantId) AND \(isWanted(locale)) AND w.word = s.word
                GROUP BY 1, 2
            ) AS used
            ORDER BY given, frequency DESC, word
            """, in: tx)
    }

    /// The words in use that begin alike and are most similar.
    private static func similar(_ words: [String], _ locale: String?, _ tenantId: UUID, in tx: Transaction) async throws
        -> [String: String]
    {
        try await pairs(
            """
            SELECT q.word, other.word FROM unnest(\(words), \(words.map { String($0.prefix(beginning)) })) AS q (word, first)
            CROSS JOIN LATERAL (
                SELECT w.word FROM kb_articles_words AS w
                WHERE w.tenant_id = \(tenantId) AND \(isWanted(locale))
                    AND w.word ~>=~ q.first AND w.word ~<~ (q.first || chr(1114111))
                    AND length(w.word) BETWEEN length(q.word) - 2 AND length(q.word) + 2
                    AND public.similarity(w.word, q.word) >= \(similarityLeast)
                ORDER BY public.similarity(w.word, q.word) DESC, w.frequency DESC, w.word LIMIT 1
            ) AS other
            """, in: tx)
    }

    private static func pairs(_ statement: SQL, in tx: Transaction) async throws -> [String: String] {
        Dictionary(uniqueKeysWithValues: try await tx.query(statement).map { try $0.decode((String, String).self) })
    }

    private static func unused(_ words: [String], _ locale: String?, _ tenantId: UUID, in tx: Transaction) async throws
        -> [String]
    {
        guard !words.isEmpty else { return [] }
        return try await tx.query(
            """
            SELECT q.word FROM unnest(\(words)) AS q (word) WHERE NOT EXISTS (
                SELECT FROM kb_articles_words AS w
                WHERE w.tenant_id = \(tenantId) AND \(isWanted(locale)) AND w.word = q.word)
            """
        ).map { try $0.get(0) }
    }

    private static func isWanted(_ locale: String?) -> SQL {
        locale.map { "w.locale = \($0)" } ?? "true"
    }

    // MARK: Slips

    /// Letters that a word of a script may have, without and with marks; of other scripts those that it has.
    private static let alphabets: [(plain: [Character], marked: [Character])] = [
        (Array("abcdefghijklmnopqrstuvwxyz"), Array("àáâäåæçèéêëíîïñóôöøœùúûüß")),
        (Array("абвгдежзийклмнопрстуфхцчшщъыьэюя"), Array("ёіїєґ")),
        (Array("αβγδεζηθικλμνξοπρστυφχψως"), Array("άέήίόύώ")),
    ]

    /// All words that one slip makes of this one, in lower case; not the word itself.
    /// - Parameter marked: Whether letters with marks are among those that the writer may have meant.
    static func neighbours(of word: String, marked: Bool = true) -> [String] {
        let letters = Array(word.lowercased())
        let alphabet = alphabets.filter { !Set($0.plain + $0.marked).isDisjoint(with: letters) }
            .flatMap { marked ? $0.plain + $0.marked : $0.plain }
        let insertable = Set(alphabet).union(letters)
        var all: Set<String> = []
        func add(_ change: (inout [Character]) -> Void) {
            var changed = letters
            change(&changed)
            all.insert(String(changed))
        }
        for index in letters.indices {
            add { $0.remove(at: index) }
            if index + 1 < letters.count { add { $0.swapAt(index, index + 1) } }
            for letter in insertable { add { $0[index] = letter } }
        }
        for index in 0...letters.count {
            for letter in insertable { add { $0.insert(letter, at: index) } }
        }
        all.remove(String(letters))
        return Array(all)
    }
}
