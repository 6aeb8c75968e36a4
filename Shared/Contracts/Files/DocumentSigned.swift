#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A document was signed.
public struct DocumentSigned: Event {
    public static let name = "document.signed"
    public static let summary = "A document was signed."
    public static let category = "Documents"
    public static let owner = "files"
    public static let notes = ["requestId": "The signature request."]

    public var documentId: UUID
    public var requestId: UUID
    public var signedAt: Timestamp
    public var signerEmail: String?
    public var signerId: UUID?

    public init(
        documentId: UUID, requestId: UUID, signedAt: Timestamp, signerEmail: String? = nil, signerId: UUID? = nil
    ) {
        self.documentId = documentId
        self.requestId = requestId
        self.signedAt = signedAt
        self.signerEmail = signerEmail
        self.signerId = signerId
    }

    public var aggregate: Aggregate { Aggregate(type: "document", id: documentId) }

    public static var example: Self {
        DocumentSigned(
            documentId: Example.id("document"), requestId: Example.id("request"), signedAt: Example.time(),
            signerEmail: "ada@example.com", signerId: Example.id("customer"))
    }
}
