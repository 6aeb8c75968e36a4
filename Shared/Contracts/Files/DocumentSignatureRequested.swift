#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A document was sent for signature.
public struct DocumentSignatureRequested: Event {
    public static let name = "document_signature.requested"
    public static let summary = "A document was sent for signature."
    public static let category = "Documents"
    public static let owner = "files"
    public static let notes = ["requestId": "The signature request."]

    public struct Signer: Sendable, Codable, Equatable {
        public var email: String
        public var name: String?

        public init(email: String, name: String? = nil) {
            self.email = email
            self.name = name
        }
    }

    public var documentId: UUID
    public var requestId: UUID
    public var requestedByUserId: UUID
    public var requestedAt: Timestamp
    public var signers: [Signer]
    public var expiresAt: Timestamp?

    public init(
        documentId: UUID, requestId: UUID, requestedByUserId: UUID, requestedAt: Timestamp, signers: [Signer],
        expiresAt: Timestamp? = nil
    ) {
        self.documentId = documentId
        self.requestId = requestId
        self.requestedByUserId = requestedByUserId
        self.requestedAt = requestedAt
        self.signers = signers
        self.expiresAt = expiresAt
    }

    public var aggregate: Aggregate { Aggregate(type: "document", id: documentId) }

    public static var example: Self {
        DocumentSignatureRequested(
            documentId: Example.id("document"), requestId: Example.id("request"),
            requestedByUserId: Example.id("agent"), requestedAt: Example.time(),
            signers: [Signer(email: "ada@example.com", name: "Ada Lovelace")], expiresAt: Example.time(minutes: 20160))
    }
}
