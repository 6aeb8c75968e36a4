import Contracts
import Database
import Foundation
import HTTPTypes
import HummingbirdTesting
import TestKit
import Testing
import Web

/// Nothing that comes in is answered with a 5xx, and every refusal is a problem that names something.
@Suite("Fuzzed requests")
struct FuzzTests {
    private func check(_ reply: Reply, _ what: @autoclosure () -> String) {
        #expect(reply.status < 500, "\(what()): \(reply.text)")
        guard reply.status >= 400, !reply.text.isEmpty else { return }
        #expect(reply.headers[.contentType] == "application/problem+json", "\(what())")
        #expect(reply.json["title"]?.stringValue != nil, "\(what())")
    }

    @Test("cursors", arguments: 0..<UInt64(3))
    func cursors(seed: UInt64) async throws {
        try await Harness.with { api in
            var random = SeededGenerator(seed: seed)
            for _ in 0..<3 { try await api.gadget(["size": 1]) }
            let sorts = ["name", "-size", "dueAt,-name", "madeOn", "rank", "-createdAt"]
            for sort in sorts {
                let whole = try #require(try await api.get("gadgets?limit=1&sort=\(sort)").next)
                for _ in 0..<25 {
                    var bytes = Base64URL.decode(whole) ?? []
                    for _ in 0..<Int.random(in: 1...3, using: &random) {
                        bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(
                            in: 0...255, using: &random)
                    }
                    let cursor = Base64URL.encode(bytes)
                    check(try await api.get("gadgets?limit=1&sort=\(sort)&cursor=\(cursor)"), "\(sort) \(cursor)")
                }
            }
        }
    }

    @Test("queries", arguments: 0..<UInt64(3))
    func queries(seed: UInt64) async throws {
        try await Harness.with { api in
            var random = SeededGenerator(seed: seed)
            try await api.gadget()
            let names = [
                "limit", "cursor", "offset", "sort", "q", "status", "size", "size[gte]", "weight[lt]", "active",
                "ownerId",
                "dueAt[gte]", "madeOn", "tags", "name", "attributes.x", "expand", "includeTotal", "id", "nope",
                "number",
            ]
            let values = [
                "", "null", "0", "-1", "1", "9223372036854775807", "9223372036854775808", "1e308", "nan", "inf", "true",
                "2026-01-01", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "2026-13-01T00:00:00Z", "draft",
                "a,b", ",", "%27%22%3B--", "%5C", "%25%5F", "-name", "name,-size,id",
                String(repeating: "x", count: 300),
                "%F0%9F%91%A9", "%EF%BF%BF", "+", "a%00b", "\(UUID.v7().text)",
            ]
            for _ in 0..<200 {
                var parts: [String] = []
                for _ in 0..<Int.random(in: 1...3, using: &random) {
                    let name = names[Int.random(in: names.indices, using: &random)]
                    let value =
                        Int.random(in: 0..<4, using: &random) == 0
                        ? random.text(maxLength: 20).addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
                        : values[Int.random(in: values.indices, using: &random)]
                    parts.append(
                        "\(name.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? name)=\(value)")
                }
                let query = parts.joined(separator: "&")
                check(try await api.get("gadgets?\(query)"), query)
            }
        }
    }

    @Test("bodies", arguments: 0..<UInt64(4))
    func bodies(seed: UInt64) async throws {
        try await Harness.with { api in
            var random = SeededGenerator(seed: seed)
            let gadget = try await api.gadget()
            for _ in 0..<150 {
                let body: JSON = .object(Self.object(&random))
                check(try await api.send(.post, "gadgets", body), body.text)
                check(try await api.send(.patch, "gadgets/\(gadget.id)", body), body.text)
                check(try await api.send(.post, "gadgets/\(gadget.id)/parts", body), body.text)
                let bytes = random.bytes(maxLength: 60)
                check(try await api.send(.post, "gadgets", bytes: bytes), "\(bytes)")
            }
        }
    }

    private static func object(_ random: inout SeededGenerator) -> JSONObject {
        let names = [
            "name", "code", "status", "size", "weight", "active", "ownerId", "categoryId", "dueAt", "madeOn",
            "attributes",
            "tags", "watchers", "email", "number", "id", "version", "secret", "label", "tenantId",
        ]
        var object = JSONObject()
        for _ in 0..<Int.random(in: 0...6, using: &random) {
            object[names[Int.random(in: names.indices, using: &random)]] = value(&random, depth: 3)
        }
        if Bool.random(using: &random) { object["name"] = .string(random.text(maxLength: 50)) }
        return object
    }

    private static func value(_ random: inout SeededGenerator, depth: Int) -> JSON {
        switch Int.random(in: 0..<(depth > 0 ? 12 : 10), using: &random) {
        case 0: .null
        case 1: .bool(Bool.random(using: &random))
        case 2: .int(Int64.random(in: -5...1_100, using: &random))
        case 3: .int([Int64.min, .max, 1 << 40, -1, 0][Int.random(in: 0..<5, using: &random)])
        case 4: .double([1e308, -1e308, .leastNonzeroMagnitude, 0.1, 3.0][Int.random(in: 0..<5, using: &random)])
        case 5:
            .string(
                ["draft", "live", "2026-01-01", "9999-12-31T23:59:59Z", "a@b.c"][Int.random(in: 0..<5, using: &random)])
        case 6: .uuid(UUID.v7())
        case 7, 8, 9: .string(random.text(maxLength: 70))
        case 10:
            .array((0..<Int.random(in: 0...4, using: &random)).map { _ in value(&random, depth: depth - 1) })
        default:
            .object(
                JSONObject(
                    (0..<Int.random(in: 0...3, using: &random)).map { _ in
                        (random.text(maxLength: 8), value(&random, depth: depth - 1))
                    }))
        }
    }

    @Test("headers", arguments: 0..<UInt64(3))
    func headers(seed: UInt64) async throws {
        try await Harness.with { api in
            var random = SeededGenerator(seed: seed)
            let gadget = try await api.gadget()
            let names: [HTTPField.Name] = [
                .ifMatch, .ifNoneMatch, .idempotencyKey, .requestId, .contentType, .traceparent, .accept,
            ]
            for _ in 0..<150 {
                var headers = HTTPFields()
                let text = String(
                    String.UnicodeScalarView(
                        (0..<Int.random(in: 0...40, using: &random)).compactMap { _ in
                            Unicode.Scalar(UInt8.random(in: 32...126, using: &random))
                        }))
                let name = names[Int.random(in: names.indices, using: &random)]
                headers[name] = Bool.random(using: &random) ? text : "\"\(text)\""
                let path = "gadgets/\(gadget.id)"
                check(try await api.get(path, headers: headers), "\(headers)")
                check(try await api.send(.patch, path, ["size": 1], headers: headers), "\(headers)")
                check(try await api.send(.post, path + "/parts", ["label": "x"], headers: headers), "\(headers)")
            }
        }
    }

    @Test("paths", arguments: 0..<UInt64(2))
    func paths(seed: UInt64) async throws {
        try await Harness.with(.live) { api in
            var random = SeededGenerator(seed: seed)
            for _ in 0..<200 {
                let bytes = random.bytes(maxLength: 20)
                let raw = bytes.map { byte in
                    (48...57).contains(byte) || (97...122).contains(byte) || byte == 47
                        ? String(UnicodeScalar(byte)) : "%" + String(byte, radix: 16)
                }.joined()
                check(try await api.get(api.url("gadgets/\(raw)")), raw)
            }
        }
    }
}
