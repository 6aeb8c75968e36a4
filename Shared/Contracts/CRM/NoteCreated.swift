#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A note was written about a client or contact.
public struct NoteCreated: Event {
    public static let name = "note.created"
    public static let summary = "A note was written about a client or contact."
    public static let category = "CRM"
    public static let owner = "crm"
    public static let notes = ["bodyPreview": "The beginning of the text."]

    public enum EntityType: String, Sendable, Codable, CaseIterable {
        case client, contact
    }

    public var noteId: UUID
    public var entityType: EntityType
    public var entityId: UUID
    public var createdByUserId: UUID
    public var createdAt: Timestamp
    public var visibility: String?
    public var bodyPreview: String?
    public var snapshot: JSONObject?

    public init(
        noteId: UUID, entityType: EntityType, entityId: UUID, createdByUserId: UUID, createdAt: Timestamp,
        visibility: String? = nil, bodyPreview: String? = nil, snapshot: JSONObject? = nil
    ) {
        self.noteId = noteId
        self.entityType = entityType
        self.entityId = entityId
        self.createdByUserId = createdByUserId
        self.createdAt = createdAt
        self.visibility = visibility
        self.bodyPreview = bodyPreview
        self.snapshot = snapshot
    }

    public var aggregate: Aggregate { Aggregate(type: "note", id: noteId) }

    public static var example: Self {
        NoteCreated(
            noteId: Example.id("message"), entityType: .client, entityId: Example.id("client"),
            createdByUserId: Example.id("agent"), createdAt: Example.time(), visibility: "internal",
            bodyPreview: "Prefers to be called in the morning",
            snapshot: ["id": .uuid(Example.id("message")), "version": 1])
    }
}
