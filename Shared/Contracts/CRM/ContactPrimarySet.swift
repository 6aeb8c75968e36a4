#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A client got another primary contact.
public struct ContactPrimarySet: Event {
    public static let name = "contact_primary.set"
    public static let summary = "A client got another primary contact."
    public static let category = "CRM"
    public static let owner = "crm"

    public var clientId: UUID
    public var contactId: UUID
    public var previousPrimaryContactId: UUID?
    public var setByUserId: UUID
    public var setAt: Timestamp

    public init(
        clientId: UUID, contactId: UUID, previousPrimaryContactId: UUID? = nil, setByUserId: UUID, setAt: Timestamp
    ) {
        self.clientId = clientId
        self.contactId = contactId
        self.previousPrimaryContactId = previousPrimaryContactId
        self.setByUserId = setByUserId
        self.setAt = setAt
    }

    public var aggregate: Aggregate { Aggregate(type: "client", id: clientId) }

    public static var example: Self {
        ContactPrimarySet(
            clientId: Example.id("client"), contactId: Example.id("customer"),
            previousPrimaryContactId: Example.id("other-contact"), setByUserId: Example.id("agent"),
            setAt: Example.time())
    }
}
