// Reads and writes what routing knows of some tickets of one tenant, in one transaction, under the tenant's lock.
import Conditions
import Contracts
import Database
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

struct Desk {
    let tx: Transaction
    let tenantId: UUID
    let now: Timestamp
    let book: RuleBook
    /// The entry after which the queue has yet to be placed by the book; nil if all of it has been.
    private let unplacedAfter: UUID?

    /// Waits for the tenant's lock and learns its rules.
    /// - Parameter now: when the lock is held, if nothing is said.
    static func open(
        _ tenantId: UUID, books: RuleBookStore, now: Timestamp? = nil, in tx: Transaction
    ) async throws -> Desk {
        tx.enqueue(TenantLock.waiting(tenantId))
        return try await Desk(tenantId, books: books, now: now, in: tx)
    }

    /// The lock is held, or nothing will be written.
    init(_ tenantId: UUID, books: RuleBookStore, now: Timestamp? = nil, in tx: Transaction) async throws {
        self.tx = tx
        self.tenantId = tenantId
        (book, unplacedAfter) = try await books.book(of: tenantId, in: tx)
        self.now = now ?? .now
    }

    // MARK: Reading

    private static let ticketColumns: SQL = """
        t.id, t.subject, t.description, t.status, t.priority, t.type, t.channel, t.requester_id, t.requester_email,
        t.organization_id, t.assignee_id, t.group_id, t.tags, t.due_at, t.created_at, t.deleted_at, t.custom_fields,
        u.email, u.locale, u.timezone, l.agent_id
        """

    /// The tickets that meet a condition over `t`; those of which only later changes are known are left out.
    func tickets(where condition: SQL) async throws -> [TicketView] {
        try await tickets(from: "tickets AS t", where: "t.tenant_id = \(tenantId) AND \(condition)")
    }

    /// Those of these tickets that meet a condition over `t`.
    func tickets(_ ids: [UUID], where condition: SQL = "TRUE") async throws -> [TicketView] {
        try await tickets(
            from: """
                unnest(\(ids)) AS k (ticket_id)
                CROSS JOIN LATERAL (
                    SELECT * FROM tickets WHERE tenant_id = \(tenantId) AND id = k.ticket_id LIMIT 1) AS t
                """, where: condition)
    }

    private func tickets(from tickets: SQL, where condition: SQL) async throws -> [TicketView] {
        try await tx.query(
            """
            SELECT \(Desk.ticketColumns)
            FROM \(tickets)
            LEFT JOIN users AS u ON u.tenant_id = t.tenant_id AND u.id = t.requester_id
            LEFT JOIN agent_loads AS l ON l.tenant_id = t.tenant_id AND l.user_id = t.assignee_id
            WHERE t.created_at IS NOT NULL AND \(condition)
            """
        ).map(TicketView.init)
    }

    func entries(where condition: SQL) async throws -> [Entry] {
        try await tx.query(selectingEntries(where: condition)).map(Entry.init)
    }

    /// Rows for `Entry`, over `e`.
    func selectingEntries(where condition: SQL) -> SQL {
        "SELECT \(Entry.columns) FROM routing_queue_entries AS e WHERE e.tenant_id = \(tenantId) AND \(condition)"
    }

    // As above one row for each ticket, looked up in the index on it: these tables may have been empty when the server last looked at
    // them, and then it thinks that going through all of them is as good.

    /// Rows for `Entry`.
    private func selectingEntries(of tickets: [UUID]) -> SQL {
        """
        SELECT \(Entry.columns) FROM unnest(\(tickets)) AS k (ticket_id)
        CROSS JOIN LATERAL (
            SELECT * FROM routing_queue_entries WHERE tenant_id = \(tenantId) AND ticket_id = k.ticket_id LIMIT 1) AS e
        """
    }

    /// Rows for `Holding`.
    func selectingHoldings(of tickets: [UUID]) -> SQL {
        """
        SELECT h.ticket_id, h.agent_id, h.units, h.state FROM unnest(\(tickets)) AS k (ticket_id)
        CROSS JOIN LATERAL (
            SELECT * FROM routing_holdings WHERE tenant_id = \(tenantId) AND ticket_id = k.ticket_id LIMIT 1) AS h
        """
    }

