/// What an organization's plan allows. A token bucket each: `requests` at once, refilled over the window.
enum Plan: String, CaseIterable, Sendable {
    case trial
    case standard
    case business
    case enterprise
    /// For the platform itself and its operators.
    case unlimited

    /// Requests of one API key or one user.
    var perCaller: RateQuota {
        switch self {
        case .trial: RateQuota(requests: 600, windowSeconds: 60)
        case .standard: RateQuota(requests: 3_000, windowSeconds: 60)
        case .business: RateQuota(requests: 12_000, windowSeconds: 60)
        case .enterprise: RateQuota(requests: 60_000, windowSeconds: 60)
        case .unlimited: RateQuota(requests: 6_000_000, windowSeconds: 60)
        }
    }

    /// Requests of all callers of the organization together.
    var perOrganization: RateQuota {
        switch self {
        case .trial: RateQuota(requests: 1_200, windowSeconds: 60)
        case .standard: RateQuota(requests: 12_000, windowSeconds: 60)
        case .business: RateQuota(requests: 60_000, windowSeconds: 60)
        case .enterprise: RateQuota(requests: 300_000, windowSeconds: 60)
        case .unlimited: RateQuota(requests: 12_000_000, windowSeconds: 60)
        }
    }
}
