#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A credit note was set against an invoice.
public struct CreditNoteApplied: Event {
    public static let name = "credit_note.applied"
    public static let summary = "A credit note was set against an invoice."
    public static let category = "Billing"
    public static let owner = "field"

    public var creditNoteId: UUID
    public var invoiceId: UUID
    public var appliedByUserId: UUID
    public var appliedAt: Timestamp
    public var amountApplied: Amount
    public var currency: String

    public init(
        creditNoteId: UUID, invoiceId: UUID, appliedByUserId: UUID, appliedAt: Timestamp, amountApplied: Amount,
        currency: String
    ) {
        self.creditNoteId = creditNoteId
        self.invoiceId = invoiceId
        self.appliedByUserId = appliedByUserId
        self.appliedAt = appliedAt
        self.amountApplied = amountApplied
        self.currency = currency
    }

    public var aggregate: Aggregate { Aggregate(type: "credit_note", id: creditNoteId) }

    public static var example: Self {
        CreditNoteApplied(
            creditNoteId: Example.id("credit-note"), invoiceId: Example.id("invoice"),
            appliedByUserId: Example.id("agent"), appliedAt: Example.time(), amountApplied: "129.90", currency: "EUR")
    }
}
