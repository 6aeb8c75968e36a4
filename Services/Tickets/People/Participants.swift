// Who takes part in a ticket beside its requester and its holder.
import Contracts
import Database
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Participants of a ticket: a user or an address, each once. One who comes or goes raises the ticket's version.
struct Participants: Resource {
    static let store: ResourceStore<Participants> = ResourceStore(Participants())

    let path = "participants"
    let entity = "ticket_participant"
    let table = "ticket_participants"
    let summary = "Who takes part in a ticket."
    let operations: ResourceOperations = [.list, .get, .create, .delete]
    let stamps: ResourceStamps = .all
    let parent: Parent? = .of(TicketResource(), locked: true)
    let permissions = ResourcePermissions(read: "tickets.read", write: "tickets.update")
    let events = ResourceEvents.typed([])
    let fields: [Field] = [
        .choice("role", TicketParticipantAdded.Role.self).required.filterable,
        .uuid("userId").filterable,
        .text("email", 3...320, .email).filterable.example("colleague@example.com")
            .described("In lower case; that of the user where one is named."),
    ]

    func willCreate(_ draft: inout Draft, _ op: Operation) async throws {
        guard draft.values.uuid("userId") != nil || draft.values.string("email") != nil else {
            throw Problem.invalid([Fault(.pointer("/userId"), "required", "A participant has a userId or an email.")])
        }
        // The same person by id and by address is one participant, so both are kept where both are known.
        if let email = draft.values.string("email") {
            draft.values.set("email", sql: "lower(\(email))")
            if draft.values.uuid("userId") == nil, let id = try await Requester.ids(ofAddresses: [email], op)[email] {
                draft.values.set("userId", id)
            }
        } else if let id = draft.values.uuid("userId") {
            draft.values.set(
                "email",
                sql: "(SELECT u.email_key FROM tenant_users AS u WHERE u.tenant_id = \(op.tenantId) AND u.id = \(id))")
        }
    }

    func didCreate(_ mutation: inout Mutation, _ op: Operation) async throws {
        try await touchTicket(&mutation, op)
    }

    func didDelete(_ mutation: inout Mutation, _ op: Operation) async throws {
        try await touchTicket(&mutation, op)
        let participant = mutation.record
        mutation.announce(
            TicketParticipantRemoved(
                ticketId: mutation.aggregate.id, participantId: participant.id, role: Self.role(participant),
                userId: participant.uuid("userId"), email: participant.string("email"), removedAt: op.now,
                snapshot: try participant.json().objectValue))
    }

    private func touchTicket(_ mutation: inout Mutation, _ op: Operation) async throws {
        guard let ticket = mutation.parent else { return }
        let touched = try await TicketResource.store.write(
            try TicketState(ticket), to: ticket, touching: true, in: op.on(ticket))
        mutation.version = touched.version
    }

    func announcement(of mutation: Mutation) throws -> Announcement? {
        guard mutation.action == .create else { return nil }
        let participant = mutation.record
        return .event(
            TicketParticipantAdded(
                ticketId: mutation.aggregate.id, participantId: participant.id, role: Self.role(participant),
                userId: participant.uuid("userId"), email: participant.string("email"),
                addedAt: participant.timestamp("createdAt") ?? .now, snapshot: try participant.json().objectValue))
    }

    private static func role(_ participant: Record) -> TicketParticipantAdded.Role {
        participant.string("role").flatMap(TicketParticipantAdded.Role.init(rawValue:)) ?? .follower
    }
}
