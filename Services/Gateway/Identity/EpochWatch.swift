import Contracts
import Database
import Logging
import ServiceLifecycle

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Keeps ``Epochs`` up to date: asks the database several times a second which organizations have changed lately.
/// A key that is revoked through one gateway process is thus dead in all others within about half a second, without a
/// connection that listens and without a look-up per request.
struct EpochWatch: Service {
    /// How long a revoked key may live on in another process, at most.
    static let interval: Duration = .milliseconds(300)
    /// How far back to ask. Longer than a transaction that changes an identity can take (statements end after 10 s),
    /// because `changed_at` is written before the commit makes it visible.
    static let reach: Duration = .seconds(30)

    let database: Database
    let epochs: Epochs

    func run() async throws {
        try? await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                await look()
                try await Task.sleep(for: Self.interval)
            }
        }
    }

    func look() async {
        do {
            let rows = try await database.transaction(as: .admin, readOnly: true) { tx in
                try await tx.query(
                    """
                    SELECT tenant_id, epoch
                    FROM identity_epochs
                    WHERE changed_at > clock_timestamp() - make_interval(secs => \(Self.reach / .seconds(1)))
                    """)
            }
            for row in rows {
                let (tenantId, epoch) = try row.decode((UUID, Int64).self)
                epochs.learn(tenantId, epoch)
            }
        } catch {
            // Entries still end by their own lifetime; nothing is believed for longer than that.
            Logger.current.debug("identity changes can't be watched", metadata: ["error": "\(error)"])
        }
    }
}

extension Transaction {
    /// Makes what gateways remember about an organization invalid: in this process with the commit, in the others
    /// with their next look. Call it in every transaction that changes who may do what.
    func raiseEpoch(of tenantId: UUID, in epochs: Epochs) async throws {
        let row = try await first(
            """
            INSERT INTO identity_epochs AS e (tenant_id) VALUES (\(tenantId))
            ON CONFLICT (tenant_id) DO UPDATE SET epoch = e.epoch + 1, changed_at = clock_timestamp()
            RETURNING epoch
            """)
        guard let epoch = try row?.decode(Int64.self) else { return }
        afterCommit { epochs.learn(tenantId, epoch) }
    }
}
