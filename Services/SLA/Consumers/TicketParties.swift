// Who a ticket is for, where policies are chosen by it.

import Contracts
import Database
import Projections

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The customer and the organization of a ticket, as its facts keep them: what they were when the ticket was created or
/// changed, so that folding its history again later asks the same.
struct TicketParties: Sendable, Hashable {
    var requester: JSONObject
    var organization: JSONObject

    /// The organizations, from the gateway's events.
    static let organizations = Projection(
        service: "sla", entity: "organization", table: "organizations",
        fields: [.text("name"), .text("plan"), .text("status"), .text("locale"), .text("timezone")])

    /// What is known of the parties of tickets.
    static func of(_ keys: [TicketKey], in tx: Transaction) async throws -> [TicketKey: TicketParties] {
        let rows = try await tx.query(
            """
            SELECT k.tenant_id, k.ticket_id,
                jsonb_strip_nulls(jsonb_build_object(
                    'email', u.email, 'locale', u.locale, 'timezone', u.timezone, 'roles', u.roles)),
                jsonb_strip_nulls(jsonb_build_object(
                    'name', o.name, 'plan', o.plan, 'locale', o.locale, 'timezone', o.timezone))
            FROM unnest(\(keys.map(\.tenantId)), \(keys.map(\.ticketId))) AS k (tenant_id, ticket_id)
            LEFT JOIN tickets AS t ON t.tenant_id = k.tenant_id AND t.id = k.ticket_id
            LEFT JOIN users AS u ON u.tenant_id = t.tenant_id AND u.id = t.requester_id
            LEFT JOIN organizations AS o ON o.tenant_id = k.tenant_id AND o.id = k.tenant_id
            """)
        var parties: [TicketKey: TicketParties] = [:]
        for row in rows {
            let (tenant, ticket, requester, organization) = try row.decode((UUID, UUID, JSON, JSON).self)
            parties[TicketKey(tenantId: tenant, ticketId: ticket)] = TicketParties(
                requester: requester.objectValue ?? [:], organization: organization.objectValue ?? [:])
        }
        return parties
    }
}

extension TicketFact {
    /// The fact with the ticket's parties, if it is one that policies are chosen after.
    func with(_ parties: TicketParties?) -> TicketFact {
        guard let parties else { return self }
        let members: JSONObject = [
            "requester": .object(parties.requester), "organization": .object(parties.organization),
        ]
        var fact = self
        switch kind {
        case .created(var fields):
            for (name, member) in members { fields[name] = member }
            fact.kind = .created(fields)
        case .changed(var changes):
            for (name, member) in members { changes[name] = ["new": member] }
            fact.kind = .changed(changes)
        default: break
        }
        return fact
    }
}
