// Where clocks meet rows: facts in, clocks and events out. Consumers, the sweeper and changes of terms all come through here,
// so there is one way in which a clock changes.

import Contracts
import Database
import Messaging

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

struct TicketKey: Sendable, Hashable, Comparable {
    var tenantId: UUID
    var ticketId: UUID

    static func < (left: TicketKey, right: TicketKey) -> Bool {
        (left.tenantId, left.ticketId) < (right.tenantId, right.ticketId)
    }
}

enum ClockKeeper {
    // MARK: Facts

    /// Keeps facts; those that are kept already change nothing.
    static func keep(_ facts: [(key: TicketKey, fact: TicketFact)], in tx: Transaction) {
        var json = JSONWriter(reservingCapacity: facts.count * 512)
        json.beginArray()
        for (key, fact) in facts {
            json.beginObject()
            json.key("tenant_id")
            json.uuid(key.tenantId)
            json.key("ticket_id")
            json.uuid(key.ticketId)
            json.key("sequence")
            json.int(fact.sequence)
            json.key("occurred_at")
            json.timestamp(fact.at)
            json.key("kind")
            json.string(fact.kindName)
            json.key("data")
            json.value(fact.data ?? .null)
            json.endObject()
        }
        json.endArray()
        tx.enqueue(
            """
            INSERT INTO sla_ticket_facts (tenant_id, ticket_id, sequence, occurred_at, kind, data)
            SELECT tenant_id, ticket_id, sequence, occurred_at, kind, data
            FROM json_to_recordset(\(String(decoding: json.bytes, as: UTF8.self))::json) AS f (
                tenant_id uuid, ticket_id uuid, sequence bigint, occurred_at timestamptz(3), kind text, data jsonb)
            ORDER BY tenant_id, ticket_id, sequence
            ON CONFLICT DO NOTHING
            """)
    }

    /// Everything that is known of tickets, in order.
    static func facts(of keys: [TicketKey], in tx: Transaction) async throws -> [TicketKey: [TicketFact]] {
        try facts(in: try await tx.query(selectingFacts(of: keys)))
    }

    private static func selectingFacts(of keys: [TicketKey]) -> SQL {
        """
        SELECT f.tenant_id, f.ticket_id, f.sequence, f.occurred_at, f.kind, f.data
        FROM unnest(\(keys.map(\.tenantId)), \(keys.map(\.ticketId))) AS k (tenant_id, ticket_id)
        JOIN sla_ticket_facts AS f ON f.tenant_id = k.tenant_id AND f.ticket_id = k.ticket_id
        ORDER BY f.tenant_id, f.ticket_id, f.sequence
        """
    }

    private static func facts(in rows: [Row]) throws -> [TicketKey: [TicketFact]] {
        var facts: [TicketKey: [TicketFact]] = [:]
        for row in rows {
            let (tenant, ticket, sequence, at, kind, data) = try row.decode(
                (UUID, UUID, Int64, Timestamp, String, JSON?).self)
            guard let fact = TicketFact(kindName: kind, data: data, sequence: sequence, at: at) else { continue }
            facts[TicketKey(tenantId: tenant, ticketId: ticket), default: []].append(fact)
        }
        return facts
    }

    // MARK: Tickets

    /// Makes the rows of tickets that are new, and locks all of them, in the order that everybody locks in. Of the new ones
    /// these facts are all there is, and they are answered.
    static func touch(
        _ facts: [(key: TicketKey, fact: TicketFact)], in tx: Transaction
    ) async throws -> [TicketKey: [TicketFact]] {
        var latest: [TicketKey: Timestamp] = [:]
        for (key, fact) in facts { latest[key] = max(latest[key] ?? .min, fact.at) }
        let keys = latest.keys.sorted()
        let rows = try await tx.query(
            """
            INSERT INTO sla_tickets AS t (tenant_id, ticket_id, version, is_open, last_fact_at)
            SELECT tenant_id, ticket_id, 0, true, at
            FROM unnest(\(keys.map(\.tenantId)), \(keys.map(\.ticketId)), \(keys.map { latest[$0]?.rfc3339 ?? "" })::timestamptz[])
                AS k (tenant_id, ticket_id, at)
            ON CONFLICT (tenant_id, ticket_id)
                DO UPDATE SET last_fact_at = GREATEST(t.last_fact_at, excluded.last_fact_at)
            RETURNING tenant_id, ticket_id, version = 0
            """)
        var known: [TicketKey: [TicketFact]] = [:]
        for row in rows {
            let (tenant, ticket, isNew) = try row.decode((UUID, UUID, Bool).self)
            if isNew { known[TicketKey(tenantId: tenant, ticketId: ticket)] = [] }
        }
        for (key, fact) in facts { known[key]?.append(fact) }
        // A row keeps the milliseconds of a fact; of a finer one, what it keeps is to be read.
        return known.filter { $0.value.allSatisfy { $0.at.microseconds.isMultiple(of: 1000) } }
            .mapValues { $0.sorted { $0.sequence < $1.sequence } }
    }

