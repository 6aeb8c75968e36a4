#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// An invoice was written off.
public struct InvoiceWrittenOff: Event {
    public static let name = "invoice.written_off"
    public static let summary = "An invoice was written off."
    public static let category = "Billing"
    public static let owner = "field"

    public var invoiceId: UUID
    public var writtenOffAt: Timestamp
    public var amountWrittenOff: Amount
    public var currency: String
    public var reason: String?

    public init(
        invoiceId: UUID, writtenOffAt: Timestamp, amountWrittenOff: Amount, currency: String, reason: String? = nil
    ) {
        self.invoiceId = invoiceId
        self.writtenOffAt = writtenOffAt
        self.amountWrittenOff = amountWrittenOff
        self.currency = currency
        self.reason = reason
    }

    public var aggregate: Aggregate { Aggregate(type: "invoice", id: invoiceId) }

    public static var example: Self {
        InvoiceWrittenOff(
            invoiceId: Example.id("invoice"), writtenOffAt: Example.time(), amountWrittenOff: "12.50", currency: "EUR",
            reason: "Asked by the customer")
    }
}
