#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// An invoice was sent.
public struct InvoiceSent: Event {
    public static let name = "invoice.sent"
    public static let summary = "An invoice was sent."
    public static let category = "Billing"
    public static let owner = "field"

    public enum DeliveryMethod: String, Sendable, Codable, CaseIterable {
        case email, portal, print
    }

    public var invoiceId: UUID
    public var clientId: UUID
    public var sentByUserId: UUID
    public var sentAt: Timestamp
    public var deliveryMethod: DeliveryMethod

    public init(
        invoiceId: UUID, clientId: UUID, sentByUserId: UUID, sentAt: Timestamp, deliveryMethod: DeliveryMethod
    ) {
        self.invoiceId = invoiceId
        self.clientId = clientId
        self.sentByUserId = sentByUserId
        self.sentAt = sentAt
        self.deliveryMethod = deliveryMethod
    }

    public var aggregate: Aggregate { Aggregate(type: "invoice", id: invoiceId) }

    public static var example: Self {
        InvoiceSent(
            invoiceId: Example.id("invoice"), clientId: Example.id("client"), sentByUserId: Example.id("agent"),
            sentAt: Example.time(), deliveryMethod: .email)
    }
}
