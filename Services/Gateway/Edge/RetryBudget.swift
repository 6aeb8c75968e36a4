/// Bounds how much load retries may add: every call earns a part of a retry, every retry spends one. When many calls
/// fail at once the budget runs dry and failures pass through instead of doubling the load on what already struggles.
struct RetryBudget: Sendable {
    /// Retries earned by one call.
    let share: Double
    /// The most that can be saved up.
    let capacity: Double
    private var saved: Double

    init(share: Double = 0.1, capacity: Double = 50) {
        self.share = share
        self.capacity = capacity
        saved = capacity
    }

    /// A call began.
    mutating func earn() {
        saved = min(capacity, saved + share)
    }

    /// Whether one more retry may be made; takes it from the budget.
    mutating func spend() -> Bool {
        guard saved >= 1 else { return false }
        saved -= 1
        return true
    }
}
