import Contracts
import Database
import Foundation
import HTTPTypes
import TestKit
import Testing
import Web

@Suite("The OpenAPI document")
struct OpenAPITests {
    let document: JSON

    init() throws {
        document = try Self.document(resources: Sample.resources, routes: Sample.routes)
    }

    private static func document(resources: [any Resource] = [], routes: [Route]) throws -> JSON {
        let database = Database(DatabaseConfiguration(url: "postgresql://nowhere", schema: "sample"))
        let api = ServiceAPI(
            service: "sample", database: database, authentication: Authentication { _, _ in nil },
            resources: resources, routes: routes)
        return try JSON.parse(api.openAPI)
    }

    @Test("has each resource for tenants and administrators, and each route")
    func paths() throws {
        let paths = try #require(document["paths"]?.objectValue)
        for (path, methods) in [
            ("gadgets", "get post"), ("gadgets/{gadgetId}", "delete get patch"), ("gadgets/{gadgetId}/restore", "post"),
            ("gadgets/{gadgetId}/retire", "post"), ("gadgets/{gadgetId}/parts", "get post"),
            ("gadgets/{gadgetId}/parts/{partId}", "delete get patch"), ("gadgets/{gadgetId}/remarks", "get post"),
            ("gadgets/{gadgetId}/audits", "get"), ("gadgets/{gadgetId}/audits/{auditId}", "get"),
        ] {
            for prefix in ["/v1/tenants/{tenantId}/", "/v1/admin/"] {
                #expect(
                    paths[prefix + path]?.objectValue?.keys.sorted().joined(separator: " ") == methods,
                    "\(prefix)\(path)")
            }
        }
        #expect(document["openapi"] == "3.1.0")
    }

    @Test("has every media type of an answer")
    func mediaTypes() throws {
        let answers = ["text/csv", "application/x-ndjson"].map {
            AnswerSpec(.ok, "The file.", schema: ["type": "string"], mediaType: $0)
        }
        let route = Route(.get, "export", access: .open, summary: "Export", answers: answers) { _ in .noContent }
        let document = try Self.document(routes: [route])
        let content = document["paths"]?["/v1/admin/export"]?["get"]?["responses"]?["200"]?["content"]?.objectValue
        #expect(content?.keys.sorted() == ["application/x-ndjson", "text/csv"])
    }

    @Test("names the permission, the problems and an example of every operation")
    func operations() throws {
        var operationIds: Set<String> = []
        for (path, item) in try #require(document["paths"]?.objectValue) {
            for (method, operation) in try #require(item.objectValue) {
                let name = "\(method) \(path)"
                let isNew = operationIds.insert(operation["operationId"]?.stringValue ?? "").inserted
                #expect(isNew, "\(name)")
                #expect(operation["summary"]?.stringValue?.isEmpty == false, "\(name)")
                let responses = try #require(operation["responses"]?.objectValue)
                #expect(responses.keys.contains { $0.hasPrefix("2") }, "\(name)")
                #expect(responses["503"] != nil, "\(name)")
                let parameters = (operation["parameters"]?.arrayValue ?? []).compactMap { $0["name"]?.stringValue }
                for parameter in path.split(separator: "/") where parameter.hasPrefix("{") {
                    #expect(parameters.contains(String(parameter.dropFirst().dropLast())), "\(name)")
                }
                #expect(Set(parameters).count == parameters.count, "\(name)")
            }
        }
        let create = document["paths"]?["/v1/tenants/{tenantId}/gadgets"]?["post"]
        #expect(create?["x-permission"] == "gadgets.write")
        #expect(document["paths"]?["/v1/admin/gadgets"]?["post"]?["x-permission"] == "platform_admin")
        let body = create?["requestBody"]?["content"]?["application/json"]
        #expect(body?["schema"]?["required"] == ["name"])
        #expect(body?["schema"]?["additionalProperties"] == false)
        #expect(body?["schema"]?["properties"]?["label"] == nil)
        #expect(body?["schema"]?["properties"]?["secret"] == nil)
    }

    @Test("its references lead somewhere, and its examples meet its schemas")
    func examples() throws {
        // Texts of any length have an example.
        let route = Route(
            .post, "texts", permission: "samples.write", summary: "Take texts", tag: "samples",
            body: .fields([
                .text("hash", 64...64).required, .text("short", 1...3).required, .text("long", 15...20).required,
            ]),
            answers: [.noContent], operationId: "takeTexts"
        ) { _ in .noContent }
        try checkExamples(of: document)
        let texts = try Self.document(routes: [route])
        try checkExamples(of: texts)
        let content = texts["paths"]?["/v1/tenants/{tenantId}/texts"]?["post"]?["requestBody"]?["content"]
        #expect(content?["application/json"]?["example"]?["hash"]?.stringValue?.count == 64)
    }

    private func checkExamples(of document: JSON) throws {
        func check(_ json: JSON, at path: String) throws {
            if let reference = json["$ref"]?.stringValue {
                #expect(document.value(at: String(reference.dropFirst())) != nil, "\(reference) at \(path)")
            }
            if let schema = json["schema"], let example = json["example"] {
                // The validator follows references within one document.
                var whole = schema.objectValue ?? [:]
                whole["components"] = document["components"]
                #expect(JSONSchema.validate(example, against: .object(whole)) == [], "\(path)")
            }
            for (key, value) in json.objectValue ?? [:] { try check(value, at: "\(path)/\(key)") }
            for (index, value) in (json.arrayValue ?? []).enumerated() { try check(value, at: "\(path)/\(index)") }
        }
        try check(document, at: "")
    }

    @Test("what the API answers meets the schema that it documents")
    func answers() async throws {
        try await Harness.with { api in
            let gadget = try await api.gadget(["size": 1, "dueAt": "2026-01-01T00:00:00Z", "madeOn": "2026-01-01"])
            func issues(_ json: JSON, _ component: String) -> [SchemaIssue] {
                let schema: JSONObject = [
                    "$ref": .string("#/components/schemas/\(component)"), "components": document["components"] ?? [:],
                ]
                return JSONSchema.validate(json, against: .object(schema))
            }
            #expect(issues(gadget, "Gadget") == [])
            #expect(issues(try await api.get("gadgets?includeTotal=true").json, "GadgetPage") == [])
            #expect(issues(try await api.get("gadgets/\(gadget.id)?expand=views,parts").json, "Gadget") == [])
            #expect(issues(try await api.get("audits").json, "AuditPage") == [])
            #expect(issues(try await api.get("gadgets?limit=0").json, "Problem") == [])
        }
    }

    @Test("is served with the AsyncAPI document, to everybody")
    func served() async throws {
        try await Harness.with { api in
            let served = try await api.sendUnsigned(.get, "/openapi.json")
            #expect(served.status == 200)
            #expect(served.json == document)
            let events = try await api.sendUnsigned(.get, "/asyncapi.json")
            #expect(events.json["asyncapi"] == "3.0.0")
            #expect(events.text.contains("gadget.created"))
            if let path = ProcessInfo.processInfo.environment["DESKWIRE_TEST_OPENAPI_FILE"] {
                try served.text.write(toFile: path, atomically: true, encoding: .utf8)
            }
        }
    }
}
