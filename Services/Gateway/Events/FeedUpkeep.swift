import Database
import Logging
import ServiceLifecycle

/// Keeps the gateway's tables in shape: partitions of the feed, sessions and buckets that nobody needs any more.
struct FeedUpkeep: Service {
    static let interval: Duration = .seconds(3600)
    /// Ended sessions are kept for this long, for whoever asks what happened.
    static let sessionDays = 30

    let database: Database
    let retentionDays: Int

    func run() async throws {
        try? await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                await keepHouse()
                try await Task.sleep(for: Self.interval)
            }
        }
    }

    func keepHouse() async {
        do {
            try await database.transaction(as: .admin) { tx in
                _ = try await tx.query("SELECT ensure_feed_partitions(\(feedPartitionDaysAhead)::integer)")
            }
            try await database.transaction(as: .admin) { tx in
                _ = try await tx.query("SELECT drop_feed_partitions(\(retentionDays)::integer)")
            }
            try await database.transaction(as: .admin) { tx in
                _ = try await tx.execute(
                    "DELETE FROM sessions WHERE expires_at < now() - make_interval(days => \(Self.sessionDays)::integer)"
                )
                _ = try await tx.execute("DELETE FROM rate_buckets WHERE filled_at < now() - interval '1 day'")
            }
        } catch is CancellationError {
            return
        } catch {
            Logger.current.warning("the gateway's upkeep failed", metadata: ["error": "\(error)"])
        }
    }
}
