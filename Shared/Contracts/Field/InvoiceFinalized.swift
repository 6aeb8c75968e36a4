#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// An invoice was finalized.
public struct InvoiceFinalized: Event {
    public static let name = "invoice.finalized"
    public static let summary = "An invoice was finalized."
    public static let category = "Core"
    public static let owner = "field"

    public var invoiceId: UUID
    public var clientId: UUID
    public var totalAmount: Amount
    public var currency: String
    public var finalizedByUserId: UUID?
    public var finalizedAt: Timestamp

    public init(
        invoiceId: UUID, clientId: UUID, totalAmount: Amount, currency: String, finalizedByUserId: UUID? = nil,
        finalizedAt: Timestamp
    ) {
        self.invoiceId = invoiceId
        self.clientId = clientId
        self.totalAmount = totalAmount
        self.currency = currency
        self.finalizedByUserId = finalizedByUserId
        self.finalizedAt = finalizedAt
    }

    public var aggregate: Aggregate { Aggregate(type: "invoice", id: invoiceId) }

    public static var example: Self {
        InvoiceFinalized(
            invoiceId: Example.id("invoice"), clientId: Example.id("client"), totalAmount: "1290.00", currency: "EUR",
            finalizedByUserId: Example.id("agent"), finalizedAt: Example.time())
    }
}
