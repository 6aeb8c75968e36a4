// Makes notifications of what happened.

import Contracts
import Database
import Messaging

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// After the copies of tickets and people have taken the same events in: who is told what, tenant by tenant. What is made
/// commits with the note that the events were handled, and is made once for each event, type and recipient.
struct TellPeople: BatchEventHandler {
    let outlets: Outlets
    let name = "tell_people"
    let patterns = participants.union(NotificationType.events).sorted()

    private static let participants: Set = [TicketParticipantAdded.name, TicketParticipantRemoved.name]

    func concerned(with messages: [RawMessage], in tx: Transaction) async throws -> [Bool] {
        messages.map { Self.participants.contains($0.name) || Self.isNews($0) }
    }

    /// What a replay tells is old, what is simulated has not happened, and what is imported is nobody's news.
    private static func isNews(_ message: RawMessage) -> Bool {
        !message.isReplay && message.envelope.simulated != true && !Occurrence(message).isImport()
    }

    func handle(_ messages: [RawMessage], in tx: Transaction) async throws {
        for message in messages { note(participant: message, in: tx) }
        let news = messages.filter(Self.isNews).map(Occurrence.init)
        let byTenant = Dictionary(grouping: news, by: \.tenantId)
        for tenantId in byTenant.keys.sorted() {
            let desk = NoticeDesk(tenantId: tenantId, outlets: outlets, tx: tx)
            let now = Timestamp.now
            NoticeWriter.write(try await desk.notices(of: byTenant[tenantId] ?? [], now: now), now: now, in: tx)
        }
    }

    private func note(participant message: RawMessage, in tx: Transaction) {
        let (tenantId, payload) = (message.envelope.tenantId, message.payload)
        guard let ticketId = payload["ticketId"]?.uuidValue, let id = payload["participantId"]?.uuidValue else {
            return
        }
        switch message.name {
        case TicketParticipantAdded.name:
            tx.enqueue(
                """
                INSERT INTO ticket_participants (tenant_id, ticket_id, participant_id, role, user_id, email)
                VALUES (\(tenantId), \(ticketId), \(id), \(payload["role"]?.stringValue ?? ""),
                    \(payload["userId"]?.uuidValue), \(payload["email"]?.stringValue))
                ON CONFLICT (tenant_id, ticket_id, participant_id) DO UPDATE
                SET role = excluded.role, user_id = excluded.user_id, email = excluded.email
                """)
        case TicketParticipantRemoved.name:
            tx.enqueue(
                """
                DELETE FROM ticket_participants
                WHERE tenant_id = \(tenantId) AND ticket_id = \(ticketId) AND participant_id = \(id)
                """)
        default: break
        }
    }
}

/// What a tenant's notices are made from, read for some occurrences at once.
struct NoticeDesk {
    let tenantId: UUID
    let outlets: Outlets
    let tx: Transaction

    /// A rule and what it is about to say.
    private struct Match {
        var rule: Rule
        var occurrence: Occurrence
        var ticket: TicketFacts?
        var participants: [Participant]
    }

    func notices(of occurrences: [Occurrence], now: Timestamp) async throws -> [Notice] {
        let matches = try await matches(occurrences)
        guard !matches.isEmpty else { return [] }
        var addressees = Addressees(userIds: matches.compactMap(\.occurrence.actorId))
        for match in matches {
            addressees.formUnion(
                match.rule.addressees(in: match.occurrence, ticket: match.ticket, participants: match.participants))
        }
        let directory = try await directory(addressees)
        let composer = try await composer(
            directory, types: Set(matches.map(\.rule.type.name)), templateIds: matches.compactMap(\.rule.templateId),
            now: now)
        return matches.flatMap {
            composer.notices(of: $0.rule, $0.occurrence, ticket: $0.ticket, participants: $0.participants)
        }
    }

    private func matches(_ occurrences: [Occurrence]) async throws -> [Match] {
        let ticketIds = Array(Set(occurrences.compactMap(\.ticketId)))
        let rows = try await tx.batch([
            RuleSet.query(tenantId), Self.ticketQuery(tenantId, ticketIds),
            """
            SELECT ticket_id, role, user_id, email FROM ticket_participants
            WHERE tenant_id = \(tenantId) AND ticket_id = ANY(\(ticketIds))
            """,
        ])
        let rules = try RuleSet(rows: rows[0])
        let tickets = try Self.tickets(rows[1])
        var participants: [UUID: [Participant]] = [:]
        for row in rows[2] {
            let (ticketId, role, userId, email) = try row.decode((UUID, String, UUID?, String?).self)
            participants[ticketId, default: []].append(Participant(role: role, userId: userId, email: email))
        }
        return occurrences.flatMap { occurrence -> [Match] in
            let ticket = occurrence.ticketId.flatMap { tickets[$0] }
            if occurrence.isImport(of: ticket) { return [] }
            return rules.rules(for: occurrence, ticket: ticket).map {
                Match(
                    rule: $0, occurrence: occurrence, ticket: ticket,
                    participants: occurrence.ticketId.flatMap { participants[$0] } ?? [])
            }
        }
    }

