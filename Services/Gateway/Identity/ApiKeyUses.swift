import Contracts
import Database
import Logging
import ServiceLifecycle
import Synchronization

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Notes when API keys were last used, and writes it down every few seconds: a request costs no write.
final class ApiKeyUses: Service {
    static let interval: Duration = .seconds(5)

    private struct Use {
        let tenantId: UUID
        let at: Timestamp
    }

    private let database: Database
    private let noted = Mutex<[UUID: Use]>([:])

    init(database: Database) {
        self.database = database
    }

    func note(_ keyId: UUID, of tenantId: UUID) {
        noted.withLock { $0[keyId] = Use(tenantId: tenantId, at: .now) }
    }

    func run() async throws {
        try? await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                try await Task.sleep(for: Self.interval)
                await self.flush()
            }
        }
        await flush()
    }

    func flush() async {
        let uses = noted.withLock { noted in
            defer { noted = [:] }
            return noted
        }
        guard !uses.isEmpty else { return }
        // Sorted, so that two processes never wait for each other.
        let keys = uses.keys.sorted()
        let tenants = keys.compactMap { uses[$0]?.tenantId }
        let times = keys.compactMap { uses[$0]?.at.rfc3339 }
        do {
            try await database.transaction(as: .admin) { tx in
                _ = try await tx.execute(
                    """
                    INSERT INTO api_key_uses AS u (tenant_id, api_key_id, last_used_at)
                    SELECT tenant_id, key_id, at::timestamptz
                    FROM unnest(\(tenants), \(keys), \(times)) AS used (tenant_id, key_id, at)
                    ON CONFLICT (tenant_id, api_key_id)
                    DO UPDATE SET last_used_at = greatest(u.last_used_at, excluded.last_used_at)
                    """)
            }
        } catch {
            Logger.current.debug("uses of API keys could not be written", metadata: ["error": "\(error)"])
        }
    }
}
