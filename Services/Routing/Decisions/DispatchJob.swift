// Runs the dispatcher whenever there is something to do.
import Contracts
import Database
import Logging
import ServiceLifecycle
import Synchronization
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Wakes the dispatchers of this process. Those of others look often enough.
final class DispatchSignal: Sendable {
    static let shared = DispatchSignal()

    private let listeners = Mutex<[UUID: AsyncStream<Void>.Continuation]>([:])

    func raise() {
        let all = listeners.withLock { Array($0.values) }
        for listener in all { listener.yield() }
    }

    func listen() -> AsyncStream<Void> {
        let id = UUID()
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        continuation.onTermination = { _ in self.listeners.withLock { $0[id] = nil } }
        listeners.withLock { $0[id] = continuation }
        return stream
    }
}

/// Any number of instances may run: each tenant is in the hands of one at a time.
struct DispatchJob: Service {
    let database: Database
    let dispatcher: Dispatcher
    private let logger = Logger(label: "routing.dispatch")

    init(database: Database, books: RuleBookStore) {
        self.database = database
        dispatcher = Dispatcher(books: books)
    }

    /// How often another process's wakes and what is due by time are looked for.
    private static let idlePause = Duration.milliseconds(100)
    private static let busyPause = Duration.milliseconds(10)
    private static let failurePause = Duration.seconds(1)
    private static let hoursPause = Duration.seconds(30)
    /// Tenants worked off side by side.
    private static let concurrency = 4

    func run() async throws {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await tick(DispatchSignal.shared.listen()) }
            group.addTask { await watchHours() }
        }
    }

    private var isOver: Bool { Task.isCancelled || Task.isShuttingDownGracefully }

    /// Merges signals and a clock: an element is a reason to look.
    private func tick(_ signals: AsyncStream<Void>) async {
        await withTaskGroup(of: Void.self) { group in
            let clock = DispatchSignal.shared
            group.addTask {
                while !isOver {
                    await pause(Self.idlePause)
                    clock.raise()
                }
            }
            await cancelWhenGracefulShutdown {
                for await _ in signals {
                    if isOver { break }
                    await work()
                }
            }
            group.cancelAll()
        }
    }

    private func pause(_ duration: Duration) async {
        try? await cancelWhenGracefulShutdown { try await Task.sleep(for: duration) }
    }

    private func work() async {
        do {
            while !isOver, try await runAll() { await pause(Self.busyPause) }
        } catch {
            logger.warning("tickets wait for a decision", metadata: ["error": "\(error)"])
            await pause(Self.failurePause)
        }
    }

    /// Works off every tenant that has something to do. True if another process had one in its hands.
    func runAll(now: Timestamp? = nil) async throws -> Bool {
        let tenants = try await due(now ?? .now)
        guard !tenants.isEmpty else { return false }
        return try await withThrowingTaskGroup(of: Bool.self) { group in
            var wasBusy = false
            for (index, tenantId) in tenants.shuffled().enumerated() {
                if index >= Self.concurrency { wasBusy = try await group.next() == true || wasBusy }
                group.addTask { try await runTenant(tenantId, now: now) }
            }
            for try await one in group { wasBusy = wasBusy || one }
            return wasBusy
        }
    }

    private func runTenant(_ tenantId: UUID, now: Timestamp?) async throws -> Bool {
        var skip = 0
        while !isOver {
            switch try await dispatcher.run(tenantId, skip: skip, in: database, now: now ?? .now) {
            case .busy: return true
            case .done: return false
            case .more(let next): skip = next
            }
        }
        return false
    }

    private func due(_ now: Timestamp) async throws -> [UUID] {
        try await database.transaction(as: .admin, readOnly: true) { tx in
            try await tx.query(
                """
                SELECT tenant_id FROM routing_wakes
                UNION SELECT tenant_id FROM routing_queue_entries WHERE wake_at <= \(now)
                UNION SELECT tenant_id FROM agent_loads WHERE redistribute_at <= \(now)
                """
            ).map { try $0.get(0, as: UUID.self) }
        }
    }

    // MARK: Working hours

    private func watchHours() async {
        while !isOver {
            await pause(Self.hoursPause)
            if isOver { return }
            do {
                try await keepHours(.now)
            } catch {
                logger.warning("working hours wait", metadata: ["error": "\(error)"])
            }
        }
    }

    /// Lets agents in whose working hours have begun, and out whose hours are over.
    func keepHours(_ now: Timestamp) async throws {
        let rows = try await database.transaction(as: .admin, readOnly: true) { tx in
            try await tx.query(
                """
                SELECT a.tenant_id, a.id, a.working_hours, l.is_online
                FROM agents AS a JOIN agent_loads AS l ON l.tenant_id = a.tenant_id AND l.agent_id = a.id
                WHERE a.working_hours IS NOT NULL AND a.availability = 'online' AND a.is_active
                """
            ).map { try $0.decode((UUID, UUID, JSON, Bool).self) }
        }
        let turned = rows.filter { CalendarChecks.isOpen($0.2, at: now) != $0.3 }
        for (tenantId, agents) in Dictionary(grouping: turned, by: \.0) {
            try await database.transaction(as: .tenant(tenantId)) { tx in
                tx.enqueue(TenantLock.waiting(tenantId))
                for (_, agentId, _, isOnline) in agents {
                    tx.enqueue(
                        """
                        UPDATE agent_loads SET is_online = \(!isOnline)
                        WHERE tenant_id = \(tenantId) AND agent_id = \(agentId)
                        """)
                }
                tx.enqueue(AgentIndex.refresh(tenantId, agents: agents.map(\.1)))
                Wake.tenant(tenantId, in: tx)
            }
        }
    }
}
