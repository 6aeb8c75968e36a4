import Contracts
import Foundation
import NIOHTTP1
import TestKit
import Testing

extension SystemTests {
    /// From a ticket over HTTP to its holder's inbox and the event stream, though a process is killed on the way.
    @Suite(.serialized) struct NotificationTests {
        private static let tickets = 60

        @Test(.timeLimit(.minutes(5))) func theHolderIsToldOnceOfEachTicketThoughAProcessIsKilled() async throws {
            let environment = try await Stack.shared.environment()
            let other = try Another("notifications", in: environment)
            defer { other.kill() }
            try await eventually("another process is ready", within: .seconds(60)) { await other.isReady() }
            let admin = try await Client.admin()
            let slug = "told-\(UUID().uuidString.prefix(8).lowercased())"
            let tenant =
                try await admin.made(
                    "/v1/admin/organizations", ["name": "Told", "slug": .string(slug), "plan": "unlimited"])["id"]?
                .stringValue ?? ""
            let key = try await admin.made(
                "/v1/admin/api_keys", ["tenantId": .string(tenant), "name": "desk", "roles": ["tenant_admin"]])
            let client = Client(url: try environment.url, key: key["key"]?.stringValue ?? "")
            let path = "/v1/tenants/\(tenant)"
            let agent = try await client.made(
                path + "/users",
                ["email": .string("agent@\(slug).example.com"), "displayName": "Agent", "roles": ["agent"]])["id"]
            try await eventually("the agent is known", within: .seconds(60)) {
                try await client.send(.GET, path + "/notifications/users").json["data"]?.arrayValue?.isEmpty == false
            }

            var tickets: Set<String> = []
            for number in 0..<Self.tickets {
                let ticket = try await client.made(
                    path + "/tickets", ["subject": .string("Ticket \(number)"), "assigneeId": agent ?? .null])
                tickets.insert(ticket["id"]?.stringValue ?? "")
                if number == Self.tickets / 2 { other.kill() }
            }
            func deliveries(_ filter: String) async throws -> [JSON] {
                try await client.send(.GET, "\(path)/notification_deliveries?channel=in_app&limit=200&\(filter)").json[
                    "data"]?
                    .arrayValue ?? []
            }
            // What the killed one had under way comes back when its lease is over.
            try await eventually("all are told") { try await deliveries("state=delivered").count >= Self.tickets }
            #expect(try await deliveries("").count == Self.tickets)
            let told =
                try await client.send(.GET, "\(path)/notifications?type=ticket_assigned&limit=200").json["data"]?
                .arrayValue ?? []
            #expect(told.count == Self.tickets)
            #expect(Set(told.compactMap { $0["contextId"]?.stringValue }) == tickets)
            #expect(told.allSatisfy { $0["recipientId"] == agent })

            var sent: [JSON] = []
            try await eventually("the stream has said so") {
                let events = try await client.send(.GET, "\(path)/events?types=notification.sent&limit=200").json[
                    "data"]
                sent = (events?.arrayValue ?? []).filter { $0.value(at: "/payload/channel") == "in_app" }
                return sent.count == Self.tickets
            }
            #expect(sent.allSatisfy { $0.value(at: "/payload/recipientId") == agent })
            #expect(Set(sent.compactMap { $0.value(at: "/payload/notificationId")?.stringValue }).count == Self.tickets)
        }
    }
}
