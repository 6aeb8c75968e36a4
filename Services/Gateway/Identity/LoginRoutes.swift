import Contracts
import Database
import HTTPTypes
import Messaging
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Logging in, staying in, logging out.
struct LoginRoutes: Sendable {
    let database: Database
    let tokens: AccessTokens
    let hasher: PasswordHasher
    let limits: LoginLimits
    let epochs: Epochs

    var all: [Route] { [logIn, refresh, logOut, me, changePassword, keySet] }

    /// What a login gives.
    private struct Grant {
        let session: UUID
        let refreshToken: RefreshToken
        let sessionEnd: Timestamp
        let user: LoginUser
    }

    private struct LoginUser {
        let id: UUID
        let tenantId: UUID
        let version: Int64
        let displayName: String
        let email: String
        let roles: [String]
        let isActive: Bool
        let passwordHash: String?
    }

    // MARK: - Log in

    private var logIn: Route {
        Route(
            .post, "sessions", on: [.platform], access: .open, summary: "Log in with a password",
            description: "Answers a short-lived access token and a refresh token that is good once.",
            body: .fields([
                .uuid("organizationId"),
                .text("organization", 2...63).described("Its slug, instead of its id."),
                .text("email", 3...254).required.example("agent@example.com"),
                .text("password", 1...PasswordRules.mostBytes).required,
            ]),
            answers: [
                AnswerSpec(.created, "The tokens.", schema: Self.tokensSchema),
                AnswerSpec(.unauthorized, "The address or the password is wrong."),
            ], operationId: "logIn"
        ) { call in
            guard let email = call.values.string("email")?.lowercased(), let password = call.values.string("password")
            else { throw Problem.badRequest("An e-mail address and a password are needed.") }
            let client = ClientFacts(call)
            let organizationId = try await organization(call)
            try await limits.count(organizationId: organizationId, email: email, address: client.address ?? "unknown")
            let user = try await database.transaction(as: .tenant(organizationId), readOnly: true) { tx in
                try await Self.user(where: "u.email = \(email)", tenantId: organizationId, in: tx)
            }
            guard try await hasher.matches(password, stored: user?.passwordHash), let user, user.isActive else {
                if let user { try await noteFailure(user, client, call) }
                throw Self.wrongCredentials
            }
            let grant = try await begin(user, client, call)
            return try await answer(grant, call.now, .created)
        }
    }

    /// The organization to log in to. One that isn't there gets an id that isn't there either, and the same answer as a
    /// wrong password.
    private func organization(_ call: Call) async throws -> UUID {
        if let id = call.values.uuid("organizationId") { return id }
        guard let slug = call.values.string("organization") else {
            throw Problem.invalid([
                Fault(.pointer("/organizationId"), "required", "It is needed, or organization with the slug.")
            ])
        }
        let row = try await database.transaction(as: .none, readOnly: true) { tx in
            try await tx.first("SELECT organization_id FROM organization_slugs WHERE slug = \(slug)")
        }
        return try row?.get(0, as: UUID.self) ?? UUID(derivedFrom: "no organization " + slug)
    }

    private static let wrongCredentials = Problem(
        .unauthorized, code: "wrong_credentials", title: "The login failed",
        detail: "The e-mail address or the password is wrong.", headers: [.wwwAuthenticate: "Bearer"])

    private static func user(where condition: SQL, tenantId: UUID, in tx: Transaction) async throws -> LoginUser? {
        let row = try await tx.first(
            """
            SELECT u.id, u.version, u.display_name, u.email, u.roles, u.status, p.hash
            FROM users AS u
            LEFT JOIN user_passwords AS p ON p.tenant_id = u.tenant_id AND p.user_id = u.id
            WHERE u.tenant_id = \(tenantId) AND \(condition)
            """)
        guard let row else { return nil }
        let (id, version, displayName, email, roles, status, hash) = try row.decode(
            (UUID, Int64, String, String, [String], String, String?).self)
        return LoginUser(
            id: id, tenantId: tenantId, version: version, displayName: displayName, email: email, roles: roles,
            isActive: status == "active", passwordHash: hash)
    }

    private func noteFailure(_ user: LoginUser, _ client: ClientFacts, _ call: Call) async throws {
        try await database.transaction(as: .tenant(user.tenantId)) { tx in
            try tx.publish(
                UserLoginFailed(
                    userId: user.id, reason: user.isActive ? "wrong_password" : "deactivated",
                    ipAddress: client.address, userAgent: client.userAgent, failedAt: call.now),
                version: user.version, actor: .system, occurredAt: call.now, causationId: call.requestId)
        }
    }

