import Contracts
import Database
import Foundation
import HTTPTypes
import TestKit
import Testing
import Web

@Suite("An Idempotency-Key")
struct IdempotencyTests {
    @Test("gives the first answer again")
    func replay() async throws {
        try await Harness.with { api in
            let headers: HTTPFields = [.idempotencyKey: "key-1"]
            let first = try await api.send(.post, "gadgets", ["name": "Once"], headers: headers)
            #expect(first.status == 201)
            #expect(first.headers[.idempotencyReplayed] == nil)
            let again = try await api.send(.post, "gadgets", ["name": "Once"], headers: headers)
            #expect(again.status == 201)
            #expect(again.text == first.text)
            #expect(again.headers[.idempotencyReplayed] == "true")
            #expect(again.headers[.location] == first.headers[.location])
            #expect(again.headers[.eTag] == first.headers[.eTag])
            #expect(again.headers[.contentType] == first.headers[.contentType])
            #expect(try await api.count("gadgets") == 1)
            #expect(try await api.events().count == 1)
            #expect(try await api.events().first?["idempotencyKey"] == "key-1")
        }
    }

    @Test("is refused for another body or path, and is another tenant's own")
    func otherRequests() async throws {
        try await Harness.with { api in
            let headers: HTTPFields = [.idempotencyKey: "key-1"]
            try await api.send(.post, "gadgets", ["name": "Once"], headers: headers)
            let others: [(String, JSON)] = [("gadgets", ["name": "Twice"]), ("categories", ["name": "Once"])]
            for (path, body) in others {
                let reply = try await api.send(.post, path, body, headers: headers)
                #expect(reply.status == 422)
                #expect(reply.faults == ["Idempotency-Key used_for_another_request"])
            }
            let other = api.user(tenant: .v7())
            let theirs = try await api.send(
                .post, api.url("gadgets", tenant: other.tenantId), ["name": "Once"], as: other, headers: headers)
            #expect(theirs.status == 201)
            #expect(theirs.headers[.idempotencyReplayed] == nil)
        }
    }

    @Test("a refused request keeps nothing: mended, it may use the key again")
    func refused() async throws {
        try await Harness.with { api in
            try await api.gadget(["name": "Taken"])
            let headers: HTTPFields = [.idempotencyKey: "key-1"]
            #expect(try await api.send(.post, "gadgets", ["name": "Taken"], headers: headers).status == 409)
            #expect(try await api.send(.post, "gadgets", ["name": ""], headers: headers).status == 422)
            #expect(try await api.send(.post, "gadgets", ["name": "Free"], headers: headers).status == 201)
        }
    }

    @Test("works for explicit operations too, and outlives the state that it changed")
    func operations() async throws {
        try await Harness.with { api in
            let gadget = try await api.gadget()
            try await api.send(.patch, "gadgets/\(gadget.id)", ["status": "live"])
            let headers: HTTPFields = [.idempotencyKey: "retire"]
            let path = "gadgets/\(gadget.id)/retire"
            let first = try await api.send(.post, path, ["reason": "old"], headers: headers)
            let again = try await api.send(.post, path, ["reason": "old"], headers: headers)
            #expect(first.status == 200)
            #expect(again.text == first.text)
            #expect(again.headers[.idempotencyReplayed] == "true")
            #expect(try await api.send(.delete, "gadgets/\(gadget.id)").status == 204)
            #expect(try await api.send(.post, path, ["reason": "old"], headers: headers).text == first.text)
        }
    }

    @Test("must be a plain word", arguments: ["", " ", "with space", "ümlaut", String(repeating: "k", count: 256)])
    func badKeys(key: String) async throws {
        try await Harness.with { api in
            let reply = try await api.send(
                .post, "gadgets", ["name": "x"], headers: [.idempotencyKey: key])
            #expect(reply.status == 400)
            #expect(reply.faults == ["Idempotency-Key bad_format"])
        }
    }

    @Test("20 requests at once make one row", arguments: 0..<5)
    func concurrent(round: Int) async throws {
        try await Harness.with { api in
            let replies = try await withThrowingTaskGroup(of: Reply.self) { group in
                for _ in 0..<20 {
                    group.addTask {
                        try await api.send(
                            .post, "gadgets", ["name": "Once"], headers: [.idempotencyKey: "key-\(round)"])
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(try await api.count("gadgets") == 1)
            #expect(try await api.count("audits") == 1)
            #expect(try await api.events().count == 1)
            for reply in replies {
                #expect(reply.status == 201 || reply.status == 409, "\(reply.text)")
                if reply.status == 409 {
                    #expect(reply.faults == ["Idempotency-Key in_flight"])
                    #expect(reply.headers[.retryAfter] == "1")
                }
            }
            let texts = Set(replies.filter { $0.status == 201 }.map(\.text))
            #expect(texts.count == 1)
            #expect(replies.filter { $0.status == 201 && $0.headers[.idempotencyReplayed] == nil }.count == 1)
        }
    }

    @Test("ends after 24 hours, and what is older is purged")
    func expiry() async throws {
        try await Harness.with { api in
            let headers: HTTPFields = [.idempotencyKey: "key-1"]
            try await api.send(.post, "gadgets", ["name": "First"], headers: headers)
            try await api.send(.post, "gadgets", ["name": "Other"], headers: [.idempotencyKey: "key-2"])
            try await api.test.superuser("UPDATE sample.idempotency_keys SET created_at = now() - interval '25 hours'")
            let later = try await api.send(.post, "gadgets", ["name": "Second"], headers: headers)
            #expect(later.status == 201)
            #expect(later.headers[.idempotencyReplayed] == nil)
            #expect(try await IdempotencyKeys.purge(api.database, batch: 1) == 1)
            #expect(try await api.count("idempotency_keys") == 1)
        }
    }
}
