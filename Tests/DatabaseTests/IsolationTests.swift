import Contracts
import Database
import Foundation
import TestKit
import Testing

@Suite("Tenants are isolated by the database")
struct IsolationTests {
    @Test("A tenant sees its own rows, nobody's without a tenant, all as admin")
    func scopes() async throws {
        try await Tickets.with { test in
            let (mine, other) = (UUID.v7(), UUID.v7())
            for tenant in [mine, mine, other] {
                try await test.database.transaction(as: .tenant(tenant)) { try await $0.execute(Tickets.insert(tenant)) }
            }
            #expect(try await test.database.ticketCount(as: .tenant(mine)) == 2)
            #expect(try await test.database.ticketCount(as: .tenant(other)) == 1)
            #expect(try await test.database.ticketCount(as: .tenant(.v7())) == 0)
            #expect(try await test.database.ticketCount(as: .none) == 0)
            #expect(try await test.database.ticketCount(as: .admin) == 3)
        }
    }
}