    private func begin(_ user: LoginUser, _ client: ClientFacts, _ call: Call) async throws -> Grant {
        let sessionId = UUID.v7()
        let end = call.now + Sessions.lifetime
        let refreshToken = RefreshToken(tenantId: user.tenantId, sessionId: sessionId, generation: 1)
        let sessions = ResourceStore(Sessions(epochs: epochs))
        return try await database.transaction(as: .tenant(user.tenantId)) { tx in
            guard try await isOpen(user.tenantId, in: tx) else { throw CredentialRefusal.suspended.problem }
            let row = try await tx.first(
                """
                INSERT INTO sessions AS t (tenant_id, id, user_id, created_at, expires_at, ip_address, user_agent)
                VALUES (
                    \(user.tenantId), \(sessionId), \(user.id), \(call.now), \(end), \(client.address.sqlValue),
                    \(client.userAgent.sqlValue))
                RETURNING \(sessions.columns)
                """)
            tx.enqueue(Self.keep(refreshToken, at: call.now))
            let snapshot = try row.map { try sessions.record($0).json() }?.objectValue
            let actor = Actor.user(user.id)
            try tx.publish(
                SessionCreated(
                    sessionId: sessionId, userId: user.id, createdAt: call.now, expiresAt: end,
                    ipAddress: client.address, userAgent: client.userAgent, snapshot: snapshot),
                version: 1, actor: actor, occurredAt: call.now, causationId: call.requestId)
            try tx.publish(
                UserLoggedIn(
                    userId: user.id, sessionId: sessionId, method: "password", ipAddress: client.address,
                    userAgent: client.userAgent, loggedInAt: call.now),
                version: user.version, actor: actor, occurredAt: call.now, causationId: call.requestId)
            return Grant(session: sessionId, refreshToken: refreshToken, sessionEnd: end, user: user)
        }
    }

    /// Whether the organization is there and active. Those above it are none of a tenant's transaction: the first
    /// request with the token finds out about them.
    private func isOpen(_ tenantId: UUID, in tx: Transaction) async throws -> Bool {
        let row = try await tx.first(
            "SELECT 1 FROM organizations WHERE tenant_id = \(tenantId) AND id = \(tenantId) AND status = 'active'")
        return row != nil
    }

    private static func keep(_ token: RefreshToken, at now: Timestamp) -> SQL {
        """
        INSERT INTO refresh_tokens (tenant_id, session_id, generation, token_hash, created_at)
        VALUES (\(token.tenantId), \(token.sessionId), \(token.generation), \(token.hash), \(now))
        """
    }

    // MARK: - Stay in

    private var refresh: Route {
        Route(
            .post, "sessions/refresh", on: [.platform], access: .open,
            summary: "Exchange a refresh token for new tokens",
            description:
                "A refresh token is good once. One that is shown again ends the session: somebody else has it.",
            body: .fields([.text("refreshToken", 1...200).required]),
            answers: [
                AnswerSpec(.ok, "The tokens.", schema: Self.tokensSchema),
                AnswerSpec(.unauthorized, "The refresh token is unknown, expired or was used before."),
            ], operationId: "refreshSession"
        ) { call in
            guard let token = call.values.string("refreshToken").flatMap(RefreshToken.init) else {
                throw Self.refusedToken
            }
            guard let grant = try await rotate(token, call) else { throw Self.refusedToken }
            return try await answer(grant, call.now, .ok)
        }
    }

    private static let refusedToken = Problem(
        .unauthorized, code: "refresh_token_refused", title: "The refresh token is not valid",
        detail: "Log in again.", headers: [.wwwAuthenticate: "Bearer"])

