import Contracts
import Database
import Search

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Articles that have to do with a text that was not written as a search: those that share its rare words.
struct Suggestion: Sendable {
    var subject: String
    var text: String
    var locale: String
    var audience: ArticleAudience
    var limit: Int64

    /// Words that are looked for; more make it slower rather than better.
    private static let wordsMax = 10
    /// Words of the text that are considered at all.
    private static let textLengthMax = 5_000

    func run(_ tenantId: UUID, in tx: Transaction) async throws -> [ArticleSearch.Hit] {
        let words = try await rareWords(tenantId, in: tx)
        guard !words.isEmpty else { return [] }
        var search = ArticleSearch(
            query: SearchQuery(wanted: [words.map { .word($0) }]), audience: audience, locale: locale)
        search.limit = limit
        return try await search.run(tenantId, in: tx).hits
    }

    /// The text's words that fewest articles have; those of the subject before those of the text. Of words that many articles have
    /// one is enough: articles that share no more than those are as good as any others.
    private func rareWords(_ tenantId: UUID, in tx: Transaction) async throws -> [String] {
        let rows = try await tx.query(
            """
            WITH given AS (
                SELECT word, min(place) AS place FROM (
                    SELECT unnest(tsvector_to_array(to_tsvector('pg_catalog.simple', \(subject)))) AS word, 0 AS place
                    UNION ALL
                    SELECT unnest(tsvector_to_array(to_tsvector('pg_catalog.simple',
                        \(String(text.prefix(Self.textLengthMax)))))), 1
                ) AS w
                WHERE length(word) BETWEEN 3 AND 40
                GROUP BY word
            )
            SELECT word FROM (
                SELECT word, sum(frequency) OVER (ORDER BY weight, word) - frequency AS others FROM (
                    SELECT g.word, w.frequency, w.frequency * (1 + 2 * g.place) AS weight FROM given AS g
                    JOIN kb_articles_words AS w
                        ON w.tenant_id = \(tenantId) AND w.locale = \(locale) AND w.word = g.word
                    ORDER BY weight, word LIMIT \(Int64(4 * Self.wordsMax))
                ) AS rarest
                WHERE to_tsvector(search_configuration(\(locale)), word) <> ''::tsvector
            ) AS meaningful
            WHERE others < \(ArticleSearch.candidatesMax)
            ORDER BY others, word LIMIT \(Int64(Self.wordsMax))
            """)
        return try rows.map { try $0.get(0) }
    }
}
