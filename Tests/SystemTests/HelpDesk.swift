import Contracts
import Foundation
import NIOHTTP1
import TestKit

/// An organization of its own, with agents in one group, a rule and a queue that send it every ticket, and a policy.
struct HelpDesk: Sendable {
    struct Agent: Sendable {
        let id: String
        let userId: String
    }

    let client: Client
    let tenant: String
    let ruleId: String
    let queueId: String
    let policyId: String
    let agents: [Agent]
    var path: String { "/v1/tenants/\(tenant)" }

    /// - Parameters:
    ///   - agentCount: How many there are; they are offline.
    ///   - policy: Beside its name.
    init(agentCount: Int, policy: JSONObject, in environment: Stack.Environment) async throws {
        let admin = try await Client.admin()
        let slug = "desk-\(UUID().uuidString.prefix(8).lowercased())"
        let organization = try await admin.made(
            "/v1/admin/organizations", ["name": "Desk", "slug": .string(slug), "plan": "unlimited"])
        tenant = organization["id"]?.stringValue ?? ""
        let key = try await admin.made(
            "/v1/admin/api_keys", ["tenantId": .string(tenant), "name": "desk", "roles": ["tenant_admin"]])
        client = Client(url: try environment.url, key: key["key"]?.stringValue ?? "")
        let path = "/v1/tenants/\(tenant)"
        let group: JSON = .uuid(.v7())

        var agents: [Agent] = []
        for number in 0..<agentCount {
            let user =
                try await client.made(
                    path + "/users",
                    [
                        "email": .string("agent-\(number)@\(slug).example.com"),
                        "displayName": .string("Agent \(number)"),
                        "roles": ["agent"],
                    ])["id"]?.stringValue ?? ""
            // Routing makes an agent of every user who can be one.
            var found: JSON?
            try await eventually("user \(user) is an agent", within: .seconds(60)) { [client] in
                found = try await client.send(.GET, "\(path)/agents?userId=\(user)").json["data"]?.arrayValue?.first
                return found != nil
            }
            let id = found?["id"]?.stringValue ?? ""
            _ = try await client.done(
                .PATCH, "\(path)/agents/\(id)", ["groupIds": [group], "capacityUnits": 1_000])
            agents.append(Agent(id: id, userId: user))
        }
        self.agents = agents
        _ = try await client.made(
            path + "/routing_settings", ["redistribution": "all", "redistributeAfterMinutes": 0])
        queueId =
            try await client.made(
                path + "/routing_queues", ["name": "All", "groupIds": [group], "strategy": "round_robin"])["id"]?
            .stringValue ?? ""
        ruleId =
            try await client.made(path + "/routing_rules", ["name": "All", "groupId": group])["id"]?
            .stringValue ?? ""
        var promises = policy
        promises["name"] = "All"
        policyId = try await client.made(path + "/sla_policies", .object(promises))["id"]?.stringValue ?? ""
    }

    func set(_ availability: String, _ agent: Agent) async throws {
        _ = try await client.done(
            .POST, "\(path)/agents/\(agent.id)/availability", ["availability": .string(availability)])
    }
}

extension Client {
    /// Posts what must be made.
    func made(_ path: String, _ body: JSON) async throws -> JSON { try await done(.POST, path, body) }

    /// Sends what must succeed.
    func done(_ method: HTTPMethod, _ path: String, _ body: JSON) async throws -> JSON {
        let answer = try await send(method, path, json: body)
        guard answer.isSuccess else { throw StackError("\(method) \(path): \(answer.status) \(answer.json.text)") }
        return answer.json
    }
}
