#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Customer satisfaction fell below a threshold.
public struct CsatAlertTriggered: Event {
    public static let name = "csat_alert.triggered"
    public static let summary = "Customer satisfaction fell below a threshold."
    public static let category = "Email + Notifications + Surveys"
    public static let owner = "surveys"
    public static let notes = ["scopeId": "The agent, team or organization."]

    public enum Window: String, Sendable, Codable, CaseIterable {
        case daily, weekly, monthly
    }

    public enum ScopeType: String, Sendable, Codable, CaseIterable {
        case agent, team, org
    }

    public var window: Window
    public var score: Double
    public var baseline: Double?
    public var delta: Double?
    public var threshold: Double
    public var triggeredAt: Timestamp
    public var scopeType: ScopeType
    public var scopeId: UUID?

    public init(
        window: Window, score: Double, baseline: Double? = nil, delta: Double? = nil, threshold: Double,
        triggeredAt: Timestamp, scopeType: ScopeType, scopeId: UUID? = nil
    ) {
        self.window = window
        self.score = score
        self.baseline = baseline
        self.delta = delta
        self.threshold = threshold
        self.triggeredAt = triggeredAt
        self.scopeType = scopeType
        self.scopeId = scopeId
    }

    public var aggregate: Aggregate {
        Aggregate(type: "csat_alert", id: scopeId ?? UUID(derivedFrom: scopeType.rawValue))
    }

    public static var example: Self {
        CsatAlertTriggered(
            window: .weekly, score: 4, baseline: 4.5, delta: -0.5, threshold: 4.2, triggeredAt: Example.time(),
            scopeType: .team, scopeId: Example.id("network"))
    }
}
