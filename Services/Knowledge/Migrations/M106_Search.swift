import Database
import Search

extension Migration {
    /// Searches whose cost does not grow with the number of articles that match.
    static let boundedSearch = Migration(
        version: 106, name: "bounded_search",
        sql: """
            \(SearchSchema.candidates("kb_articles", from: "deleted_at IS NULL", narrowedBy: narrowings))
            DROP FUNCTION kb_articles_matching(tsquery, text, integer);

            -- Misspelled words are looked for by the words that they may stand for, which row-level security lets an index find.
            DROP FUNCTION kb_articles_spelled_like(text, text);
            DROP INDEX kb_articles_words_spelling_idx;
            CREATE INDEX kb_articles_words_word_idx ON kb_articles_words (tenant_id, word text_pattern_ops);
            """)
}

/// In the order of `ArticleSearch`'s call.
private let narrowings: [SearchSchema.Narrowing] = [
    SearchSchema.Narrowing([("wanted_locale", "text")], "t.locale = wanted_locale"),
    SearchSchema.Narrowing([("statuses", "text[]")], "t.status = ANY(statuses)"),
    SearchSchema.Narrowing(
        [("open", "text[]"), ("members", "uuid[]")],
        "t.visibility = ANY(open) OR t.visibility = 'groups' AND t.group_ids && members"),
    SearchSchema.Narrowing(
        [("categories", "uuid[]")],
        """
        t.section_id = ANY(ARRAY(
            SELECT s.id FROM kb_sections AS s WHERE s.tenant_id = tenant AND s.category_id = ANY(categories)))
        """),
    SearchSchema.Narrowing([("sections", "uuid[]")], "t.section_id = ANY(sections)"),
    SearchSchema.Narrowing([("any_label", "text[]")], "t.labels && any_label"),
    SearchSchema.Narrowing([("visibilities", "text[]")], "t.visibility = ANY(visibilities)"),
]
