import Database
import Search

extension Migration {
    /// Searches whose cost does not grow with the number of articles that match.
    static let boundedSearch = Migration(
        version: 106, name: "bounded_search",
        sql: """
            \(SearchSchema.candidates("kb_articles", from: "deleted_at IS NULL", narrowedBy: articleNarrowings))
            DROP FUNCTION kb_articles_matching(tsquery, text, integer);

            -- What narrows a search most is in the index beside the words.
            DROP INDEX kb_articles_search_idx;
            CREATE INDEX kb_articles_search_idx ON kb_articles
                USING gin (tenant_id, search_document, labels, (ARRAY[section_id])) WHERE deleted_at IS NULL;

            -- Misspelled words are looked for by the words that they may stand for, which row-level security lets an index find.
            DROP FUNCTION kb_articles_spelled_like(text, text);
            DROP INDEX kb_articles_words_spelling_idx;
            CREATE INDEX kb_articles_words_word_idx ON kb_articles_words (tenant_id, word text_pattern_ops);

            -- When each tenant's words were counted.
            CREATE TABLE kb_word_counts (
                tenant_id uuid PRIMARY KEY,
                counted_at timestamptz(3) NOT NULL
            );
            SELECT secure_tenant_table('kb_word_counts');
            """)
}

/// In the order of `ArticleSearch`'s call.
let articleNarrowings: [SearchSchema.Narrowing] = [
    SearchSchema.Narrowing([("wanted_locale", "text")], "t.locale = wanted_locale"),
    SearchSchema.Narrowing([("statuses", "text[]")], "t.status = ANY(statuses)"),
    SearchSchema.Narrowing(
        [("open", "text[]"), ("members", "uuid[]")],
        "t.visibility = ANY(open) OR t.visibility = 'groups' AND t.group_ids && members"),
    // A search in few sections finds them by the index; in many there are enough matches among the first.
    SearchSchema.Narrowing(
        [("sections", "uuid[]")],
        "(cardinality(sections) > 20 OR ARRAY[t.section_id] && sections) AND t.section_id = ANY(sections)"),
    SearchSchema.Narrowing([("any_label", "text[]")], "t.labels && any_label"),
    SearchSchema.Narrowing([("visibilities", "text[]")], "t.visibility = ANY(visibilities)"),
]
