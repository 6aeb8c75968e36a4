import Contracts
import Testing

@testable import Gateway

@Suite("Route table")
struct RouteTableTests {
    private func route(_ method: String, _ template: String, service: String = "tickets") -> PublicRoute {
        PublicRoute(
            service: service, method: method, template: template, isPublic: false, bodyLimitBytes: nil, timeout: nil,
            isStream: false)
    }

    private var table: RouteTable {
        RouteTable([
            route("GET", "/v1/tenants/{tenantId}/tickets"),
            route("POST", "/v1/tenants/{tenantId}/tickets"),
            route("GET", "/v1/tenants/{tenantId}/tickets/{ticketId}"),
            route("GET", "/v1/tenants/{tenantId}/tickets/export"),
            route("POST", "/v1/tenants/{tenantId}/tickets/{ticketId}/status"),
            route("GET", "/v1/admin/tickets/{ticketId}"),
        ])
    }

    @Test(
        "finds the route and the tenant",
        arguments: [
            ("GET", "/v1/tenants/t1/tickets", "/v1/tenants/{tenantId}/tickets", "t1"),
            ("GET", "/v1/tenants/t1/tickets/42", "/v1/tenants/{tenantId}/tickets/{ticketId}", "t1"),
            ("GET", "/v1/tenants/t1/tickets/export", "/v1/tenants/{tenantId}/tickets/export", "t1"),
            ("POST", "/v1/tenants/t1/tickets/export/status", "/v1/tenants/{tenantId}/tickets/{ticketId}/status", "t1"),
            ("HEAD", "/v1/tenants/t1/tickets", "/v1/tenants/{tenantId}/tickets", "t1"),
            ("GET", "/v1/admin/tickets/42", "/v1/admin/tickets/{ticketId}", ""),
        ])
    func match(method: String, path: String, template: String, tenant: String) {
        guard case .route(let found, let foundTenant) = table.match(method: method, path: path) else {
            Issue.record("nothing at \(path)")
            return
        }
        #expect(found.template == template)
        #expect(foundTenant.map(String.init) ?? "" == tenant)
    }

    @Test("a path without the method names the methods it has")
    func methodNotAllowed() {
        #expect(
            table.match(method: "DELETE", path: "/v1/tenants/t1/tickets")
                == .methodNotAllowed(allow: ["GET", "HEAD", "OPTIONS", "POST"]))
        #expect(table.allowedMethods(path: "/v1/nothing") == nil)
    }

    @Test(
        "nothing is found at",
        arguments: ["/", "/v1", "/v1/tenants/t1", "/v1/tenants/t1/tickets/1/2", "/v2/tenants/t1/tickets"])
    func none(path: String) {
        #expect(table.match(method: "GET", path: path) == .none)
    }

    @Test("of two services with the same route the first keeps it")
    func conflict() {
        var conflicts: [PublicRoute] = []
        let table = RouteTable(
            [
                route("GET", "/v1/a/{x}"), route("GET", "/v1/a/{y}", service: "sla"),
                route("PUT", "/v1/a/{y}", service: "sla"),
            ],
            conflicts: &conflicts)
        #expect(conflicts.map(\.service) == ["sla"])
        guard case .route(let found, _) = table.match(method: "GET", path: "/v1/a/1") else {
            Issue.record("lost")
            return
        }
        #expect(found.service == "tickets")
    }

    @Test("reads routes from an OpenAPI document: limits, timeouts, streams, public operations")
    func reader() throws {
        let document = try JSON.parse(
            """
            {"openapi": "3.1.0", "security": [{"bearer": []}], "paths": {
              "/v1/tenants/{tenantId}/imports": {
                "parameters": [],
                "post": {"x-body-bytes-max": 1073741824, "x-timeout-ms": 60000, "responses": {"202": {}}},
                "get": {"responses": {"200": {"content": {"application/json": {}}}}}},
              "/v1/sessions": {"post": {"security": [], "responses": {}}},
              "/v1/tenants/{tenantId}/events/stream": {
                "get": {"responses": {"200": {"content": {"text/event-stream": {}}}}}},
              "/health/live": {"get": {"responses": {}}}
            }}
            """)
        let routes = RouteReader.routes(of: document, service: "tickets")
        #expect(routes.count == 4)
        let post = try #require(routes.first { $0.method == "POST" && $0.template.hasSuffix("imports") })
        #expect(post.bodyLimitBytes == 1 << 30)
        #expect(post.timeout == .seconds(60))
        #expect(!post.isPublic)
        #expect(routes.first { $0.template == "/v1/sessions" }?.isPublic == true)
        #expect(routes.filter(\.isStream).map(\.template) == ["/v1/tenants/{tenantId}/events/stream"])
    }

    @Test("merges documents; a component of the same name but another shape is renamed with its references")
    func merge() throws {
        let one = try JSON.parse(
            """
            {"paths": {"/v1/a": {"get": {"x": {"$ref": "#/components/schemas/Page"}}}},
             "components": {"schemas": {"Page": {"type": "object"}, "Same": {"type": "string"}}}}
            """)
        let two = try JSON.parse(
            """
            {"paths": {"/v1/b": {"get": {"x": {"$ref": "#/components/schemas/Page"}, "y": {"$ref": "#/components/schemas/Same"}}}},
             "components": {"schemas": {"Page": {"type": "array"}, "Same": {"type": "string"}}}}
            """)
        let merged = MergedOpenAPI.document(of: [("tickets", one), ("sla", two)], title: "Deskwire", version: "1")
        #expect(merged.value(at: "/paths/~1v1~1a/get/x/$ref")?.stringValue == "#/components/schemas/Page")
        #expect(merged.value(at: "/paths/~1v1~1b/get/x/$ref")?.stringValue == "#/components/schemas/Sla_Page")
        #expect(merged.value(at: "/paths/~1v1~1b/get/y/$ref")?.stringValue == "#/components/schemas/Same")
        #expect(merged.value(at: "/components/schemas/Sla_Page/type")?.stringValue == "array")
        #expect(merged.value(at: "/components/schemas/Page/type")?.stringValue == "object")
        #expect(merged.value(at: "/openapi")?.stringValue == "3.1.0")
    }
}
