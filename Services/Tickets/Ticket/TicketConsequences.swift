// What follows from a change of a ticket: its histories and the events that say what happened.
import Contracts
import Database
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

enum TicketConsequences {
    /// After tickets were made: their figures, their first status, their first holders, their tags. One statement of each
    /// kind, however many tickets there are.
    static func ofCreation(_ mutations: inout [Mutation], _ op: Operation) async throws {
        let states = try mutations.map { try TicketState($0.record) }
        let made = zip(mutations.map(\.record), states)
        op.tx.enqueue(
            MetricsTable.beginning(
                made.map { (id: $0.id, createdAt: $0.timestamp("createdAt") ?? op.now, status: $1.status) }, op))
        op.tx.enqueue(StatusDurations.beginning(made.map { (ticketId: $0.id, status: $1.status) }, op))
        let held = made.filter { $1.isHeld }
        if let (first, _) = held.first {
            let isImport = first.string("channel") == TicketChannel.imported.rawValue
            op.tx.enqueue(
                Assignments.beginning(
                    held.map { (ticketId: $0.id, assigneeId: $1.assigneeId, groupId: $1.groupId) },
                    reason: isImport ? .imported : .manual, note: nil, op))
        }
        let values = try mutations.flatMap { try CustomFieldValues.of($0.record) }
        if !values.isEmpty { op.tx.enqueue(CustomFieldValues.adding(values, op)) }
        let names = Set(states.flatMap(\.tags))
        let tags = names.isEmpty ? [] : try await TagDefinitions.named(names.sorted(), op)
        var pairs: [(ticketId: UUID, tag: TagDefinitions.Tag)] = []
        for (index, state) in states.enumerated() {
            let ticketId = mutations[index].record.id
            if let assignee = state.assigneeId {
                mutations[index].announce(
                    TicketAssigned(
                        ticketId: ticketId, newAssigneeId: assignee, newAssigneeType: "user", assignedAt: op.now))
            }
            guard !state.tags.isEmpty else { continue }
            let own = tags.filter { state.tags.contains($0.name) }
            pairs += own.map { (ticketId: ticketId, tag: $0) }
            mutations[index].announce(TicketTags.changed(ticketId, added: own, removed: [], op))
        }
        if !pairs.isEmpty { op.tx.enqueue(TicketTags.adding(pairs, op)) }
    }

    /// After tickets were changed, in whatever way: as few statements as the changes allow, however many tickets there are.
    static func ofChange(_ mutations: inout [Mutation], _ op: Operation) async throws {
        for index in mutations.indices { try await ofChange(&mutations[index], op) }
        let states = try mutations.compactMap { mutation in
            try mutation.before.map {
                (ticketId: mutation.record.id, before: try TicketState($0), after: try TicketState(mutation.record))
            }
        }
        let moved = states.filter { $0.before.status != $0.after.status }
        if !moved.isEmpty {
            op.tx.enqueue(StatusDurations.ending(moved.map(\.ticketId), op))
            op.tx.enqueue(StatusDurations.beginning(moved.map { (ticketId: $0.ticketId, status: $0.after.status) }, op))
        }
        let passedOn = states.filter {
            $0.before.assigneeId != $0.after.assigneeId || $0.before.groupId != $0.after.groupId
        }
        let left = passedOn.filter(\.before.isHeld)
        if !left.isEmpty { op.tx.enqueue(Assignments.ending(left.map(\.ticketId), op)) }
        let held = passedOn.filter(\.after.isHeld)
        if !held.isEmpty {
            let note = op.tx[.ticketNote] ?? TicketNote()
            op.tx.enqueue(
                Assignments.beginning(
                    held.map { (ticketId: $0.ticketId, assigneeId: $0.after.assigneeId, groupId: $0.after.groupId) },
                    reason: note.assignment, note: note.reason, op))
        }
    }

