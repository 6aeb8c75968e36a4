import AMQP
import Contracts

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// An unconfirmed event as the relay reads it from the outbox.
struct OutboxEvent: Sendable {
    var partition: Int
    var record: EventRecord

    var position: Int64 { record.cursor.position }
    var key: AggregateKey { AggregateKey(tenantId: record.tenantId, aggregateId: record.aggregate.id) }
}

/// What a relay keeps in memory at most, and how it waits.
struct RelayLimits: Sendable {
    /// Events under way to the broker at a time.
    var inFlightMax = 1000
    /// Events in one call to the broker.
    var waveMax = 250
    /// Events of one partition read ahead.
    var readAheadMax = 256
    /// Events of one aggregate read ahead; the relay reads others before it reads more of this one.
    var aggregateReadAheadMax = 64
    /// Aggregates whose events the broker refuses; at more, the relay stops reading.
    var blockedMax = 4096
    /// How long a refused aggregate waits for its next try: doubled from the first to the last.
    var refusalBackoffFirst = Duration.seconds(1)
    var refusalBackoffLast = Duration.seconds(30)
}

/// The relay's decisions without its input and output: which events go out next, what a confirm or refusal means, what may
/// be deleted, what is to be read.
///
/// Order: the outbox is read by position, which rises with an aggregate's sequence, and an aggregate has one event under way
/// at a time. So event n + 1 is not sent before n is confirmed, whatever the broker does with n.
struct RelayMachine {
    /// An event that goes out, under the epoch in which it does.
    struct Sending: Sendable {
        var event: OutboxEvent
        var epoch: Int64
    }

    /// What to read next.
    struct Reading: Sendable, Equatable {
        /// Epoch by partition.
        var partitions: [Int: Int64] = [:]
        /// How many rows of each partition at most.
        var limit = 0
        /// Positions that are in memory.
        var known: [Int64] = []
        /// Aggregates that have enough in memory.
        var skipped: [UUID] = []
    }

    /// What to delete, under which epoch.
    struct Deletion: Sendable, Equatable {
        var partition: Int
        var epoch: Int64
        var positions: [Int64]
    }

    private struct Line {
        var partition: Int
        var events: [OutboxEvent] = []
        var isInFlight = false
        var blockedUntil: ContinuousClock.Instant?
        var refusals = 0
    }

    private struct Part {
        var lease: HeldLease
        var known: Set<Int64> = []
        var confirmed: [Int64] = []
        var deleting = 0
        var inFlight = 0

        var isIdle: Bool { inFlight == 0 && deleting == 0 && confirmed.isEmpty }
    }

    let limits: RelayLimits
    private var parts: [Int: Part] = [:]
    private var lines: [AggregateKey: Line] = [:]
    /// Lines that have an event to send and none under way, longest waiting first.
    private var ready = Queue<AggregateKey>()
    private var blocked: Set<AggregateKey> = []
    /// Lines with enough in memory: not read further meanwhile.
    private var full: Set<AggregateKey> = []
    /// Lines that were cut back while a read was under way: what it brings of them would leave a gap.
    private var cutDuringRead: Set<AggregateKey> = []
    private(set) var inFlight = 0

    init(limits: RelayLimits = RelayLimits()) {
        self.limits = limits
    }

    // MARK: Leases

    var leaving: Set<Int> { Set(parts.filter { $0.value.lease.isLeaving }.keys) }

    /// Partitions of which nothing is under way and nothing is left to delete.
    var idle: Set<Int> { Set(parts.filter { $0.value.isIdle }.keys) }

    var partitionCount: Int { parts.count }

    /// Takes over what a round of leases decided. What is known of a lost partition, or of one that was lost in between,
    /// is forgotten: somebody else publishes it now.
    mutating func hold(_ leases: [Int: HeldLease]) {
        for partition in parts.keys where leases[partition] == nil { forget(partition) }
        for (partition, lease) in leases {
            if let part = parts[partition], part.lease.epoch != lease.epoch { forget(partition) }
            parts[partition, default: Part(lease: lease)].lease = lease
        }
    }

