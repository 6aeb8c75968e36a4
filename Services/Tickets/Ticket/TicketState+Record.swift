// Between a ticket's row and its state.
import Contracts
import Database
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension TicketState {
    /// The state that a row is in.
    init(_ ticket: Record) throws {
        guard let status = ticket.string("status").flatMap(TicketStatus.init(rawValue:)),
            let priority = ticket.string("priority").flatMap(TicketPriority.init(rawValue:))
        else { throw DatabaseError(.decoding, "ticket \(ticket.id.text) has an unknown status or priority") }
        self.init(
            status: status, priority: priority, assigneeId: ticket.uuid("assigneeId"), groupId: ticket.uuid("groupId"),
            tags: ticket.strings("tags"), firstRespondedAt: ticket.timestamp("firstRespondedAt"),
            resolvedAt: ticket.timestamp("resolvedAt"), closedAt: ticket.timestamp("closedAt"),
            reopenedCount: ticket.int("reopenedCount") ?? 0, lastMessageAt: ticket.timestamp("lastMessageAt"),
            responseState: ticket.string("responseState").flatMap(ResponseState.init(rawValue:)))
    }

    /// What is to be written for a row in `before` to be in this state.
    func changes(since before: TicketState) -> Values {
        var values = Values()
        if status != before.status { values.set("status", status.rawValue) }
        if priority != before.priority { values.set("priority", priority.rawValue) }
        if assigneeId != before.assigneeId { values.set("assigneeId", assigneeId) }
        if groupId != before.groupId { values.set("groupId", groupId) }
        if tags != before.tags { values.set("tags", tags) }
        if firstRespondedAt != before.firstRespondedAt { values.set("firstRespondedAt", firstRespondedAt) }
        if resolvedAt != before.resolvedAt { values.set("resolvedAt", resolvedAt) }
        if closedAt != before.closedAt { values.set("closedAt", closedAt) }
        if reopenedCount != before.reopenedCount { values.set("reopenedCount", reopenedCount) }
        if lastMessageAt != before.lastMessageAt { values.set("lastMessageAt", lastMessageAt) }
        if responseState != before.responseState { values.set("responseState", responseState?.rawValue) }
        return values
    }

    /// Takes over what a PATCH asks for, by the rules. A value that the ticket has already asks for nothing.
    mutating func apply(_ values: Values, _ op: Operation) async throws {
        if let wanted = values.string("status").flatMap(TicketStatus.init(rawValue:)), wanted != status {
            let policy = try await TicketPolicy.forLeaving(status, op)
            try refusing { () throws(TicketRefusal) in try move(to: wanted, now: op.now, policy: policy) }
        }
        if let wanted = values.string("priority").flatMap(TicketPriority.init(rawValue:)) { priority = wanted }
        let wasHeld = (groupId, assigneeId)
        if values.contains("groupId") { groupId = values.uuid("groupId") }
        if values.contains("assigneeId") {
            if let wanted = values.uuid("assigneeId"), wanted != assigneeId { try await Agents.check(wanted, op) }
            assigneeId = values.uuid("assigneeId")
        }
        if wasHeld != (groupId, assigneeId), let caller = op.caller, !caller.may("tickets.assign") {
            throw Problem.forbidden(permission: "tickets.assign")
        }
        if let wanted = values.strings("tags") { setTags(wanted) }
    }
}

/// Runs a rule; its refusal becomes the problem that the caller is told.
func refusing<Result>(_ rule: () throws(TicketRefusal) -> Result) throws -> Result {
    do {
        return try rule()
    } catch {
        throw Problem(error)
    }
}

extension Problem {
    init(_ refusal: TicketRefusal) {
        switch refusal {
        case .transition(let from, let to, let allowed):
            let targets = allowed.map(\.rawValue)
            let detail =
                from == to
                ? "The ticket is \(from.rawValue) already."
                : "A ticket that is \(from.rawValue) can't become \(to.rawValue)."
            self = .conflict(
                detail + (targets.isEmpty ? "" : " From here it can become \(targets.joined(separator: ", "))."),
                code: "invalid_transition", allowed: targets)
        case .reopenWindowOver(let closedAt, let days):
            self = .conflict(
                "The ticket was closed at \(closedAt.rfc3339); it could be reopened for \(days) days.",
                code: "reopen_window_over", allowed: [])
        case .customerMessageMustBePublic:
            self = .invalid([Fault(.pointer("/isPublic"), "not_allowed", "A customer's message is public.")])
        }
    }
}

extension TicketPolicy {
    private static let daysAllowed: ClosedRange<Int64> = 0...3_650

    /// What the tenant has set, read only where it matters: a closed ticket may come back for a while.
    static func forLeaving(_ status: TicketStatus, _ op: Operation) async throws -> TicketPolicy {
        guard status == .closed else { return TicketPolicy() }
        let row = try await op.tx.first(
            "SELECT settings -> 'reopenWindowDays' FROM tenant_organizations WHERE tenant_id = \(op.tenantId)")
        guard let days = try row?.get(0, as: JSON?.self)?.intValue, daysAllowed.contains(days) else {
            return TicketPolicy()
        }
        return TicketPolicy(reopenWindowDays: Int(days))
    }
}
