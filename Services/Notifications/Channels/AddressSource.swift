// Where a channel finds people.

import Database

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Finds the addresses that a channel has of users, beyond what their profiles say: push subscriptions, a chat's hook.
/// A user with several is sent to each; one with none is not reached by the channel.
struct AddressSource: Sendable {
    let channel: String
    /// The addresses by user. The transaction may see all tenants' rows.
    let find: @Sendable (_ users: [UUID], _ tenantId: UUID, _ tx: Transaction) async throws -> [UUID: [String]]
}

/// How the service reaches people at all.
struct Outlets: Sendable {
    /// Channels that have a worker; nothing goes out by others.
    var channels: Set<String> = []
    var sources: [AddressSource] = []
    /// Where people see a ticket, `{tenantId}` and `{ticketId}` standing for the ids; empty if there is none.
    var ticketURL = ""
}
