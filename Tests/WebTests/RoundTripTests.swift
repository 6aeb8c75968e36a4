import Contracts
import Database
import Foundation
import HTTPTypes
import TestKit
import Testing
import Web

/// What a request costs in round trips to the database decides its speed; these numbers are promises.
@Suite("Round trips to the database")
struct RoundTripTests {
    @Test("a create has two, with an Idempotency-Key too; a GET and a list have one; a patch has three")
    func counts() async throws {
        try await TestDatabase.with("sample", Sample.migrations) { test in
            let database = Database(DatabaseConfiguration(url: test.url(), schema: "sample"))
            defer { database.close() }
            try await Harness.with(test, database: database) { api in
                var number = 0
                func count(_ expected: UInt64, _ what: String, _ request: () async throws -> Reply) async throws {
                    let before = database.statistics.roundTrips
                    #expect(try await request().status < 300)
                    #expect(database.statistics.roundTrips - before == expected, "\(what)")
                }
                func body() -> JSON {
                    number += 1
                    return ["name": .string("n\(number)"), "size": .int(Int64(number % 10))]
                }
                let gadget = try await api.gadget()
                let path = "gadgets/\(gadget.id)"
                try await count(2, "create") { try await api.send(.post, "gadgets", body()) }
                try await count(2, "create with a key") {
                    try await api.send(.post, "gadgets", body(), headers: [.idempotencyKey: UUID.v7().text])
                }
                try await count(2, "create below a parent") {
                    try await api.send(.post, path + "/parts", ["label": "x"])
                }
                try await count(1, "get") { try await api.get(path) }
                try await count(1, "list") { try await api.get("gadgets?status=draft&includeTotal=true") }
                try await count(1, "list below a parent") { try await api.get(path + "/parts") }
                try await count(3, "patch") {
                    try await api.send(.patch, path, ["tags": [.string(UUID.v7().text.suffix(12).description)]])
                }
            }
        }
    }
}
