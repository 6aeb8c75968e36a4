#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// An article was archived: it is kept, and its readers no longer find it.
public struct KbArticleArchived: Event {
    public static let name = "kb_article.archived"
    public static let summary = "An article was archived."
    public static let category = "Knowledge base"
    public static let owner = "knowledge"
    public static let status = EventStatus.emitted
    public static let notes = ["kbArticleId": "The article."]

    public var kbArticleId: UUID
    public var title: String
    public var archivedAt: Timestamp

    public init(kbArticleId: UUID, title: String, archivedAt: Timestamp) {
        self.kbArticleId = kbArticleId
        self.title = title
        self.archivedAt = archivedAt
    }

    public var aggregate: Aggregate { Aggregate(type: "kb_article", id: kbArticleId) }

    public static var example: Self {
        KbArticleArchived(
            kbArticleId: Example.id("article"), title: "Reset your password", archivedAt: Example.time())
    }
}
