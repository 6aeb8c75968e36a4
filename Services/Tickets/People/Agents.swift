// Who can hold a ticket.
import Contracts
import Database
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

enum Agents {
    /// Refuses somebody of whom it is known that they can't hold a ticket.
    static func check(_ userId: UUID, _ op: Operation) async throws {
        if let fault = try await refusals(of: [userId], op)[userId] { throw Problem.invalid([fault]) }
    }

    /// Those of whom it is known that they can't hold a ticket, and why. Somebody who is not known can: users are known here
    /// a moment after they are made, and an assignment must not fail for being early.
    static func refusals(of userIds: [UUID], _ op: Operation) async throws -> [UUID: Fault] {
        let rows = try await op.tx.query(
            "SELECT id, status, roles FROM tenant_users WHERE tenant_id = \(op.tenantId) AND id = ANY(\(userIds))")
        var faults: [UUID: Fault] = [:]
        for row in rows {
            let (userId, status, roles) = try row.decode((UUID, String?, [String]?).self)
            if status == "deactivated" {
                faults[userId] = Fault(.pointer("/assigneeId"), "deactivated", "This user is deactivated.")
            } else if roles == ["customer"] {
                faults[userId] = Fault(.pointer("/assigneeId"), "not_an_agent", "A customer can't hold a ticket.")
            }
        }
        return faults
    }
}