    private static func ofChange(_ mutation: inout Mutation, _ op: Operation) async throws {
        guard let earlier = mutation.before else { return }
        let ticket = mutation.record
        let (before, after) = (try TicketState(earlier), try TicketState(ticket))
        let note = op.tx[.ticketNote] ?? TicketNote()
        for fact in TicketFact.between(before, after) {
            switch fact {
            case .tagsChanged(let added, let removed):
                mutation.announce(try await change(tagsOf: ticket.id, added: added, removed: removed, op))
            default:
                announce(fact, of: ticket.id, note, in: &mutation, op)
            }
        }
        if mutation.changed("customFields") {
            op.tx.enqueue(CustomFieldValues.removing(ticket.id, op))
            op.tx.enqueue(CustomFieldValues.adding(try CustomFieldValues.of(ticket), op))
        }
    }

    private static func change(
        tagsOf ticketId: UUID, added: [String], removed: [String], _ op: Operation
    ) async throws -> TicketTagsChanged {
        let tags = try await TagDefinitions.named(added + removed, op)
        let new = tags.filter { added.contains($0.name) }
        let old = tags.filter { removed.contains($0.name) }
        if !new.isEmpty { op.tx.enqueue(TicketTags.adding(new.map { (ticketId: ticketId, tag: $0) }, op)) }
        if !old.isEmpty { op.tx.enqueue(TicketTags.removing(old, from: ticketId, op)) }
        return TicketTags.changed(ticketId, added: new, removed: old, op)
    }

    private static func announce(
        _ fact: TicketFact, of ticketId: UUID, _ note: TicketNote, in mutation: inout Mutation, _ op: Operation
    ) {
        switch fact {
        case .statusChanged(let previous, let new):
            mutation.announce(
                TicketStatusChanged(
                    ticketId: ticketId, previousStatusId: previous.rawValue, newStatusId: new.rawValue,
                    changedAt: op.now, reason: note.reason))
        case .closed(let previous):
            mutation.announce(
                TicketClosed(
                    ticketId: ticketId, previousStatusId: previous.rawValue,
                    closedByUserId: op.actor.type == .system ? nil : op.actor.userId, closedAt: op.now,
                    resolution: note.resolution))
        case .reopened(let previous, let new):
            mutation.announce(
                TicketReopened(
                    ticketId: ticketId, previousStatusId: previous.rawValue, newStatusId: new.rawValue,
                    reopenedAt: op.now, reason: note.reason))
        case .priorityChanged(let previous, let new):
            mutation.announce(
                TicketPriorityChanged(
                    ticketId: ticketId, previousPriorityId: previous.rawValue, newPriorityId: new.rawValue,
                    changedAt: op.now, reason: note.reason))
        case .queueChanged(let previous, let new):
            mutation.announce(
                TicketQueueChanged(
                    ticketId: ticketId, previousQueueId: previous, newQueueId: new, changedAt: op.now))
        case .assigned(let previous, let new):
            mutation.announce(
                TicketAssigned(
                    ticketId: ticketId, previousAssigneeId: previous,
                    previousAssigneeType: previous == nil ? nil : "user", newAssigneeId: new, newAssigneeType: "user",
                    assignedAt: op.now))
        case .unassigned(let previous):
            mutation.announce(
                TicketUnassigned(
                    ticketId: ticketId, previousAssigneeId: previous, previousAssigneeType: "user",
                    unassignedAt: op.now, reason: note.reason))
        case .responseStateChanged(let previous, let new):
            mutation.announce(
                TicketResponseStateChanged(
                    ticketId: ticketId, previousResponseState: previous.flatMap { .init(rawValue: $0.rawValue) },
                    newResponseState: new.flatMap { .init(rawValue: $0.rawValue) },
                    trigger: new == nil ? .close : note.isMessage ? .comment : .manual))
        case .tagsChanged:
            // It needs the ids of the tags, so it is told where they are looked up.
            break
        }
    }
}
