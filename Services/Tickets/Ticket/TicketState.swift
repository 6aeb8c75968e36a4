// What a ticket's rules read and write, and the rules. Everything is a function of its inputs, the clock included:
// routes, consumers and the import load a state, let it decide, and store what came out.
import Contracts

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What a tenant has set about the life of its tickets.
public struct TicketPolicy: Sendable, Hashable {
    /// How many days after its closing a ticket may be opened again; a later reply makes a follow-up ticket.
    public var reopenWindowDays: Int

    public init(reopenWindowDays: Int = 14) {
        self.reopenWindowDays = reopenWindowDays
    }

    /// Whether a ticket closed at that moment may still be opened again.
    public func allowsReopening(closedAt: Timestamp?, now: Timestamp) -> Bool {
        guard let closedAt else { return true }
        return now <= closedAt + .seconds(Int64(reopenWindowDays) * 86_400)
    }
}

/// Why a rule said no.
public enum TicketRefusal: Error, Sendable, Hashable {
    /// The state machine has no such step; these are the steps it has from here.
    case transition(from: TicketStatus, to: TicketStatus, allowed: [TicketStatus])
    /// The ticket was closed too long ago to be opened again.
    case reopenWindowOver(closedAt: Timestamp, days: Int)
    /// A customer's message is public by nature.
    case customerMessageMustBePublic
}

/// The part of a ticket that has rules.
public struct TicketState: Sendable, Hashable {
    public var status: TicketStatus
    public var priority: TicketPriority
    public var assigneeId: UUID?
    public var groupId: UUID?
    public var tags: [String]
    public var firstRespondedAt: Timestamp?
    public var resolvedAt: Timestamp?
    public var closedAt: Timestamp?
    public var reopenedCount: Int64
    public var lastMessageAt: Timestamp?
    public var responseState: ResponseState?

    public init(
        status: TicketStatus = .open, priority: TicketPriority = .normal, assigneeId: UUID? = nil,
        groupId: UUID? = nil, tags: [String] = [], firstRespondedAt: Timestamp? = nil, resolvedAt: Timestamp? = nil,
        closedAt: Timestamp? = nil, reopenedCount: Int64 = 0, lastMessageAt: Timestamp? = nil,
        responseState: ResponseState? = nil
    ) {
        self.status = status
        self.priority = priority
        self.assigneeId = assigneeId
        self.groupId = groupId
        self.tags = tags
        self.firstRespondedAt = firstRespondedAt
        self.resolvedAt = resolvedAt
        self.closedAt = closedAt
        self.reopenedCount = reopenedCount
        self.lastMessageAt = lastMessageAt
        self.responseState = responseState
    }

    /// Whether it is with somebody: an agent, or at least a group.
    var isHeld: Bool { assigneeId != nil || groupId != nil }

    /// A ticket as it begins. One that is filed as already done (an import, a phone call dealt with on the spot) was
    /// resolved, or closed, at that moment.
    public static func new(
        status: TicketStatus, priority: TicketPriority, assigneeId: UUID?, groupId: UUID?, tags: [String],
        now: Timestamp
    ) -> TicketState {
        var state = TicketState(
            status: status, priority: priority, assigneeId: assigneeId, groupId: groupId, tags: tags)
        if status.isDone { state.resolvedAt = now }
        if status == .closed { state.closedAt = now }
        switch status {
        case .resolved, .closed: state.responseState = nil
        case .waitingForResponse, .answered: state.responseState = .awaitingClient
        case .open, .inProgress, .onHold: state.responseState = .awaitingInternal
        }
        return state
    }
}

// MARK: - Status

extension TicketState {
    /// The statuses an agent may choose now.
    public func allowedTargets(now: Timestamp, policy: TicketPolicy) -> [TicketStatus] {
        guard status == .closed, !policy.allowsReopening(closedAt: closedAt, now: now) else { return status.targets }
        return []
    }

    /// Moves the ticket to another status, as an agent does.
    public mutating func move(
        to target: TicketStatus, now: Timestamp, policy: TicketPolicy
    ) throws(TicketRefusal) {
        let allowed = allowedTargets(now: now, policy: policy)
        guard allowed.contains(target) else {
            if status == .closed, target == .open, let closedAt {
                throw .reopenWindowOver(closedAt: closedAt, days: policy.reopenWindowDays)
            }
            throw .transition(from: status, to: target, allowed: allowed)
        }
        enter(target, now: now)
    }

