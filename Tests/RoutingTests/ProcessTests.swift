import Contracts
import Database
import Foundation
import HTTPTypes
import Messaging
import TestKit
import Testing

@testable import Routing

/// Four routing processes and one of tickets, as they run in production. What a client asks for is written by this process,
/// so every change of capacity comes from elsewhere for those who give out tickets.
@Suite(.serialized) struct ProcessTests {
    private static let count = 4
    /// Clients that file tickets at the same time.
    private static let writers = 8

    private func withProcesses(
        _ body: @escaping @Sendable (World, [SpawnedService]) async throws -> Void
    ) async throws {
        let broker = try await TestBroker.fresh()
        try await World.with { world in
            func spawn(_ side: World.Side) throws -> SpawnedService {
                var environment = SpawnedService.environment(side.name, database: side.test, amqpURL: broker.url)
                environment["DATABASE_POOL_SIZE"] = "6"
                return try SpawnedService(side.name, environment)
            }
            let routing = try (0..<Self.count).map { _ in try spawn(world.routing) }
            let tickets = try spawn(world.tickets)
            defer { for service in routing + [tickets] { service.dispose() } }
            for service in routing + [tickets] { _ = try await service.port() }
            do {
                try await body(world, routing)
            } catch {
                for service in routing + [tickets] { for line in service.lines.suffix(5) { print(line.text) } }
                throw error
            }
        }
    }

    @Test(
        "100 changes, many at once: nobody is above capacity at any commit, no ticket has two holders, one process is killed"
    )
    func capacity() async throws {
        try await withProcesses { world, processes in
            try await world.watch()
            var random = SeededGenerator(seed: 7)
            let group = UUID.v7()
            try await world.ok(.post, "routing_settings", ["redistribution": "none"])
            var team: [World.AgentHandle] = []
            for _ in 0..<6 {
                let capacity = Int64.random(in: 4...12, using: &random)
                team.append(try await world.agent([group], ["capacityUnits": .int(capacity)]))
            }
            let agents = team
            let toggles = (0..<24).map { _ in Int.random(in: 0..<6, using: &random) } + Array(agents.indices)
            try await withThrowingTaskGroup(of: Void.self) { changes in
                changes.addTask {
                    for (index, agent) in toggles.enumerated() {
                        if index == toggles.count / 2 { processes[0].send(SIGKILL) }
                        let isLast = index >= toggles.count - agents.count
                        try await world.ok(
                            .post, "agents/\(agents[agent].id.text)/availability",
                            ["availability": .string(isLast || index % 2 == 0 ? "online" : "away")])
                    }
                }
                for index in 0..<70 {
                    // As many as there are connections for; more would only wait for each other.
                    if index >= Self.writers { try await changes.next() }
                    changes.addTask {
                        try await world.ticket([
                            "groupId": .uuid(group), "priority": .string(TicketRank.priorities[index % 4]),
                            "channel": index % 5 == 0 ? "chat" : "email",
                        ])
                    }
                }
                try await changes.waitForAll()
            }
            try await world.comesToRest(tickets: 70)
            // What is closed makes room for those who wait.
            let held = try await world.routing.test.superuser(
                "SELECT ticket_id FROM routing.routing_holdings ORDER BY ticket_id LIMIT 10")
            for row in held { try await world.ok(.post, "tickets/\(row[0] ?? "")/close", [:], to: world.tickets) }
            try await world.comesToRest(tickets: 70)
            #expect(try await world.routing.test.superuser("SELECT what FROM routing.violations") == [])
            try await world.checkLoads()
            // The watch would have seen it.
            try await world.routing.test.superuser("UPDATE routing.agent_loads SET held_units = capacity_units + 1")
            let noted = try await world.routing.test.superuser("SELECT what FROM routing.violations")
            #expect(Set(noted.map { $0[0] }).count == agents.count)
            var assigned: [UUID: Int] = [:]
            for (_, event) in try await world.events(of: world.tickets) where event.name == "ticket.assigned" {
                assigned[event.aggregate.id, default: 0] += 1
            }
            #expect(assigned.values.allSatisfy { $0 == 1 })
        }
    }

