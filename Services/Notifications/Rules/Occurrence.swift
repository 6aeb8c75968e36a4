// What happened, and whom it concerns. Pure: everything known comes in as a value.

import Contracts
import Messaging

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// An event that somebody may have to be told of.
struct Occurrence: Sendable {
    let eventId: UUID
    let tenantId: UUID
    /// `ticket.assigned`
    let event: String
    let payload: JSON
    /// Who did it: never told of it.
    let actorId: UUID?
    /// Whether it belongs to the making of what it is about.
    let isMaking: Bool

    init(_ message: RawMessage) {
        self.init(
            eventId: message.envelope.eventId, tenantId: message.envelope.tenantId, event: message.name,
            payload: message.payload, actorId: message.envelope.actorUserId ?? message.envelope.actorContactId,
            isMaking: message.envelope.version == 1)
    }

    init(
        eventId: UUID, tenantId: UUID, event: String, payload: JSON, actorId: UUID? = nil, isMaking: Bool = false
    ) {
        self.isMaking = isMaking
        self.eventId = eventId
        self.tenantId = tenantId
        self.event = event
        self.payload = payload
        self.actorId = actorId
    }

    var ticketId: UUID? { payload["ticketId"]?.uuidValue }

    /// Those who did it: who acted, and who wrote the message that it is about.
    var doers: Set<UUID> { Set([actorId, payload["authorId"]?.uuidValue].compactMap(\.self)) }

    /// Whether it comes of an import: what is filed so is no news, and there may be many thousands.
    func isImport(of ticket: TicketFacts? = nil) -> Bool {
        isMaking && (payload.value(at: "/snapshot/channel") ?? ticket?.fields["channel"]) == "import"
    }

    /// An internal note is for agents, whoever a rule names.
    var isInternal: Bool { payload["visibility"] == "internal" || event.hasPrefix("ticket_internal_note.") }
}

/// A ticket as notifications know it.
struct TicketFacts: Sendable {
    let id: UUID
    /// Its fields by their names in the API.
    let fields: JSONObject

    var requesterId: UUID? { fields["requesterId"]?.uuidValue }
    var assigneeId: UUID? { fields["assigneeId"]?.uuidValue }
    var groupId: UUID? { fields["groupId"]?.uuidValue }
}

/// Who takes part in a ticket.
struct Participant: Sendable {
    let role: String
    let userId: UUID?
    let email: String?
}

/// Somebody who can be told something.
struct Person: Sendable {
    let id: UUID
    var name: String?
    var email: String?
    var phone: String?
    var locale: String?
    var timezone: String?
    var roles: [String] = []

    /// Whether this is one of the desk's own people rather than a customer.
    var isAgent: Bool { !Self.agentRoles.isDisjoint(with: roles) }

    static let agentRoles: Set<String> = ["agent", "light_agent", "supervisor", "tenant_admin", "platform_admin"]
    static let supervisorRole = "supervisor"
    static let administratorRole = "tenant_admin"
}

/// What recipients a rule names, before it is known who they are.
struct Addressees: Sendable, Equatable {
    var userIds: Set<UUID> = []
    /// Whose members are meant.
    var groupIds: Set<UUID> = []
    var roles: Set<String> = []
    /// Mailboxes of people who are no users.
    var addresses: Set<String> = []

    init(userIds: some Sequence<UUID> = [], addresses: some Sequence<String> = []) {
        self.userIds = Set(userIds)
        self.addresses = Set(addresses.map { $0.lowercased() })
    }

    /// Those who play these parts in what happened.
    init(_ parts: [RecipientRole], in occurrence: Occurrence, ticket: TicketFacts?, participants: [Participant]) {
        self.init()
        let payload = occurrence.payload
        for part in parts {
            switch part {
            case .requester: add(ticket?.requesterId)
            case .assignee: add(payload["newAssigneeId"]?.uuidValue ?? ticket?.assigneeId)
            case .previousAssignee: add(payload["previousAssigneeId"]?.uuidValue)
            case .group:
                if let id = payload["newQueueId"]?.uuidValue ?? ticket?.groupId { groupIds.insert(id) }
            case .participants: participants.forEach { add($0) }
            case .followers:
                participants.filter { ["follower", "collaborator"].contains($0.role) }.forEach { add($0) }
            case .supervisors: roles.insert(Person.supervisorRole)
            case .administrators: roles.insert(Person.administratorRole)
            case .subject:
                if let id = payload["userId"]?.uuidValue {
                    userIds.insert(id)
                } else if let email = payload["email"]?.stringValue {
                    addresses.insert(email.lowercased())
                }
            case .named:
                let ids = (payload["notify"]?.arrayValue ?? []).compactMap(\.uuidValue)
                // The event does not say which are users: an id is one or the other.
                userIds.formUnion(ids)
                groupIds.formUnion(ids)
            }
        }
    }

    private mutating func add(_ id: UUID?) {
        if let id { userIds.insert(id) }
    }

    private mutating func add(_ participant: Participant) {
        if let id = participant.userId {
            userIds.insert(id)
        } else if let email = participant.email {
            addresses.insert(email.lowercased())
        }
    }

    mutating func formUnion(_ other: Addressees) {
        userIds.formUnion(other.userIds)
        groupIds.formUnion(other.groupIds)
        roles.formUnion(other.roles)
        addresses.formUnion(other.addresses)
    }
}

/// The people of a tenant who matter at the moment.
struct Directory: Sendable {
    var people: [UUID: Person] = [:]
    var members: [UUID: Set<UUID>] = [:]

    /// Who is told: those named who exist, each once, in a stable order; without the doers, and without customers where it
    /// is none of theirs.
    func people(_ addressees: Addressees, without doers: Set<UUID>, agentsOnly: Bool) -> [Person] {
        var ids = addressees.userIds
        for group in addressees.groupIds { ids.formUnion(members[group] ?? []) }
        if !addressees.roles.isEmpty {
            ids.formUnion(people.values.filter { !addressees.roles.isDisjoint(with: $0.roles) }.map(\.id))
        }
        if !addressees.addresses.isEmpty {
            ids.formUnion(
                people.values.filter { addressees.addresses.contains($0.email?.lowercased() ?? "") }.map(\.id))
        }
        return ids.subtracting(doers).compactMap { people[$0] }.filter { !agentsOnly || $0.isAgent }
            .sorted { $0.id < $1.id }
    }

    /// Mailboxes of those who are no users: a user is told as such.
    func addresses(_ addressees: Addressees, without doers: Set<UUID>, agentsOnly: Bool) -> [String] {
        guard !agentsOnly else { return [] }
        let known = Set(people.values.compactMap { $0.email?.lowercased() })
        return addressees.addresses.subtracting(known).sorted()
    }
}