    /// New tokens for a good one; nil, and the end of the session where it was used before, for any other.
    private func rotate(_ token: RefreshToken, _ call: Call) async throws -> Grant? {
        try await database.transaction(as: .tenant(token.tenantId)) { tx in
            let row = try await tx.first(
                """
                SELECT s.user_id, s.generation, s.expires_at, s.revoked_at, r.token_hash, r.created_at
                FROM sessions AS s
                JOIN refresh_tokens AS r
                    ON r.tenant_id = s.tenant_id AND r.session_id = s.id AND r.generation = \(token.generation)
                WHERE s.tenant_id = \(token.tenantId) AND s.id = \(token.sessionId)
                FOR UPDATE OF s
                """)
            guard let row else { return nil }
            let (userId, generation, end, revokedAt, hash, issuedAt) = try row.decode(
                (UUID, Int, Timestamp, Timestamp?, [UInt8], Timestamp).self)
            guard Self.isEqual(hash, token.hash), revokedAt == nil, end > call.now else { return nil }
            guard token.generation == generation else {
                let op = Operation(
                    tx: tx, tenantId: token.tenantId, now: call.now, requestId: call.requestId)
                try await Sessions.revoke("s.id = \(token.sessionId)", reason: "token_reuse", in: op)
                try await tx.raiseEpoch(of: token.tenantId, in: epochs)
                return nil
            }
            guard issuedAt + Sessions.idle > call.now,
                let user = try await Self.user(where: "u.id = \(userId)", tenantId: token.tenantId, in: tx),
                user.isActive, try await isOpen(token.tenantId, in: tx)
            else { return nil }
            let next = RefreshToken(
                tenantId: token.tenantId, sessionId: token.sessionId, generation: generation + 1)
            tx.enqueue(
                """
                UPDATE sessions SET generation = \(next.generation)
                WHERE tenant_id = \(token.tenantId) AND id = \(token.sessionId)
                """)
            tx.enqueue(Self.keep(next, at: call.now))
            return Grant(session: token.sessionId, refreshToken: next, sessionEnd: end, user: user)
        }
    }

    /// Takes as long whatever the difference is.
    private static func isEqual(_ one: [UInt8], _ other: [UInt8]) -> Bool {
        one.count == other.count && zip(one, other).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
    }

    private func answer(_ grant: Grant, _ now: Timestamp, _ status: HTTPResponse.Status) async throws -> Answer {
        let user = grant.user
        let permissions = Role.permissions(of: user.roles)
        let accessToken: String
        do {
            accessToken = try await tokens.issue(
                user: user.id, organization: user.tenantId, session: grant.session, roles: user.roles,
                permissions: permissions, name: user.displayName, now: now)
        } catch is AccessTokens.NoKeys {
            throw Problem.unavailable("The keys that sign access tokens are not loaded yet.")
        }
        let refreshEnd = min(grant.sessionEnd, now + Sessions.idle)
        return .json(
            [
                "accessToken": .string(accessToken), "tokenType": "Bearer",
                "expiresIn": .int(AccessTokens.lifetime.components.seconds),
                "refreshToken": .string(grant.refreshToken.text), "refreshExpiresAt": .timestamp(refreshEnd),
                "sessionId": .uuid(grant.session), "userId": .uuid(user.id), "organizationId": .uuid(user.tenantId),
                "displayName": .string(user.displayName), "roles": .array(user.roles.map { .string($0) }),
                "permissions": .array(permissions.sorted().map { .string($0) }),
            ], status: status)
    }

    private static let tokensSchema: JSON = [
        "type": "object",
        "properties": [
            "accessToken": ["type": "string"], "tokenType": ["const": "Bearer"], "expiresIn": ["type": "integer"],
            "refreshToken": ["type": "string"], "refreshExpiresAt": ["type": "string", "format": "date-time"],
            "sessionId": ["type": "string", "format": "uuid"], "userId": ["type": "string", "format": "uuid"],
            "organizationId": ["type": "string", "format": "uuid"], "displayName": ["type": "string"],
            "roles": ["type": "array", "items": ["type": "string"]],
            "permissions": ["type": "array", "items": ["type": "string"]],
        ],
        "required": ["accessToken", "tokenType", "expiresIn", "refreshToken", "sessionId", "userId", "organizationId"],
    ]

    // MARK: - Log out

    private var logOut: Route {
        Route(
            .delete, "sessions/current", on: [.platform], access: .caller, summary: "Log out",
            answers: [.noContent], operationId: "logOut"
        ) { call in
            guard let tenantId = call.caller.tenantId, let sessionId = call.caller.sessionId else {
                throw Problem.conflict("This request was made with an API key; there is no session to end.")
            }
            try await database.transaction(as: .tenant(tenantId)) { tx in
                let op = Operation(
                    tx: tx, tenantId: tenantId, actor: call.caller.actor, actorName: call.caller.displayName,
                    now: call.now, requestId: call.requestId)
                try await Sessions.revoke("s.id = \(sessionId)", reason: "logout", in: op)
                try await tx.raiseEpoch(of: tenantId, in: epochs)
            }
            return .noContent
        }
    }

    private var me: Route {
        Route(
            .get, "me", on: [.platform], access: .caller, summary: "Who the request comes from",
            answers: [AnswerSpec(.ok, "The caller.", schema: ["type": "object"])], operationId: "getMe"
        ) { call in
            let caller = call.caller
            var me: JSONObject = [
                "type": .string(caller.actor.type.rawValue), "displayName": .string(caller.displayName),
                "roles": .array(caller.roles.map { .string($0) }),
                "permissions": .array(caller.permissions.sorted().map { .string($0) }),
                "platformAdmin": .bool(caller.platformAdmin),
            ]
            me["organizationId"] = caller.tenantId.map { .uuid($0) }
            me["sessionId"] = caller.sessionId.map { .uuid($0) }
            me[caller.keyId == nil ? "userId" : "apiKeyId"] = (caller.keyId ?? caller.actor.userId).map { .uuid($0) }
            return .json(.object(me))
        }
    }

