// Sends what is due on one channel.

import Contracts
import Logging
import ServiceLifecycle
import Synchronization

/// A worker for each channel: a slow one keeps no other waiting. Takes as many deliveries as the channel can send at once,
/// and further ones as soon as any is over. When the process is to stop, it takes no more, and what is under way is noted; what
/// takes too long then is given up.
struct ChannelWorker: Service {
    let channel: any Channel
    let store: DeliveryStore
    var shift = Shift()

    private static let batch = 200
    /// How soon it is noticed what other processes have queued, and what is due by time.
    private static let patience = Duration.seconds(1)
    private static let logger = Logger(label: "notifications.worker")

    /// What is over and not noted yet.
    private final class Tray: Sendable {
        private let outcomes = Mutex<[DeliveryOutcome]>([])

        func put(_ more: [DeliveryOutcome]) { outcomes.withLock { $0 += more } }

        func take() -> [DeliveryOutcome] {
            outcomes.withLock { outcomes in
                defer { outcomes = [] }
                return outcomes
            }
        }
    }

    func run() async throws {
        let bell = Bell()
        let tray = Tray()
        DeliveryBell.add(bell, for: channel.name)
        defer { DeliveryBell.remove(bell, for: channel.name) }
        await withDiscardingTaskGroup { group in
            var underWay = 0
            var stopBy: ContinuousClock.Instant?
            while !Task.isCancelled {
                let isStopping = Task.isShuttingDownGracefully
                let outcomes = tray.take()
                underWay -= outcomes.count
                if isStopping, underWay == 0, outcomes.isEmpty { return }
                if isStopping {
                    let end = stopBy ?? .now + shift.drain
                    if .now >= end { group.cancelAll() }
                    stopBy = end
                }
                let room = isStopping || !shift.isAlive() ? 0 : min(Self.batch, channel.concurrency - underWay)
                let claims = await turn(outcomes, room, giving: tray)
                guard let claims else {
                    underWay += outcomes.count
                    try? await Task.sleep(for: Self.patience)
                    continue
                }
                for claim in claims {
                    underWay += 1
                    group.addTask { [channel, shift] in
                        tray.put([shift.isAlive() ? await Self.send(claim, on: channel) : Self.lapsed(claim)])
                        bell.ring()
                    }
                }
                guard outcomes.isEmpty, claims.isEmpty else { continue }
                if isStopping {
                    await bell.wait(upTo: Self.patience)
                } else {
                    await cancelWhenGracefulShutdown { await bell.wait(upTo: Self.patience) }
                }
            }
        }
    }

    /// Nil while the database is away: then the outcomes are kept.
    private func turn(_ outcomes: [DeliveryOutcome], _ room: Int, giving tray: Tray) async -> [DeliveryClaim]? {
        guard !outcomes.isEmpty || room > 0 else { return [] }
        do {
            return try await store.turn(settling: outcomes, claiming: room, by: shift.worker)
        } catch {
            tray.put(outcomes)
            Self.logger.warning("deliveries wait", metadata: ["channel": "\(channel.name)", "error": "\(error)"])
            return nil
        }
    }

    /// This process was stopped, or without the database, for so long that others may have taken the message on.
    private static func lapsed(_ claim: DeliveryClaim) -> DeliveryOutcome {
        let detail = "The process gave no sign of life; the message was not sent."
        return claim.outcome(.failed(.transient(code: "lapsed", detail: detail, retryAfter: nil)), at: .now)
    }

    private static func send(_ claim: DeliveryClaim, on channel: any Channel) async -> DeliveryOutcome {
        if claim.isSuppressed { return claim.outcome(.skipped(reason: "suppressed"), at: .now) }
        guard claim.message.attempt <= Backoff.triesMax else {
            let detail = "Whoever sent it did not come back, \(Backoff.triesMax) times."
            return claim.outcome(.failed(.permanent(code: "abandoned", detail: detail, suppress: false)), at: .now)
        }
        do throws(DeliveryFailure) {
            return claim.outcome(.sent(try await channel.send(claim.message)), at: .now)
        } catch {
            return claim.outcome(.failed(error), at: .now)
        }
    }
}
