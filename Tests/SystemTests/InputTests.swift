import Contracts
import Foundation
import NIOHTTP1
import TestKit
import Testing

extension SystemTests {
    /// Bad input is the normal case: never a 5xx, never a crash, always a problem that names the fault.
    @Suite(.serialized) struct InputTests {
        struct Case: Sendable, CustomTestStringConvertible {
            let name: String
            var method = HTTPMethod.POST
            var path = "/tickets"
            var headers: [(String, String)] = []
            var body: [UInt8]?
            let statuses: Set<UInt>
            var testDescription: String { name }
        }

        static let cases: [Case] = [
            Case(name: "empty body", body: [], statuses: [400]),
            Case(name: "not JSON", body: Array("subject=x".utf8), statuses: [400]),
            Case(name: "cut short", body: Array(#"{"subject": "x"#.utf8), statuses: [400]),
            Case(name: "duplicate key", body: Array(#"{"subject":"a","subject":"b"}"#.utf8), statuses: [400]),
            Case(name: "NUL in text", body: Array(#"{"subject":"a\u0000b"}"#.utf8), statuses: [400]),
            Case(name: "raw NUL", body: Array("{\"subject\":\"a\0b\"}".utf8), statuses: [400]),
            Case(
                name: "invalid UTF-8", body: Array(#"{"subject":""#.utf8) + [0xFF, 0xFE] + Array(#""}"#.utf8),
                statuses: [400]),
            Case(name: "lone surrogate", body: Array(#"{"subject":"\ud800"}"#.utf8), statuses: [400]),
            Case(name: "nested too deep", body: Array(String(repeating: "[", count: 100_000).utf8), statuses: [400]),
            Case(name: "array for object", body: Array("[1]".utf8), statuses: [400, 422]),
            Case(name: "number for text", body: Array(#"{"subject":1}"#.utf8), statuses: [422]),
            Case(name: "unknown field", body: Array(#"{"subject":"x","colour":"red"}"#.utf8), statuses: [400, 422]),
            Case(
                name: "service-kept field", body: Array(#"{"subject":"x","resolvedAt":"2026-01-01T00:00:00Z"}"#.utf8),
                statuses: [422]),
            Case(
                name: "too long", body: Array(#"{"subject":"\#(String(repeating: "x", count: 301))"}"#.utf8),
                statuses: [422]),
            Case(
                name: "huge number", body: Array(#"{"subject":"x","customFields":{"n":1e999}}"#.utf8),
                statuses: [400, 422]),
            Case(name: "10 MiB", body: [UInt8](repeating: UInt8(ascii: " "), count: 10 * 1024 * 1024), statuses: [413]),
            Case(
                name: "wrong content type", headers: [("content-type", "text/plain")], body: Array("x".utf8),
                statuses: [415]),
            Case(name: "unknown parameter", method: .GET, path: "/tickets?colour=red", statuses: [400]),
            Case(name: "unknown value", method: .GET, path: "/tickets?status=broken", statuses: [400]),
            Case(name: "unknown sort", method: .GET, path: "/tickets?sort=-colour", statuses: [400]),
            Case(name: "limit 0", method: .GET, path: "/tickets?limit=0", statuses: [400]),
            Case(name: "limit 201", method: .GET, path: "/tickets?limit=201", statuses: [400]),
            Case(name: "bad cursor", method: .GET, path: "/tickets?cursor=AAAA", statuses: [400]),
            Case(name: "bad date", method: .GET, path: "/tickets?createdAt[gte]=yesterday", statuses: [400]),
            Case(name: "NUL in query", method: .GET, path: "/tickets?tag=%00", statuses: [400]),
            Case(name: "invalid UTF-8 in query", method: .GET, path: "/tickets?tag=%FF", statuses: [400]),
            Case(name: "invalid UTF-8 in path", method: .GET, path: "/tickets/%FF%FE", statuses: [400, 404]),
            Case(name: "an id that is none", method: .GET, path: "/tickets/1", statuses: [404]),
            Case(name: "method not allowed", method: .PUT, path: "/tickets", body: Array("{}".utf8), statuses: [405]),
            Case(
                name: "If-Match of nonsense", method: .PATCH, path: "/tickets/00000000-0000-7000-8000-000000000000",
                headers: [("if-match", "nonsense")], body: Array("{}".utf8), statuses: [400, 404, 412]),
            Case(
                name: "a long Idempotency-Key", headers: [("idempotency-key", String(repeating: "k", count: 5000))],
                body: Array(#"{"subject":"x"}"#.utf8), statuses: [400, 431]),
        ]

        @Test(arguments: cases) func isAnsweredWithAProblem(of input: Case) async throws {
            let (client, path) = try await Client.tenant()
            let answer = try await client.send(
                input.method, path + input.path, headers: input.headers, body: input.body, timeoutSeconds: 30)
            #expect(input.statuses.contains(answer.status), "\(answer.status) \(answer.json.text)")
            #expect(answer.headers["content-type"].first?.hasPrefix("application/problem+json") == true)
            #expect(answer.json["title"]?.stringValue?.isEmpty == false)
            #expect(answer.json["requestId"]?.stringValue?.isEmpty == false)
        }

        /// Documents damaged at random places: parsed or refused, never a 5xx.
        @Test func damagedDocumentsAreRefusedNotFatal() async throws {
            let (client, path) = try await Client.tenant()
            var random = SeededGenerator(seed: 42)
            let sound = Array(
                #"{"subject":"x","tags":["a","b"],"customFields":{"k":[1,2.5e3,true,null,"\u00e9"]},"priority":"high"}"#
                    .utf8)
            for _ in 0..<300 {
                var bytes = sound
                for _ in 0..<Int.random(in: 1...4, using: &random) {
                    let place = Int.random(in: 0..<bytes.count, using: &random)
                    switch Int.random(in: 0..<3, using: &random) {
                    case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
                    case 1: bytes.remove(at: place)
                    default: bytes.insert(UInt8.random(in: 0...255, using: &random), at: place)
                    }
                }
                let answer = try await client.send(.POST, path + "/tickets", body: bytes)
                #expect(answer.status < 500, "\(answer.status) for \(String(decoding: bytes, as: UTF8.self))")
            }
        }

        /// schemathesis makes requests from the published document, sound and damaged ones, and checks each answer against
        /// it: no 5xx, and only statuses, media types and bodies that are documented. It has an organization of its own
        /// with a ticket in it, so that it comes further than to a 404.
        @Test(.timeLimit(.minutes(5)), arguments: ["tenant_admin", nil] as [String?])
        func theDocumentAndTheAnswersAgree(role: String?) async throws {
            let python = try #require(Subscriber.python, "DESKWIRE_TEST_PYTHON is not set: run deploy/test")
            let environment = try await Stack.shared.environment()
            let admin = try await Client.admin()
            let slug = "fuzzed-\(UUID().uuidString.prefix(8).lowercased())"
            let organization = try await admin.send(
                .POST, "/v1/admin/organizations",
                json: ["name": "Fuzzed", "slug": .string(slug), "plan": "unlimited"])
            let tenant = try #require(organization.json["id"]?.stringValue, "\(organization.json.text)")
            let ticket = try await admin.send(.POST, "/v1/tenants/\(tenant)/tickets", json: ["subject": "Fuzzed"])
            let ticketId = try #require(ticket.json["id"]?.stringValue, "\(ticket.json.text)")
            var key = admin.key
            if let role {
                let made = try await admin.send(
                    .POST, "/v1/admin/api_keys",
                    json: ["tenantId": .string(tenant), "name": "fuzzer", "roles": [.string(role)]])
                key = try #require(made.json["key"]?.stringValue, "\(made.json.text)")
            }
            let configuration = environment.home.appendingPathComponent("\(slug).toml")
            try Data(
                """
                [parameters]
                "path.tenantId" = "\(tenant)"
                "query.tenantId" = "\(tenant)"
                "path.ticketId" = "\(ticketId)"

                """.utf8
            ).write(to: configuration)
            let examples = ProcessInfo.processInfo.environment["DESKWIRE_SCHEMATHESIS_EXAMPLES"] ?? "8"
            let checks = [
                "not_a_server_error", "status_code_conformance", "content_type_conformance",
                "response_schema_conformance",
            ]
            let result = try await deskwireRun(
                URL(fileURLWithPath: python).deletingLastPathComponent().appendingPathComponent("schemathesis").path,
                [
                    "--config-file", configuration.path, "run", "\(try environment.url)/openapi.json",
                    "--header", "Authorization: Bearer \(key)", "--phases", "fuzzing",
                    "--checks", checks.joined(separator: ","), "--max-examples", examples, "--seed", "1",
                    "--generation-deterministic", "--no-color", "--warnings", "off", "--suppress-health-check", "all",
                    // A stream does not end, and it can make no message/rfc822.
                    "--exclude-path-regex", "(/stream|/email_reports/message)$",
                ], environment: ["PATH": "/usr/bin:/bin", "HOME": environment.home.path], directory: environment.home)
            #expect(result.status == 0, "\(String(result.output.filter { $0.isASCII }.suffix(9000)))")
        }

        /// The document of the events is AsyncAPI 3.0, and its examples are what it says.
        @Test func theAsyncAPIDocumentIsValid() async throws {
            let python = try #require(Subscriber.python, "DESKWIRE_TEST_PYTHON is not set: run deploy/test")
            let environment = try await Stack.shared.environment()
            let (client, _) = try await Client.tenant()
            let document = try await client.send(.GET, "/asyncapi.json")
            #expect(document.json["channels"]?.objectValue?.isEmpty == false)
            let file = environment.home.appendingPathComponent("asyncapi.json")
            try Data(document.bytes).write(to: file)
            let validator = Stack.root.appendingPathComponent("Tests/clients/asyncapi_validator.py").path
            let result = try await deskwireRun(python, [validator, file.path])
            #expect(result.status == 0, "\(result.output.suffix(3000))")
        }

        /// The document itself is OpenAPI 3.1.
        @Test func theOpenAPIDocumentIsValid() async throws {
            let python = try #require(Subscriber.python, "DESKWIRE_TEST_PYTHON is not set: run deploy/test")
            let environment = try await Stack.shared.environment()
            let (client, _) = try await Client.tenant()
            let file = environment.home.appendingPathComponent("openapi.json")
            try Data(try await client.send(.GET, "/openapi.json").bytes).write(to: file)
            let result = try await deskwireRun(python, ["-m", "openapi_spec_validator", file.path])
            #expect(result.status == 0, "\(result.output.suffix(3000))")
        }
    }
}