    // MARK: - Passwords

    private var changePassword: Route {
        Route(
            .post, "users/{userId}/password", access: .caller, summary: "Set a user's password",
            description: """
                One's own, with the present one beside it, or with the permission users.write another's. \
                All other sessions of the user end.
                """,
            tag: "users",
            body: .fields([.text("password", 1...1000), .text("currentPassword", 1...1000)], required: false),
            answers: [.noContent], operationId: "setPassword"
        ) { call in
            let userId = try call.id("userId")
            let user = try await call.read { tx in
                var condition: SQL = "u.id = \(userId)"
                if let tenantId = call.tenantId { condition += " AND u.tenant_id = \(tenantId)" }
                let row = try await tx.first("SELECT u.tenant_id FROM users AS u WHERE \(condition)")
                guard let tenantId = try row?.get(0, as: UUID.self) else {
                    throw Problem.notFound("There is no such user.")
                }
                return try await Self.user(where: "u.id = \(userId)", tenantId: tenantId, in: tx)
            }
            guard let user else { throw Problem.notFound("There is no such user.") }
            let isOwn = call.caller.actor.type == .user && call.caller.actor.userId == userId
            if isOwn {
                try await checkPresent(call, user)
            } else {
                guard call.caller.platformAdmin || call.caller.may("users.write") else {
                    throw Problem.forbidden(permission: "users.write")
                }
                try RoleGrant.check(user.roles, by: call.caller)
            }
            guard let password = call.values.string("password") else {
                throw Problem.invalid([Fault(.pointer("/password"), "required", "It is needed.")])
            }
            let faults = PasswordRules.faults(in: password, email: user.email)
            if !faults.isEmpty {
                throw Problem.invalid(faults.map { Fault(.pointer("/password"), $0.rawValue, $0.detail) })
            }
            let hash = try await hasher.hash(password)
            try await database.transaction(as: .tenant(user.tenantId)) { tx in
                let op = Operation(
                    tx: tx, tenantId: user.tenantId, actor: call.caller.actor, actorName: call.caller.displayName,
                    now: call.now, requestId: call.requestId)
                tx.enqueue(Self.keep(passwordHash: hash, of: userId, tenantId: user.tenantId, at: call.now))
                try await Sessions.revokeAll(
                    of: userId, except: isOwn ? call.caller.sessionId : nil, reason: "password_changed", in: op)
                try await tx.raiseEpoch(of: user.tenantId, in: epochs)
            }
            return .noContent
        }
    }

    private func checkPresent(_ call: Call, _ user: LoginUser) async throws {
        guard let present = call.values.string("currentPassword") else {
            throw Problem.invalid([Fault(.pointer("/currentPassword"), "required", "It is needed for one's own.")])
        }
        try await limits.count(
            organizationId: user.tenantId, email: user.email, address: ClientFacts(call).address ?? "unknown")
        guard try await hasher.matches(present, stored: user.passwordHash) else {
            throw Problem.invalid([Fault(.pointer("/currentPassword"), "wrong", "It is not the present password.")])
        }
    }

    static func keep(passwordHash: String, of userId: UUID, tenantId: UUID, at now: Timestamp) -> SQL {
        """
        INSERT INTO user_passwords (tenant_id, user_id, hash, changed_at)
        VALUES (\(tenantId), \(userId), \(passwordHash), \(now))
        ON CONFLICT (tenant_id, user_id) DO UPDATE SET hash = excluded.hash, changed_at = excluded.changed_at
        """
    }

    // MARK: - Keys

    private var keySet: Route {
        Route(
            .get, ".well-known/jwks.json", on: [.root], access: .open, summary: "The keys that sign access tokens"
        ) { _ in
            guard let keys = tokens.keys else {
                throw Problem.unavailable("The keys that sign access tokens are not loaded yet.")
            }
            return Answer.json(keys.jwks).with(.cacheControl, "public, max-age=300")
        }
    }
}

/// What is noted about the machine that somebody logs in from.
private struct ClientFacts: Sendable {
    let address: String?
    let userAgent: String?

    init(_ call: Call) {
        address = call.headers[.forwardedFor]
        userAgent = call.headers[.userAgent].map { String($0.prefix(300)) }
    }
}
