import Contracts
import Crypto
import Database
import Logging
import Synchronization
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Tells who a request comes from: an API key, or a user's access token.
final class Authenticator: Sendable {
    /// How long an answer of the database is believed at most; changes end it sooner (``PrincipalCache``).
    static let lifetime: Duration = .seconds(30)
    /// Credentials that don't exist are remembered for a shorter time, so that guessing costs no query each.
    static let refusalLifetime: Duration = .seconds(5)
    static let capacity = 20_000

    private let database: Database
    private let tokens: AccessTokens
    private let uses: ApiKeyUses
    private let reloadKeys: @Sendable () async -> Void
    private let principals: PrincipalCache<SHA256Digest, Result<Principal, CredentialRefusal>>
    private let organizations: PrincipalCache<UUID, OrganizationFacts?>

    init(
        database: Database, tokens: AccessTokens, epochs: Epochs, uses: ApiKeyUses,
        reloadKeys: @escaping @Sendable () async -> Void
    ) {
        self.database = database
        self.tokens = tokens
        self.uses = uses
        self.reloadKeys = reloadKeys
        principals = PrincipalCache(epochs: epochs, capacity: Self.capacity)
        organizations = PrincipalCache(epochs: epochs, capacity: Self.capacity)
    }

    /// Believes an `Authorization` header, or says why not.
    func authenticate(_ authorization: String?) async throws -> Principal {
        guard let authorization else { throw CredentialRefusal.missing }
        let digest = SHA256.hash(data: Data(authorization.utf8))
        if let known = principals.find(digest, at: .now) {
            let principal = try known.get()
            if let expiresAt = principal.expiresAt, expiresAt <= .now { throw CredentialRefusal.expired }
            if let keyId = principal.caller.keyId { uses.note(keyId, of: principal.organization.id) }
            return principal
        }
        let credentials = try Self.bearer(authorization)
        let (result, tenantId, epoch) = try await look(credentials)
        let isGood = if case .success = result { true } else { false }
        principals.store(
            digest,
            .init(
                value: result, tenantId: tenantId, epoch: epoch, readAt: .now,
                lifetime: isGood ? Self.lifetime : Self.refusalLifetime))
        let principal = try result.get()
        if let keyId = principal.caller.keyId { uses.note(keyId, of: principal.organization.id) }
        return principal
    }