    private mutating func forget(_ partition: Int) {
        parts[partition] = nil
        for (key, line) in lines where line.partition == partition {
            lines[key] = nil
            blocked.remove(key)
            full.remove(key)
            cutDuringRead.insert(key)
        }
    }

    private func mayPublish(_ partition: Int, at now: ContinuousClock.Instant) -> Bool {
        guard let lease = parts[partition]?.lease else { return false }
        return !lease.isLeaving && now < lease.deadline
    }

    // MARK: Sending

    /// The next events to hand to the broker: each of another aggregate, none of a partition whose lease has run out.
    mutating func nextWave(at now: ContinuousClock.Instant) -> [Sending] {
        unblock(at: now)
        var wave: [Sending] = []
        var put: [AggregateKey] = []
        let room = min(limits.waveMax, limits.inFlightMax - inFlight)
        while wave.count < room, let key = ready.popFirst() {
            guard var line = lines[key], !line.isInFlight, line.blockedUntil == nil, let event = line.events.first
            else {
                continue
            }
            guard mayPublish(line.partition, at: now), let lease = parts[line.partition]?.lease else {
                put.append(key)
                continue
            }
            line.isInFlight = true
            lines[key] = line
            parts[line.partition]?.inFlight += 1
            wave.append(Sending(event: event, epoch: lease.epoch))
        }
        for key in put { ready.append(key) }
        inFlight += wave.count
        return wave
    }

    /// Takes in what became of a wave. Answers how many were refused and how many got no answer.
    mutating func settle(
        _ wave: [Sending], _ outcomes: [PublishOutcome], at now: ContinuousClock.Instant
    ) -> (refused: Int, lost: Int) {
        var refused = 0
        var lost = 0
        inFlight -= wave.count
        for (sending, outcome) in zip(wave, outcomes) {
            let event = sending.event
            guard parts[event.partition]?.lease.epoch == sending.epoch, var line = lines[event.key] else { continue }
            parts[event.partition]?.inFlight -= 1
            line.isInFlight = false
            switch outcome {
            case .confirmed:
                line.events.removeFirst()
                line.refusals = 0
                parts[event.partition]?.confirmed.append(event.position)
            case .lost:
                lost += 1
            case .rejected, .returned:
                refused += 1
                block(&line, event.key, at: now)
            }
            keep(line, event.key)
        }
        return (refused, lost)
    }

    private mutating func keep(_ line: Line, _ key: AggregateKey) {
        if line.events.count < limits.aggregateReadAheadMax / 2, line.blockedUntil == nil { full.remove(key) }
        if line.events.isEmpty {
            lines[key] = nil
            return
        }
        lines[key] = line
        if !line.isInFlight, line.blockedUntil == nil { ready.append(key) }
    }

    /// Stops an aggregate for a while. Only its first event stays in memory, so that many stopped ones leave room for the
    /// others.
    private mutating func block(_ line: inout Line, _ key: AggregateKey, at now: ContinuousClock.Instant) {
        let doubled = limits.refusalBackoffFirst * (1 << min(line.refusals, 16))
        line.blockedUntil = now + min(doubled, limits.refusalBackoffLast)
        line.refusals += 1
        for event in line.events.dropFirst() { parts[line.partition]?.known.remove(event.position) }
        line.events.removeSubrange(1...)
        blocked.insert(key)
        full.insert(key)
        cutDuringRead.insert(key)
    }

    private mutating func unblock(at now: ContinuousClock.Instant) {
        for key in blocked {
            guard var line = lines[key], let until = line.blockedUntil, until <= now else { continue }
            line.blockedUntil = nil
            blocked.remove(key)
            keep(line, key)
        }
    }

    /// When the next refused aggregate may be tried again.
    var nextUnblocking: ContinuousClock.Instant? { blocked.compactMap { lines[$0]?.blockedUntil }.min() }

