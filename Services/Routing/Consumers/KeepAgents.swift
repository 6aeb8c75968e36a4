// Makes an agent of every user who can hold tickets, and lets those go who can't any more.
import Contracts
import Database
import Messaging
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

struct KeepAgents: RawEventHandler {
    let name = "keep_agents"
    let patterns = ["user.created", "user.updated", "user.deactivated"]

    /// Roles whose holders work tickets by themselves.
    private static let roles: Set<String> = ["agent", "supervisor"]

    func handle(_ message: RawMessage, in tx: Transaction) async throws {
        guard let userId = message.payload["userId"]?.uuidValue else { return }
        let op = Operation(tx: tx, tenantId: message.envelope.tenantId, now: .now)
        let row = try await tx.first(
            "SELECT roles, status FROM users WHERE tenant_id = \(op.tenantId) AND id = \(userId)")
        guard let (roles, status) = try row?.decode(([String]?, String?).self) else { return }
        let isActive = status != "deactivated" && !Self.roles.isDisjoint(with: roles ?? [])
        let present = try await Agents.store.select(
            "t.user_id = \(userId)", in: tx, tenantId: op.tenantId, forUpdate: true
        ).first
        let displayName = Self.displayName(message)
        guard let present else {
            guard isActive else { return }
            _ = try await Agents.store.create(["userId": userId, "displayName": displayName ?? "Agent"], in: op)
            return
        }
        var changes: Values = ["isActive": isActive]
        if let displayName { changes.set("displayName", displayName) }
        if !isActive { changes.set("availability", Availability.offline.rawValue) }
        _ = try await Agents.store.update(present, changes: changes, in: op)
    }

    private static func displayName(_ message: RawMessage) -> String? {
        let payload = message.payload
        let name = payload["displayName"] ?? payload.value(at: "/changes/displayName/new")
        return (name ?? (message.name == "user.created" ? payload["email"] : nil))?.stringValue
            .flatMap { $0.isEmpty ? nil : String($0.prefix(200)) }
    }
}
