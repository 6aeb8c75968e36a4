// Who asks for help.
import Contracts
import Database
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The requester of a new ticket.
///
/// Nobody has to register before asking: an e-mail address is enough. Where a user of the tenant has that address (in any
/// case of letters), the ticket belongs to that user; otherwise `requesterId` stays empty and the address is what is known
/// of the customer. The other way round, a known user's address is filled in. Both are looked up at the creation, in the
/// INSERT itself, and never again: what a ticket says about its requester changes by a PATCH only.
enum Requester {
    static func resolve(in draft: inout Draft, _ op: Operation) {
        if let email = draft.values.string("requesterEmail"), !draft.values.contains("requesterId") {
            draft.values.set("requesterId", sql: id(ofAddress: email, op.tenantId))
        } else if let id = draft.values.uuid("requesterId"), !draft.values.contains("requesterEmail") {
            draft.values.set(
                "requesterEmail",
                sql: "(SELECT u.email FROM tenant_users AS u WHERE u.tenant_id = \(op.tenantId) AND u.id = \(id))")
        }
    }

    private static func id(ofAddress email: String, _ tenantId: UUID) -> SQL {
        """
        (SELECT u.id FROM tenant_users AS u \
        WHERE u.tenant_id = \(tenantId) AND u.email_key = lower(\(email)) ORDER BY u.id LIMIT 1)
        """
    }

    /// The ids of the users who have these addresses, by the address as it was given.
    static func ids(ofAddresses emails: Set<String>, _ op: Operation) async throws -> [String: UUID] {
        guard !emails.isEmpty else { return [:] }
        let rows = try await op.tx.query(
            """
            SELECT e.address, u.id FROM unnest(\(Array(emails))) AS e (address)
            JOIN tenant_users AS u ON u.tenant_id = \(op.tenantId) AND u.email_key = lower(e.address)
            ORDER BY u.id DESC
            """)
        var ids: [String: UUID] = [:]
        for row in rows {
            let (address, id) = try row.decode((String, UUID).self)
            ids[address] = id
        }
        return ids
    }

    /// Stands for somebody who is known by address only, where an id is needed: the same for the same tenant and address.
    static func id(forUnknown email: String, tenantId: UUID) -> UUID {
        var hash = FNV128()
        hash.add(tenantId.text.utf8)
        hash.add(email.lowercased().utf8)
        return hash.uuid
    }
}

/// A 128-bit Fowler–Noll–Vo hash (1a) as an id of version 8, the one for ids of one's own making.
private struct FNV128 {
    private var state: UInt128 = 0x6C62_272E_07BB_0142_62B8_2175_6295_C58D

    mutating func add(_ bytes: some Sequence<UInt8>) {
        for byte in bytes {
            state ^= UInt128(byte)
            state = state &* 0x0000_0000_0100_0000_0000_0000_0000_013B
        }
    }

    var uuid: UUID {
        let kept: UInt128 = ~((0xF as UInt128) << 76 | (0x3 as UInt128) << 62)
        let value = state & kept | (0x8 as UInt128) << 76 | (0x2 as UInt128) << 62
        var bytes: uuid_t = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
        withUnsafeMutableBytes(of: &bytes) { buffer in
            for index in 0..<16 { buffer[index] = UInt8(truncatingIfNeeded: value >> UInt128(8 * (15 - index))) }
        }
        return UUID(uuid: bytes)
    }
}
