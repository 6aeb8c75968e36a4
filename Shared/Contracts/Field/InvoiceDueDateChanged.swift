#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The due date of an invoice changed.
public struct InvoiceDueDateChanged: Event {
    public static let name = "invoice.due_date_changed"
    public static let summary = "The due date of an invoice changed."
    public static let category = "Billing"
    public static let owner = "field"

    public var invoiceId: UUID
    public var previousDueDate: CalendarDate
    public var newDueDate: CalendarDate
    public var changedAt: Timestamp

    public init(invoiceId: UUID, previousDueDate: CalendarDate, newDueDate: CalendarDate, changedAt: Timestamp) {
        self.invoiceId = invoiceId
        self.previousDueDate = previousDueDate
        self.newDueDate = newDueDate
        self.changedAt = changedAt
    }

    public var aggregate: Aggregate { Aggregate(type: "invoice", id: invoiceId) }

    public static var example: Self {
        InvoiceDueDateChanged(
            invoiceId: Example.id("invoice"), previousDueDate: Example.date("2026-01-31"),
            newDueDate: Example.date("2026-02-14"), changedAt: Example.time())
    }
}
