#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A document was deleted.
public struct DocumentDeleted: Event {
    public static let name = "document.deleted"
    public static let summary = "A document was deleted."
    public static let category = "Documents"
    public static let owner = "files"

    public var documentId: UUID
    public var deletedByUserId: UUID
    public var deletedAt: Timestamp
    public var reason: String?
    public var snapshot: JSONObject?

    public init(
        documentId: UUID, deletedByUserId: UUID, deletedAt: Timestamp, reason: String? = nil,
        snapshot: JSONObject? = nil
    ) {
        self.documentId = documentId
        self.deletedByUserId = deletedByUserId
        self.deletedAt = deletedAt
        self.reason = reason
        self.snapshot = snapshot
    }

    public var aggregate: Aggregate { Aggregate(type: "document", id: documentId) }

    public static var example: Self {
        DocumentDeleted(
            documentId: Example.id("document"), deletedByUserId: Example.id("agent"), deletedAt: Example.time(),
            reason: "Asked by the customer", snapshot: ["id": .uuid(Example.id("document")), "version": 1])
    }
}
