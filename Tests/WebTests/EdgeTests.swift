import Contracts
import Database
import Foundation
import HTTPTypes
import HummingbirdTesting
import TestKit
import Testing
import Web

@Suite("Every request")
struct EdgeTests {
    @Test("is refused without a context that this service can believe")
    func authentication() async throws {
        try await Harness.with { api in
            func status(_ token: String?) async throws -> Int {
                var headers = HTTPFields()
                headers[.deskwireContext] = token
                return try await api.sendUnsigned(.get, "gadgets", headers: headers).status
            }
            func token(_ audience: String = "sample", _ seconds: Int = 30, _ key: String = "k") throws -> String {
                InternalContext.sign(
                    api.user(), requestId: "r", audience: audience, expires: .now + .seconds(seconds),
                    keys: try InternalContext.Keys(current: String(repeating: key, count: 32)))
            }
            #expect(try await status(try token()) == 200)
            #expect(try await status(nil) == 401)
            #expect(try await status("") == 401)
            #expect(try await status("a.b") == 401)
            #expect(try await status(try token("other")) == 401)
            #expect(try await status(try token("sample", -1)) == 401)
            #expect(try await status(try token("sample", 30, "x")) == 401)
            let reply = try await api.sendUnsigned(.get, "gadgets")
            #expect(reply.headers[.wwwAuthenticate] == "Bearer")
            #expect(reply.json["status"] == 401)
        }
    }

    @Test("needs the route's permission")
    func permissions() async throws {
        try await Harness.with { api in
            let reader = api.user(["gadgets.read"])
            #expect(try await api.get("gadgets", as: reader).status == 200)
            let refused = try await api.send(.post, "gadgets", ["name": "x"], as: reader)
            #expect(refused.status == 403)
            #expect(refused.json["permission"] == "gadgets.write")
            #expect(try await api.send(.post, "gadgets", ["name": "x"], as: api.user(["gadgets.*"])).status == 201)
            #expect(try await api.get("gadgets", as: api.user([])).status == 403)
        }
    }

