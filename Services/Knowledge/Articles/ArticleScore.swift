/// How helpful readers found an article, with the certainty that few votes lack.
enum ArticleScore {
    /// The lower bound of the 95 % confidence interval of the share of helpful votes (Wilson 1927), from 0 to 1; nil without
    /// votes. One vote of one is worth less than ninety of a hundred.
    static func lowerBound(helpful: Int64, notHelpful: Int64) -> Double? {
        let votes = Double(helpful + notHelpful)
        guard votes > 0 else { return nil }
        let z = 1.96
        let share = Double(helpful) / votes
        let spread = z * ((share * (1 - share) + z * z / (4 * votes)) / votes).squareRoot()
        return max(0, (share + z * z / (2 * votes) - spread) / (1 + z * z / votes))
    }
}
