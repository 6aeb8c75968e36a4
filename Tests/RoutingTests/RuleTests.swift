import BusinessTime
import Conditions
import Contracts
import Foundation
import TestKit
import Testing

@testable import Routing

/// Where tickets go by rules and queues, without a database.
@Suite struct RuleTests {
    static let berlin = try! ZoneDatabase.system.zone(named: "Europe/Berlin")

    private func facts(_ ticket: JSONObject, at time: String = "2026-03-02T10:00:00Z") -> Facts {
        let now = Timestamp(rfc3339: time)!
        return Facts(ticket: ticket, localNow: LocalTime(now, in: Self.berlin), now: now)
    }

    @Test("the rule with the lowest priority number among those that match decides", arguments: 0..<50)
    func priorityOrder(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let tags = ["a", "b", "c", "d"]
        let rules = try (0..<20).map { index in
            let tag = tags[Int.random(in: 0..<tags.count, using: &random)]
            return RoutingRule(
                id: .v7(), name: tag, priority: Int.random(in: 1...8, using: &random),
                condition: try Condition(leaf("ticket.tags", "contains", .string(tag)), over: .routing), groupId: .v7())
        }
        let book = RuleBook(rules: rules.shuffled(using: &random), queues: [])
        for _ in 0..<20 {
            let has = tags.filter { _ in Bool.random(using: &random) }
            let facts = facts(["tags": .array(has.map { .string($0) })])
            let placement = book.place(facts, groupId: nil)
            let matching = rules.filter { has.contains($0.name) }
            let expected = matching.min { ($0.priority, $0.id.text) < ($1.priority, $1.id.text) }
            #expect(placement.ruleId == expected?.id)
            #expect(placement.groupIds == (expected?.groupId.map { [$0] } ?? []))
            let trace = book.explain(facts).rules.arrayValue ?? []
            #expect(trace.last?["outcome"] == .bool(expected != nil))
            if let expected { #expect(trace.last?["id"] == .uuid(expected.id)) }
            #expect(trace.dropLast().allSatisfy { $0["outcome"] == false })
        }
    }

    @Test func aRuleGoesBeforeItsQueueAndAQueueBeforeTheTicketsGroup() throws {
        let (own, ruled, queued) = (UUID.v7(), UUID.v7(), UUID.v7())
        let queue = RoutingQueue(
            id: .v7(), name: "Q", position: 1, condition: .always, groupIds: [queued], strategy: .leastLoaded,
            priority: 7)
        let rule = RoutingRule(id: .v7(), name: "R", priority: 1, condition: .always, groupId: ruled)
        let none = RuleBook(rules: [], queues: []).place(facts([:]), groupId: own)
        #expect(none.groupIds == [own] && none.strategy == .roundRobin)
        let onlyQueue = RuleBook(rules: [], queues: [queue]).place(facts([:]), groupId: own)
        #expect(onlyQueue.groupIds == [queued] && onlyQueue.queueId == queue.id && onlyQueue.queuePriority == 7)
        let both = RuleBook(rules: [rule], queues: [queue]).place(facts([:]), groupId: own)
        #expect(both.groupIds == [ruled] && both.queueId == queue.id && both.strategy == .leastLoaded)
    }

    @Test(arguments: [
        ("2026-03-02T22:59:59Z", "mon", "23:59"), ("2026-03-02T23:00:00Z", "tue", "00:00"),
        ("2026-07-05T22:00:00Z", "mon", "00:00"), ("1969-12-31T23:30:00Z", "thu", "00:30"),
    ]) func localTime(instant: String, weekday: String, timeOfDay: String) {
        let local = LocalTime(Timestamp(rfc3339: instant)!, in: Self.berlin)
        #expect(local.weekday == weekday && local.timeOfDay == timeOfDay)
    }

    @Test("what a ticket's state means does not depend on how often it is asked", arguments: 0..<200)
    func reconciliationIsStable(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let users = [UUID.v7(), UUID.v7()]
        let agents = [UUID.v7(), UUID.v7()]
        let holder = Int.random(in: -1...1, using: &random)
        var ticket = TicketView(id: .v7(), status: ["open", "resolved"].randomElement(using: &random))
        ticket.isDeleted = Int.random(in: 0...4, using: &random) == 0
        if holder >= 0 { (ticket.assigneeUserId, ticket.assigneeAgentId) = (users[holder], agents[holder]) }
        var entry: Entry? = nil
        if Bool.random(using: &random) {
            var made = Entry(
                id: .v7(), ticketId: ticket.id,
                placement: Placement(groupIds: [.v7()], strategy: .roundRobin), requesterId: nil,
                fromUserId: [nil, users[0]].randomElement(using: &random)!, units: 1, priority: "normal", dueAt: nil,
                routableAt: .now)
            if Bool.random(using: &random) { made.state = .reserved }
            entry = made
        }
        var holding: Holding? =
            Bool.random(using: &random)
            ? Holding(ticketId: ticket.id, agentId: agents[0], units: 1, state: .held) : nil
        let first = Reconciliation(of: ticket, entry: entry, holding: holding)
        // Do what it says.
        if first.removal != nil { entry = nil }
        if first.joins {
            entry = Entry(
                id: .v7(), ticketId: ticket.id, placement: Placement(groupIds: [.v7()], strategy: .roundRobin),
                requesterId: nil, units: 1, priority: "normal", dueAt: nil, routableAt: .now)
        }
        switch first.holding {
        case .keep: break
        case .release: holding = nil
        case .hold(let agent): holding = Holding(ticketId: ticket.id, agentId: agent, units: 1, state: .held)
        }
        let second = Reconciliation(of: ticket, entry: entry, holding: holding)
        #expect(second.removal == nil && !second.joins && second.holding == .keep)
        if !ticket.isActive { #expect(entry == nil && holding == nil) }
        if ticket.isActive, ticket.assigneeUserId == nil { #expect(entry != nil) }
    }
}
