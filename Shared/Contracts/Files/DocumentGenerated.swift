#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A document was generated from a template.
public struct DocumentGenerated: Event {
    public static let name = "document.generated"
    public static let summary = "A document was generated from a template."
    public static let category = "Documents"
    public static let owner = "files"
    public static let notes = ["sourceType": "What it was made from, such as ticket or invoice."]

    public var documentId: UUID
    public var sourceType: String
    public var sourceId: UUID
    public var generatedByUserId: UUID?
    public var generatedAt: Timestamp
    public var fileName: String

    public init(
        documentId: UUID, sourceType: String, sourceId: UUID, generatedByUserId: UUID? = nil, generatedAt: Timestamp,
        fileName: String
    ) {
        self.documentId = documentId
        self.sourceType = sourceType
        self.sourceId = sourceId
        self.generatedByUserId = generatedByUserId
        self.generatedAt = generatedAt
        self.fileName = fileName
    }

    public var aggregate: Aggregate { Aggregate(type: "document", id: documentId) }

    public static var example: Self {
        DocumentGenerated(
            documentId: Example.id("document"), sourceType: "ticket", sourceId: Example.id("ticket"),
            generatedByUserId: Example.id("agent"), generatedAt: Example.time(), fileName: "vpn-log.txt")
    }
}