    @Test("of another tenant finds nothing, on every route")
    func isolation() async throws {
        try await Harness.with { api in
            let gadget = try await api.gadget()
            let part = try await api.send(.post, "gadgets/\(gadget.id)/parts", ["label": "x"])
            let category = try await api.send(.post, "categories", ["name": "x"])
            let audit = try await api.get("audits").data[0]
            let ids = ["gadgetId": gadget.id, "partId": part.id, "categoryId": category.id, "auditId": audit.id]
            let bodies: [String: JSON] = ["gadgets": ["name": "n"], "parts": ["label": "n"], "remarks": ["text": "n"]]
            let stranger = api.user(tenant: .v7())
            let document = try await api.sendUnsigned(.get, "/openapi.json").json
            var tried = 0
            for (path, item) in try #require(document["paths"]?.objectValue) where path.contains("{tenantId}") {
                for (method, _) in try #require(item.objectValue) {
                    var filled = path
                    for (name, id) in ids { filled = filled.replacing("{\(name)}", with: id) }
                    let method = try #require(HTTPRequest.Method(rawValue: method.uppercased()))
                    let name = filled.split(separator: "/").last.map(String.init) ?? ""
                    let body =
                        method == .get || method == .delete ? nil : bodies[name] ?? (method == .patch ? [:] : nil)
                    // A stranger in the tenant's path, and the tenant's ids in the stranger's path.
                    let outside = try await api.send(
                        method, filled.replacing("{tenantId}", with: api.tenant.text), body, as: stranger)
                    #expect(outside.status == 404, "\(method) \(filled): \(outside.text)")
                    guard ids.values.contains(where: { filled.contains($0) }) else { continue }
                    let inside = try await api.send(
                        method, filled.replacing("{tenantId}", with: stranger.tenantId?.text ?? ""), body, as: stranger)
                    #expect(inside.status == 404, "\(method) \(filled): \(inside.text)")
                    tried += 1
                }
            }
            #expect(tried >= 15)
            #expect(try await api.get("gadgets/\(gadget.id)").json == gadget)
        }
    }

    @Test(
        "whose path leads nowhere is a 404",
        arguments: [
            "/", "/v1", "/v2/tenants", "gadgets/7", "gadgets/not-a-uuid/parts", "gadgets/", "/v1/tenants/nope/gadgets",
            "gadgets/00000000-0000-7000-8000-000000000000", "gadget", "/v1/tenants//gadgets", "gadgets/%41",
        ])
    func notFound(path: String) async throws {
        try await Harness.with { api in
            let reply = try await api.get(path)
            #expect(reply.status == 404)
            #expect(reply.headers[.contentType] == "application/problem+json")
        }
    }

    @Test("with an undecodable path is a 400", arguments: ["gadgets/%", "gadgets/%00", "gadgets/%ff", "%c3%28"])
    func undecodable(path: String) async throws {
        // This client sends what it is given.
        try await Harness.with(.live) { api in
            let reply = try await api.get(path)
            #expect(reply.status == 400)
        }
    }

    @Test("carries its id, the security headers, and methods that are served")
    func headers() async throws {
        try await Harness.with { api in
            let reply = try await api.get("gadgets", headers: [.requestId: "abc-1"])
            #expect(reply.headers[.requestId] == "abc-1")
            for name in [
                HTTPField.Name.xContentTypeOptions, .xFrameOptions, .referrerPolicy, .contentSecurityPolicy,
                .cacheControl,
            ] {
                #expect(reply.headers[name] != nil, "\(name)")
                #expect(try await api.sendUnsigned(.get, "/nowhere").headers[name] != nil, "\(name)")
            }
            let made = try await api.sendUnsigned(.get, "/nowhere", headers: [.requestId: "not fit\tto log"])
            #expect(UUID(uuidString: made.headers[.requestId] ?? "") != nil)
            #expect(made.json["requestId"]?.stringValue == made.headers[.requestId])
            let options = try await api.sendUnsigned(.options, "gadgets/\(UUID.v7().text)")
            #expect(options.status == 204)
            #expect(options.headers[.allow] == "DELETE, GET, HEAD, OPTIONS, PATCH")
            #expect(options.headers[.acceptPatch] != nil)
            let put = try await api.send(.put, "gadgets", [:])
            #expect(put.status == 405)
            #expect(put.headers[.allow] == "GET, HEAD, OPTIONS, POST")
            let head = try await api.send(.head, "gadgets")
            #expect(head.status == 200)
            #expect(head.text.isEmpty)
        }
    }

    @Test("has a body of an accepted type and size")
    func bodies() async throws {
        try await Harness.with(limits: ServiceAPI.Limits(bodyBytes: 2_000)) { api in
            func post(_ text: String, _ type: String?, _ path: String = "gadgets") async throws -> Reply {
                try await api.send(
                    .post, path, bytes: Array(text.utf8), headers: type.map { [.contentType: $0] } ?? [:])
            }
            #expect(try await post(#"{"name":"a"}"#, "application/json; charset=utf-8").status == 201)
            let text = try await post(#"{"name":"b"}"#, "text/plain")
            #expect(text.status == 415)
            #expect(text.json["errors"]?[0]?["allowed"] == ["application/json"])
            #expect(try await post(#"{"name":"b"}"#, "application/json; charset=latin1").status == 415)
            #expect(try await post(#"{"name":"b"}"#, "application/merge-patch+json").status == 415)
            #expect(try await post("", "application/json").status == 400)
            let large = try await post(#"{"name":"\#(String(repeating: "x", count: 3_000))"}"#, "application/json")
            #expect(large.status == 413)
            let gadget = try await api.gadget()
            let patch = try await api.send(
                .patch, "gadgets/\(gadget.id)", ["size": 1], headers: [.contentType: "application/merge-patch+json"])
            #expect(patch.status == 200)
            let plain = try await api.send(
                .patch, "gadgets/\(gadget.id)", ["size": 1], headers: [.contentType: "application/json-patch+json"])
            #expect(plain.status == 415)
            #expect(plain.headers[.acceptPatch] == "application/merge-patch+json, application/json")
            #expect(try await post("a,b", "text/csv", "gadgets/upload").json["bytes"] == 3)
            #expect(try await post(String(repeating: "x", count: 1_001), "text/csv", "gadgets/upload").status == 413)
            #expect(try await post("{}", "application/json", "gadgets/upload").status == 415)
        }
    }

    @Test(
        "has JSON that is JSON",
        arguments: [
            ("{", "unexpected_end"), ("{\"name\":\"a\",\"name\":\"b\"}", "duplicate_key"),
            ("{\"name\":\"\\u0000\"}", "nul_character"), ("{\"name\":\"\\ud800\"}", "lone_surrogate"),
            ("{\"name\":1e999}", "number_out_of_range"), ("{} {}", "trailing_content"),
            (String(repeating: "[", count: 100), "too_deep"), ("nonsense", "unexpected_character"),
        ])
    func json(text: String, code: String) async throws {
        try await Harness.with { api in
            let reply = try await api.send(.post, "gadgets", bytes: Array(text.utf8))
            #expect(reply.status == 400)
            #expect(reply.faults.first?.hasSuffix(code) == true, "\(reply.faults)")
            let invalid = try await api.send(.post, "gadgets", bytes: [0x22, 0xFF, 0x22])
            #expect(invalid.status == 400)
        }
    }

    @Test("to an explicit route is checked against its schema and parameters")
    func explicitRoutes() async throws {
        try await Harness.with { api in
            let good = try await api.send(.post, "gadgets/echo?times=2", ["n": 1])
            #expect(good.json == ["times": 2, "body": ["n": 1]])
            #expect(try await api.send(.post, "gadgets/echo", ["n": 1]).faults == ["times required"])
            #expect(try await api.send(.post, "gadgets/echo?times=4", ["n": 1]).faults == ["times out_of_range"])
            let bad = try await api.send(.post, "gadgets/echo?times=1", ["n": "x", "m": 1])
            #expect(bad.status == 422)
            #expect(bad.faults.count == 2)
            let gadget = try await api.gadget()
            let unknown = try await api.send(.post, "gadgets/\(gadget.id)/retire", ["why": "x"])
            #expect(unknown.faults == ["/why unknown_field"])
        }
    }

    @Test("is told to come back when the database is away or slow")
    func unavailable() async throws {
        try await Harness.with(configure: { $0.statementTimeout = .seconds(1) }) { api in
            let gadget = try await api.gadget()
            let held = try await withThrowingTaskGroup(of: Reply?.self) { group in
                group.addTask {
                    try await api.test.superuser(
                        """
                        WITH held AS (SELECT id FROM sample.gadgets WHERE id = '\(gadget.id)' FOR UPDATE)
                        SELECT pg_sleep(3) FROM held
                        """)
                    return nil
                }
                group.addTask {
                    try await eventually("the row is locked") {
                        try await !api.test.superuser(
                            """
                            SELECT FROM pg_stat_activity WHERE datname = '\(api.test.name)' AND wait_event = 'PgSleep'
                            """
                        ).isEmpty
                    }
                    return try await api.send(.patch, "gadgets/\(gadget.id)", ["size": 1])
                }
                return try await group.reduce(into: Reply?.none) { if let reply = $1 { $0 = reply } }
            }
            #expect(held?.status == 503)
            #expect(held?.headers[.retryAfter] != nil)
            api.database.close()
            let away = try await api.get("gadgets")
            #expect(away.status == 503)
            #expect(away.headers[.retryAfter] != nil)
        }
    }
}
