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
    /// Nobody's, or of a relay that has given no sign of life for too long.
    var isFree: Bool
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

    /// Whether the database stays as it is.
    var changesNothing: Bool { take.isEmpty && release.isEmpty }

    /// - Parameters:
    ///   - memberCount: relays alive that are not stopping, this one among them.
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
        let free = rows.filter { $0.owner != me && $0.isFree }.map(\.partition).sorted()
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

/// What a relay holds after a round, and when the next is due at the latest.
struct LeaseRound: Sendable {
    var held: [Int: HeldLease]
    /// How long until another relay's time runs out, if it gives no sign of life before.
    var untilNextExpiry: Duration?
}

/// The leases of one relay in the database.
///
/// A lease lasts as long as its owner's row in `relay_members`: a sign of life is one small write however many partitions
/// a relay has, so it can be given often and a killed relay is missed within a second. Whoever deletes an expired row has
/// decided that its owner is gone. Should that be wrong, because the owner was only stopped, both publish for a moment;
/// each does it in order, so what arrives first is in order still, and the epoch lets only one of them clear up.
struct RelayLeases: Sendable {
    let database: Database
    private let membership: Membership

    init(database: Database, me: UUID, timeToLive: Duration) {
        self.database = database
        membership = Membership("relay_members", me: me, timeToLive: timeToLive)
    }

    var me: UUID { membership.me }

    /// One round: says that this relay is alive, decides, and writes the decision.
    func round(idle: Set<Int>, leaving: Set<Int>, isStopping: Bool = false) async throws -> LeaseRound {
        // Counted from before the question, and with a fifth to spare for clocks that run at different speeds.
        let deadline = ContinuousClock.now + membership.timeToLive * 4 / 5
        return try await database.transaction(as: .admin) { tx in
            tx.enqueue(relayTransactionSettings)
            membership.renew(isStopping: isStopping, in: tx)
            tx.enqueue(membership.removal)
            let results = try await tx.batch([
                Self.rows,
                """
                SELECT
                    count(*) FILTER (WHERE NOT is_stopping),
                    extract(epoch FROM min(expires_at) FILTER (WHERE member <> \(me)) - clock_timestamp())::float8
                FROM relay_members
                """,
            ])
            let (memberCount, expiry) = try results[1].first?.decode((Int, Double?).self) ?? (1, nil)
            func plan(_ rows: [LeaseRow]) -> LeasePlan {
                LeasePlan(
                    rows: rows, me: me, memberCount: memberCount, idle: idle, leaving: leaving, isStopping: isStopping)
            }
            var rows = try Self.leases(results[0])
            var decision = plan(rows)
            if !decision.changesNothing {
                // Another may be deciding, too: what is written is decided over rows that nobody else changes.
                rows = try Self.leases(try await tx.query("\(Self.rows) FOR UPDATE OF l"))
                decision = plan(rows)
                tx.enqueue(
                    """
                    UPDATE relay_leases SET owner = \(me), epoch = epoch + 1
                    WHERE partition = ANY(\(decision.take))
                    """)
                tx.enqueue("UPDATE relay_leases SET owner = NULL WHERE partition = ANY(\(decision.release))")
            }
            if isStopping, decision.leave.isEmpty { membership.leave(in: tx) }
            var held: [Int: HeldLease] = [:]
            for row in rows {
                if decision.take.contains(row.partition) {
                    held[row.partition] = HeldLease(epoch: row.epoch + 1, deadline: deadline)
                } else if decision.renew.contains(row.partition) || decision.leave.contains(row.partition) {
                    held[row.partition] = HeldLease(
                        epoch: row.epoch, deadline: deadline, isLeaving: decision.leave.contains(row.partition))
                }
            }
            return LeaseRound(held: held, untilNextExpiry: expiry.map { .seconds($0) })
        }
    }

    private static let rows: SQL = """
        SELECT l.partition, l.owner, l.epoch, m.member IS NULL
        FROM relay_leases AS l
        LEFT JOIN relay_members AS m ON m.member = l.owner
        ORDER BY l.partition
        """

    private static func leases(_ rows: [Row]) throws -> [LeaseRow] {
        try rows.map { row in
            let (partition, owner, epoch, isFree) = try row.decode((Int, UUID?, Int64, Bool).self)
            return LeaseRow(partition: partition, owner: owner, epoch: epoch, isFree: isFree)
        }
    }
}

/// A relay that is stopped in the middle of a transaction must not hold up the others for long: the server ends it. And
/// the outbox is always read by its index: its statistics are those of whatever moment they were taken at. So one plan does
/// for all values, and is kept: planning takes longer than reading a few events.
let relayTransactionSettings: SQL = """
    SELECT
        set_config('idle_in_transaction_session_timeout', '3s', true),
        set_config('lock_timeout', '3s', true),
        set_config('enable_seqscan', 'off', true),
        set_config('enable_bitmapscan', 'off', true),
        set_config('plan_cache_mode', 'force_generic_plan', true),
        set_config('jit', 'off', true)
    """
