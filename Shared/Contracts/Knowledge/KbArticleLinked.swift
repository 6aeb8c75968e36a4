#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// An article and a ticket were linked.
public struct KbArticleLinked: Event {
    public static let name = "kb_article.linked"
    public static let summary = "An article and a ticket were linked."
    public static let category = "Knowledge base"
    public static let owner = "knowledge"
    public static let status = EventStatus.emitted
    public static let notes = [
        "kbArticleId": "The article.",
        "kind": "What the one has to do with the other: it solved it, was suggested for it, or was written from it.",
    ]

    public enum Kind: String, Sendable, Codable, CaseIterable {
        case solved, suggested
        case writtenFrom = "written_from"
    }

    public var kbArticleId: UUID
    public var ticketId: UUID
    public var kind: Kind
    public var linkedAt: Timestamp

    public init(kbArticleId: UUID, ticketId: UUID, kind: Kind, linkedAt: Timestamp) {
        self.kbArticleId = kbArticleId
        self.ticketId = ticketId
        self.kind = kind
        self.linkedAt = linkedAt
    }

    public var aggregate: Aggregate { Aggregate(type: "kb_article", id: kbArticleId) }

    public static var example: Self {
        KbArticleLinked(
            kbArticleId: Example.id("article"), ticketId: Example.id("ticket"), kind: .solved, linkedAt: Example.time())
    }
}
