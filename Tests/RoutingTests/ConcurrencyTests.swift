import Contracts
import Database
import Foundation
import HTTPTypes
import Messaging
import TestKit
import Testing

@testable import Routing

/// Several routing processes at once.
@Suite struct ConcurrencyTests {
    @Test(
        "100 tickets and availability changes at once, 4 dispatchers: nobody above capacity, no ticket with two holders",
        arguments: [1, 2])
    func manyAtOnce(seed: UInt64) async throws {
        try await World.with { world in
            var random = SeededGenerator(seed: seed)
            let group = UUID.v7()
            try await world.ok(.post, "routing_settings", ["redistribution": "none"])
            var agents: [World.AgentHandle] = []
            for _ in 0..<6 {
                agents.append(
                    try await world.agent([group], ["capacityUnits": .int(Int64.random(in: 5...30, using: &random))]))
            }
            // Each as a process has it: its own rule books, its own pool.
            let dispatchers = (0..<4).map { _ in
                DispatchJob(database: world.routing.test.open { $0.maxConnections = 3 }, books: RuleBookStore())
            }
            let team = agents
            var toggles = (0..<30).map { _ in Int.random(in: 0..<6, using: &random) }
            toggles += Array(team.indices)
            let plan = toggles
            let isDone = Flag()
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                for dispatcher in dispatchers {
                    tasks.addTask {
                        while await !isDone.isSet {
                            try await dispatcher.runAll()
                            await Task.yield()
                        }
                    }
                }
                tasks.addTask {
                    while await !isDone.isSet {
                        _ = try await world.carry(from: world.tickets, to: world.routing)
                        _ = try await world.carry(from: world.routing, to: world.tickets)
                        try await world.checkLoads()
                    }
                }
                try await withThrowingTaskGroup(of: Void.self) { changes in
                    for index in 0..<70 {
                        changes.addTask {
                            try await world.ticket([
                                "groupId": .uuid(group), "priority": .string(TicketRank.priorities[index % 4]),
                                "channel": index % 5 == 0 ? "chat" : "email",
                            ])
                        }
                    }
                    changes.addTask {
                        for (index, agent) in plan.enumerated() {
                            // The last turn of each leaves them online.
                            let isLast = index >= plan.count - team.count
                            try await world.ok(
                                .post, "agents/\(team[agent].id.text)/availability",
                                ["availability": .string(isLast || index % 2 == 0 ? "online" : "away")])
                        }
                    }
                    try await changes.waitForAll()
                }
                await isDone.set()
                try await tasks.waitForAll()
            }
            try await world.settle()
            try await world.checkLoads()
            var assigned: [UUID: Int] = [:]
            for (_, event) in try await world.events(of: world.tickets) where event.name == "ticket.assigned" {
                assigned[event.aggregate.id, default: 0] += 1
            }
            #expect(assigned.values.allSatisfy { $0 == 1 })
            // Who waits does so for want of capacity.
            let (waiting, free) = try await world.routing.database.transaction(
                as: .tenant(world.tenant), readOnly: true
            ) { tx in
                let row = try await tx.first(
                    """
                    SELECT (SELECT min(units) FROM routing_queue_entries), (SELECT count(*) FROM routing_queue_entries),
                        (SELECT max(capacity_units - held_units)::bigint FROM agent_loads)
                    """)
                let (units, count, free) = try #require(try row?.decode((Int64?, Int64, Int64).self))
                #expect(assigned.count + Int(count) == 70)
                return (units, free)
            }
            if let waiting { #expect(free < waiting) }
        }
    }

    @Test("round robin stays fair with 4 dispatchers") func fairness() async throws {
        try await World.with { world in
            let group = UUID.v7()
            for _ in 0..<5 { try await world.agent([group], ["capacityUnits": 1_000]) }
            let dispatchers = (0..<4).map { _ in
                DispatchJob(database: world.routing.test.open { $0.maxConnections = 3 }, books: RuleBookStore())
            }
            for _ in 0..<12 {
                for _ in 0..<4 { try await world.ticket(["groupId": .uuid(group)]) }
                _ = try await world.carry(from: world.tickets, to: world.routing)
                try await withThrowingTaskGroup(of: Void.self) { tasks in
                    for dispatcher in dispatchers { tasks.addTask { try await dispatcher.runAll() } }
                    try await tasks.waitForAll()
                }
            }
            try await world.settle()
            var order: [UUID] = []
            for made in try await world.told("routing_decision.made") {
                order.append(try #require(made["agentId"]?.uuidValue))
            }
            #expect(order.count == 48)
            for start in order.indices {
                for end in start..<order.count {
                    var counts: [UUID: Int] = [:]
                    for agent in order[start...end] { counts[agent, default: 0] += 1 }
                    let least = counts.count < 5 ? 0 : counts.values.min() ?? 0
                    #expect((counts.values.max() ?? 0) - least <= 1)
                }
            }
        }
    }

    @Test("what a dispatcher that dies between two batches leaves is found by another") func batches() async throws {
        try await World.with { world in
            let group = UUID.v7()
            let agent = try await world.agent([group])
            let tickets = [
                try await world.ticket(["groupId": .uuid(group)]), try await world.ticket(["groupId": .uuid(group)]),
            ]
            try await world.carry(from: world.tickets, to: world.routing)
            let dispatcher = Dispatcher(books: RuleBookStore(), batch: 1)
            #expect(try await dispatcher.run(world.tenant, in: world.routing.database) == .more(skip: 0))
            try await world.settle()
            for ticket in tickets { #expect(try await world.holder(of: ticket) == agent.userId) }
        }
    }

    @Test("a running dispatcher hears of capacity by itself") func wakes() async throws {
        try await World.with { world in
            let group = UUID.v7()
            let ticket = try await world.ticket(["groupId": .uuid(group)])
            _ = try await world.carry(from: world.tickets, to: world.routing)
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                let job = world.service.dispatch
                tasks.addTask { try await job.run() }
                try await eventually("the ticket is tried") {
                    try await !world.told("routing_decision.failed").isEmpty
                }
                try await world.agent([group])
                try await eventually("the ticket is given") {
                    try await !world.told("routing_decision.made").isEmpty
                }
                tasks.cancelAll()
            }
            try await world.settle()
            #expect(try await world.holder(of: ticket) != nil)
        }
    }
}

private actor Flag {
    private(set) var isSet = false
    func set() { isSet = true }
}
