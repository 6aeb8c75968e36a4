#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A document was detached from an entity.
public struct DocumentDetached: Event {
    public static let name = "document.detached"
    public static let summary = "A document was detached from an entity."
    public static let category = "Documents"
    public static let owner = "files"
    public static let notes = ["entityType": "Such as ticket, client or contract."]

    public var documentId: UUID
    public var entityType: String
    public var entityId: UUID
    public var detachedByUserId: UUID
    public var detachedAt: Timestamp
    public var reason: String?

    public init(
        documentId: UUID, entityType: String, entityId: UUID, detachedByUserId: UUID, detachedAt: Timestamp,
        reason: String? = nil
    ) {
        self.documentId = documentId
        self.entityType = entityType
        self.entityId = entityId
        self.detachedByUserId = detachedByUserId
        self.detachedAt = detachedAt
        self.reason = reason
    }

    public var aggregate: Aggregate { Aggregate(type: "document", id: documentId) }

    public static var example: Self {
        DocumentDetached(
            documentId: Example.id("document"), entityType: "ticket", entityId: Example.id("client"),
            detachedByUserId: Example.id("agent"), detachedAt: Example.time(), reason: "Asked by the customer")
    }
}