    static func ticketQuery(_ tenantId: UUID, _ ids: [UUID]) -> SQL {
        """
        SELECT id, json_build_object(
            'id', id, 'number', number, 'key', key, 'subject', subject, 'status', status, 'priority', priority,
            'type', type, 'channel', channel, 'requesterId', requester_id, 'organizationId', organization_id,
            'assigneeId', assignee_id, 'groupId', group_id, 'tags', tags, 'dueAt', due_at) AS fields
        FROM unnest(\(ids)) AS k (ticket_id)
        CROSS JOIN LATERAL (SELECT * FROM tickets WHERE tenant_id = \(tenantId) AND id = k.ticket_id LIMIT 1) AS t
        WHERE created_at IS NOT NULL AND deleted_at IS NULL
        """
    }

    static func tickets(_ rows: [Row]) throws -> [UUID: TicketFacts] {
        var tickets: [UUID: TicketFacts] = [:]
        for row in rows {
            let id: UUID = try row.get(0)
            tickets[id] = TicketFacts(id: id, fields: try row.json(1).objectValue ?? [:])
        }
        return tickets
    }

    /// Those named, the members of groups named, and the holders of roles named, as far as they are still there.
    func directory(_ addressees: Addressees) async throws -> Directory {
        let (groups, roles) = (addressees.groupIds.map(\.text), Array(addressees.roles))
        let rows = try await tx.batch([
            """
            SELECT id, display_name, email, phone, locale, timezone, roles FROM users
            WHERE tenant_id = \(tenantId) AND deleted_at IS NULL AND status IS DISTINCT FROM 'deactivated'
                AND (id = ANY(\(Array(addressees.userIds))) OR roles && \(roles)
                    OR lower(email) = ANY(\(Array(addressees.addresses)))
                    OR id IN (SELECT a.user_id FROM agents AS a
                        WHERE a.tenant_id = \(tenantId) AND a.group_ids && \(groups) AND a.deleted_at IS NULL))
            """,
            """
            SELECT user_id, group_ids FROM agents
            WHERE tenant_id = \(tenantId) AND group_ids && \(groups) AND deleted_at IS NULL AND user_id IS NOT NULL
            """,
        ])
        var directory = Directory()
        for row in rows[0] {
            let (id, name, email, phone, locale, timezone, roles) = try row.decode(
                (UUID, String?, String?, String?, String?, String?, [String]?).self)
            directory.people[id] = Person(
                id: id, name: name, email: email, phone: phone, locale: locale, timezone: timezone, roles: roles ?? [])
        }
        for row in rows[1] {
            let (userId, groups) = try row.decode((UUID, [String]?).self)
            for group in (groups ?? []).compactMap(UUID.init(text:)) {
                directory.members[group, default: []].insert(userId)
            }
        }
        return directory
    }

    /// A composer that knows what the people want and in which words they are told.
    func composer(
        _ directory: Directory, types: Set<String>, templateIds: [UUID] = [], now: Timestamp
    ) async throws -> Composer {
        let userIds = Array(directory.people.keys)
        let rows = try await tx.batch([
            PreferenceBook.query(tenantId, userIds: userIds),
            TemplateBook.query(tenantId, types: Array(types), ids: templateIds),
            "SELECT name, locale, timezone FROM organizations WHERE tenant_id = \(tenantId) AND id = \(tenantId)",
        ])
        var tenant = TenantFacts(id: tenantId)
        if let row = rows[2].first {
            (tenant.name, tenant.locale, tenant.timezone) = try row.decode((String?, String?, String?).self)
        }
        var addresses: [String: [UUID: [String]]] = [:]
        for source in outlets.sources { addresses[source.channel] = try await source.find(userIds, tenantId, tx) }
        return Composer(
            tenant: tenant, directory: directory, preferences: try PreferenceBook(rows: rows[0]),
            templates: try TemplateBook(rows: rows[1]), addresses: addresses, outlets: outlets, now: now)
    }
}
