import Database
import Search

extension Migration {
    /// Searches for phrases whose cost does not grow with how often their words are used, and texts that are ranked where they
    /// lie.
    static let phraseSearch = Migration(
        version: 107, name: "phrase_search",
        sql: """
            \(SearchSchema.wordPairs)
            \(SearchSchema.phrases("kb_articles", from: "deleted_at IS NULL"))
            DROP FUNCTION kb_articles_candidates(
                tsquery, integer, text, text[], text[], uuid[], uuid[], text[], text[]);
            \(SearchSchema.candidates(
                "kb_articles", from: "deleted_at IS NULL", narrowedBy: articleNarrowings + [SearchSchema.byWordPairs]))
            """)
}