    // MARK: Judging

    func place(_ ticket: TicketView, changes: JSONObject = [:]) -> Placement {
        let facts = book.facts(ticket: ticket.fields, requester: ticket.requester, changes: changes, now: now)
        return book.place(facts, groupId: ticket.groupId)
    }

    func entry(
        for ticket: TicketView, fromUserId: UUID? = nil, routableAt: Timestamp? = nil, placement: Placement
    ) -> Entry {
        Entry(
            id: .v7(), ticketId: ticket.id, placement: placement, requesterId: ticket.requesterId,
            fromUserId: fromUserId, units: book.policy.units(ticket.channel), priority: ticket.priority,
            dueAt: ticket.dueAt, routableAt: routableAt ?? now)
    }

    private var isUnused: Bool { book.rules.isEmpty && book.queues.isEmpty }

    // MARK: Writing

    /// Brings entries and holdings in line with the tickets as they are now.
    func reconcile(_ ids: [UUID]) async throws {
        try await reconcile(try await JudgedTickets(ids, changes: [:], at: self))
    }

    /// Brings entries and holdings in line with tickets that have been read in this transaction. The lock is held.
    func reconcile(_ judged: JudgedTickets) async throws {
        guard !judged.tickets.isEmpty else { return }
        let ids = judged.tickets.map(\.id)
        let answers = try await tx.batch([
            selectingEntries(of: ids), selectingHoldings(of: ids),
            """
            SELECT user_id, agent_id FROM agent_loads
            WHERE tenant_id = \(tenantId) AND user_id = ANY(\(judged.tickets.compactMap(\.assigneeUserId)))
            """,
        ])
        let known = try answers[0].map(Entry.init)
        let entries = Dictionary(known.map { ($0.ticketId, $0) }) { first, _ in first }
        var holdings = HoldingChanges(tenantId: tenantId, now: now, present: try answers[1].map(Holding.init))
        let agents = Dictionary(uniqueKeysWithValues: try answers[2].map { try $0.decode((UUID, UUID).self) })
        var (removed, joined, changed): ([(entry: Entry, reason: String)], [Entry], [Entry]) = ([], [], [])
        var acquainted: [UUID: UUID] = [:]
        for var ticket in judged.tickets {
            // As of now: agents come and go while nobody holds the lock.
            ticket.assigneeAgentId = ticket.assigneeUserId.flatMap { agents[$0] }
            let entry = entries[ticket.id]
            let plan = Reconciliation(of: ticket, entry: entry, holding: holdings.holding(of: ticket.id))
            switch plan.holding {
            case .keep: break
            case .release: holdings.release(ticket.id)
            case .hold(let agentId):
                holdings.hold(
                    Holding(
                        ticketId: ticket.id, agentId: agentId, units: book.policy.units(ticket.channel), state: .held))
                if let requester = ticket.requesterId { acquainted[requester] = agentId }
            }
            if let reason = plan.removal, let entry { removed.append((entry, reason)) }
            if plan.joins {
                let entry = self.entry(for: ticket, placement: judged.placement(of: ticket, at: self))
                // A tenant without rules and queues does not use routing; a ticket without a group then waits for nobody.
                let hasNowhereToGo = entry.state == .manual && entry.placement.strategy != .manual
                if !isUnused || !hasNowhereToGo { joined.append(entry) }
            }
            if plan.isReplaced, var entry {
                let before = entry
                entry.take(self.entry(for: ticket, placement: judged.placement(of: ticket, at: self)))
                if entry != before { changed.append(entry) }
            }
        }
        try Entry.remove(removed, tenantId: tenantId, now: now, in: tx)
        if !changed.isEmpty { tx.enqueue(Entry.updating(changed, tenantId: tenantId, now: now)) }
        if !joined.isEmpty { try await join(joined) }
        if !acquainted.isEmpty { acquaint(acquainted) }
        let isFreer = try await holdings.write(thresholdPercent: book.policy.capacityThresholdPercent, in: tx)
        if isFreer || !joined.isEmpty || !changed.isEmpty { Wake.tenant(tenantId, in: tx) }
    }

