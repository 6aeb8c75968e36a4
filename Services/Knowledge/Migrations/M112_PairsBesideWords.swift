import Database
import Search

extension Migration {
    /// Phrases of words that many articles have: one index says which of them have the words and the pairs.
    static let pairsBesideWords = Migration(
        version: 112, name: "pairs_beside_words",
        sql: """
            DROP INDEX kb_articles_pairs_idx;
            DROP INDEX kb_articles_search_idx;
            CREATE INDEX kb_articles_search_idx ON kb_articles
                USING gin (tenant_id, search_document, labels, (ARRAY[section_id]), word_pairs(search_document))
                WHERE deleted_at IS NULL;
            DROP FUNCTION kb_articles_candidates(
                tsquery, integer, text, text[], text[], uuid[], uuid[], text[], text[], integer[]);
            \(SearchSchema.candidates(
                "kb_articles", from: "deleted_at IS NULL", narrowedBy: articleNarrowings, byPhrases: true))
            """)
}
