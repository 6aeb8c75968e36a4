#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A payment was refunded.
public struct PaymentRefunded: Event {
    public static let name = "payment.refunded"
    public static let summary = "A payment was refunded."
    public static let category = "Billing"
    public static let owner = "field"

    public var paymentId: UUID
    public var refundedAt: Timestamp
    public var refundedByUserId: UUID
    public var amount: Amount
    public var currency: String
    public var reason: String?

    public init(
        paymentId: UUID, refundedAt: Timestamp, refundedByUserId: UUID, amount: Amount, currency: String,
        reason: String? = nil
    ) {
        self.paymentId = paymentId
        self.refundedAt = refundedAt
        self.refundedByUserId = refundedByUserId
        self.amount = amount
        self.currency = currency
        self.reason = reason
    }

    public var aggregate: Aggregate { Aggregate(type: "payment", id: paymentId) }

    public static var example: Self {
        PaymentRefunded(
            paymentId: Example.id("payment"), refundedAt: Example.time(), refundedByUserId: Example.id("agent"),
            amount: "129.90", currency: "EUR", reason: "Asked by the customer")
    }
}