    @Test("room goes to the oldest of the highest priority, whichever process finds it") func order() async throws {
        try await withProcesses { world, _ in
            let group = UUID.v7()
            let agent = try await world.agent([group], ["capacityUnits": 0])
            var tickets: [(id: UUID, rank: Int)] = []
            for index in 0..<12 {
                let rank = [1, 3, 0, 2, 3, 1][index % 6]
                tickets.append(
                    (
                        try await world.ticket([
                            "groupId": .uuid(group), "priority": .string(TicketRank.priorities[rank]),
                        ]), rank
                    ))
                // Who came first is decided by when routing heard of them.
                try await world.isTrue(
                    "SELECT count(*) = \(index + 1) FROM routing_queue_entries WHERE failure = 'at_capacity'")
            }
            let expected = (0...3).reversed().flatMap { rank in tickets.filter { $0.rank == rank }.map(\.id) }
            for capacity in stride(from: 3, through: 12, by: 3) {
                try await world.ok(.patch, "agents/\(agent.id.text)", ["capacityUnits": .int(Int64(capacity))])
                try await world.isTrue(
                    "SELECT count(*) = \(capacity) FROM routing_holdings WHERE state = 'held'")
                let decided = try await world.routing.test.superuser(
                    "SELECT ticket_id FROM routing.routing_decisions WHERE outcome = 'made' ORDER BY id")
                #expect(decided.map { $0[0] } == expected.prefix(capacity).map(\.text))
            }
        }
    }
}

extension World {
    /// Notes in the database, at every commit, who is above capacity and whose count is not what they hold.
    fileprivate func watch() async throws {
        let statements = [
            "CREATE TABLE routing.violations (what text NOT NULL)",
            """
            CREATE FUNCTION routing.watch_agent(tenant uuid, agent uuid) RETURNS void LANGUAGE sql SECURITY DEFINER AS $$
                INSERT INTO routing.violations
                SELECT format('%s holds %s, is counted with %s and can hold %s', l.agent_id, h.units, l.held_units,
                    l.capacity_units)
                FROM routing.agent_loads AS l
                CROSS JOIN LATERAL (SELECT COALESCE(sum(r.units), 0) AS units FROM routing.routing_holdings AS r
                    WHERE r.tenant_id = l.tenant_id AND r.agent_id = l.agent_id) AS h
                WHERE l.tenant_id = tenant AND l.agent_id = agent
                    AND (h.units <> l.held_units OR h.units > l.capacity_units)
            $$
            """,
            """
            CREATE FUNCTION routing.watch() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
            BEGIN
                IF TG_OP <> 'DELETE' THEN PERFORM routing.watch_agent(NEW.tenant_id, NEW.agent_id); END IF;
                IF TG_OP <> 'INSERT' THEN PERFORM routing.watch_agent(OLD.tenant_id, OLD.agent_id); END IF;
                RETURN NULL;
            END $$
            """,
        ]
        let triggers = ["routing_holdings", "agent_loads"].map { table in
            """
            CREATE CONSTRAINT TRIGGER watch AFTER INSERT OR UPDATE OR DELETE ON routing.\(table)
            DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION routing.watch()
            """
        }
        for statement in statements + triggers { try await routing.test.superuser(statement) }
    }

    /// Waits for a condition over routing's tables.
    fileprivate func isTrue(_ sql: String) async throws {
        try await eventually(sql) {
            try await routing.database.transaction(as: .admin, readOnly: true) { tx in
                try await tx.first(SQL(unsafe: sql))?.get(0, as: Bool.self) == true
            }
        }
    }

    /// Waits until nothing is on its way any more and only those wait for whom there is no room.
    fileprivate func comesToRest(tickets count: Int) async throws {
        try await eventually("the tickets service has told everything") {
            try await tickets.test.superuser(
                "SELECT count(*) = \(count) AND NOT EXISTS (SELECT FROM tickets.outbox) FROM tickets.tickets"
            ).first?.first == "t"
        }
        try await isTrue(
            """
            SELECT (SELECT count(*) = \(count) FROM tickets) AND NOT EXISTS (SELECT FROM outbox)
                AND NOT EXISTS (SELECT FROM routing_queue_entries WHERE state <> 'waiting')
                AND NOT EXISTS (SELECT FROM routing_holdings WHERE state <> 'held')
                AND NOT EXISTS (SELECT FROM routing_queue_entries AS e, agent_loads AS l
                    WHERE l.is_online AND l.capacity_units - l.held_units >= e.units)
                AND (SELECT count(*) FROM routing_queue_entries) + (SELECT count(*) FROM routing_holdings)
                    = (SELECT count(*) FROM tickets WHERE status NOT IN ('resolved', 'closed'))
            """)
    }
}
