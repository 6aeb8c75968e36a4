#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// An article was published: its readers can find it from now on.
public struct KbArticlePublished: Event {
    public static let name = "kb_article.published"
    public static let summary = "An article was published."
    public static let category = "Knowledge base"
    public static let owner = "knowledge"
    public static let status = EventStatus.emitted
    public static let notes = [
        "kbArticleId": "The article.",
        "slug": "The last part of its address.",
        "locale": "The language that it is written in (BCP 47, lower case).",
        "visibility": "Who may read it.",
        "revision": "The number of the revision that was published.",
    ]

    public var kbArticleId: UUID
    public var title: String
    public var slug: String
    public var locale: String
    public var visibility: String
    public var revision: Int
    public var publishedAt: Timestamp

    public init(
        kbArticleId: UUID, title: String, slug: String, locale: String, visibility: String, revision: Int,
        publishedAt: Timestamp
    ) {
        self.kbArticleId = kbArticleId
        self.title = title
        self.slug = slug
        self.locale = locale
        self.visibility = visibility
        self.revision = revision
        self.publishedAt = publishedAt
    }

    public var aggregate: Aggregate { Aggregate(type: "kb_article", id: kbArticleId) }

    public static var example: Self {
        KbArticlePublished(
            kbArticleId: Example.id("article"), title: "Reset your password", slug: "reset-your-password", locale: "en",
            visibility: "public", revision: 3, publishedAt: Example.time())
    }
}
