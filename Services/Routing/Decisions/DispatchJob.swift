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

/// Wakes the dispatchers of this process as soon as there is something to do for a tenant. Those of others look for
/// themselves.
final class DispatchSignal: Sendable {
    static let shared = DispatchSignal()

    /// The tenants of which a dispatcher has yet to hear.
    final class Listener: Sendable {
        let wakes: AsyncStream<Void>
        private let continuation: AsyncStream<Void>.Continuation
        private let tenants = Mutex<Set<UUID>>([])

        init() {
            (wakes, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        }

        func take() -> Set<UUID> {
            tenants.withLock { tenants in
                defer { tenants = [] }
                return tenants
            }
        }

        fileprivate func raise(_ tenantId: UUID) {
            tenants.withLock { _ = $0.insert(tenantId) }
            continuation.yield()
        }
    }

    private let listeners = Mutex<[ObjectIdentifier: Listener]>([:])

    func raise(_ tenantId: UUID) {
        for listener in listeners.withLock({ Array($0.values) }) { listener.raise(tenantId) }
    }

    /// Hears of all tenants until `body` returns.
    func listening(_ body: (Listener) async -> Void) async {
        let listener = Listener()
        listeners.withLock { $0[ObjectIdentifier(listener)] = listener }
        defer { listeners.withLock { $0[ObjectIdentifier(listener)] = nil } }
        await body(listener)
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
    private static let pollPause = Duration.milliseconds(400)
    /// What happens meanwhile is decided about together.
    private static let gatherPause = Duration.milliseconds(10)
    private static let hoursPause = Duration.seconds(30)
    /// Tenants worked off side by side.
    private static let concurrency = 4

    func run() async throws {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await hear() }
            group.addTask { await poll() }
            group.addTask { await watchHours() }
        }
    }

    private var isOver: Bool { Task.isCancelled || Task.isShuttingDownGracefully }

    private func pause(_ duration: Duration) async {
        try? await cancelWhenGracefulShutdown { try await Task.sleep(for: duration) }
    }

    /// What this process commits is acted upon at once.
    private func hear() async {
        await DispatchSignal.shared.listening { listener in
            await cancelWhenGracefulShutdown {
                for await _ in listener.wakes {
                    if isOver { break }
                    await attempt { try await run(Array(listener.take()), now: nil) }
                    await pause(Self.gatherPause)
                }
            }
        }
    }

    private func poll() async {
        while !isOver {
            await attempt { try await runAll() }
            await pause(Self.pollPause)
        }
    }

    /// What fails is found again by the next poll.
    private func attempt(_ body: () async throws -> Void) async {
        do {
            try await body()
        } catch {
            logger.warning("tickets wait for a decision", metadata: ["error": "\(error)"])
        }
    }

    /// Works off every tenant that has something to do.
    func runAll(now: Timestamp? = nil) async throws {
        try await run(try await due(now ?? .now), now: now)
    }

    private func run(_ tenants: [UUID], now: Timestamp?) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (index, tenantId) in tenants.shuffled().enumerated() {
                if index >= Self.concurrency { try await group.next() }
                group.addTask { try await runTenant(tenantId, now: now) }
            }
            try await group.waitForAll()
        }
    }

    private func runTenant(_ tenantId: UUID, now: Timestamp?) async throws {
        var skip = 0
        while !isOver {
            switch try await dispatcher.run(tenantId, skip: skip, in: database, now: now) {
            case .done: return
            case .more(let next): skip = next
            }
        }
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
