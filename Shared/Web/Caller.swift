import Contracts

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Who is calling, as the gateway has established it. A service believes it because the context that carries it is
/// signed (``InternalContext``).
public struct Caller: Sendable, Codable, Hashable {
    /// The caller's organization; nil for one that belongs to none.
    public var tenantId: UUID?
    public var actor: Actor
    public var roles: [String]
    /// Named permissions. `*` stands for all, `tickets.*` for all that begin with `tickets.`.
    public var permissions: Set<String>
    /// May use `/v1/admin/…` and the routes of any tenant.
    public var platformAdmin: Bool
    /// How logs and audit show the caller (the audit user, `X-User`).
    public var displayName: String
    /// The API key that was used, if any.
    public var keyId: UUID?
    public var sessionId: UUID?

    public init(
        tenantId: UUID?, actor: Actor, roles: [String] = [], permissions: Set<String> = [],
        platformAdmin: Bool = false, displayName: String = "", keyId: UUID? = nil, sessionId: UUID? = nil
    ) {
        self.tenantId = tenantId
        self.actor = actor
        self.roles = roles
        self.permissions = permissions
        self.platformAdmin = platformAdmin
        self.displayName = displayName
        self.keyId = keyId
        self.sessionId = sessionId
    }

    /// Whoever calls a route that needs no authentication.
    public static let anonymous = Caller(tenantId: nil, actor: .system, displayName: "anonymous")

    /// Whether the permission is held, by its name or by a wildcard.
    public func may(_ permission: String) -> Bool {
        if permissions.contains(permission) || permissions.contains("*") { return true }
        guard let dot = permission.lastIndex(of: ".") else { return false }
        return permissions.contains(permission[..<dot] + ".*")
    }

    /// What `createdBy` and `updatedBy` show.
    public var actorId: UUID? { actor.userId ?? actor.contactId }
}
