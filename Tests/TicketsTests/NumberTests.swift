import Contracts
import Database
import Foundation
import HTTPTypes
import TestKit
import Testing
import Web

@testable import Tickets

@Suite struct NumberTests {
    @Test func `numbers have no gaps, whoever creates at once and whatever is rolled back`() async throws {
        try await Harness.with { harness in
            try await harness.ticket(["externalId": "taken"])
            try await withThrowingTaskGroup(of: Int.self) { group in
                for worker in 0..<8 {
                    group.addTask {
                        var made = 0
                        for turn in 0..<12 {
                            var body: JSONObject = ["subject": "w\(worker) t\(turn)"]
                            // Every third comes to nothing after its number was taken.
                            if turn % 3 == 0 { body["externalId"] = "taken" }
                            let reply = try await harness.send(.post, "tickets", .object(body))
                            #expect(reply.status == (turn % 3 == 0 ? 409 : 201), "\(reply.text)")
                            if reply.status == 201 { made += 1 }
                        }
                        return made
                    }
                }
                var made = 1
                for try await count in group { made += count }
                let numbers = try await harness.database.transaction(as: .tenant(harness.tenant), readOnly: true) {
                    tx in
                    try await tx.query("SELECT number FROM tickets ORDER BY number").map {
                        try $0.get(0, as: Int64.self)
                    }
                }
                #expect(numbers == Array(1...Int64(made)))
            }
        }
    }

    @Test func `each tenant counts by itself`() async throws {
        try await Harness.with { harness in
            try await harness.ticket()
            let other = UUID.v7()
            let caller = harness.agent(tenant: other)
            let reply = try await harness.send(.post, "/v1/tenants/\(other.text)/tickets", ["subject": "x"], as: caller)
            #expect(reply.json.number("number") == 1)
            #expect(try await harness.get("/v1/tenants/\(other.text)/tickets", as: caller).data.count == 1)
        }
    }
}
