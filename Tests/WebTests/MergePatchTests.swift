import Contracts
import Foundation
import HTTPTypes
import TestKit
import Testing
import Web

@Suite("A merge patch (RFC 7396)")
struct MergePatchTests {
    /// The examples of the RFC's appendix A.
    static let examples: [(JSON, JSON, JSON)] = [
        (["a": "b"], ["a": "c"], ["a": "c"]), (["a": "b"], ["b": "c"], ["a": "b", "b": "c"]),
        (["a": "b"], ["a": .null], [:]), (["a": "b", "b": "c"], ["a": .null], ["b": "c"]),
        (["a": ["b"]], ["a": "c"], ["a": "c"]), (["a": "c"], ["a": ["b"]], ["a": ["b"]]),
        (["a": ["b": "c"]], ["a": ["b": "d", "c": .null]], ["a": ["b": "d"]]),
        (["a": [["b": "c"]]], ["a": [1]], ["a": [1]]), (["a", "b"], ["c", "d"], ["c", "d"]), (["a": "b"], ["c"], ["c"]),
        (["a": "foo"], .null, .null), (["a": "foo"], "bar", "bar"), (["e": .null], ["a": 1], ["e": .null, "a": 1]),
        ([1, 2], ["a": "b", "c": .null], ["a": "b"]), ([:], ["a": ["bb": ["ccc": .null]]], ["a": ["bb": [:]]]),
    ]

    @Test("gives what the RFC says", arguments: examples.indices)
    func example(index: Int) {
        let (target, patch, result) = Self.examples[index]
        #expect(target.merged(with: patch) == result)
    }

    /// The same examples inside a JSON field, over HTTP, where both sides are objects.
    @Test("does so over HTTP too")
    func overHTTP() async throws {
        try await Harness.with { api in
            for (target, patch, result) in Self.examples {
                let gadget = try await api.gadget(["attributes": ["v": target]])
                let reply = try await api.send(
                    .patch, "gadgets/\(gadget.id)", ["attributes": ["v": patch]],
                    headers: [.contentType: "application/merge-patch+json"])
                #expect(reply.status == 200, "\(reply.text)")
                #expect(reply.json["attributes"]?["v"] ?? .null == result, "\(target) \(patch)")
            }
        }
    }
}
