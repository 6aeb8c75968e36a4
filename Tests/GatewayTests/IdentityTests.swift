import Contracts
import Foundation
import NIOCore
import NIOHTTP1
import TestKit
import Testing
import Web

@testable import Gateway
@testable import ServiceKit

@Suite("Identity")
struct IdentityTests {
    private let goodPassword = "copper-Meadow-57-kite"

    @Test("bootstrapping twice with the same keys changes nothing; the keys work at once")
    func bootstrap() async throws {
        try await GatewayUnderTest.with { gateway in
            let again = try await Bootstrap(database: gateway.database.database).run(
                apiKey: ApiKeySecret(gateway.tenantKey), adminKey: ApiKeySecret(gateway.adminKey))
            #expect(again.tenantId == gateway.tenantId)
            #expect(again.demoPassword == nil)
            let users = try await gateway.send(.GET, gateway.tenantPath + "/users", key: gateway.tenantKey)
            #expect(users.json["data"]?.arrayValue?.count == 4)
            let keys = try await gateway.send(.GET, "/v1/admin/api_keys?expand=lastUsedAt", key: gateway.adminKey)
            #expect(keys.json["data"]?.arrayValue?.count == 2)
            #expect(!keys.text.contains(gateway.tenantKey))
            let me = try await gateway.send(.GET, "/v1/me", key: gateway.adminKey)
            #expect(me.json["platformAdmin"] == true)
        }
    }