    /// After the rules have changed: places some of the tickets that wait again. True if none is left.
    func placeAgain(atMost limit: Int = 500) async throws -> Bool {
        guard let unplacedAfter else { return true }
        let entries = try await entries(where: "e.id > \(unplacedAfter) ORDER BY e.id LIMIT \(limit)")
        try await reconcile(entries.map(\.ticketId))
        let isDone = entries.count < limit
        // Should the rules change again before this commits, it begins again.
        tx.enqueue(
            """
            UPDATE routing_revisions SET is_placed = \(isDone), placed_after = \(entries.last?.id ?? unplacedAfter)
            WHERE tenant_id = \(tenantId) AND revision = \(book.revision)
            """)
        return isDone
    }

    /// New entries; one that nobody is asked about says so at once.
    func join(_ entries: [Entry]) async throws {
        let op = Operation(tx: tx, tenantId: tenantId, now: now)
        var decisions: [Decision] = []
        var rows: [(id: UUID, values: Values)] = []
        for var entry in entries {
            if entry.state == .manual, entry.placement.strategy != .manual {
                entry.failure = "no_group"
                decisions.append(Decision(failing: entry, verdict: nil, reason: "no_group", now: now))
            }
            rows.append((entry.id, entry.values))
        }
        try await QueueEntries.store.create(many: rows, in: op)
        try Decision.write(decisions, tenantId: tenantId, in: tx)
    }

    private func acquaint(_ agents: [UUID: UUID]) {
        tx.enqueue(
            """
            INSERT INTO routing_acquaintances AS a (tenant_id, requester_id, agent_id)
            SELECT \(tenantId), r.requester_id, r.agent_id
            FROM unnest(\(Array(agents.keys)), \(Array(agents.values))) AS r (requester_id, agent_id)
            ON CONFLICT (tenant_id, requester_id) DO UPDATE SET agent_id = excluded.agent_id
            WHERE a.agent_id <> excluded.agent_id
            """)
    }
}

extension TicketView {
    init(_ row: Row) throws {
        func text(_ column: String) throws -> JSON {
            try row.get(column, as: String?.self).map { .string($0) } ?? .null
        }
        func id(_ column: String) throws -> JSON { try row.get(column, as: UUID?.self).map { .uuid($0) } ?? .null }
        func time(_ column: String) throws -> JSON {
            try row.get(column, as: Timestamp?.self).map { .timestamp($0) } ?? .null
        }
        self.init(
            id: try row.get("id", as: UUID.self), status: try row.get("status", as: String?.self),
            isDeleted: try row.get("deleted_at", as: Timestamp?.self) != nil,
            assigneeUserId: try row.get("assignee_id", as: UUID?.self),
            assigneeAgentId: try row.get("agent_id", as: UUID?.self),
            groupId: try row.get("group_id", as: UUID?.self),
            requesterId: try row.get("requester_id", as: UUID?.self),
            priority: try row.get("priority", as: String?.self) ?? "normal",
            channel: try row.get("channel", as: String?.self), dueAt: try row.get("due_at", as: Timestamp?.self))
        if !TicketRank.priorities.contains(priority) { priority = "normal" }
        fields = [
            "subject": try text("subject"), "description": try text("description"), "status": try text("status"),
            "priority": try text("priority"), "type": try text("type"), "channel": try text("channel"),
            "requesterId": try id("requester_id"), "requesterEmail": try text("requester_email"),
            "organizationId": try id("organization_id"), "assigneeId": try id("assignee_id"),
            "groupId": try id("group_id"),
            "tags": .array((try row.get("tags", as: [String]?.self) ?? []).map { .string($0) }),
            "dueAt": try time("due_at"), "createdAt": try time("created_at"),
            "customFields": try row.get("custom_fields", as: JSON?.self) ?? [:],
        ]
        requester = [
            "email": try text("email"), "locale": try text("locale"), "timezone": try text("timezone"),
        ]
    }
}
