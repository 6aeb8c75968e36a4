import Contracts
import Foundation
import TestKit
import Testing

extension SystemTests {
    /// Alerts while many clocks run, three processes look for them and one is killed.
    @Suite(.serialized) struct SweeperTests {
        private static let running = 20_000
        private static let due = 200

        @Test(.timeLimit(.minutes(5))) func eachAlertIsToldOnceThoughAProcessIsKilled() async throws {
            let environment = try await Stack.shared.environment()
            let exchange = try environment["DESKWIRE_EXCHANGE"]
            let subscriber = try Subscriber(
                patterns: ["warning", "breached"].map { "\(exchange).ticket_sla_stage.\($0)" }, in: environment)
            let database = try environment["DESKWIRE_DATABASE_URL"]
            let others = [try Another("sla", in: environment), try Another("sla", in: environment)]
            defer { for other in others { other.kill() } }
            for other in others {
                try await eventually("another sla process is ready", within: .seconds(60)) { await other.isReady() }
            }
            let tenant = UUID().uuidString.lowercased()
            _ = try await SystemTests.psql(database, Self.promise(tenant))
            _ = try await SystemTests.psql(database, Self.tickets(tenant))

            func told() async throws -> [(alert: String, isEarly: Bool)] {
                try await SystemTests.psql(
                    database,
                    """
                    SELECT name || ' ' || aggregate_id, recorded_at < occurred_at FROM sla.events
                    WHERE tenant_id = '\(tenant)' ORDER BY position
                    """
                ).split(separator: "\n").map { line in
                    let columns = line.split(separator: "|")
                    return (String(columns[0]), columns[1] == "t")
                }.filter { !$0.alert.contains("entered") }
            }
            try await eventually("some alerts are told", within: .seconds(60)) {
                try await told().count > Self.due / 2
            }
            others[0].kill()
            try await eventually("all alerts are told", within: .seconds(120)) {
                try await told().count >= Self.due * 2
            }
            let alerts = try await told()
            #expect(alerts.count == Self.due * 2)
            #expect(Set(alerts.map(\.alert)).count == Self.due * 2)
            #expect(alerts.allSatisfy { !$0.isEarly })

            func arrived() throws -> [Subscriber.Delivery] {
                try subscriber.deliveries().filter { $0.payload["tenantId"]?.stringValue == tenant }
            }
            try await eventually("all alerts arrive", within: .seconds(120)) {
                try Set(arrived().map(\.eventId)).count >= Self.due * 2
            }
            var seen: Set<String> = []
            var names: [String: [String]] = [:]
            for delivery in try arrived() where seen.insert(delivery.eventId).inserted {
                names[delivery.payload["ticketId"]?.stringValue ?? "", default: []].append(delivery.name)
            }
            let expected = ["warning", "breached"].map { "\(exchange).ticket_sla_stage.\($0)" }
            #expect(names.count == Self.due && names.values.allSatisfy { $0 == expected })
        }

        /// Four seconds for a resolution, and a warning after two.
        private static func promise(_ tenant: String) -> String {
            """
            INSERT INTO sla.sla_policy_versions VALUES ('\(tenant)', gen_random_uuid(), 1, '2020-01-01', false, true,
                '{"targets": {"normal": {"resolution": {"seconds": 4}}}, "warnings": [{"percent": 50}]}');
            INSERT INTO sla.sla_terms VALUES ('\(tenant)', 1);
            INSERT INTO sla.sla_tickets (tenant_id, ticket_id, version, is_open, last_fact_at, next_due_at)
            SELECT '\(tenant)', gen_random_uuid(), 1, true, now(), now() + interval '1 day' + n * interval '1 second'
            FROM generate_series(1, \(running)) AS n;
            """
        }

        /// Tickets created over five seconds, as if their facts had just come.
        private static func tickets(_ tenant: String) -> String {
            """
            WITH made AS (
                SELECT gen_random_uuid() AS id,
                    date_trunc('milliseconds', now()) + n * interval '5 seconds' / \(due) AS at
                FROM generate_series(1, \(due)) AS n
            ), facts AS (
                INSERT INTO sla.sla_ticket_facts
                SELECT '\(tenant)', id, 1, at, 'created', '{"status": "open", "priority": "normal"}' FROM made
            )
            INSERT INTO sla.sla_tickets (tenant_id, ticket_id, version, is_open, last_fact_at, next_due_at)
            SELECT '\(tenant)', id, 1, true, at, at + interval '2 seconds' FROM made
            """
        }
    }
}
