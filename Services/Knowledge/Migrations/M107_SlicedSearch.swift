import Database
import Search

extension Migration {
    /// Searches whose cost grows neither with how often words are used nor, for phrases, with how often each of them is; and
    /// texts that are ranked where they lie.
    static let slicedSearch = Migration(
        version: 107, name: "sliced_search",
        sql: """
            \(SearchSchema.wordPairs)
            \(SearchSchema.phrases("kb_articles", from: "deleted_at IS NULL"))
            DROP INDEX kb_articles_search_idx;
            \(SearchSchema.slices(
                of: "kb_articles", count: slices, on: ["labels", "(ARRAY[section_id])"], from: "deleted_at IS NULL"))
            DROP FUNCTION kb_articles_candidates(
                tsquery, integer, text, text[], text[], uuid[], uuid[], text[], text[]);
            \(SearchSchema.candidates(
                "kb_articles", from: "deleted_at IS NULL", narrowedBy: articleNarrowings + [SearchSchema.byWordPairs],
                slices: slices))
            """)
}

/// Rare words are looked for in each.
private let slices = 4