    /// Opens a done ticket again.
    public mutating func reopen(
        to target: TicketStatus = .open, now: Timestamp, policy: TicketPolicy
    ) throws(TicketRefusal) {
        guard status.isDone else {
            throw .transition(
                from: status, to: target, allowed: status.targets.filter { $0 != .open })
        }
        guard !target.isDone else {
            throw .transition(
                from: status, to: target,
                allowed: allowedTargets(now: now, policy: policy).filter { !$0.isDone })
        }
        try move(to: target, now: now, policy: policy)
    }

    /// What entering a status means for the times and for whose turn it is.
    private mutating func enter(_ target: TicketStatus, now: Timestamp) {
        let wasDone = status.isDone
        status = target
        switch target {
        case .resolved:
            resolvedAt = now
            closedAt = nil
            responseState = nil
        case .closed:
            resolvedAt = resolvedAt ?? now
            closedAt = now
            responseState = nil
        case .open, .inProgress, .answered, .waitingForResponse, .onHold:
            if wasDone {
                resolvedAt = nil
                closedAt = nil
                reopenedCount += 1
                responseState = .awaitingInternal
            }
            if target == .waitingForResponse { responseState = .awaitingClient }
        }
    }
}

// MARK: - Who holds it

extension TicketState {
    /// Gives the ticket to an agent, and to a group if one is named.
    public mutating func assign(to assignee: UUID, group: UUID? = nil) {
        assigneeId = assignee
        if let group { groupId = group }
    }

    /// Takes the ticket from whoever holds it; the group keeps it.
    public mutating func unassign() {
        assigneeId = nil
    }

    /// Moves the ticket to another group. Its holder belongs to the old one, so it is free there unless an assignee is
    /// named. Moving it to where it is changes nothing.
    public mutating func transfer(to group: UUID, assignee: UUID? = nil) {
        guard groupId != group || assignee != nil else { return }
        groupId = group
        assigneeId = assignee
    }
}

// MARK: - Messages

/// Who wrote a message.
public enum AuthorType: String, CaseIterable, Codable, Sendable, Hashable {
    case agent, customer, system
}

/// What a message does to its ticket beside being there.
public enum MessageEffect: Sendable, Hashable {
    /// The ticket took it.
    case taken
    /// The ticket was closed too long ago: the message belongs into a follow-up ticket, and this one stays as it is.
    case followUp
}

extension TicketState {
    /// Takes a message: a public one of an agent answers, a customer's brings the ticket back.
    public mutating func receive(
        from author: AuthorType, isPublic: Bool, now: Timestamp, policy: TicketPolicy
    ) throws(TicketRefusal) -> MessageEffect {
        switch (author, isPublic) {
        case (.customer, false):
            throw .customerMessageMustBePublic
        case (.customer, true):
            if status == .closed, !policy.allowsReopening(closedAt: closedAt, now: now) { return .followUp }
            switch status {
            case .answered, .waitingForResponse, .onHold, .resolved, .closed: enter(.open, now: now)
            case .open, .inProgress: break
            }
            responseState = .awaitingInternal
        case (.agent, true):
            if status == .open { enter(.answered, now: now) }
            if !status.isDone { responseState = .awaitingClient }
            firstRespondedAt = firstRespondedAt ?? now
        case (.agent, false), (.system, _):
            break
        }
        lastMessageAt = now
        return .taken
    }
}

// MARK: - Tags

extension TicketState {
    /// The longest a tag may be, in characters.
    public static let tagLengthMax = 64

    /// A tag as it is stored: lower case, without space around it, inner white space one space.
    /// `nil` when nothing is left of it or it is too long.
    public static func normalized(tag: String) -> String? {
        let name = tag.lowercased().split(whereSeparator: \.isWhitespace).joined(separator: " ")
        return name.isEmpty || name.count > tagLengthMax ? nil : name
    }

    /// Replaces the tags, sorted, each once.
    public mutating func setTags(_ names: [String]) {
        tags = Array(Set(names)).sorted()
    }
}
