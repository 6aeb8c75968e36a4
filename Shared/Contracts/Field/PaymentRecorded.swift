#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A payment was recorded.
public struct PaymentRecorded: Event {
    public static let name = "payment.recorded"
    public static let summary = "A payment was recorded."
    public static let category = "Billing"
    public static let owner = "field"
    public static let notes = ["method": "Such as card, sepa_debit or cash."]

    public var paymentId: UUID
    public var clientId: UUID
    public var receivedAt: Timestamp
    public var amount: Amount
    public var currency: String
    public var method: String
    public var receivedByUserId: UUID?
    public var gatewayTransactionId: String?

    public init(
        paymentId: UUID, clientId: UUID, receivedAt: Timestamp, amount: Amount, currency: String, method: String,
        receivedByUserId: UUID? = nil, gatewayTransactionId: String? = nil
    ) {
        self.paymentId = paymentId
        self.clientId = clientId
        self.receivedAt = receivedAt
        self.amount = amount
        self.currency = currency
        self.method = method
        self.receivedByUserId = receivedByUserId
        self.gatewayTransactionId = gatewayTransactionId
    }

    public var aggregate: Aggregate { Aggregate(type: "payment", id: paymentId) }

    public static var example: Self {
        PaymentRecorded(
            paymentId: Example.id("payment"), clientId: Example.id("client"), receivedAt: Example.time(),
            amount: "129.90", currency: "EUR", method: "card", receivedByUserId: Example.id("agent"),
            gatewayTransactionId: "ch_3Px1")
    }
}
