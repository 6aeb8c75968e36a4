import Contracts
import Database
import Foundation
import TestKit
import Testing

private struct Oops: Error {}

@Suite("A look-up reads in one round trip, and is a transaction none the less")
struct LookupTests {
    private let tenant = UUID.v7()

    /// One connection, so that what a look-up leaves behind is met by the next.
    private func with(_ body: (TestDatabase) async throws -> Void) async throws {
        try await Tickets.with(configure: { $0.maxConnections = 1 }) { test async throws in
            try await body(test)
            #expect(test.database.statistics.opened <= 1, "the connection was lost")
        }
    }

    private func count(_ test: TestDatabase, as scope: Scope) async throws -> Int? {
        try await test.database.lookup(as: scope) { try await $0.first(Tickets.count)?.get(0, as: Int.self) }
    }

    @Test("It sees the rows of its scope alone, and its scope ends with it")
    func scope() async throws {
        try await with { test async throws in
            try await test.database.transaction(as: .tenant(tenant)) { try await $0.execute(Tickets.insert(tenant)) }
            #expect(try await count(test, as: .tenant(tenant)) == 1)
            #expect(try await count(test, as: .none) == 0)
            #expect(try await count(test, as: .tenant(.v7())) == 0)
            #expect(try await count(test, as: .admin) == 1)
        }
    }

    @Test("Several statements of one batch are one look-up")
    func batch() async throws {
        try await with { test async throws in
            let before = test.database.statistics.roundTrips
            let rows = try await test.database.lookup(as: .tenant(tenant)) { tx async throws in
                try await tx.batch(["SELECT 1", "SELECT 2"])
            }
            #expect(try rows.map { try $0.first?.get(0, as: Int.self) } == [1, 2])
            #expect(test.database.statistics.roundTrips == before + 1)
        }
    }

    @Test("It writes nothing")
    func readOnly() async throws {
        try await with { test async throws in
            let error = await #expect(throws: DatabaseError.self) {
                try await test.database.lookup(as: .tenant(tenant)) { try await $0.execute(Tickets.insert(tenant)) }
            }
            #expect(error?.sqlState == "25006")
            try await test.database.transaction(as: .tenant(tenant)) { try await $0.execute(Tickets.insert(tenant)) }
            #expect(try await count(test, as: .tenant(tenant)) == 1)
        }
    }

    @Test("A second query is a programming error")
    func second() async throws {
        try await with { test async throws in
            let error = await #expect(throws: DatabaseError.self) {
                try await test.database.lookup(as: .tenant(tenant)) { tx async throws in
                    _ = try await tx.first("SELECT 1")
                    _ = try await tx.first("SELECT 2")
                }
            }
            #expect(error?.kind == .misuse)
        }
    }

    @Test("What the body throws comes out unchanged; a failed statement leaves the connection usable")
    func failures() async throws {
        try await with { test async throws in
            await #expect(throws: Oops.self) {
                try await test.database.lookup(as: .tenant(tenant)) { tx async throws in
                    _ = try await tx.first("SELECT 1")
                    throw Oops()
                }
            }
            let error = await #expect(throws: DatabaseError.self) {
                try await test.database.lookup(as: .tenant(tenant)) { _ = try await $0.first("SELECT \(1) / \(0)") }
            }
            #expect(error?.sqlState == "22012")
            #expect(try await count(test, as: .tenant(tenant)) == 0)
        }
    }
}