    @Test("a user's life: created, found, changed, logged in, deactivated; sessions and tokens die at once")
    func user() async throws {
        try await GatewayUnderTest.with { [goodPassword] gateway in
            let path = gateway.tenantPath
            let created = try await gateway.send(
                .POST, path + "/users", key: gateway.tenantKey,
                json: ["email": "Jane.Miller@example.com", "displayName": "Jane Miller", "roles": ["agent"]])
            #expect(created.status == 201, "\(created.text)")
            #expect(created.json["email"]?.stringValue == "jane.miller@example.com")
            let id = try #require(created.json["id"]?.stringValue)
            #expect(created.header("location") == path + "/users/\(id)")
            let twice = try await gateway.send(
                .POST, path + "/users", key: gateway.tenantKey,
                json: ["email": "jane.miller@example.com", "displayName": "Jane", "roles": ["agent"]])
            #expect(twice.status == 409)
            #expect(twice.json.value(at: "/errors/0/pointer")?.stringValue == "/email")
            let bad = try await gateway.send(
                .POST, path + "/users", key: gateway.tenantKey,
                json: ["email": "x", "displayName": "", "roles": ["platform_admin", "king"], "nonsense": 1])
            #expect(bad.status == 422)

            for (password, code) in [
                ("short", "too_short"), ("jane-miller-2026!", "contains_email"), ("password1234", "breached"),
            ] {
                let weak = try await gateway.send(
                    .POST, path + "/users/\(id)/password", key: gateway.tenantKey, json: ["password": .string(password)]
                )
                #expect(weak.status == 422)
                #expect(weak.text.contains(code))
            }
            let set = try await gateway.send(
                .POST, path + "/users/\(id)/password", key: gateway.tenantKey, json: ["password": .string(goodPassword)]
            )
            #expect(set.status == 204, "\(set.text)")

            let wrong = try await gateway.logIn("jane.miller@example.com", password: goodPassword + "x")
            #expect(wrong.status == 401)
            let unknown = try await gateway.logIn("nobody@example.com", password: goodPassword)
            #expect(unknown.status == 401)
            #expect(unknown.json["detail"] == wrong.json["detail"])
            let login = try await gateway.logIn("JANE.miller@example.com", password: goodPassword)
            #expect(login.status == 201, "\(login.text)")
            let token = try #require(login.json["accessToken"]?.stringValue)
            let refresh = try #require(login.json["refreshToken"]?.stringValue)
            let me = try await gateway.send(.GET, "/v1/me", key: token)
            #expect(me.json["userId"]?.stringValue == id)
            #expect(try await gateway.send(.GET, path + "/users", key: token).status == 200)
            // An agent reads users and changes none.
            let forbidden = try await gateway.send(
                .PATCH, path + "/users/\(id)", key: token, json: ["displayName": "X"])
            #expect(forbidden.status == 403)
            #expect(forbidden.json["permission"]?.stringValue == "users.write")

            // Roles count at once, whatever the token says.
            let promoted = try await gateway.send(
                .PATCH, path + "/users/\(id)", key: gateway.tenantKey, json: ["roles": ["tenant_admin"]])
            #expect(promoted.status == 200)
            #expect(
                try await gateway.send(.PATCH, path + "/users/\(id)", key: token, json: ["displayName": "Jane"]).status
                    == 200)

            let off = try await gateway.send(.POST, path + "/users/\(id)/deactivate", key: gateway.tenantKey)
            #expect(off.status == 200, "\(off.text)")
            #expect(off.json["status"]?.stringValue == "deactivated")
            #expect(try await gateway.send(.GET, "/v1/me", key: token).status == 401)
            let dead = try await gateway.send(
                .POST, "/v1/sessions/refresh", key: nil, json: ["refreshToken": .string(refresh)])
            #expect(dead.status == 401)
            #expect(try await gateway.logIn("jane.miller@example.com", password: goodPassword).status == 401)
            #expect(try await gateway.send(.POST, path + "/users/\(id)/activate", key: gateway.tenantKey).status == 200)
            #expect(try await gateway.logIn("jane.miller@example.com", password: goodPassword).status == 201)
        }
    }

    @Test("refresh tokens are good once; showing one again ends the session")
    func rotation() async throws {
        try await GatewayUnderTest.with { gateway in
            func refresh(_ token: String) async throws -> GatewayUnderTest.Answer {
                try await gateway.send(.POST, "/v1/sessions/refresh", key: nil, json: ["refreshToken": .string(token)])
            }
            let login = try await gateway.logIn()
            let first = try #require(login.json["refreshToken"]?.stringValue)
            let second = try await refresh(first)
            #expect(second.status == 200)
            let access = try #require(second.json["accessToken"]?.stringValue)
            let secondToken = try #require(second.json["refreshToken"]?.stringValue)
            #expect(secondToken != first)
            #expect(try await gateway.send(.GET, "/v1/me", key: access).status == 200)

            // A guess at an older generation, without its secret, must not end anything.
            let parsed = try #require(RefreshToken(secondToken))
            let guess = RefreshToken(tenantId: parsed.tenantId, sessionId: parsed.sessionId, generation: 1)
            #expect(try await refresh(guess.text).status == 401)
            #expect(try await gateway.send(.GET, "/v1/me", key: access).status == 200)

            #expect(try await refresh(first).status == 401)
            #expect(try await refresh(secondToken).status == 401)
            #expect(try await gateway.send(.GET, "/v1/me", key: access).status == 401)
            for garbage in ["", "x", "dw_refresh_", "dw_refresh_AAAA"] {
                #expect([401, 422].contains(try await refresh(garbage).status))
            }
        }
    }

    @Test("two refreshes of one token at the same moment: one wins, and the session ends")
    func race() async throws {
        try await GatewayUnderTest.with { gateway in
            let login = try await gateway.logIn()
            let token = login.json["refreshToken"] ?? .null
            let statuses = try await withThrowingTaskGroup(of: UInt.self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        try await gateway.send(.POST, "/v1/sessions/refresh", key: nil, json: ["refreshToken": token])
                            .status
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }.sorted()
            }
            #expect(statuses == [200, 401, 401, 401])
            let me = try await gateway.send(.GET, "/v1/me", key: login.json["accessToken"]?.stringValue)
            #expect(me.status == 401)
        }
    }

    @Test("logging out ends the session, one's own password needs the present one and ends the others")
    func sessions() async throws {
        try await GatewayUnderTest.with { [goodPassword] gateway in
            let first = try await gateway.logIn()
            let second = try await gateway.logIn()
            let one = try #require(first.json["accessToken"]?.stringValue)
            let other = try #require(second.json["accessToken"]?.stringValue)
            let userId = try #require(first.json["userId"]?.stringValue)
            let path = gateway.tenantPath + "/users/\(userId)/password"
            let lacking = try await gateway.send(.POST, path, key: one, json: ["password": .string(goodPassword)])
            #expect(lacking.status == 422)
            let wrong = try await gateway.send(
                .POST, path, key: one, json: ["password": .string(goodPassword), "currentPassword": "wrong"])
            #expect(wrong.status == 422)
            let changed = try await gateway.send(
                .POST, path, key: one,
                json: ["password": .string(goodPassword), "currentPassword": .string(GatewayUnderTest.demoPassword)])
            #expect(changed.status == 204, "\(changed.text)")
            #expect(try await gateway.send(.GET, "/v1/me", key: other).status == 401)
            #expect(try await gateway.send(.GET, "/v1/me", key: one).status == 200)
            #expect(try await gateway.send(.DELETE, "/v1/sessions/current", key: one).status == 204)
            #expect(try await gateway.send(.GET, "/v1/me", key: one).status == 401)
            let sessions = try await gateway.send(
                .GET, gateway.tenantPath + "/sessions?userId=\(userId)", key: gateway.tenantKey)
            let reasons = Set(sessions.json["data"]?.arrayValue?.compactMap { $0["revokedReason"]?.stringValue } ?? [])
            #expect(reasons == ["logout", "password_changed"])
        }
    }

    @Test("an API key: shown once, scoped, revoked within a second in another process, expired when its time comes")
    func apiKeys() async throws {
        try await TestBroker.with { broker in
            try await TestDatabase.with("gateway", GatewayService.allMigrations) { database in
                try await GatewayUnderTest.with(database, broker) { gateway in
                    let path = gateway.tenantPath + "/api_keys"
                    let created = try await gateway.send(
                        .POST, path, key: gateway.tenantKey, headers: [("idempotency-key", "make-one")],
                        json: ["name": "Web shop", "roles": ["integration"], "scopes": ["users.read"]])
                    #expect(created.status == 201, "\(created.text)")
                    let key = try #require(created.json["key"]?.stringValue)
                    let id = try #require(created.json["id"]?.stringValue)
                    let replayed = try await gateway.send(
                        .POST, path, key: gateway.tenantKey, headers: [("idempotency-key", "make-one")],
                        json: ["name": "Web shop", "roles": ["integration"], "scopes": ["users.read"]])
                    #expect(replayed.header("idempotency-replayed") == "true")
                    #expect(replayed.json["id"]?.stringValue == id)
                    #expect(replayed.json["key"] == nil)
                    let shown = try await gateway.send(.GET, path + "/\(id)", key: gateway.tenantKey)
                    #expect(!shown.text.contains(key) && !shown.text.contains("keyHash"))
                    let rows = try await database.superuser("SELECT key_hash FROM gateway.api_keys")
                    #expect(!rows.joined().contains(key))

                    #expect(try await gateway.send(.GET, gateway.tenantPath + "/users", key: key).status == 200)
                    // Within its role, but not within its scopes.
                    #expect(try await gateway.send(.GET, gateway.tenantPath + "/events", key: key).status == 403)
                    // Nobody hands out more than they have.
                    let login = try await gateway.logIn("supervisor@example.com")
                    let supervisor = login.json["accessToken"]?.stringValue
                    #expect(try await gateway.send(.POST, path, key: supervisor, json: ["name": "x"]).status == 403)

                    try await GatewayUnderTest.with(
                        database, broker, keys: (gateway.tenantKey, gateway.adminKey)
                    ) { other in
                        #expect(try await other.send(.GET, other.tenantPath + "/users", key: key).status == 200)
                        let revoked = try await gateway.send(.POST, path + "/\(id)/revoke", key: gateway.tenantKey)
                        #expect(revoked.status == 200, "\(revoked.text)")
                        #expect(try await gateway.send(.GET, "/v1/me", key: key).status == 401)
                        try await eventually("the other process knows") {
                            try await other.send(.GET, "/v1/me", key: key).status == 401
                        }
                    }

                    let short = try await gateway.send(
                        .POST, path, key: gateway.tenantKey,
                        json: ["name": "short", "expiresAt": .timestamp(.now + .seconds(4))])
                    let brief = try #require(short.json["key"]?.stringValue, "\(short.text)")
                    #expect(try await gateway.send(.GET, "/v1/me", key: brief).status == 200)
                    try await eventually("the key has expired") {
                        try await gateway.send(.GET, "/v1/me", key: brief).status == 401
                    }
                }
            }
        }
    }

    @Test("organizations: created by the platform, suspended with those below, no cycles, reserved fields")
    func organizations() async throws {
        try await GatewayUnderTest.with { gateway in
            func create(_ json: JSON) async throws -> GatewayUnderTest.Answer {
                try await gateway.send(.POST, "/v1/admin/organizations", key: gateway.adminKey, json: json)
            }
            let parent = try await create(["name": "Holding", "slug": "holding"])
            #expect(parent.status == 201, "\(parent.text)")
            let parentId = try #require(parent.json["id"])
            let child = try await create(["name": "Subsidiary", "parentId": parentId])
            let childId = try #require(child.json["id"]?.stringValue, "\(child.text)")
            #expect(try await create(["name": "Other", "slug": "holding"]).status == 409)
            #expect(try await create(["name": "Other", "timezone": "Mars/Olympus"]).status == 422)
            #expect(try await create(["name": "Other", "corsOrigins": ["javascript:alert(1)"]]).status == 422)
            #expect(
                try await gateway.send(.POST, "/v1/admin/organizations", key: gateway.tenantKey, json: ["name": "x"])
                    .status
                    == 403)
            let cycle = try await gateway.send(
                .PATCH, "/v1/admin/organizations/\(parentId.stringValue ?? "")", key: gateway.adminKey,
                json: ["parentId": .string(childId)])
            #expect(cycle.status == 422)
            #expect(cycle.text.contains("cycle"))

            let key = try await gateway.send(
                .POST, "/v1/admin/api_keys", key: gateway.adminKey,
                json: ["tenantId": .string(childId), "name": "child", "roles": ["tenant_admin"]])
            let childKey = try #require(key.json["key"]?.stringValue, "\(key.text)")
            #expect(try await gateway.send(.GET, "/v1/me", key: childKey).status == 200)
            let own = "/v1/tenants/\(childId)/organizations/\(childId)"
            #expect(try await gateway.send(.PATCH, own, key: childKey, json: ["plan": "unlimited"]).status == 403)
            #expect(try await gateway.send(.PATCH, own, key: childKey, json: ["ticketPrefix": "SUB"]).status == 200)
            let list = try await gateway.send(.GET, "/v1/tenants/\(childId)/organizations", key: childKey)
            #expect(list.json["data"]?.arrayValue?.count == 1)

            let suspended = try await gateway.send(
                .PATCH, "/v1/admin/organizations/\(parentId.stringValue ?? "")", key: gateway.adminKey,
                json: ["status": "suspended"])
            #expect(suspended.status == 200, "\(suspended.text)")
            #expect(try await gateway.send(.GET, "/v1/me", key: childKey).status == 403)
        }
    }

    @Test("guessing passwords is slowed down per account, whatever the address")
    func guessing() async throws {
        try await GatewayUnderTest.with { gateway in
            var statuses: [UInt] = []
            for attempt in 0..<12 {
                statuses.append(
                    try await gateway.logIn("agent@example.com", password: "wrong password \(attempt)").status)
            }
            #expect(statuses.filter { $0 == 401 }.count == LoginLimits.perAccount.requests)
            #expect(statuses.suffix(2).allSatisfy { $0 == 429 })
            let refused = try await gateway.logIn()
            #expect(refused.status == 429)
            #expect((refused.header("retry-after").flatMap { Int($0) } ?? 0) > 1)
            // Others are not affected.
            #expect(try await gateway.logIn("supervisor@example.com").status == 201)
        }
    }

    @Test("rate limits hold over two processes, and say so in their headers")
    func rateLimits() async throws {
        try await TestBroker.with { broker in
            try await TestDatabase.with("gateway", GatewayService.allMigrations) { database in
                try await GatewayUnderTest.with(database, broker) { gateway in
                    let created = try await gateway.send(
                        .POST, gateway.tenantPath + "/api_keys", key: gateway.tenantKey,
                        json: ["name": "slow", "requestsPerMinute": 20])
                    let key = try #require(created.json["key"]?.stringValue)
                    try await GatewayUnderTest.with(
                        database, broker, keys: (gateway.tenantKey, gateway.adminKey)
                    ) { other in
                        var allowed = 0
                        var last: GatewayUnderTest.Answer?
                        for attempt in 0..<40 {
                            let answer = try await (attempt.isMultiple(of: 2) ? gateway : other).send(
                                .GET, "/v1/me", key: key)
                            allowed += answer.status == 200 ? 1 : 0
                            last = answer
                        }
                        #expect((20...23).contains(allowed))
                        #expect(last?.status == 429)
                        #expect(last?.header("ratelimit-policy")?.contains("\"key\";q=20;w=60") == true)
                        #expect(last?.header("ratelimit")?.contains("\"key\";r=0;t=") == true)
                        #expect(last?.header("retry-after") != nil)
                    }
                }
            }
        }
    }

    @Test("the key set is public, and its keys verify the tokens")
    func keySet() async throws {
        try await GatewayUnderTest.with { gateway in
            let keys = try await gateway.send(.GET, "/.well-known/jwks.json", key: nil)
            #expect(keys.status == 200)
            #expect(keys.json.value(at: "/keys/0/alg")?.stringValue == "EdDSA")
            #expect(!keys.text.contains("\"d\""))
            let login = try await gateway.logIn()
            let kid = AccessTokens.kid(of: login.json["accessToken"]?.stringValue ?? "")
            #expect(kid == keys.json.value(at: "/keys/0/kid")?.stringValue)
        }
    }

    @Test("identity's changes are events: user, organization, api_key, session")
    func events() async throws {
        try await GatewayUnderTest.with { gateway in
            _ = try await gateway.logIn()
            _ = try await gateway.logIn(password: "wrong password")
            var seen: Set<String> = []
            try await eventually("the events have gone out and come back") {
                let page = try await gateway.send(
                    .GET, gateway.tenantPath + "/events?limit=200", key: gateway.tenantKey)
                seen = Set(page.json["data"]?.arrayValue?.compactMap { $0["event"]?.stringValue } ?? [])
                return seen.isSuperset(of: [
                    "organization.created", "user.created", "api_key.created", "session.created", "user.logged_in",
                    "user.login_failed",
                ])
            }
        }
    }
}
