#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A contact changed.
public struct ContactUpdated: Event {
    public static let name = "contact.updated"
    public static let summary = "A contact changed."
    public static let category = "CRM"
    public static let owner = "crm"

    public var contactId: UUID
    public var clientId: UUID
    public var updatedByUserId: UUID
    public var updatedAt: Timestamp
    public var updatedFields: [String]?
    public var changes: [String: Change]?

    public init(
        contactId: UUID, clientId: UUID, updatedByUserId: UUID, updatedAt: Timestamp, updatedFields: [String]? = nil,
        changes: [String: Change]? = nil
    ) {
        self.contactId = contactId
        self.clientId = clientId
        self.updatedByUserId = updatedByUserId
        self.updatedAt = updatedAt
        self.updatedFields = updatedFields
        self.changes = changes
    }

    public var aggregate: Aggregate { Aggregate(type: "contact", id: contactId) }

    public static var example: Self {
        ContactUpdated(
            contactId: Example.id("customer"), clientId: Example.id("client"), updatedByUserId: Example.id("agent"),
            updatedAt: Example.time(), updatedFields: ["name"],
            changes: ["name": Change(previous: "Analytical Engine", new: "Analytical Engines")])
    }
}
