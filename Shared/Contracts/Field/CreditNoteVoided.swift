#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A credit note was voided.
public struct CreditNoteVoided: Event {
    public static let name = "credit_note.voided"
    public static let summary = "A credit note was voided."
    public static let category = "Billing"
    public static let owner = "field"

    public var creditNoteId: UUID
    public var voidedByUserId: UUID
    public var voidedAt: Timestamp
    public var reason: String?

    public init(creditNoteId: UUID, voidedByUserId: UUID, voidedAt: Timestamp, reason: String? = nil) {
        self.creditNoteId = creditNoteId
        self.voidedByUserId = voidedByUserId
        self.voidedAt = voidedAt
        self.reason = reason
    }

    public var aggregate: Aggregate { Aggregate(type: "credit_note", id: creditNoteId) }

    public static var example: Self {
        CreditNoteVoided(
            creditNoteId: Example.id("credit-note"), voidedByUserId: Example.id("agent"), voidedAt: Example.time(),
            reason: "Asked by the customer")
    }
}
