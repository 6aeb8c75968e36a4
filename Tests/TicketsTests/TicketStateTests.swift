import Contracts
import Foundation
import TestKit
import Testing

@testable import Tickets

@Suite struct TicketStateTests {
    let start = Timestamp(rfc3339: "2026-03-01T09:00:00.000Z")!
    let policy = TicketPolicy()

    private func ticket(_ status: TicketStatus) -> TicketState {
        .new(status: status, priority: .normal, assigneeId: nil, groupId: nil, tags: [], now: start)
    }

    static let steps: [TicketStatus: Set<TicketStatus>] = [
        .open: [.inProgress, .answered, .waitingForResponse, .onHold, .resolved, .closed],
        .inProgress: [.answered, .waitingForResponse, .onHold, .resolved, .closed],
        .answered: [.inProgress, .waitingForResponse, .onHold, .resolved, .closed],
        .waitingForResponse: [.inProgress, .answered, .onHold, .resolved, .closed],
        .onHold: [.inProgress, .answered, .waitingForResponse, .resolved, .closed],
        .resolved: [.closed, .open, .inProgress],
        .closed: [.open],
    ]

    @Test(arguments: TicketStatus.allCases, TicketStatus.allCases)
    func `a status leads where the table says and nowhere else`(from: TicketStatus, to: TicketStatus) throws {
        var state = ticket(from)
        let mayMove = Self.steps[from]!.contains(to)
        do {
            try state.move(to: to, now: start, policy: policy)
            #expect(mayMove)
            #expect(state.status == to)
        } catch {
            #expect(!mayMove)
            #expect(error == .transition(from: from, to: to, allowed: from.targets))
            #expect(Set(from.targets) == Self.steps[from]!)
            #expect(state == ticket(from), "a refused step leaves no trace")
        }
    }

