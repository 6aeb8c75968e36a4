#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A payment failed.
public struct PaymentFailed: Event {
    public static let name = "payment.failed"
    public static let summary = "A payment failed."
    public static let category = "Billing"
    public static let owner = "field"
    public static let notes = ["method": "Such as card, sepa_debit or cash."]

    public var paymentId: UUID?
    public var invoiceId: UUID?
    public var clientId: UUID
    public var failedAt: Timestamp
    public var amount: Amount
    public var currency: String
    public var method: String
    public var failureCode: String?
    public var failureMessage: String?
    public var retryable: Bool?

    public init(
        paymentId: UUID? = nil, invoiceId: UUID? = nil, clientId: UUID, failedAt: Timestamp, amount: Amount,
        currency: String, method: String, failureCode: String? = nil, failureMessage: String? = nil,
        retryable: Bool? = nil
    ) {
        self.paymentId = paymentId
        self.invoiceId = invoiceId
        self.clientId = clientId
        self.failedAt = failedAt
        self.amount = amount
        self.currency = currency
        self.method = method
        self.failureCode = failureCode
        self.failureMessage = failureMessage
        self.retryable = retryable
    }

    public var aggregate: Aggregate {
        paymentId.map { Aggregate(type: "payment", id: $0) } ?? Aggregate(type: "client", id: clientId)
    }

    public static var example: Self {
        PaymentFailed(
            paymentId: Example.id("payment"), invoiceId: Example.id("invoice"), clientId: Example.id("client"),
            failedAt: Example.time(), amount: "129.90", currency: "EUR", method: "card", failureCode: "card_declined",
            failureMessage: "The card was declined.", retryable: true)
    }
}
