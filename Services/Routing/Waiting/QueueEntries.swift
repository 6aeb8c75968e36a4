// Tickets that wait for somebody to hold them.
import Contracts
import Database
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What a queue entry is up to.
enum EntryState: String, CaseIterable, Sendable {
    /// Nobody has been found yet.
    case waiting
    /// Somebody has, and the tickets service has yet to say that the ticket is theirs.
    case reserved
    /// Agents take it from the queue by hand.
    case manual
}

/// One row per ticket that is to be held by somebody, or by somebody else. Kept by routing alone.
struct QueueEntries: Resource {
    static let store: ResourceStore<QueueEntries> = ResourceStore(QueueEntries())

    let path = "routing_queue_entries"
    let entity = "routing_queue_entry"
    let summary = "Tickets that wait for somebody to hold them."
    let operations: ResourceOperations = .readOnly
    let stamps: ResourceStamps = [.version, .createdAt, .updatedAt]
    let permissions = ResourcePermissions(read: "routing.read", write: "routing.write")
    let defaultSort = "routableAt"
    let fields: [Field] = [
        .uuid("ticketId").readOnly.notNull.filterable,
        .uuid("queueId").readOnly.filterable.described("Absent where the ticket's own group is its queue."),
        .uuid("ruleId").readOnly.filterable,
        .choice("strategy", Strategy.self).readOnly.notNull,
        .choice("priority", TicketRank.priorities).readOnly.notNull.filterable.described("The ticket's."),
        .uuid("requesterId").readOnly,
        .uuid("fromUserId").readOnly.filterable.described("Who is to be relieved of the ticket."),
        .timestamp("routableAt").readOnly.notNull.sortable.described("Since when it could have been held."),
        progress(.choice("state", EntryState.self).notNull),
        progress(.uuids("groupIds")),
        progress(.uuid("agentId")),
        progress(.integer("relaxLevel").notNull.described("How often skills were dropped.")),
        progress(.integer("attempts").notNull),
        progress(.text("failure").described("What was in the way of most when it was last tried.")),
        progress(.uuid("decisionId")),
        progress(.timestamp("reservedUntil")),
        progress(.json("skills", RoutingRules.skillsSchema)),
        progress(.strings("preferredSkills")),
        progress(.text("language")),
        // What the event of the creation tells.
        Field("firstGroupIds", .uuids(count: 0...100)).column("group_ids").hidden,
        Field.uuids("overflowGroupIds").hidden,
        Field.integer("units").hidden,
        Field.integer("queuePriority").hidden,
        Field.integer("rank").hidden,
        Field.timestamp("orderDue").hidden,
        Field.json("relaxAfterSeconds", ["type": "array"]).hidden,
        Field.timestamp("relaxAt").hidden,
        Field.timestamp("overflowAt").hidden,
        Field.timestamp("notBefore").hidden,
        Field.timestamp("wakeAt").hidden,
        Field.boolean("isPinned").hidden,
    ]
    let filters: [Filter] = [
        Filter(Parameter("state", .choice(EntryState.allCases.map(\.rawValue))).list) { filter in
            "t.state = ANY(\(filter.strings))"
        }
    ]

    var events: ResourceEvents { .typed([RoutingQueueEntryCreated.contract, RoutingQueueEntryRemoved.contract]) }

    private static func progress(_ field: Field) -> Field { field.hiddenUnless(expand: "progress") }

    func announcement(of mutation: Mutation) throws -> Announcement? {
        guard mutation.action == .create, let ticketId = mutation.record.uuid("ticketId"),
            let routableAt = mutation.record.timestamp("routableAt")
        else { return nil }
        let record = mutation.record
        return .event(
            RoutingQueueEntryCreated(
                queueEntryId: record.id, ticketId: ticketId, queueId: record.uuid("queueId"),
                ruleId: record.uuid("ruleId"), groupIds: record.uuids("firstGroupIds"),
                strategy: record.string("strategy") ?? "", priority: record.string("priority") ?? "",
                fromUserId: record.uuid("fromUserId"), routableAt: routableAt,
                snapshot: try record.json().objectValue))
    }
}

/// An entry as decisions work on it.
struct Entry: Sendable, Hashable {
    var id: UUID
    var ticketId: UUID
    var state = EntryState.waiting
    var placement: Placement
    var requesterId: UUID?
    var fromUserId: UUID?
    var units = 1
    var priority = "normal"
    var dueAt: Timestamp?
    var routableAt: Timestamp
    var relaxLevel = 0
    var relaxAt: Timestamp?
    var overflowAt: Timestamp?
    var decisionId: UUID?
    var reservedUntil: Timestamp?
    var notBefore: Timestamp?
    var attempts = 0
    var failure: String?
    /// Somebody has named the agent: rules have no say any more.
    var isPinned = false

