#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A signature request ran out.
public struct DocumentSignatureExpired: Event {
    public static let name = "document_signature.expired"
    public static let summary = "A signature request ran out."
    public static let category = "Documents"
    public static let owner = "files"
    public static let notes = ["requestId": "The signature request."]

    public var documentId: UUID
    public var requestId: UUID
    public var expiredAt: Timestamp

    public init(documentId: UUID, requestId: UUID, expiredAt: Timestamp) {
        self.documentId = documentId
        self.requestId = requestId
        self.expiredAt = expiredAt
    }

    public var aggregate: Aggregate { Aggregate(type: "document", id: documentId) }

    public static var example: Self {
        DocumentSignatureExpired(
            documentId: Example.id("document"), requestId: Example.id("request"), expiredAt: Example.time())
    }
}
