import AMQP
import Contracts
import Foundation
import TestKit
import Testing

@testable import Messaging

extension OutboxEvent {
    /// An event that is good for bookkeeping.
    static func made(_ position: Int64, partition: Int = 0, aggregate: UUID, sequence: Int64 = 1) -> OutboxEvent {
        OutboxEvent(partition: partition, record: .made(position: position, aggregate: aggregate, sequence: sequence))
    }
}

extension EventRecord {
    static let anyTenant = UUID()

    static func made(position: Int64, aggregate: UUID, sequence: Int64) -> EventRecord {
        EventRecord(
            tenantId: anyTenant, eventId: UUID.v7(), cursor: EventCursor(xid: 1, position: position),
            occurredAt: .now, recordedAt: .now, name: "item.moved", schemaRef: "payload.ItemMoved.v1",
            aggregate: Aggregate(type: "item", id: aggregate), aggregateVersion: 1, sequence: sequence,
            traceparent: nil, payload: Array("{}".utf8))
    }
}

@Suite("The relay's decisions")
struct RelayMachineTests {
    private let start = ContinuousClock.now

    private func machine(_ limits: RelayLimits = RelayLimits(), partitions: [Int] = [0]) -> RelayMachine {
        var machine = RelayMachine(limits: limits)
        let lease = HeldLease(epoch: 1, deadline: start + .seconds(10))
        machine.hold(Dictionary(uniqueKeysWithValues: partitions.map { ($0, lease) }))
        return machine
    }

    private func fill(_ machine: inout RelayMachine, _ events: [OutboxEvent]) throws {
        let reading = try startReading(&machine, at: start)
        machine.read(events, for: reading)
    }

    private func startReading(
        _ machine: inout RelayMachine, at now: ContinuousClock.Instant
    ) throws -> RelayMachine.Reading {
        let reading = machine.startReading(at: now)
        return try #require(reading)
    }

    private func expectWave(
        _ machine: inout RelayMachine, at now: ContinuousClock.Instant, _ positions: [Int64],
        _ location: SourceLocation = #_sourceLocation
    ) {
        let wave = machine.nextWave(at: now)
        #expect(wave.map(\.event.position) == positions, sourceLocation: location)
    }

    @Test("An aggregate has one event under way; the next goes when that is confirmed")
    func oneUnderWay() throws {
        var machine = machine()
        let (one, other) = (UUID(), UUID())
        try fill(&machine, [.made(1, aggregate: one), .made(2, aggregate: one), .made(3, aggregate: other)])
        let first = machine.nextWave(at: start)
        #expect(first.map(\.event.position) == [1, 3])
        expectWave(&machine, at: start, [])
        _ = machine.settle(first, [.confirmed, .confirmed], at: start)
        expectWave(&machine, at: start, [2])
        let deletions = machine.takeDeletions()
        #expect(deletions.flatMap(\.positions) == [1, 3])
    }

    @Test("A refused event stops its aggregate alone, and is first when it goes on")
    func refusal() throws {
        var machine = machine()
        let (one, other) = (UUID(), UUID())
        try fill(
            &machine,
            [
                .made(1, aggregate: one), .made(2, aggregate: one), .made(3, aggregate: other),
                .made(4, aggregate: other),
            ])
        let wave = machine.nextWave(at: start)
        let (refused, lost) = machine.settle(wave, [.rejected, .confirmed], at: start)
        #expect((refused, lost) == (1, 0))
        expectWave(&machine, at: start, [4])
        // What it dropped from memory is read again, and nothing of the stopped aggregate is read meanwhile.
        let reading = try startReading(&machine, at: start)
        #expect(reading.skipped == [one])
        #expect(Set(reading.known) == [1, 3, 4])
        let later = start + .seconds(2)
        expectWave(&machine, at: later, [1])
    }

    @Test("What a read brings of an aggregate that was stopped meanwhile is not taken: its predecessor may be missing")
    func refusalDuringRead() throws {
        var machine = machine()
        let one = UUID()
        try fill(&machine, [.made(1, aggregate: one), .made(2, aggregate: one)])
        let wave = machine.nextWave(at: start)
        let reading = try startReading(&machine, at: start)
        _ = machine.settle(wave, [.rejected], at: start)
        let added = machine.read([.made(3, aggregate: one)], for: reading)
        #expect(added == 0)
        var order: [Int64] = []
        let later = start + .seconds(2)
        let retried = machine.nextWave(at: later)
        order += retried.map(\.event.position)
        _ = machine.settle(retried, [.confirmed], at: later)
        let again = try startReading(&machine, at: later)
        machine.read([.made(2, aggregate: one), .made(3, aggregate: one)], for: again)
        order += machine.nextWave(at: later).map(\.event.position)
        #expect(order == [1, 2])
    }

    @Test("No event goes out after the lease has run out by our own clock, however much is in memory")
    func expiredLease() throws {
        var machine = machine()
        try fill(&machine, [.made(1, aggregate: UUID())])
        expectWave(&machine, at: start + .seconds(11), [])
        let reading = machine.startReading(at: start + .seconds(11))
        #expect(reading == nil)
        machine.hold([0: HeldLease(epoch: 1, deadline: start + .seconds(20))])
        expectWave(&machine, at: start + .seconds(11), [1])
    }

