import Database

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A row of `relay_leases` as a relay reads it.
struct LeaseRow: Sendable, Equatable {
    var partition: Int
    var owner: UUID?
    var epoch: Int64
    var isExpired: Bool
}

/// What a relay does about its leases in one round: a pure decision over the rows it has locked.
struct LeasePlan: Sendable, Equatable {
    /// Ours, to be kept.
    var renew: [Int] = []
    /// Nobody's, to be taken under a new epoch.
    var take: [Int] = []
    /// Ours and still busy, to be given up as soon as nothing of them is under way.
    var leave: [Int] = []
    /// Ours and idle, to be given up now.
    var release: [Int] = []

    /// - Parameters:
    ///   - memberCount: relays alive, this one among them.
    ///   - idle: partitions of ours of which nothing is under way.
    ///   - isStopping: give up everything.
    init(rows: [LeaseRow], me: UUID, memberCount: Int, idle: Set<Int>, leaving: Set<Int>, isStopping: Bool = false) {
        let members = max(1, memberCount)
        let share = isStopping ? 0 : (rows.count + members - 1) / members
        // Those on their way out go first, then the highest numbers, so that rounds agree with each other.
        let mine = rows.filter { $0.owner == me }.map(\.partition).sorted {
            (leaving.contains($0) ? 1 : 0, $0) < (leaving.contains($1) ? 1 : 0, $1)
        }
        for (index, partition) in mine.enumerated() {
            if index < share {
                renew.append(partition)
            } else if idle.contains(partition) {
                release.append(partition)
            } else {
                leave.append(partition)
            }
        }
        let free = rows.filter { $0.owner != me && ($0.owner == nil || $0.isExpired) }.map(\.partition).sorted()
        take = Array(free.prefix(max(0, share - mine.count)))
    }
}

/// A partition that this relay may publish.
struct HeldLease: Sendable, Equatable {
    var epoch: Int64
    /// Until when it may, by this process's clock: short of the lease's end, and it runs on while the process is stopped.
    var deadline: ContinuousClock.Instant
    /// Being given up: nothing new is published.
    var isLeaving = false
}

/// The leases of one relay in the database.
struct RelayLeases: Sendable {
    let database: Database
    let me: UUID
    let timeToLive: Duration

    /// One round: says that this relay is alive, decides, and writes the decision. Answers what is held afterwards.
    func round(
        idle: Set<Int>, leaving: Set<Int>, isStopping: Bool = false
    ) async throws -> [Int: HeldLease] {
        // Counted from before the question, and with a fifth to spare for clocks that run at different speeds.
        let deadline = ContinuousClock.now + timeToLive * 4 / 5
        let seconds = timeToLive / .seconds(1)
        return try await database.transaction(as: .admin) { tx in
            tx.enqueue(relayTransactionSettings)
            if isStopping {
                tx.enqueue("DELETE FROM relay_members WHERE member = \(me)")
            } else {
                tx.enqueue(
                    """
                    INSERT INTO relay_members (member, expires_at)
                    VALUES (\(me), clock_timestamp() + make_interval(secs => \(seconds)))
                    ON CONFLICT (member) DO UPDATE SET expires_at = excluded.expires_at
                    """)
            }
            tx.enqueue("DELETE FROM relay_members WHERE expires_at < clock_timestamp()")
            let results = try await tx.batch([
                """
                SELECT partition, owner, epoch, expires_at < clock_timestamp()
                FROM relay_leases
                ORDER BY partition
                FOR UPDATE
                """,
                "SELECT count(*) FROM relay_members",
            ])
            let rows = try results[0].map { row in
                let (partition, owner, epoch, isExpired) = try row.decode((Int, UUID?, Int64, Bool).self)
                return LeaseRow(partition: partition, owner: owner, epoch: epoch, isExpired: isExpired)
            }
            let memberCount = try results[1].first?.get(0, as: Int.self) ?? 1
            let plan = LeasePlan(
                rows: rows, me: me, memberCount: memberCount, idle: idle, leaving: leaving, isStopping: isStopping)
            tx.enqueue(
                """
                UPDATE relay_leases
                SET
                    owner = \(me),
                    epoch = epoch + CASE WHEN partition = ANY(\(plan.take)) THEN 1 ELSE 0 END,
                    expires_at = clock_timestamp() + make_interval(secs => \(seconds))
                WHERE partition = ANY(\(plan.renew + plan.take + plan.leave))
                """)
            if !plan.release.isEmpty {
                tx.enqueue(
                    """
                    UPDATE relay_leases
                    SET owner = NULL, expires_at = '-infinity'
                    WHERE partition = ANY(\(plan.release))
                    """)
            }
            let epochs = Dictionary(uniqueKeysWithValues: rows.map { ($0.partition, $0.epoch) })
            var held: [Int: HeldLease] = [:]
            for partition in plan.renew {
                held[partition] = HeldLease(epoch: epochs[partition] ?? 0, deadline: deadline)
            }
            for partition in plan.take {
                held[partition] = HeldLease(epoch: (epochs[partition] ?? 0) + 1, deadline: deadline)
            }
            for partition in plan.leave {
                held[partition] = HeldLease(epoch: epochs[partition] ?? 0, deadline: deadline, isLeaving: true)
            }
            return held
        }
    }
}

/// A relay that is stopped in the middle of a transaction must not hold up the others for long: the server ends it. And
/// the outbox is always read by its index: its statistics are those of whatever moment they were taken at. A plan made for
/// the values at hand looks what is in memory already up in a hash; a plan for any values compares each row with all of it.
let relayTransactionSettings: SQL = """
    SELECT
        set_config('idle_in_transaction_session_timeout', '3s', true),
        set_config('lock_timeout', '3s', true),
        set_config('enable_seqscan', 'off', true),
        set_config('enable_bitmapscan', 'off', true),
        set_config('plan_cache_mode', 'force_custom_plan', true),
        set_config('jit', 'off', true)
    """