    var blockedCount: Int { blocked.count }

    // MARK: Deleting

    /// What was confirmed and not handed out for deletion yet.
    mutating func takeDeletions() -> [Deletion] {
        var deletions: [Deletion] = []
        for (partition, part) in parts where !part.confirmed.isEmpty {
            deletions.append(Deletion(partition: partition, epoch: part.lease.epoch, positions: part.confirmed))
            parts[partition]?.confirmed = []
            parts[partition]?.deleting += part.confirmed.count
        }
        return deletions
    }

    /// The partition turned out to be somebody else's by now.
    mutating func lose(_ partition: Int) {
        forget(partition)
    }

    /// The deletion is committed.
    mutating func deleted(_ deletions: [Deletion]) {
        for deletion in deletions where parts[deletion.partition]?.lease.epoch == deletion.epoch {
            parts[deletion.partition]?.known.subtract(deletion.positions)
            parts[deletion.partition]?.deleting -= deletion.positions.count
        }
    }

    /// The deletion failed: it is to be done again.
    mutating func notDeleted(_ deletions: [Deletion]) {
        for deletion in deletions where parts[deletion.partition]?.lease.epoch == deletion.epoch {
            parts[deletion.partition]?.confirmed += deletion.positions
            parts[deletion.partition]?.deleting -= deletion.positions.count
        }
    }

    var hasDeletions: Bool { parts.values.contains { !$0.confirmed.isEmpty } }

    // MARK: Reading

    /// What to read now; nil when enough is in memory.
    mutating func startReading(at now: ContinuousClock.Instant) -> Reading? {
        guard blocked.count < limits.blockedMax else { return nil }
        var blockedByPartition: [Int: Int] = [:]
        for key in blocked {
            if let partition = lines[key]?.partition { blockedByPartition[partition, default: 0] += 1 }
        }
        var reading = Reading()
        for (partition, part) in parts where mayPublish(partition, at: now) {
            let room = limits.readAheadMax - part.known.count + blockedByPartition[partition, default: 0]
            guard room >= limits.readAheadMax / 4 else { continue }
            reading.partitions[partition] = part.lease.epoch
            reading.known += part.known
        }
        guard !reading.partitions.isEmpty else { return nil }
        reading.limit = limits.readAheadMax / 2
        reading.skipped = full.map(\.aggregateId)
        cutDuringRead.removeAll()
        return reading
    }

    /// Takes in what was read, in order of position within a partition. Answers how many events were new.
    @discardableResult
    mutating func read(_ events: [OutboxEvent], for reading: Reading) -> Int {
        var added = 0
        for event in events {
            guard let epoch = reading.partitions[event.partition], parts[event.partition]?.lease.epoch == epoch,
                !cutDuringRead.contains(event.key),
                parts[event.partition]?.known.insert(event.position).inserted == true
            else { continue }
            var line = lines[event.key] ?? Line(partition: event.partition)
            line.events.append(event)
            if line.events.count >= limits.aggregateReadAheadMax { full.insert(event.key) }
            let isNew = line.events.count == 1
            lines[event.key] = line
            if isNew { ready.append(event.key) }
            added += 1
        }
        return added
    }

    /// Whether some event could go out as soon as there is room.
    var hasReady: Bool { !ready.isEmpty }
}

/// First in, first out.
struct Queue<Element> {
    private var elements: [Element?] = []
    private var head = 0

    var isEmpty: Bool { head == elements.count }
    var count: Int { elements.count - head }

    mutating func append(_ element: Element) { elements.append(element) }

    mutating func popFirst() -> Element? {
        guard head < elements.count else { return nil }
        let element = elements[head]
        elements[head] = nil
        head += 1
        if head > 1024, head * 2 > elements.count {
            elements.removeFirst(head)
            head = 0
        } else if head == elements.count {
            elements.removeAll(keepingCapacity: true)
            head = 0
        }
        return element
    }
}
