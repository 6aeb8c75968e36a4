#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The status of an invoice changed.
public struct InvoiceStatusChanged: Event {
    public static let name = "invoice.status_changed"
    public static let summary = "The status of an invoice changed."
    public static let category = "Billing"
    public static let owner = "field"

    public var invoiceId: UUID
    public var previousStatus: String
    public var newStatus: String
    public var changedAt: Timestamp

    public init(invoiceId: UUID, previousStatus: String, newStatus: String, changedAt: Timestamp) {
        self.invoiceId = invoiceId
        self.previousStatus = previousStatus
        self.newStatus = newStatus
        self.changedAt = changedAt
    }

    public var aggregate: Aggregate { Aggregate(type: "invoice", id: invoiceId) }

    public static var example: Self {
        InvoiceStatusChanged(
            invoiceId: Example.id("invoice"), previousStatus: "draft", newStatus: "sent", changedAt: Example.time())
    }
}
