#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A document was attached to an entity.
public struct DocumentAssociated: Event {
    public static let name = "document.associated"
    public static let summary = "A document was attached to an entity."
    public static let category = "Documents"
    public static let owner = "files"
    public static let notes = ["entityType": "Such as ticket, client or contract."]

    public var documentId: UUID
    public var entityType: String
    public var entityId: UUID
    public var associatedByUserId: UUID
    public var associatedAt: Timestamp

    public init(
        documentId: UUID, entityType: String, entityId: UUID, associatedByUserId: UUID, associatedAt: Timestamp
    ) {
        self.documentId = documentId
        self.entityType = entityType
        self.entityId = entityId
        self.associatedByUserId = associatedByUserId
        self.associatedAt = associatedAt
    }

    public var aggregate: Aggregate { Aggregate(type: "document", id: documentId) }

    public static var example: Self {
        DocumentAssociated(
            documentId: Example.id("document"), entityType: "ticket", entityId: Example.id("client"),
            associatedByUserId: Example.id("agent"), associatedAt: Example.time())
    }
}
