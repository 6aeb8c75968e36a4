/// A condition that did not come true in time.
public struct NotInTime: Error, CustomStringConvertible {
    public let what: String
    public let limit: Duration

    public var description: String { "not within \(limit): \(what)" }
}

/// Waits until `condition` holds, looking often; throws when it takes longer than `limit`.
public func eventually(
    _ what: String, within limit: Duration = .seconds(120), _ condition: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + limit
    var pause = Duration.milliseconds(1)
    while try await !condition() {
        guard ContinuousClock.now < deadline else { throw NotInTime(what: what, limit: limit) }
        try await Task.sleep(for: pause)
        pause = min(pause * 2, .milliseconds(50))
    }
}
