#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A document was uploaded.
public struct DocumentUploaded: Event {
    public static let name = "document.uploaded"
    public static let summary = "A document was uploaded."
    public static let category = "Documents"
    public static let owner = "files"

    public var documentId: UUID
    public var uploadedByUserId: UUID
    public var uploadedAt: Timestamp
    public var fileName: String
    public var contentType: String
    public var sizeBytes: Int
    public var storageKey: String

    public init(
        documentId: UUID, uploadedByUserId: UUID, uploadedAt: Timestamp, fileName: String, contentType: String,
        sizeBytes: Int, storageKey: String
    ) {
        self.documentId = documentId
        self.uploadedByUserId = uploadedByUserId
        self.uploadedAt = uploadedAt
        self.fileName = fileName
        self.contentType = contentType
        self.sizeBytes = sizeBytes
        self.storageKey = storageKey
    }

    public var aggregate: Aggregate { Aggregate(type: "document", id: documentId) }

    public static var example: Self {
        DocumentUploaded(
            documentId: Example.id("document"), uploadedByUserId: Example.id("agent"), uploadedAt: Example.time(),
            fileName: "vpn-log.txt", contentType: "text/plain", sizeBytes: 18230,
            storageKey: "tenants/019b7d1c/files/vpn-log.txt")
    }
}