    private static func bearer(_ authorization: String) throws(CredentialRefusal) -> Substring {
        let parts = authorization.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].lowercased() == "bearer", !parts[1].isEmpty, !parts[1].contains(" ") else {
            throw .malformed
        }
        return parts[1]
    }

    private typealias Looked = (Result<Principal, CredentialRefusal>, tenantId: UUID?, epoch: Int64)

    private func look(_ credentials: Substring) async throws -> Looked {
        if credentials.hasPrefix(ApiKeySecret.prefix) {
            guard let secret = ApiKeySecret(credentials) else { return (.failure(.unknown), nil, 0) }
            return try await look(secret)
        }
        let claims: AccessClaims
        do {
            claims = try await verify(String(credentials))
        } catch let refusal as TokenRefusal {
            return (.failure(refusal == .expired ? .expired : .unknown), nil, 0)
        }
        return try await look(claims)
    }

    private func verify(_ token: String) async throws -> AccessClaims {
        do {
            return try await tokens.verify(token, now: .now)
        } catch TokenRefusal.key {
            // Another process may have begun to sign with a new key.
            await reloadKeys()
            return try await tokens.verify(token, now: .now)
        }
    }

    // MARK: - Look-ups

    /// The organization of a row `k`, the epoch it was read at, and whether it or one above it is suspended.
    private static let organizationColumns: SQL = """
        o.id, o.plan, o.cors_origins,
            coalesce((SELECT e.epoch FROM identity_epochs AS e WHERE e.tenant_id = k.tenant_id), 0),
            NOT EXISTS (
                WITH RECURSIVE line AS (
                    SELECT o.id, o.parent_id, o.status, 0 AS depth
                    UNION ALL
                    SELECT above.id, above.parent_id, above.status, line.depth + 1
                    FROM line
                    JOIN organizations AS above ON above.tenant_id = line.parent_id AND above.id = line.parent_id
                    WHERE line.depth < 32
                )
                SELECT FROM line WHERE status <> 'active'
            )
        """

    private func look(_ secret: ApiKeySecret) async throws -> Looked {
        let row = try await database.transaction(as: .admin, readOnly: true) { tx in
            try await tx.first(
                """
                SELECT \(Self.organizationColumns),
                    k.id, k.name, k.roles, k.scopes, k.requests_per_minute, k.expires_at, k.revoked_at
                FROM api_keys AS k
                JOIN organizations AS o ON o.tenant_id = k.tenant_id AND o.id = k.tenant_id
                WHERE k.key_hash = \(secret.hashText)
                """)
        }
        guard let row else { return (.failure(.unknown), nil, 0) }
        let (organizationId, plan, origins, epoch, isActive, id, name, roles, scopes, perMinute, expiresAt, revokedAt) =
            try row.decode(
                (
                    UUID, String, [String], Int64, Bool, UUID, String, [String], [String], Int?, Timestamp?, Timestamp?
                ).self)
        let organization = OrganizationFacts(
            id: organizationId, isActive: isActive, plan: Plan(rawValue: plan) ?? .standard, corsOrigins: origins)
        if revokedAt != nil { return (.failure(.revoked), organizationId, epoch) }
        if let expiresAt, expiresAt <= .now { return (.failure(.expired), organizationId, epoch) }
        guard isActive else { return (.failure(.suspended), organizationId, epoch) }
        let caller = Caller(
            tenantId: organizationId, actor: Actor(type: .apiKey, userId: id), roles: roles,
            permissions: Role.permissions(of: roles).narrowed(to: Set(scopes)),
            platformAdmin: Self.isPlatformAdmin(roles, organizationId), displayName: name, keyId: id)
        let quota = perMinute.map { RateQuota(requests: $0, windowSeconds: 60) } ?? organization.plan.perCaller
        let principal = Principal(
            caller: caller, organization: organization,
            limits: [
                RateLimit(policy: .key, tenantId: organizationId, bucket: "key:" + id.text, quota: quota),
                Self.limit(of: organization),
            ],
            expiresAt: expiresAt)
        return (.success(principal), organizationId, epoch)
    }

    private func look(_ claims: AccessClaims) async throws -> Looked {
        guard let tenantId = UUID(text: claims.org), let sessionId = UUID(text: claims.sid),
            let userId = UUID(text: claims.sub)
        else { return (.failure(.unknown), nil, 0) }
        let row = try await database.transaction(as: .tenant(tenantId), readOnly: true) { tx in
            try await tx.first(
                """
                SELECT o.id, o.plan, o.cors_origins,
                    coalesce((SELECT e.epoch FROM identity_epochs AS e WHERE e.tenant_id = s.tenant_id), 0),
                    s.revoked_at, s.expires_at, u.status, u.display_name, u.roles
                FROM sessions AS s
                JOIN users AS u ON u.tenant_id = s.tenant_id AND u.id = s.user_id
                JOIN organizations AS o ON o.tenant_id = s.tenant_id AND o.id = s.tenant_id
                WHERE s.tenant_id = \(tenantId) AND s.id = \(sessionId) AND s.user_id = \(userId)
                """)
        }
        guard let row else { return (.failure(.unknown), nil, 0) }
        let (organizationId, plan, origins, epoch, revokedAt, sessionEnd, status, name, roles) = try row.decode(
            (UUID, String, [String], Int64, Timestamp?, Timestamp, String, String, [String]).self)
        if status != "active" { return (.failure(.deactivated), tenantId, epoch) }
        if revokedAt != nil { return (.failure(.revoked), tenantId, epoch) }
        if sessionEnd <= .now { return (.failure(.expired), tenantId, epoch) }
        guard try await organizationFacts(tenantId)?.isActive == true else {
            return (.failure(.suspended), tenantId, epoch)
        }
        let organization = OrganizationFacts(
            id: organizationId, isActive: true, plan: Plan(rawValue: plan) ?? .standard, corsOrigins: origins)
        let caller = Caller(
            tenantId: tenantId, actor: Actor(type: .user, userId: userId), roles: roles,
            permissions: Role.permissions(of: roles), platformAdmin: Self.isPlatformAdmin(roles, tenantId),
            displayName: name, sessionId: sessionId)
        let principal = Principal(
            caller: caller, organization: organization,
            limits: [
                RateLimit(
                    policy: .user, tenantId: tenantId, bucket: "user:" + userId.text, quota: organization.plan.perCaller
                ),
                Self.limit(of: organization),
            ],
            expiresAt: min(sessionEnd, Timestamp(milliseconds: claims.exp * 1000)))
        return (.success(principal), tenantId, epoch)
    }

    /// What the edge needs to know about an organization, nil where there is none.
    func organizationFacts(_ id: UUID) async throws -> OrganizationFacts? {
        if let known = organizations.find(id, at: .now) { return known }
        let row = try await database.transaction(as: .admin, readOnly: true) { tx in
            try await tx.first(
                """
                SELECT \(Self.organizationColumns)
                FROM organizations AS o
                CROSS JOIN LATERAL (SELECT o.tenant_id) AS k
                WHERE o.tenant_id = \(id) AND o.id = \(id)
                """)
        }
        guard let row else {
            organizations.store(
                id, .init(value: nil, tenantId: id, epoch: 0, readAt: .now, lifetime: Self.refusalLifetime))
            return nil
        }
        let (_, plan, origins, epoch, isActive) = try row.decode((UUID, String, [String], Int64, Bool).self)
        let facts = OrganizationFacts(
            id: id, isActive: isActive, plan: Plan(rawValue: plan) ?? .standard, corsOrigins: origins)
        organizations.store(
            id, .init(value: facts, tenantId: id, epoch: epoch, readAt: .now, lifetime: Self.lifetime))
        return facts
    }

    private static func limit(of organization: OrganizationFacts) -> RateLimit {
        RateLimit(
            policy: .organization, tenantId: organization.id, bucket: "organization",
            quota: organization.plan.perOrganization)
    }

    /// The role counts only in the platform's own organization: nowhere else can it be had by changing a row.
    private static func isPlatformAdmin(_ roles: [String], _ organization: UUID) -> Bool {
        organization == PlatformOrganization.id && roles.contains(Role.platformAdmin.rawValue)
    }
}
