import Contracts
import Crypto
import Database
import HTTPTypes
import Messaging
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The logins of users: a session lives as long as its refresh tokens are rotated, and ends at once when it is
/// revoked.
struct Sessions: Resource {
    /// A session ends after this, however busy it is.
    static let lifetime: Duration = .seconds(30 * 86_400)
    /// A refresh token that isn't used for this long is void.
    static let idle: Duration = .seconds(14 * 86_400)

    let path = "sessions"
    let entity = "session"
    let summary = "Sessions: the logins of users."
    let operations: ResourceOperations = .readOnly
    let stamps: ResourceStamps = [.createdAt]
    let epochs: Epochs

    let fields: [Field] = [
        .uuid("userId").readOnly.filterable,
        .timestamp("expiresAt").readOnly.rangeFilterable,
        .timestamp("revokedAt").readOnly,
        .text("revokedReason").readOnly,
        .text("ipAddress").readOnly,
        .text("userAgent").readOnly,
    ]

    var events: ResourceEvents { .typed([SessionCreated.contract, SessionRevoked.contract]) }

    var routes: [Route] { [revoke, revokeAllOfUser] }

    private var revoke: Route {
        Route(
            .post, "sessions/{sessionId}/revoke", access: .caller, summary: "End a session",
            description: "One's own, or with the permission sessions.write anybody's.", tag: path,
            answers: [.noContent]
        ) { call in
            try await call.write { op in
                let id = try call.id("sessionId")
                var condition: SQL = "s.id = \(id)"
                if let tenantId = call.tenantId { condition += " AND s.tenant_id = \(tenantId)" }
                let row = try await op.tx.first("SELECT s.tenant_id, s.user_id FROM sessions AS s WHERE \(condition)")
                guard let row else { throw Problem.notFound("There is no such session.") }
                let (tenantId, userId) = try row.decode((UUID, UUID).self)
                guard call.caller.actor.userId == userId || call.caller.may("sessions.write") else {
                    throw Problem.notFound("There is no such session.")
                }
                try await Self.revoke("s.id = \(id)", reason: "revoked", in: op.on(tenant: tenantId))
                try await op.tx.raiseEpoch(of: tenantId, in: epochs)
                return .noContent
            }
        }
    }

    private var revokeAllOfUser: Route {
        Route(
            .post, "users/{userId}/revoke_sessions", access: .caller, summary: "End all sessions of a user",
            description: "One's own, or with the permission sessions.write anybody's.", tag: path,
            answers: [.noContent]
        ) { call in
            try await call.write { op in
                let id = try call.id("userId")
                guard call.caller.actor.userId == id || call.caller.may("sessions.write") else {
                    throw Problem.notFound("There is no such user.")
                }
                var condition: SQL = "u.id = \(id)"
                if let tenantId = call.tenantId { condition += " AND u.tenant_id = \(tenantId)" }
                let row = try await op.tx.first("SELECT u.tenant_id FROM users AS u WHERE \(condition)")
                guard let tenantId = try row?.get(0, as: UUID.self) else {
                    throw Problem.notFound("There is no such user.")
                }
                try await Self.revokeAll(of: id, reason: "revoked", in: op.on(tenant: tenantId))
                try await op.tx.raiseEpoch(of: tenantId, in: epochs)
                return .noContent
            }
        }
    }

    // MARK: - Ending sessions

    /// Ends the open sessions of a user. The caller raises the epoch.
    static func revokeAll(
        of userId: UUID, except kept: UUID? = nil, reason: String, in op: Operation
    ) async throws {
        var condition: SQL = "s.user_id = \(userId)"
        if let kept { condition += " AND s.id <> \(kept)" }
        try await revoke(condition, reason: reason, in: op)
    }

    /// Ends the open sessions that meet a condition over `s`. The caller raises the epoch.
    static func revoke(_ condition: SQL, reason: String, in op: Operation) async throws {
        let rows = try await op.tx.query(
            """
            UPDATE sessions AS s SET revoked_at = \(op.now), revoked_reason = \(reason)
            WHERE s.tenant_id = \(op.tenantId) AND s.revoked_at IS NULL AND s.expires_at > \(op.now) AND \(condition)
            RETURNING s.id, s.user_id
            """)
        for row in rows {
            let (id, userId) = try row.decode((UUID, UUID).self)
            try op.tx.publish(
                SessionRevoked(
                    sessionId: id, userId: userId, revokedByUserId: op.actorId, revokedAt: op.now, reason: reason),
                version: 2, actor: op.actor, occurredAt: op.now, tenantId: op.tenantId)
        }
    }
}

/// The text of a refresh token. It says where to look (organization, session, generation) and proves itself with 32
/// random bytes, of which the database has the SHA-256.
struct RefreshToken: Sendable, Equatable {
    static let prefix = "dw_refresh_"
    private static let secretBytes = 32

    let tenantId: UUID
    let sessionId: UUID
    let generation: Int
    let secret: [UInt8]

    init(tenantId: UUID, sessionId: UUID, generation: Int) {
        var generator = SystemRandomNumberGenerator()
        self.tenantId = tenantId
        self.sessionId = sessionId
        self.generation = generation
        secret = (0..<Self.secretBytes).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    }

    init?(_ text: String) {
        guard text.hasPrefix(Self.prefix),
            let bytes = Base64URL.decode(text.utf8.dropFirst(Self.prefix.utf8.count)),
            bytes.count == 36 + Self.secretBytes
        else { return nil }
        tenantId = UUID(bytes: bytes[0..<16])
        sessionId = UUID(bytes: bytes[16..<32])
        generation = bytes[32..<36].reduce(0) { $0 << 8 | Int($1) }
        secret = Array(bytes[36...])
    }

    var text: String {
        var bytes: [UInt8] = []
        for id in [tenantId, sessionId] { withUnsafeBytes(of: id.uuid) { bytes.append(contentsOf: $0) } }
        for shift in [24, 16, 8, 0] { bytes.append(UInt8(truncatingIfNeeded: generation >> shift)) }
        return Self.prefix + Base64URL.encode(bytes + secret)
    }

    var hash: [UInt8] { Array(SHA256.hash(data: secret)) }
}

extension UUID {
    /// From sixteen bytes.
    fileprivate init(bytes: ArraySlice<UInt8>) {
        var uuid: uuid_t = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
        withUnsafeMutableBytes(of: &uuid) { $0.copyBytes(from: bytes) }
        self.init(uuid: uuid)
    }
}
