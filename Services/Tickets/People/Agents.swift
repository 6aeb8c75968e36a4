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
    /// Refuses somebody of whom it is known that they can't hold a ticket. Somebody who is not known is taken: users are
    /// known here a moment after they are made, and an assignment must not fail for being early.
    static func check(_ userId: UUID, _ op: Operation) async throws {
        let row = try await op.tx.first(
            "SELECT status, roles FROM tenant_users WHERE tenant_id = \(op.tenantId) AND id = \(userId)")
        guard let (status, roles) = try row?.decode((String?, [String]?).self) else { return }
        if status == "deactivated" {
            throw Problem.invalid([Fault(.pointer("/assigneeId"), "deactivated", "This user is deactivated.")])
        }
        if roles == ["customer"] {
            throw Problem.invalid([Fault(.pointer("/assigneeId"), "not_an_agent", "A customer can't hold a ticket.")])
        }
    }
}
