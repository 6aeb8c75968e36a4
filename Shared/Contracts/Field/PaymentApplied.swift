#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A payment was set against invoices.
public struct PaymentApplied: Event {
    public static let name = "payment.applied"
    public static let summary = "A payment was set against invoices."
    public static let category = "Billing"
    public static let owner = "field"

    public struct Application: Sendable, Codable, Equatable {
        public var invoiceId: UUID
        public var amountApplied: Amount

        public init(invoiceId: UUID, amountApplied: Amount) {
            self.invoiceId = invoiceId
            self.amountApplied = amountApplied
        }
    }

    public var paymentId: UUID
    public var appliedAt: Timestamp
    public var appliedByUserId: UUID
    public var applications: [Application]

    public init(paymentId: UUID, appliedAt: Timestamp, appliedByUserId: UUID, applications: [Application]) {
        self.paymentId = paymentId
        self.appliedAt = appliedAt
        self.appliedByUserId = appliedByUserId
        self.applications = applications
    }

    public var aggregate: Aggregate { Aggregate(type: "payment", id: paymentId) }

    public static var example: Self {
        PaymentApplied(
            paymentId: Example.id("payment"), appliedAt: Example.time(), appliedByUserId: Example.id("agent"),
            applications: [Application(invoiceId: Example.id("invoice"), amountApplied: "129.90")])
    }
}
