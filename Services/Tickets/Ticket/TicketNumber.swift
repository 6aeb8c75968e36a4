// The number of a new ticket.
import Contracts
import Database
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Numbers without gaps: the tenant's counter is a row that the creating transaction raises and holds until it commits. A
/// creation that is rolled back takes its number back with it. The price is that creations of one tenant commit one after
/// the other, so the counter is taken with the INSERT itself, after everything that can be looked up before.
enum TicketNumber {
    /// The prefix of tenants that have set none.
    static let prefixDefault = "T"

    /// Lets the INSERT take the next number and make the key of it, unless the draft has them.
    static func take(in draft: inout Draft, _ op: Operation) {
        guard !draft.values.contains("number") else { return }
        draft.with(
            "counter",
            """
            INSERT INTO ticket_counters AS c (tenant_id, last_number) VALUES (\(op.tenantId), 1)
            ON CONFLICT (tenant_id) DO UPDATE SET last_number = c.last_number + 1
            RETURNING last_number, \(prefix(op.tenantId)) AS prefix
            """)
        draft.values.set("number", sql: "(SELECT last_number FROM counter)")
        draft.values.set("key", sql: "(SELECT prefix || '-' || last_number FROM counter)")
    }

    /// Takes several numbers at once.
    /// - Returns: the first of them, and the prefix of their keys.
    static func take(_ count: Int, _ op: Operation) async throws -> (first: Int64, prefix: String) {
        let row = try await op.tx.first(
            """
            INSERT INTO ticket_counters AS c (tenant_id, last_number) VALUES (\(op.tenantId), \(count))
            ON CONFLICT (tenant_id) DO UPDATE SET last_number = c.last_number + \(count)
            RETURNING last_number, \(prefix(op.tenantId))
            """)
        guard let (last, prefix) = try row?.decode((Int64, String).self) else {
            throw DatabaseError(.decoding, "the counter answered nothing")
        }
        return (last - Int64(count) + 1, prefix)
    }

    private static func prefix(_ tenantId: UUID) -> SQL {
        """
        coalesce((SELECT ticket_prefix FROM tenant_organizations WHERE tenant_id = \(tenantId)), \
        \(prefixDefault))
        """
    }
}
