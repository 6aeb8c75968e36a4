import Contracts
import Database
import Foundation
import HTTPTypes
import TestKit
import Testing
import Web

@testable import Notifications

@Suite("Webhook endpoints")
struct WebhookEndpointTests {
    @Test("An endpoint is made, read, changed and deleted; its secret is shown once")
    func lifecycle() async throws {
        try await WebhooksUnderTest.run { hooks in
            let key: HTTPFields = [.idempotencyKey: "once"]
            let body: JSON = ["url": "http://127.0.0.1:9/in", "events": ["ticket.*"]]
            let made = try await hooks.send(.post, "webhook_endpoints", body, headers: key)
            #expect(made.status == 201, "\(made.text)")
            let secret = try #require(made.json["secret"]?.stringValue)
            #expect(secret.hasPrefix("whsec_"))
            #expect(Data(base64Encoded: String(secret.dropFirst(6)))?.count == 32)
            #expect(made.json["publicKey"]?.stringValue?.hasPrefix("whpk_") == true)
            let id = try #require(made.json["id"]?.stringValue)
            #expect(made.headers[.location]?.hasSuffix("/webhook_endpoints/\(id)") == true)
            let again = try await hooks.send(.post, "webhook_endpoints", body, headers: key)
            #expect(again.status == 201 && again.json["id"]?.stringValue == id)
            #expect(again.json["secret"] == nil)

            let read = try await hooks.ok(.get, "webhook_endpoints/\(id)?expand=health")
            #expect(read["secret"] == nil && !read.serializedText.contains(secret))
            #expect(read["enabled"] == true && read["concurrency"] == 4 && read["events"] == ["ticket.*"])
            #expect(read["health"]?["waiting"] == 0)

            _ = try await hooks.ok(.patch, "webhook_endpoints/\(id)", ["enabled": false])
            let disabled = try await hooks.ok(.get, "webhook_endpoints/\(id)")
            #expect(disabled["disabledReason"] == "by_hand" && disabled["disabledAt"] != .null)
            let enabled = try await hooks.ok(.patch, "webhook_endpoints/\(id)", ["enabled": true])
            #expect(enabled["disabledReason"] == .null && enabled["disabledAt"] == .null)
            #expect(try await hooks.send(.delete, "webhook_endpoints/\(id)").status == 204)
            #expect(try await hooks.send(.get, "webhook_endpoints/\(id)").status == 404)

            let events = try await hooks.events("webhook_endpoint.")
            #expect(
                events.map(\.name) == ["created", "updated", "updated", "deleted"].map { "webhook_endpoint.\($0)" })
            #expect(events.allSatisfy { !$0.payload.serializedText.contains(secret) })
            #expect(events[0].payload["snapshot"]?["url"] == "http://127.0.0.1:9/in")
            #expect(events[1].payload["changes"]?["enabled"]?["new"] == false)
        }
    }

    @Test("The declared events are valid by their own schemas")
    func contracts() {
        for contract in WebhookEndpoints.contracts {
            #expect(JSONSchema.validate(contract.example, against: contract.schema).isEmpty, "\(contract.name)")
        }
    }

    @Test(
        "What is no address to send to is refused with the reason",
        arguments: [
            ("", "too_short"), ("example.com", "scheme"), ("ftp://example.com/", "scheme"),
            ("https://user:pw@example.com/", "credentials"),
            ("https://example.com/#a", "fragment"), ("https://10.0.0.1/", "private"),
            ("https://169.254.169.254/", "link_local"),
            ("https://[::1]/", "loopback"), ("https://[::ffff:127.0.0.1]/", "embedded_ipv4"),
            ("https://0x7f000001/", "host"),
            ("https://example.com:25/", "port"),
            ("https://example.com/\n", "characters"),
        ])
    func badAddresses(url: String, code: String) async throws {
        try await WebhooksUnderTest.run { hooks in
            let reply = try await hooks.send(.post, "webhook_endpoints", ["url": .string(url)])
            #expect(reply.status == 422, "\(reply.text)")
            #expect(reply.faults == ["/url \(code)"], "\(reply.text)")
        }
    }

    @Test("A NUL byte is refused like anything else that is none", arguments: ["https://exa\u{0}mple.com/", "\u{0}"])
    func nul(url: String) async throws {
        try await WebhooksUnderTest.run { hooks in
            for body in [["url": .string(url)], ["url": "https://example.com", "events": [.string(url)]]] as [JSON] {
                let reply = try await hooks.send(.post, "webhook_endpoints", body)
                #expect((400..<500).contains(reply.status), "\(reply.text)")
            }
        }
    }

    @Test("Other bad values are refused, all at once")
    func badValues() async throws {
        try await WebhooksUnderTest.run { hooks in
            for (body, faults) in [
                (
                    ["url": "https://example.com", "events": ["ticket.", "a b", "*.*"]],
                    ["/events/0 bad_format", "/events/1 bad_format"]
                ),
                (["url": "https://example.com", "events": []], ["/events too_few"]),
                (["url": "https://example.com", "concurrency": 0], ["/concurrency out_of_range"]),
                (["url": "https://example.com", "secret": "x"], ["/secret unknown"]),
                ([:], ["/url required"]),
            ] as [(JSON, [String])] {
                let reply = try await hooks.send(.post, "webhook_endpoints", body)
                #expect(reply.status == 422)
                #expect(
                    reply.faults.map { $0.split(separator: " ")[0] } == faults.map { $0.split(separator: " ")[0] },
                    "\(reply.text)")
            }
            let (id, _) = try await hooks.endpoint(9)
            for (body, status) in [
                (["Host": "x"], 422), (["a": "b\r\nc"], 422), (["a": 1], 422), ([1], 422),
                (["a": .string(String(repeating: "x", count: 1_001))], 422),
            ] as [(JSON, Int)] {
                #expect(try await hooks.send(.put, "webhook_endpoints/\(id)/headers", body).status == status)
            }
            #expect(
                try await hooks.send(.post, "webhook_endpoints/\(id)/rotate_secret", ["overlapHours": 1_000]).status
                    == 422)
            #expect(try await hooks.send(.post, "webhook_endpoints/\(id)/replay", [:]).faults == ["/since required"])
            #expect(try await hooks.send(.get, "webhook_deliveries?status=odd").status == 400)
        }
    }

    @Test("Without the permission nothing is shown and nothing done; of another tenant nothing is known")
    func permissions() async throws {
        try await WebhooksUnderTest.run { hooks in
            let (id, _) = try await hooks.endpoint(9)
            let reader = hooks.caller(["settings.read"])
            #expect(try await hooks.send(.get, "webhook_endpoints/\(id)", as: reader).status == 200)
            #expect(try await hooks.send(.get, "webhook_endpoints", as: hooks.caller(["tickets.read"])).status == 403)
            let writes: [(HTTPRequest.Method, String)] = [
                (.post, ""), (.patch, "/\(id)"), (.delete, "/\(id)"), (.post, "/\(id)/rotate_secret"),
                (.put, "/\(id)/headers"),
                (.post, "/\(id)/test"), (.post, "/\(id)/replay"),
            ]
            for (method, path) in writes {
                #expect(
                    try await hooks.send(method, "webhook_endpoints\(path)", [:], as: reader).status == 403, "\(path)")
            }
            let stranger = Caller(
                tenantId: .v7(), actor: .user(.v7()), roles: [], permissions: ["*"], displayName: "eve@example.com")
            for (method, path) in writes.dropFirst() {
                let own = "/v1/tenants/\(stranger.tenantId?.text ?? "")/webhook_endpoints\(path)"
                let body: JSON = path.hasSuffix("replay") ? ["since": "2026-01-01T00:00:00Z"] : [:]
                #expect(try await hooks.send(method, own, body, as: stranger).status == 404, "\(path)")
            }
        }
    }

    @Test("While the database is away every request is to come again")
    func databaseAway() async throws {
        let service: @Sendable (Database) -> WebhookService = { WebhookService(WebhookService.webhooks($0)) }
        try await WebhooksUnderTest.with(service, configure: { $0.acquireTimeout = .seconds(1) }) { hooks in
            let (id, _) = try await hooks.endpoint(9)
            let endpoint = "webhook_endpoints/\(id)"
            let requests: [(HTTPRequest.Method, String, JSON?)] = [
                (.get, "webhook_endpoints", nil), (.post, "webhook_endpoints", ["url": "http://127.0.0.1:9/in"]),
                (.post, "\(endpoint)/rotate_secret", [:]), (.put, "\(endpoint)/headers", [:]),
                (.post, "\(endpoint)/test", [:]), (.post, "\(endpoint)/replay", ["since": "2026-01-01T00:00:00Z"]),
                (.post, "webhook_deliveries/\(id)/redeliver", nil), (.delete, endpoint, nil),
            ]
            try await hooks.test.away {
                for (method, path, body) in requests {
                    let answer = try await hooks.send(method, path, body)
                    #expect(answer.status == 503 && answer.headers[.retryAfter] != nil, "\(path): \(answer.text)")
                }
            }
            try await eventually("it is back") { try await hooks.send(.get, endpoint).status == 200 }
        }
    }
}

extension JSON {
    fileprivate var serializedText: String { String(decoding: serialized(), as: UTF8.self) }
}
