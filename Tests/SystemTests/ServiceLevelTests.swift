import Contracts
import Foundation
import NIOHTTP1
import TestKit
import Testing

extension SystemTests {
    /// A ticket's whole way through routing and service levels, as a subscriber sees it.
    @Suite(.serialized) struct ServiceLevelTests {
        /// What a subscriber has received of one ticket and of the agents, without repeats, in order.
        private struct Feed {
            let subscriber: Subscriber
            let ticket: String
            let agents: [String]

            func deliveries() throws -> [Subscriber.Delivery] {
                var seen: Set<String> = []
                return try subscriber.deliveries().filter { delivery in
                    let isOurs =
                        delivery.payload["ticketId"]?.stringValue == ticket
                        || agents.contains(delivery.payload["agentId"]?.stringValue ?? "")
                    return isOurs && seen.insert(delivery.eventId).inserted
                }
            }

            func events() throws -> [(name: String, payload: JSON)] {
                try deliveries().map { (String($0.name.split(separator: ".", maxSplits: 1)[1]), $0.payload) }
            }

            /// Waits for an event and answers its place.
            @discardableResult
            func place(
                of name: String, where matches: (JSON) -> Bool = { _ in true }, after earlier: Int = -1
            ) async throws -> Int {
                var place: Int?
                try await eventually("\(name) arrives", within: .seconds(60)) {
                    let events = try events()
                    place = events.indices.first {
                        $0 > earlier && events[$0].name == name && matches(events[$0].payload)
                    }
                    return place != nil
                }
                return place ?? -1
            }
        }

