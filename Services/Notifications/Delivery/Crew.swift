// The processes that send: who of them is alive, and what becomes of what a dead one was at.

import Contracts
import Database
import Logging
import Messaging
import ServiceKit
import ServiceLifecycle
import Synchronization

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// This process among those that send. What it takes on carries its id, and is its own while it gives signs of life; what a
/// process that was killed had under way is anybody's a few seconds later.
///
/// A mail or a request that was under way then may have arrived or not, and nobody can know: it is sent again, under the same
/// id, by which the far side can know a repeat. Rather twice than never.
final class Crew: Sendable {
    /// How long a sign of life counts. Short enough that nobody notices that a process was killed; long enough that one
    /// which only has much to do is not taken for dead, and its messages are not sent twice.
    static let timeToLive = Duration.seconds(5)
    private static let interval = Duration.seconds(1)
    private static let logger = Logger(label: "notifications.crew")

    private let database: Database
    private let membership: Membership
    private let drain: Duration
    private let state = Mutex(State())

    struct State: Sendable, Equatable {
        /// Until when the last sign of life counts, by this process's clock: it runs on while the process is stopped.
        private(set) var aliveUntil: ContinuousClock.Instant?
        /// Since when there was no gap between signs of life.
        private(set) var aliveSince: ContinuousClock.Instant?

        func isAlive(at now: ContinuousClock.Instant) -> Bool { aliveUntil.map { now < $0 } ?? false }

        /// Whether this process may tell that another is dead. After a time without the database all look dead: each
        /// first gets the time to say that it is not.
        func mayJudge(at now: ContinuousClock.Instant, after timeToLive: Duration) -> Bool {
            isAlive(at: now) && aliveSince.map { now - $0 >= timeToLive } ?? false
        }

        /// A sign of life that was begun at an instant has been given.
        /// - Returns: whether there was none that counted.
        mutating func renew(begun: ContinuousClock.Instant, for timeToLive: Duration) -> Bool {
            let wasAlive = isAlive(at: begun)
            if !wasAlive { aliveSince = begun }
            // With a fifth to spare for clocks that run at different speeds.
            aliveUntil = begun + timeToLive * 4 / 5
            return !wasAlive
        }
    }

    /// - Parameter grace: What the process has from when it is told to stop.
    init(database: Database, timeToLive: Duration = Crew.timeToLive, grace: Duration = .seconds(10)) {
        self.database = database
        // The rest is for noting what came of it.
        drain = grace * 7 / 10
        membership = Membership("delivery_members", me: .v7(), timeToLive: timeToLive)
    }

    /// Whether others know that this process is alive. One that was stopped for a while must not go on with what it had
    /// taken on: that may be somebody else's.
    var isAlive: Bool { state.withLock { $0.isAlive(at: .now) } }

    /// What this process's workers go by.
    var shift: Shift { Shift(worker: membership.me, isAlive: { self.isAlive }, drain: drain) }

    /// One sign of life, and what follows from those that others did not give. Answers how much there is to send again.
    @discardableResult
    func beat() async throws -> Int {
        let begun = ContinuousClock.now
        let judges = state.withLock { $0.mayJudge(at: begun, after: membership.timeToLive) }
        let freed = try await database.transaction(as: .admin) { tx in
            membership.renew(in: tx)
            guard judges else { return 0 }
            let dead = try await tx.query(membership.removal).map { try $0.get(0, as: UUID.self) }
            return dead.isEmpty ? 0 : try await Self.free(from: dead, in: tx)
        }
        let isBack = state.withLock { $0.renew(begun: begun, for: membership.timeToLive) }
        if isBack || freed > 0 { DeliveryBell.ring(ChannelName.all) }
        return freed
    }

    /// What dead processes were at is due now. Their leases stay, so that one of them which lives after all can still say what
    /// came of it, as long as nobody has begun anew.
    private static func free(from dead: [UUID], in tx: Transaction) async throws -> Int {
        let now = Timestamp.now
        let deliveries = try await tx.execute(
            """
            UPDATE notification_deliveries SET due_at = \(now)
            WHERE state = 'sending' AND worker = ANY(\(dead)) AND due_at > \(now)
            """)
        let lanes = try await tx.execute(
            """
            UPDATE webhook_lanes SET due_at = \(now)
            WHERE lease IS NOT NULL AND worker = ANY(\(dead)) AND due_at > \(now)
            """)
        guard deliveries + lanes > 0 else { return 0 }
        logger.notice(
            "processes are gone; what they were sending is sent again",
            metadata: ["processes": "\(dead.count)", "deliveries": "\(deliveries)", "webhooks": "\(lanes)"])
        return deliveries + lanes
    }

    /// This process sends no more; what it has not finished is anybody's at once.
    func leave() async throws {
        try await database.transaction(as: .admin) { tx in
            membership.leave(in: tx)
            _ = try await Self.free(from: [membership.me], in: tx)
        }
    }

    /// Gives signs of life until the task is cancelled.
    fileprivate func beatOn() async {
        while !Task.isCancelled {
            do {
                try await beat()
            } catch {
                if !Task.isCancelled {
                    Self.logger.warning("no sign of life could be given", metadata: ["error": "\(error)"])
                }
            }
            try? await Task.sleep(for: Self.interval)
        }
    }
}

/// What a worker that sends goes by.
struct Shift: Sendable {
    /// Whose is what it takes on.
    var worker = UUID.v7()
    /// Whether what is taken on now is not taken for a dead process's.
    var isAlive: @Sendable () -> Bool = { true }
    /// How long what is under way may go on once the process is to stop. Then it is given up, and sent again by another.
    var drain = Duration.seconds(7)
}

/// All that sends in this process, and its signs of life, which go on until the last of it has come to an end.
struct Sending: Service {
    let crew: Crew
    let workers: [any Service]

    func run() async throws {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { [crew] in await crew.beatOn() }
            await withTaskGroup(of: Void.self) { senders in
                for worker in workers {
                    senders.addTask { try? await Restarted(worker).run() }
                }
            }
            group.cancelAll()
        }
        // Where this fails, too, the others find out by themselves.
        try? await crew.leave()
    }
}
