#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// An invoice was generated.
public struct InvoiceGenerated: Event {
    public static let name = "invoice.generated"
    public static let summary = "An invoice was generated."
    public static let category = "Core"
    public static let owner = "field"

    public var invoiceId: UUID
    public var clientId: UUID
    public var totalAmount: Amount
    public var currency: String
    public var generatedAt: Timestamp
    public var dueDate: CalendarDate?

    public init(
        invoiceId: UUID, clientId: UUID, totalAmount: Amount, currency: String, generatedAt: Timestamp,
        dueDate: CalendarDate? = nil
    ) {
        self.invoiceId = invoiceId
        self.clientId = clientId
        self.totalAmount = totalAmount
        self.currency = currency
        self.generatedAt = generatedAt
        self.dueDate = dueDate
    }

    public var aggregate: Aggregate { Aggregate(type: "invoice", id: invoiceId) }

    public static var example: Self {
        InvoiceGenerated(
            invoiceId: Example.id("invoice"), clientId: Example.id("client"), totalAmount: "1290.00", currency: "EUR",
            generatedAt: Example.time(), dueDate: Example.date("2026-01-31"))
    }
}