        @Test(.timeLimit(.minutes(5))) func aTicketIsRoutedWarnedOfMissedEscalatedTakenOverAndCounted() async throws {
            let environment = try await Stack.shared.environment()
            let desk = try await HelpDesk(
                agentCount: 2,
                policy: [
                    "targets": ["high": ["first_response": ["seconds": 600], "resolution": ["seconds": 6]]],
                    "warnings": [["percent": 50]],
                    "escalations": [["afterSeconds": 1, "note": "Call the customer"]],
                ], in: environment)
            let (client, path) = (desk.client, desk.path)
            let (ada, ben) = (desk.agents[0], desk.agents[1])
            try await desk.set("online", ada)
            let subscriber = try Subscriber(in: environment)

            let ticket =
                try await client.made(path + "/tickets", ["subject": "No dial tone", "priority": "high"])["id"]?
                .stringValue ?? ""
            let feed = Feed(subscriber: subscriber, ticket: ticket, agents: desk.agents.map(\.id))
            func isGiven(to agent: HelpDesk.Agent) -> (JSON) -> Bool {
                { $0["newAssigneeId"]?.stringValue == agent.userId }
            }
            func isReserved(by agent: HelpDesk.Agent) -> (JSON) -> Bool {
                { $0["userId"]?.stringValue == agent.userId && $0["reservedUntil"]?.stringValue != nil }
            }
            func isOf(_ metric: String) -> (JSON) -> Bool { { $0["metric"]?.stringValue == metric } }

            // The queue and the rule are chosen, the agent is reserved, the ticket is assigned.
            let created = try await feed.place(of: "ticket.created")
            let queued = try await feed.place(
                of: "routing_queue_entry.created",
                where: {
                    $0["queueId"]?.stringValue == desk.queueId && $0["ruleId"]?.stringValue == desk.ruleId
                }, after: created)
            let reserved = try await feed.place(
                of: "routing_decision.made", where: isReserved(by: ada), after: queued)
            let assigned = try await feed.place(of: "ticket.assigned", where: isGiven(to: ada), after: reserved)
            // She answers in time; the resolution is warned of, missed and escalated.
            _ = try await client.made(
                "\(path)/tickets/\(ticket)/messages", ["authorType": "agent", "bodyText": "We are looking into it."])
            let entered = try await feed.place(
                of: "ticket_sla_stage.entered", where: isOf("resolution"), after: created)
            let answered = try await feed.place(
                of: "ticket_sla_stage.met", where: isOf("first_response"), after: assigned)
            let warned = try await feed.place(
                of: "ticket_sla_stage.warning", where: isOf("resolution"), after: entered)
            let missed = try await feed.place(
                of: "ticket_sla_stage.breached", where: isOf("resolution"), after: warned)
            let escalated = try await feed.place(
                of: "ticket_sla_stage.escalated", where: { $0["note"] == "Call the customer" }, after: missed)
            let overdue = try await client.send(.GET, path + "/tickets?slaBreached=true&expand=sla")
            #expect(overdue.json["data"]?.arrayValue?.map { $0["id"]?.stringValue } == [ticket])

            // She leaves, and he takes over.
            try await desk.set("online", ben)
            try await desk.set("offline", ada)
            let left = try await feed.place(
                of: "agent.availability_changed",
                where: { $0["agentId"]?.stringValue == ada.id && $0["newAvailability"] == "offline" },
                after: max(escalated, answered))
            let requeued = try await feed.place(of: "routing_queue_entry.created", after: left)
            let found = try await feed.place(
                of: "routing_decision.made", where: isReserved(by: ben), after: requeued)
            let takenOver = try await feed.place(of: "ticket.assigned", where: isGiven(to: ben), after: found)

            // It is resolved, and counted.
            _ = try await client.made("\(path)/tickets/\(ticket)/status", ["status": "resolved"])
            try await feed.place(
                of: "ticket.status_changed", where: { $0["newStatusId"] == "resolved" }, after: takenOver)
            var clocks: [String: String] = [:]
            try await eventually("all clocks have ended", within: .seconds(60)) {
                let shown = try await client.send(.GET, "\(path)/sla_clocks?ticketId=\(ticket)").json["data"]
                let all = shown?.arrayValue ?? []
                for clock in all { clocks[clock["metric"]?.stringValue ?? ""] = clock["state"]?.stringValue }
                return all.count == 2 && all.allSatisfy { $0["finishedAt"] != .null && $0["finishedAt"] != nil }
            }
            #expect(clocks == ["first_response": "met", "resolution": "breached"])
            let report = try await client.send(.GET, path + "/sla/reports/compliance?groupBy=metric,assigneeId")
            let rows = report.json["data"]?.arrayValue ?? []
            func row(_ metric: String) -> JSON? { rows.first { $0["metric"]?.stringValue == metric } }
            #expect(
                row("first_response")?["met"] == 1 && row("first_response")?["breached"] == 0, "\(report.json.text)")
            #expect(row("resolution")?["met"] == 0 && row("resolution")?["breached"] == 1)

            // Each aggregate's events came in their own order, none was missing, and each alert came once.
            var last: [String: Int64] = [:]
            for delivery in try feed.deliveries() {
                let sequence = delivery.payload["sequence"]?.intValue
                #expect(sequence == last[delivery.stream].map { $0 + 1 } ?? sequence, "\(delivery.line.text)")
                last[delivery.stream] = sequence
            }
            let alerts = try feed.events().filter {
                ["warning", "breached", "escalated"].contains($0.name.split(separator: ".")[1])
            }
            #expect(alerts.count == 3)
        }

        /// Deadlines are right as far as the time zones are: the status says which ones the service has.
        @Test func theStatusSaysWhichTimeZonesAreCountedWith() async throws {
            let (client, _) = try await Client.tenant()
            let zones = try String(contentsOfFile: "/usr/share/zoneinfo/tzdata.zi", encoding: .utf8)
            // Its first line is "# version 2026a".
            let version = try #require(zones.split(separator: "\n").first?.split(separator: " ").last)
            try await eventually("the status has been read from the service", within: .seconds(60)) {
                let services = try await client.send(.GET, "/status").json["services"]?.arrayValue ?? []
                return services.first { $0["name"] == "sla" }?["tzdata"] == .string(String(version))
            }
        }
    }
}