    @Test("What was confirmed under a former epoch is not deleted, and what was known is forgotten")
    func formerEpoch() throws {
        var machine = machine()
        try fill(&machine, [.made(1, aggregate: UUID()), .made(2, aggregate: UUID())])
        let wave = machine.nextWave(at: start)
        machine.hold([0: HeldLease(epoch: 3, deadline: start + .seconds(10))])
        _ = machine.settle(wave, [.confirmed, .confirmed], at: start)
        let deletions = machine.takeDeletions()
        #expect(deletions.isEmpty)
        expectWave(&machine, at: start, [])
        #expect(machine.inFlight == 0)
        let reading = try startReading(&machine, at: start)
        #expect(reading.known.isEmpty)
    }

    @Test("A partition that is being left sends nothing new, and is idle when all is settled and deleted")
    func leaving() throws {
        var machine = machine()
        try fill(&machine, [.made(1, aggregate: UUID()), .made(2, aggregate: UUID())])
        let wave = machine.nextWave(at: start)
        machine.hold([0: HeldLease(epoch: 1, deadline: start + .seconds(10), isLeaving: true)])
        #expect(machine.idle.isEmpty)
        _ = machine.settle(wave, [.confirmed, .lost(AMQPError(.connectionLost, ""))], at: start)
        expectWave(&machine, at: start, [])
        #expect(machine.idle.isEmpty)
        let deletions = machine.takeDeletions()
        #expect(machine.idle.isEmpty)
        machine.deleted(deletions)
        #expect(machine.idle == [0])
    }

    @Test("A long aggregate does not keep the others of its partition waiting")
    func longAggregate() throws {
        var limits = RelayLimits()
        limits.aggregateReadAheadMax = 4
        limits.readAheadMax = 16
        var machine = machine(limits)
        let long = UUID()
        try fill(&machine, (1...8).map { .made($0, aggregate: long) })
        let reading = try startReading(&machine, at: start)
        #expect(reading.skipped == [long])
    }

    @Test("Many refused aggregates leave room for the others")
    func manyRefused() throws {
        var limits = RelayLimits()
        limits.readAheadMax = 8
        var machine = machine(limits)
        for round in 0..<10 {
            try fill(&machine, (0..<4).map { .made(Int64(round * 4 + $0), aggregate: UUID()) })
            let wave = machine.nextWave(at: start)
            #expect(wave.count == 4)
            _ = machine.settle(wave, wave.map { _ in .rejected }, at: start)
        }
        #expect(machine.blockedCount == 40)
        let reading = machine.startReading(at: start)
        #expect(reading != nil)
    }

