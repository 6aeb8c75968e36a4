import Contracts
import Foundation
import Synchronization
import TestKit
import Testing

extension SystemTests {
    /// Twenty clients write, agents come and go and promises fall due while processes are killed, frozen and restarted.
    /// Afterwards the books are compared: what clients were promised, what the database holds, what a subscriber received,
    /// what the projections say, who holds which ticket, and which alerts were told.
    @Suite(.serialized) struct FaultTests {
        /// 20 s of faults fit the test run; the whole is two minutes: DESKWIRE_FAULT_SECONDS=120.
        static let seconds = Int(ProcessInfo.processInfo.environment["DESKWIRE_FAULT_SECONDS"] ?? "") ?? 30
        static let clients = 20

        @Test(.timeLimit(.minutes(20))) func nothingIsLostDoubledOrOutOfOrder() async throws {
            let environment = try await Stack.shared.environment()
            let subscriber = try Subscriber(in: environment)
            let desk = try await HelpDesk(agentCount: 4, policy: Books.policy, in: environment)
            for agent in desk.agents { try await desk.set("online", agent) }
            let ledger = Ledger()
            let run = String(UUID().uuidString.prefix(8)).lowercased()
            let faults = Faults(environment: environment)

            let started = ContinuousClock.now
            let deadline = started + .seconds(Self.seconds)
            let settleBy = deadline + .seconds(90)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<Self.clients {
                    let worker = FaultClient(
                        number: number, client: desk.client, path: desk.path, ledger: ledger, run: run)
                    group.addTask { try await worker.work(until: deadline, settleBy: settleBy, seed: 7) }
                }
                let shifts = FaultShifts(desk: desk, ledger: ledger)
                group.addTask { try await shifts.work(until: deadline, settleBy: settleBy, seed: 8) }
                group.addTask { try await faults.inflict(until: deadline) }
                try await group.waitForAll()
            }

            let books = Books(environment: environment, ledger: ledger, desk: desk, run: run)
            let verdict = try await books.compare(with: subscriber, within: .seconds(180))
            print(
                "fault run: \(Self.seconds) s, \(Self.clients) clients, \(ledger.requests) requests, \(ledger.retries) retries, "
                    + "\(ledger.tickets.count) tickets, faults: \(faults.inflicted.joined(separator: ", "))")
            print("fault run: \(verdict)")
            #expect(verdict.isClean, "\(verdict)")
            #expect(!ledger.tickets.isEmpty)
            #expect(!faults.inflicted.isEmpty)
        }
    }
}

/// The faults, one after another, spread over the run's time.
final class Faults: Sendable {
    private let environment: Stack.Environment
    private let log = Log()
    static let services = ["gateway", "tickets", "routing", "sla", "notifications", "knowledge"]

    var inflicted: [String] { log.lines }

    init(environment: Stack.Environment) { self.environment = environment }

    private struct Fault: Sendable {
        let name: String
        let inflict: @Sendable (Stack.Environment) async throws -> Void
    }

    private static let all: [Fault] =
        services.map { service in
            Fault(name: "kill -9 \(service)") { try signal(SIGKILL, service, in: $0) }
        }
        + [
            Fault(name: "restart of the broker") { try signal(SIGTERM, "rabbitmq", in: $0) },
            Fault(name: "kill -9 of the broker") { try signal(SIGKILL, "rabbitmq", in: $0) },
            Fault(name: "pg_ctl stop -m immediate") { try signal(SIGQUIT, "postgres", in: $0) },
        ]
        + services.map { service in
            Fault(name: "SIGSTOP/SIGCONT \(service)") {
                try signal(SIGSTOP, service, in: $0)
                try await Task.sleep(for: .seconds(2))
                try signal(SIGCONT, service, in: $0)
            }
        }
        + [
            Fault(name: "database connections reset") { environment in
                try await reset(port: environment.port(of: "DESKWIRE_DATABASE_URL"), in: environment)
            },
            Fault(name: "broker connections reset") { environment in
                try await reset(port: environment.port(of: "DESKWIRE_AMQP_URL"), in: environment)
            },
        ]

    /// Inflicts each fault once (as far as the time goes), waiting after each until the process is back.
    func inflict(until deadline: ContinuousClock.Instant) async throws {
        let pause = (deadline - .now) / (Self.all.count + 1)
        for fault in Self.all {
            try await Task.sleep(for: max(pause / 2, .milliseconds(300)))
            try await fault.inflict(environment)
            log.append(fault.name)
            let environment = environment
            try await eventually("all processes are back after \(fault.name)") {
                (Self.services + ["postgres", "rabbitmq"]).allSatisfy { environment.pid(of: $0) != nil }
            }
        }
    }

    private static func signal(_ signal: Int32, _ name: String, in environment: Stack.Environment) throws {
        guard let pid = environment.pid(of: name) else { throw StackError("\(name) is not running") }
        guard kill(pid, signal) == 0 else { throw StackError("\(name) can't be signalled") }
    }

    /// Resets every TCP connection to a port (`ss -K`); where the kernel can't, the server closes them instead.
    private static func reset(port: Int, in environment: Stack.Environment) async throws {
        let result = try await deskwireRun("/bin/ss", ["-K", "dst", "127.0.0.1", "dport", "=", ":\(port)"])
        if result.status != 0 { throw StackError("ss -K: \(result.output)") }
    }
}

extension Stack.Environment {
    /// The port in one of the environment's URLs.
    func port(of variable: String) throws -> Int {
        guard let port = URLComponents(string: try self[variable])?.port else {
            throw StackError("\(variable) has no port")
        }
        return port
    }
}

/// Lines appended from several tasks.
final class Log: Sendable {
    private let storage = Mutex<[String]>([])
    var lines: [String] { storage.withLock { $0 } }
    func append(_ line: String) { storage.withLock { $0.append(line) } }
}
