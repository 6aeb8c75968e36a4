#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A credit note was created.
public struct CreditNoteCreated: Event {
    public static let name = "credit_note.created"
    public static let summary = "A credit note was created."
    public static let category = "Billing"
    public static let owner = "field"

    public var creditNoteId: UUID
    public var clientId: UUID
    public var createdByUserId: UUID
    public var createdAt: Timestamp
    public var amount: Amount
    public var currency: String
    public var status: String
    public var snapshot: JSONObject?

    public init(
        creditNoteId: UUID, clientId: UUID, createdByUserId: UUID, createdAt: Timestamp, amount: Amount,
        currency: String, status: String, snapshot: JSONObject? = nil
    ) {
        self.creditNoteId = creditNoteId
        self.clientId = clientId
        self.createdByUserId = createdByUserId
        self.createdAt = createdAt
        self.amount = amount
        self.currency = currency
        self.status = status
        self.snapshot = snapshot
    }

    public var aggregate: Aggregate { Aggregate(type: "credit_note", id: creditNoteId) }

    public static var example: Self {
        CreditNoteCreated(
            creditNoteId: Example.id("credit-note"), clientId: Example.id("client"),
            createdByUserId: Example.id("agent"), createdAt: Example.time(), amount: "129.90", currency: "EUR",
            status: "open", snapshot: ["id": .uuid(Example.id("credit-note")), "version": 1])
    }
}
