#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A contact was created.
public struct ContactCreated: Event {
    public static let name = "contact.created"
    public static let summary = "A contact was created."
    public static let category = "CRM"
    public static let owner = "crm"

    public var contactId: UUID
    public var clientId: UUID
    public var fullName: String
    public var email: String?
    public var phoneNumber: String?
    public var createdByUserId: UUID
    public var createdAt: Timestamp
    public var snapshot: JSONObject?

    public init(
        contactId: UUID, clientId: UUID, fullName: String, email: String? = nil, phoneNumber: String? = nil,
        createdByUserId: UUID, createdAt: Timestamp, snapshot: JSONObject? = nil
    ) {
        self.contactId = contactId
        self.clientId = clientId
        self.fullName = fullName
        self.email = email
        self.phoneNumber = phoneNumber
        self.createdByUserId = createdByUserId
        self.createdAt = createdAt
        self.snapshot = snapshot
    }

    public var aggregate: Aggregate { Aggregate(type: "contact", id: contactId) }

    public static var example: Self {
        ContactCreated(
            contactId: Example.id("customer"), clientId: Example.id("client"), fullName: "Ada Lovelace",
            email: "ada@example.com", phoneNumber: "+49 30 1234567", createdByUserId: Example.id("agent"),
            createdAt: Example.time(), snapshot: ["id": .uuid(Example.id("customer")), "version": 1])
    }
}
