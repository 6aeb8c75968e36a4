#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A contact was archived.
public struct ContactArchived: Event {
    public static let name = "contact.archived"
    public static let summary = "A contact was archived."
    public static let category = "CRM"
    public static let owner = "crm"

    public var contactId: UUID
    public var clientId: UUID
    public var archivedByUserId: UUID
    public var archivedAt: Timestamp
    public var reason: String?

    public init(
        contactId: UUID, clientId: UUID, archivedByUserId: UUID, archivedAt: Timestamp, reason: String? = nil
    ) {
        self.contactId = contactId
        self.clientId = clientId
        self.archivedByUserId = archivedByUserId
        self.archivedAt = archivedAt
        self.reason = reason
    }

    public var aggregate: Aggregate { Aggregate(type: "contact", id: contactId) }

    public static var example: Self {
        ContactArchived(
            contactId: Example.id("customer"), clientId: Example.id("client"), archivedByUserId: Example.id("agent"),
            archivedAt: Example.time(), reason: "Asked by the customer")
    }
}