    /// A ticket that has just become routable.
    init(
        id: UUID, ticketId: UUID, placement: Placement, requesterId: UUID?, fromUserId: UUID? = nil, units: Int,
        priority: String, dueAt: Timestamp?, routableAt: Timestamp
    ) {
        self.id = id
        self.ticketId = ticketId
        self.placement = placement
        self.requesterId = requesterId
        self.fromUserId = fromUserId
        self.units = units
        self.priority = priority
        self.dueAt = placement.strategy == .priority ? dueAt : nil
        self.routableAt = routableAt
        let isAsked = placement.agentId != nil || !placement.groupIds.isEmpty || !placement.overflowGroupIds.isEmpty
        state = placement.strategy == .manual || !isAsked ? .manual : .waiting
        planTimers()
    }

    /// When the next thing happens by itself.
    var wakeAt: Timestamp? {
        switch state {
        case .manual: nil
        case .reserved: reservedUntil
        case .waiting: [relaxAt, overflowAt, notBefore].compactMap { $0 }.min()
        }
    }

    /// Finds the next relaxation that has an effect, and when it is; and when others help.
    mutating func planTimers() {
        relaxAt = nil
        for level in SkillNeed.relaxations(of: placement.skills) where level > relaxLevel {
            guard placement.relaxAfterSeconds.indices.contains(level - 1) else { continue }
            relaxAt = routableAt + .seconds(placement.relaxAfterSeconds[level - 1])
            break
        }
        overflowAt =
            placement.overflowGroupIds.isEmpty
            ? nil : placement.overflowAfterSeconds.map { routableAt + .seconds($0) }
    }

    /// Does what is due: relaxes, overflows, gives up a reservation, tries again. True if anything changed.
    mutating func pass(_ now: Timestamp) -> Bool {
        let before = self
        if state == .reserved, let until = reservedUntil, until <= now { giveUpReservation() }
        if state == .waiting {
            while let at = relaxAt, at <= now {
                let next = SkillNeed.relaxations(of: placement.skills).first {
                    $0 > relaxLevel && placement.relaxAfterSeconds.indices.contains($0 - 1)
                }
                relaxLevel = next ?? relaxLevel
                failure = nil
                let overflow = overflowAt
                planTimers()
                overflowAt = overflow
            }
            if let at = overflowAt, at <= now {
                placement.groupIds += placement.overflowGroupIds.filter { !placement.groupIds.contains($0) }
                placement.overflowGroupIds = []
                placement.agentId = nil
                overflowAt = nil
                failure = nil
            }
            if let at = notBefore, at <= now { notBefore = nil }
        }
        return self != before
    }

    /// The reservation came to nothing: the entry waits again, in its old place.
    mutating func giveUpReservation(notBefore: Timestamp? = nil) {
        state = .waiting
        decisionId = nil
        reservedUntil = nil
        self.notBefore = notBefore
    }

    /// The ticket changed while it waits: takes over what it asks for since.
    mutating func take(_ fresh: Entry) {
        guard placement != fresh.placement || units != fresh.units || priority != fresh.priority || dueAt != fresh.dueAt
        else { return }
        let isMoved = !isPinned && !hasSameTarget(as: fresh)
        (units, priority, dueAt, requesterId) = (fresh.units, fresh.priority, fresh.dueAt, fresh.requesterId)
        guard isMoved else { return }
        (placement, state) = (fresh.placement, fresh.state)
        relaxLevel = 0
        failure = nil
        planTimers()
    }

    /// Whether overflowing is all that sets the two placements apart.
    private func hasSameTarget(as fresh: Entry) -> Bool {
        var expected = fresh.placement
        if !fresh.placement.overflowGroupIds.isEmpty, placement.overflowGroupIds.isEmpty {
            expected.groupIds += expected.overflowGroupIds.filter { !expected.groupIds.contains($0) }
            expected.overflowGroupIds = []
            expected.agentId = nil
            expected.overflowAfterSeconds = placement.overflowAfterSeconds
        }
        return placement == expected
    }

    func need(excluding agentId: UUID? = nil, acquainted: UUID? = nil) -> Need {
        var need = placement.need(units: units, relaxLevel: relaxLevel)
        need.excludedAgentId = agentId
        need.acquaintedAgentId = need.strategy == .sticky ? acquainted : nil
        return need
    }
}