    /// Random commits (late ones among them), outcomes, lease losses and failed deletions, against an outbox that is an array.
    @Test(
        "Whatever happens, each event is delivered, and first deliveries are in order",
        arguments: 0..<40 as Range<UInt64>)
    func simulation(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var limits = RelayLimits()
        limits.inFlightMax = 12
        limits.waveMax = 5
        limits.readAheadMax = 16
        limits.aggregateReadAheadMax = 4
        var machine = RelayMachine(limits: limits)
        let aggregates = (0..<8).map { _ in UUID() }
        var committed: [OutboxEvent] = []
        var pending: [UUID: [OutboxEvent]] = [:]
        var sequences: [UUID: Int64] = [:]
        var deliveries: [UUID: [Int64]] = [:]
        var inFlight: [[RelayMachine.Sending]] = []
        var reading: RelayMachine.Reading?
        var snapshot: [OutboxEvent] = []
        var epoch: Int64 = 1
        var position: Int64 = 0
        var now = start
        let total = 300
        var steps = 0

        func lease() -> [Int: HeldLease] {
            [0, 1].reduce(into: [:]) { $0[$1] = HeldLease(epoch: epoch, deadline: now + .seconds(100)) }
        }
        machine.hold(lease())
        while position < total || !committed.isEmpty || !pending.isEmpty {
            steps += 1
            try #require(steps < 20_000, "stuck with \(committed.count) events")
            now += .milliseconds(20)
            if position < total, Bool.random(using: &random) {
                // A position is given out now; the commit comes later. An aggregate has one transaction at a time.
                let aggregate = aggregates.randomElement(using: &random)!
                if pending[aggregate] == nil {
                    pending[aggregate] = (0..<Int.random(in: 1...3, using: &random)).map { _ in
                        position += 1
                        sequences[aggregate, default: 0] += 1
                        return .made(
                            position, partition: Int(aggregate.uuid.0) % 2, aggregate: aggregate,
                            sequence: sequences[aggregate]!)
                    }
                }
            }
            if let aggregate = pending.keys.randomElement(using: &random), Bool.random(using: &random) {
                committed += pending.removeValue(forKey: aggregate)!
                committed.sort { $0.position < $1.position }
            }
            switch Int.random(in: 0..<6, using: &random) {
            case 0:
                if let open = reading {
                    machine.read(snapshot, for: open)
                    reading = nil
                } else if let next = machine.startReading(at: now) {
                    reading = next
                    snapshot = next.partitions.keys.flatMap { partition in
                        committed.filter {
                            $0.partition == partition && !next.known.contains($0.position)
                                && !next.skipped.contains($0.key.aggregateId)
                        }.prefix(next.limit)
                    }.sorted { $0.position < $1.position }
                }
            case 1, 2:
                let wave = machine.nextWave(at: now)
                if !wave.isEmpty { inFlight.append(wave) }
            case 3, 4:
                guard !inFlight.isEmpty else { break }
                let wave = inFlight.remove(at: Int.random(in: 0..<inFlight.count, using: &random))
                let outcomes: [PublishOutcome] = wave.map { sending in
                    switch Int.random(in: 0..<10, using: &random) {
                    case 0: return .rejected
                    case 1:
                        // Lost on the way back as often as on the way there.
                        if Bool.random(using: &random) {
                            deliveries[sending.event.key.aggregateId, default: []].append(sending.event.record.sequence)
                        }
                        return .lost(AMQPError(.connectionLost, ""))
                    default:
                        deliveries[sending.event.key.aggregateId, default: []].append(sending.event.record.sequence)
                        return .confirmed
                    }
                }
                _ = machine.settle(wave, outcomes, at: now)
            default:
                if Int.random(in: 0..<20, using: &random) == 0 {
                    // Another relay had the partitions in between, or was it we?
                    epoch += 1
                    machine.hold(lease())
                } else {
                    let deletions = machine.takeDeletions()
                    if Int.random(in: 0..<5, using: &random) == 0 {
                        machine.notDeleted(deletions)
                    } else {
                        let gone = Set(deletions.flatMap(\.positions))
                        committed.removeAll { gone.contains($0.position) }
                        machine.deleted(deletions)
                    }
                }
            }
        }
        for (aggregate, last) in sequences {
            var first: [Int64] = []
            for sequence in deliveries[aggregate] ?? [] where !first.contains(sequence) { first.append(sequence) }
            #expect(first == Array(1...last))
        }
    }
}

@Suite("Leases of the outbox")
struct LeasePlanTests {
    private static func rows(_ owners: [UUID?], expired: Set<UUID> = []) -> [LeaseRow] {
        owners.enumerated().map { index, owner in
            LeaseRow(partition: index, owner: owner, epoch: 1, isFree: owner.map { expired.contains($0) } ?? true)
        }
    }

    @Test("A relay alone takes everything")
    func alone() {
        let plan = LeasePlan(
            rows: Self.rows(Array(repeating: nil, count: 16)), me: UUID(), memberCount: 1, idle: [], leaving: [])
        #expect(plan.take == Array(0..<16))
    }

    @Test("What another holds is not taken until it has run out")
    func taken() {
        let other = UUID()
        let held = Self.rows(Array(repeating: other, count: 4))
        #expect(LeasePlan(rows: held, me: UUID(), memberCount: 2, idle: [], leaving: []).take.isEmpty)
        let expired = Self.rows(Array(repeating: other, count: 4), expired: [other])
        #expect(LeasePlan(rows: expired, me: UUID(), memberCount: 1, idle: [], leaving: []).take == [0, 1, 2, 3])
    }

    @Test("A stopping relay gives up what is idle and finishes the rest")
    func stopping() {
        let me = UUID()
        let plan = LeasePlan(
            rows: Self.rows([me, me, nil]), me: me, memberCount: 1, idle: [0], leaving: [], isStopping: true)
        #expect(plan.release == [0])
        #expect(plan.leave == [1])
        #expect(plan.take.isEmpty)
    }

    @Test(
        "However relays come and go, soon each partition has one owner and each relay its share",
        arguments: 0..<20 as Range<UInt64>)
    func convergence(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var members = [UUID()]
        var owners: [UUID?] = Array(repeating: nil, count: 16)
        for _ in 0..<30 {
            if Bool.random(using: &random) || members.count < 2 {
                members.append(UUID())
            } else {
                members.remove(at: Int.random(in: 0..<members.count, using: &random))
            }
            for _ in 0..<3 {
                for me in members {
                    let dead = Set(owners.compactMap(\.self)).subtracting(members)
                    let mine = Set(owners.indices.filter { owners[$0] == me })
                    let plan = LeasePlan(
                        rows: Self.rows(owners, expired: dead), me: me, memberCount: members.count, idle: mine,
                        leaving: [])
                    for partition in plan.take {
                        #expect(owners[partition] == nil || dead.contains(owners[partition]!))
                        owners[partition] = me
                    }
                    for partition in plan.release { owners[partition] = nil }
                }
            }
            let share = (16 + members.count - 1) / members.count
            #expect(owners.allSatisfy { $0.map(members.contains) ?? false })
            for me in members { #expect(owners.filter { $0 == me }.count <= share) }
        }
    }
}