    /// Locks tickets in the order that everybody locks in; answers how many there are.
    @discardableResult
    static func lock(_ keys: [TicketKey], in tx: Transaction) async throws -> Int {
        try await tx.execute(
            """
            SELECT FROM sla_tickets AS t
            JOIN unnest(\(keys.map(\.tenantId)), \(keys.map(\.ticketId))) AS k (tenant_id, ticket_id)
                ON k.tenant_id = t.tenant_id AND k.ticket_id = t.ticket_id
            ORDER BY t.tenant_id, t.ticket_id FOR NO KEY UPDATE OF t
            """)
    }

    // MARK: Clocks

    /// What a row already says of a clock.
    private struct Kept {
        var digest: Int64
        var announced: Set<String>
    }

    /// Something to tell of a ticket.
    private struct News {
        var key: TicketKey
        var version: Int64
        var clock: Clock
        var entry: Clock.Entry
    }

    /// Folds tickets anew and writes what changed, with its events. The tickets' rows are locked and their terms held.
    /// - Parameters:
    ///   - known: All facts of those tickets that have no clocks yet.
    ///   - instant: How far time has gone for these tickets.
    ///   - now: What time it is, where that is later.
    ///   - anew: Rows are written even if they seem to be right, and of clocks that are not there nothing is told.
    static func refold(
        _ keys: [TicketKey], known: [TicketKey: [TicketFact]] = [:], terms: [UUID: Terms], asOf instant: Timestamp,
        seenAt now: Timestamp? = nil, anew: Bool = false, in tx: Transaction
    ) async throws {
        let now = now ?? instant
        var (facts, kept, versions) = try await past(of: keys.filter { known[$0] == nil }, in: tx)
        facts.merge(known) { $1 }
        var clockRows = ClockRows()
        var ticketRows = TicketRows()
        var news: [News] = []
        var nextDue = Timestamp.max
        for key in keys {
            let state = TicketClocks(of: facts[key] ?? [], terms: terms[key.tenantId] ?? .none, asOf: instant)
            let version = (versions[key] ?? 0) + 1
            for clock in state.clocks {
                let id = clock.id(in: key.ticketId)
                let digest = clock.digest(with: state.attributes)
                let known = kept.removeValue(forKey: id)
                guard anew || known?.digest != digest else { continue }
                var announced = known?.announced ?? (anew ? Set(clock.history.map(\.key)) : [])
                for entry in clock.history where announced.insert(entry.key).inserted {
                    news.append(News(key: key, version: version, clock: clock, entry: entry))
                }
                clockRows.append(clock, key, id: id, digest: digest, announced: announced, state.attributes, at: now)
            }
            ticketRows.append(key, state, version: version)
            nextDue = min(nextDue, state.nextDue ?? .max)
        }
        // What is of one instant keeps the order of the tickets, of their clocks and, within a clock, of its history.
        let ordered = news.enumerated().sorted { ($0.element.entry.at, $0.offset) < ($1.element.entry.at, $1.offset) }
        for (_, new) in ordered {
            try ClockEvents.publish(
                new.entry, of: new.clock, new.key, terms: terms[new.key.tenantId] ?? .none, version: new.version,
                seenAt: now, in: tx)
        }
        // What is left never was, as a late fact shows.
        if !kept.isEmpty { tx.enqueue(removal(of: Array(kept.keys), keys)) }
        if !clockRows.isEmpty { tx.enqueue(clockRows.upsert) }
        tx.enqueue(ticketRows.update)
        tx.afterCommit { [nextDue] in DueAlarm.shared.set(nextDue) }
    }