    @Test func `a closed ticket can be reopened to the last millisecond of its window`() throws {
        var state = ticket(.closed)
        let last = start + .seconds(14 * 86_400)
        try state.reopen(now: last, policy: policy)
        #expect(state.status == .open)
        #expect(state.reopenedCount == 1)
        #expect(state.closedAt == nil && state.resolvedAt == nil)
        #expect(state.responseState == .awaitingInternal)

        var late = ticket(.closed)
        #expect(throws: TicketRefusal.reopenWindowOver(closedAt: start, days: 14)) {
            try late.reopen(now: last + .milliseconds(1), policy: policy)
        }
        #expect(late.allowedTargets(now: last + .milliseconds(1), policy: policy) == [])
    }

    @Test func `only done tickets can be reopened, and only to work`() {
        var open = ticket(.open)
        #expect(throws: TicketRefusal.self) { try open.reopen(now: start, policy: policy) }
        var resolved = ticket(.resolved)
        #expect(throws: TicketRefusal.transition(from: .resolved, to: .closed, allowed: [.open, .inProgress])) {
            try resolved.reopen(to: .closed, now: start, policy: policy)
        }
    }

    @Test func `resolving and closing keep their times`() throws {
        var state = ticket(.open)
        try state.move(to: .resolved, now: start + .seconds(60), policy: policy)
        #expect(state.resolvedAt == start + .seconds(60))
        #expect(state.responseState == nil)
        try state.move(to: .closed, now: start + .seconds(90), policy: policy)
        #expect(state.resolvedAt == start + .seconds(60))
        #expect(state.closedAt == start + .seconds(90))
    }

    @Test func `the first public answer opens the conversation once`() throws {
        var state = ticket(.open)
        _ = try state.receive(from: .agent, isPublic: false, now: start + .seconds(1), policy: policy)
        #expect(state.status == .open && state.firstRespondedAt == nil)
        _ = try state.receive(from: .agent, isPublic: true, now: start + .seconds(2), policy: policy)
        #expect(state.status == .answered)
        #expect(state.firstRespondedAt == start + .seconds(2))
        #expect(state.responseState == .awaitingClient)
        _ = try state.receive(from: .agent, isPublic: true, now: start + .seconds(3), policy: policy)
        #expect(state.firstRespondedAt == start + .seconds(2))
        #expect(state.lastMessageAt == start + .seconds(3))
    }

    @Test(arguments: TicketStatus.allCases)
    func `a customer's reply brings a ticket back`(status: TicketStatus) throws {
        var state = ticket(status)
        let effect = try state.receive(from: .customer, isPublic: true, now: start + .seconds(5), policy: policy)
        #expect(effect == .taken)
        #expect(state.status == (status == .inProgress ? .inProgress : .open))
        #expect(state.reopenedCount == (status.isDone ? 1 : 0))
        #expect(state.responseState == .awaitingInternal)
    }

    @Test func `a customer's reply long after the closing belongs into another ticket`() throws {
        var state = ticket(.closed)
        let before = state
        let effect = try state.receive(
            from: .customer, isPublic: true, now: start + .seconds(15 * 86_400), policy: policy)
        #expect(effect == .followUp)
        #expect(state == before)
    }

    @Test func `customers have no internal notes`() {
        var state = ticket(.open)
        #expect(throws: TicketRefusal.customerMessageMustBePublic) {
            try state.receive(from: .customer, isPublic: false, now: start, policy: policy)
        }
    }

    @Test func `a transfer frees the ticket in its new group`() {
        let (agent, other, first, second) = (UUID.v7(), UUID.v7(), UUID.v7(), UUID.v7())
        var state = ticket(.open)
        state.assign(to: agent, group: first)
        let before = state
        state.transfer(to: first)
        #expect(state == before, "where it is already")
        state.transfer(to: second)
        #expect(state.groupId == second && state.assigneeId == nil)
        #expect(
            TicketFact.between(before, state) == [
                .queueChanged(previous: first, new: second), .unassigned(previous: agent),
            ])
        state.transfer(to: first, assignee: other)
        #expect(state.groupId == first && state.assigneeId == other)
    }

    @Test func `tags are lower case, trimmed and bounded`() {
        #expect(TicketState.normalized(tag: "  Needs \t Review ") == "needs review")
        #expect(TicketState.normalized(tag: "ÄRGER") == "ärger")
        #expect(TicketState.normalized(tag: " \n ") == nil)
        #expect(TicketState.normalized(tag: String(repeating: "x", count: 64)) != nil)
        #expect(TicketState.normalized(tag: String(repeating: "x", count: 65)) == nil)
    }

    @Test func `facts name everything that changed and nothing else`() throws {
        let before = ticket(.closed)
        #expect(TicketFact.between(before, before).isEmpty)
        var after = before
        try after.reopen(now: start + .seconds(1), policy: policy)
        after.priority = .urgent
        after.setTags(["vpn", "mail", "vpn"])
        #expect(
            TicketFact.between(before, after) == [
                .statusChanged(previous: .closed, new: .open), .reopened(previous: .closed, new: .open),
                .priorityChanged(previous: .normal, new: .urgent), .tagsChanged(added: ["mail", "vpn"], removed: []),
                .responseStateChanged(previous: nil, new: .awaitingInternal),
            ])
    }

    @Test func `priorities rank by urgency`() {
        #expect(TicketPriority.allCases.map(\.rank) == [1, 2, 3, 4])
    }

    /// Any sequence of operations: times fit the status, what is counted only grows, refusals change nothing.
    @Test(arguments: UInt64(0)..<200)
    func `any sequence of operations keeps a ticket sound`(seed: UInt64) {
        var dice = Dice(seed: seed)
        var now = start
        var state = ticket(dice.pick(TicketStatus.allCases))
        for _ in 0..<60 {
            now = now + .milliseconds(Int64.random(in: 0...3 * 86_400_000, using: &dice))
            let before = state
            do {
                switch Int.random(in: 0..<7, using: &dice) {
                case 0, 1: try state.move(to: dice.pick(TicketStatus.allCases), now: now, policy: policy)
                case 2: try state.reopen(to: dice.pick(TicketStatus.allCases), now: now, policy: policy)
                case 3, 4:
                    _ = try state.receive(
                        from: dice.pick(AuthorType.allCases), isPublic: dice.chance(70), now: now, policy: policy)
                case 5: state.assign(to: UUID.v7(), group: dice.chance(50) ? UUID.v7() : nil)
                default: state.transfer(to: UUID.v7(), assignee: dice.chance(30) ? UUID.v7() : nil)
                }
            } catch {
                #expect(state == before)
            }
            #expect((state.closedAt != nil) == (state.status == .closed))
            #expect((state.resolvedAt != nil) == state.status.isDone)
            #expect((state.responseState == nil) == state.status.isDone)
            #expect(state.reopenedCount >= before.reopenedCount)
            #expect(before.firstRespondedAt == nil || state.firstRespondedAt == before.firstRespondedAt)
            let reopened = before.status.isDone && !state.status.isDone
            #expect(state.reopenedCount - before.reopenedCount == (reopened ? 1 : 0))
            let facts = TicketFact.between(before, state)
            #expect(
                facts.contains { if case .statusChanged = $0 { true } else { false } }
                    == (before.status != state.status))
            #expect(facts.contains { if case .reopened = $0 { true } else { false } } == reopened)
            #expect(
                facts.contains { if case .closed = $0 { true } else { false } }
                    == (before.status != .closed && state.status == .closed))
        }
    }
}
