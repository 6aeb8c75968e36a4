import Contracts
import Database
import ServiceKit
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif
#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// `--bootstrap`: what a fresh installation needs before anybody can come in. The platform's organization, a platform
/// administrator's key, a demo organization with a few users and its administrator's key. What is there already stays.
///
/// A key can be shown only when it is made. Who runs this again gives the keys of the first time in
/// `BOOTSTRAP_API_KEY` and `BOOTSTRAP_ADMIN_KEY`, and gets the same ones; without them new keys are made. The demo users
/// share a password, `BOOTSTRAP_DEMO_PASSWORD` or a random one, which is printed.
public enum GatewayBootstrap {
    /// Runs as this process.
    public static func main() async -> Never {
        let environment = ProcessInfo.processInfo.environment
        let settings: Settings
        do {
            settings = try Settings(PlatformSettings.all + GatewayService.settings, environment: environment)
        } catch {
            for fault in error.faults { say("deskwire-gateway: \(fault)\n", to: STDERR_FILENO) }
            exit(ExitCode.configuration.rawValue)
        }
        do {
            let platform = try Platform(service: GatewayService.name, settings: settings)
            let result = try await Bootstrap(database: platform.database).run(
                apiKey: try key("BOOTSTRAP_API_KEY", environment),
                adminKey: try key("BOOTSTRAP_ADMIN_KEY", environment),
                demoPassword: environment["BOOTSTRAP_DEMO_PASSWORD"].flatMap { $0.isEmpty ? nil : $0 })
            say(
                """
                DESKWIRE_TENANT=\(result.tenantId.text)
                DESKWIRE_API_KEY=\(result.apiKey.text)
                DESKWIRE_ADMIN_KEY=\(result.adminKey.text)

                """, to: STDOUT_FILENO)
            if let password = result.demoPassword { say("DESKWIRE_DEMO_PASSWORD=\(password)\n", to: STDOUT_FILENO) }
            exit(ExitCode.ok.rawValue)
        } catch let error as DatabaseError where error.isTransient {
            say("deskwire-gateway: the database is not there: \(error)\n", to: STDERR_FILENO)
            exit(ExitCode.unavailable.rawValue)
        } catch {
            say("deskwire-gateway: \(error)\n", to: STDERR_FILENO)
            exit(ExitCode.failed.rawValue)
        }
    }

    private struct UnusableKey: Error, CustomStringConvertible {
        let name: String
        var description: String {
            "\(name) is no API key: \(ApiKeySecret.prefix) and \(ApiKeySecret.secretLength.lowerBound) to "
                + "\(ApiKeySecret.secretLength.upperBound) letters and digits"
        }
    }

    private static func key(_ name: String, _ environment: [String: String]) throws -> ApiKeySecret? {
        guard let text = environment[name], !text.isEmpty else { return nil }
        guard let key = ApiKeySecret(text) else { throw UnusableKey(name: name) }
        return key
    }

    private static func say(_ text: String, to descriptor: Int32) {
        var text = text
        text.withUTF8 { _ = write(descriptor, $0.baseAddress, $0.count) }
    }
}

/// Makes what is missing, in one transaction per organization.
struct Bootstrap: Sendable {
    static let demoSlug = "demo"

    private static let demoUsers: [(name: String, email: String, role: Role)] = [
        ("Demo Administrator", "admin@example.com", .tenantAdmin),
        ("Demo Supervisor", "supervisor@example.com", .supervisor),
        ("Demo Agent", "agent@example.com", .agent),
        ("Demo Customer", "customer@example.com", .customer),
    ]

    struct Result: Sendable {
        let tenantId: UUID
        let apiKey: ApiKeySecret
        let adminKey: ApiKeySecret
        /// Of the demo users: the given one, or the random one that has just been set.
        let demoPassword: String?
    }

    let database: Database
    private let epochs = Epochs()

    init(database: Database) {
        self.database = database
    }

    func run(
        apiKey: ApiKeySecret? = nil, adminKey: ApiKeySecret? = nil, demoPassword: String? = nil
    ) async throws -> Result {
        let apiKey = apiKey ?? .random()
        let adminKey = adminKey ?? .random()
        try await database.transaction(as: .admin) { tx in
            try await lock(tx)
            let op = Operation(tx: tx, tenantId: PlatformOrganization.id, requestId: "bootstrap")
            try await ensureOrganization(
                PlatformOrganization.id,
                ["name": PlatformOrganization.name, "kind": "platform", "plan": Plan.unlimited.rawValue],
                op)
            try await ensureKey(adminKey, name: "Platform administrator", role: .platformAdmin, op)
        }
        let password = demoPassword ?? String(ApiKeySecret.random().text.suffix(20))
        let hash = try PasswordHash(of: password).stored
        let (tenantId, isNew) = try await database.transaction(as: .admin) { tx in
            try await lock(tx)
            let known = try await tx.first(
                "SELECT organization_id FROM organization_slugs WHERE slug = \(Self.demoSlug)")
            let id = try known?.get(0, as: UUID.self) ?? UUID.v7()
            let op = Operation(tx: tx, tenantId: id, requestId: "bootstrap")
            try await ensureOrganization(
                id, ["name": "Demo organization", "slug": Self.demoSlug, "plan": Plan.enterprise.rawValue], op)
            var isNew = false
            for user in Self.demoUsers {
                isNew = try await ensureUser(user.name, user.email, user.role, hash, op) || isNew
            }
            try await ensureKey(apiKey, name: "Demo administrator", role: .tenantAdmin, op)
            return (id, isNew)
        }
        return Result(
            tenantId: tenantId, apiKey: apiKey, adminKey: adminKey,
            demoPassword: isNew ? password : demoPassword)
    }

    /// Two at the same time would both find nothing.
    private func lock(_ tx: Transaction) async throws {
        _ = try await tx.query("SELECT pg_advisory_xact_lock(hashtextextended('gateway bootstrap', 0))")
    }

    private func ensureOrganization(_ id: UUID, _ values: Values, _ op: Operation) async throws {
        let store = ResourceStore(Organizations(epochs: epochs))
        guard try await store.find(id, in: op.tx, tenantId: id) == nil else { return }
        _ = try await store.create(values, id: id, in: op)
    }

    /// Whether the user had to be made.
    private func ensureUser(
        _ name: String, _ email: String, _ role: Role, _ passwordHash: String, _ op: Operation
    ) async throws -> Bool {
        let store = ResourceStore(Users(epochs: epochs))
        let known = try await store.select("t.email = \(email)", in: op.tx, tenantId: op.tenantId)
        guard known.isEmpty else { return false }
        let values: Values = ["email": email, "displayName": name, "roles": [role.rawValue]]
        let user = try await store.create(values, in: op)
        op.tx.enqueue(
            LoginRoutes.keep(passwordHash: passwordHash, of: user.id, tenantId: op.tenantId, at: op.now))
        return true
    }

    private func ensureKey(_ secret: ApiKeySecret, name: String, role: Role, _ op: Operation) async throws {
        let keys = ApiKeys(epochs: epochs)
        let store = ResourceStore(keys)
        let known = try await store.select("t.key_hash = \(secret.hashText)", in: op.tx, tenantId: op.tenantId)
        guard known.isEmpty else { return }
        _ = try await keys.create(["name": name, "roles": [role.rawValue]], secret: secret, in: op, store)
    }
}