    /// What the rows say of tickets: their facts, clocks and versions.
    private static func past(
        of keys: [TicketKey], in tx: Transaction
    ) async throws -> (facts: [TicketKey: [TicketFact]], kept: [UUID: Kept], versions: [TicketKey: Int64]) {
        guard !keys.isEmpty else { return ([:], [:], [:]) }
        let answers = try await tx.batch([
            selectingFacts(of: keys),
            """
            SELECT c.id, c.digest, c.announced
            FROM unnest(\(keys.map(\.tenantId)), \(keys.map(\.ticketId))) AS k (tenant_id, ticket_id)
            JOIN sla_clocks AS c ON c.tenant_id = k.tenant_id AND c.ticket_id = k.ticket_id
            """,
            """
            SELECT t.tenant_id, t.ticket_id, t.version
            FROM unnest(\(keys.map(\.tenantId)), \(keys.map(\.ticketId))) AS k (tenant_id, ticket_id)
            JOIN sla_tickets AS t ON t.tenant_id = k.tenant_id AND t.ticket_id = k.ticket_id
            """,
        ])
        var kept: [UUID: Kept] = [:]
        for row in answers[1] {
            let (id, digest, announced) = try row.decode((UUID, Int64, [String]).self)
            kept[id] = Kept(digest: digest, announced: Set(announced))
        }
        var versions: [TicketKey: Int64] = [:]
        for row in answers[2] {
            let (tenant, ticket, version) = try row.decode((UUID, UUID, Int64).self)
            versions[TicketKey(tenantId: tenant, ticketId: ticket)] = version
        }
        return (try facts(in: answers[0]), kept, versions)
    }

    private static func removal(of ids: [UUID], _ keys: [TicketKey]) -> SQL {
        """
        DELETE FROM sla_clocks AS c
        USING unnest(\(keys.map(\.tenantId)), \(keys.map(\.ticketId))) AS k (tenant_id, ticket_id)
        WHERE c.tenant_id = k.tenant_id AND c.ticket_id = k.ticket_id AND c.id = ANY(\(ids))
        """
    }
}

extension Clock {
    /// Always the same for the same clock, so that a rebuild finds it again: the ticket's time, and a hash of ticket, metric
    /// and instance.
    func id(in ticket: UUID) -> UUID {
        var hash = FNV()
        withUnsafeBytes(of: ticket.uuid) { hash.add($0) }
        hash.add(metric.rawValue.utf8)
        hash.add([UInt8(truncatingIfNeeded: instance), UInt8(truncatingIfNeeded: instance >> 8)])
        var bytes = ticket.uuid
        withUnsafeMutableBytes(of: &bytes) { bytes in
            withUnsafeBytes(of: hash.value.bigEndian) { digest in
                for index in 0..<8 { bytes[8 + index] = digest[index] }
            }
            bytes[8] = bytes[8] & 0x3F | 0x80
        }
        return UUID(uuid: bytes)
    }

    /// Tells whether anything that a row shows has changed.
    func digest(with attributes: JSONObject) -> Int64 {
        var hash = FNV()
        hash.add(JSON.array(history.map(\.json)).serialized())
        for instant in [targetAt, pausedAt, finishedAt, breachedAt, startedAt, measuredAt] {
            withUnsafeBytes(of: instant?.microseconds ?? 0) { hash.add($0) }
        }
        for number in [used, target.seconds, policyVersion, calendarVersion ?? 0] {
            withUnsafeBytes(of: number) { hash.add($0) }
        }
        let texts = [
            state.rawValue, priority, policyId.text, calendarId?.text ?? "", attributes["groupId"]?.text ?? "",
            attributes["assigneeId"]?.text ?? "",
        ]
        for text in texts { hash.add(text.utf8) }
        return Int64(bitPattern: hash.value)
    }
}

/// FNV-1a, 64 bits: the same in every process.
private struct FNV {
    private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

    mutating func add(_ bytes: some Sequence<UInt8>) {
        for byte in bytes {
            value ^= UInt64(byte)
            value = value &* 0x100_0000_01B3
        }
    }
}
