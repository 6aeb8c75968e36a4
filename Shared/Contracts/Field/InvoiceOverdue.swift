#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// An invoice was not paid in time.
public struct InvoiceOverdue: Event {
    public static let name = "invoice.overdue"
    public static let summary = "An invoice was not paid in time."
    public static let category = "Billing"
    public static let owner = "field"
    public static let notes = ["overdueAt": "When it became overdue."]

    public var invoiceId: UUID
    public var clientId: UUID
    public var overdueAt: Timestamp
    public var dueDate: CalendarDate
    public var amountDue: Amount
    public var currency: String
    public var daysOverdue: Int

    public init(
        invoiceId: UUID, clientId: UUID, overdueAt: Timestamp, dueDate: CalendarDate, amountDue: Amount,
        currency: String, daysOverdue: Int
    ) {
        self.invoiceId = invoiceId
        self.clientId = clientId
        self.overdueAt = overdueAt
        self.dueDate = dueDate
        self.amountDue = amountDue
        self.currency = currency
        self.daysOverdue = daysOverdue
    }

    public var aggregate: Aggregate { Aggregate(type: "invoice", id: invoiceId) }

    public static var example: Self {
        InvoiceOverdue(
            invoiceId: Example.id("invoice"), clientId: Example.id("client"), overdueAt: Example.time(),
            dueDate: Example.date("2026-01-31"), amountDue: "1290.00", currency: "EUR", daysOverdue: 3)
    }
}
