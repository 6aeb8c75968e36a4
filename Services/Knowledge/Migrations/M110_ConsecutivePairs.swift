import Database
import Search

extension Migration {
    /// Phrases with words that don't count between others are as fast as those without.
    static let consecutivePairs = Migration(
        version: 110, name: "consecutive_pairs", sql: SearchSchema.consecutiveWordPairs("kb_articles"))
}
