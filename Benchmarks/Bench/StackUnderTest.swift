import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1

/// The stack that `deploy/up` described in the environment.
struct StackUnderTest: Sendable {
    let url: String
    let tenant: String
    let key: String
    let databaseURL: String
    let amqpURL: String
    let exchange: String
    let home: URL
    static let services = ["gateway", "tickets", "routing", "sla", "notifications", "knowledge"]

    init() throws {
        func value(_ name: String) throws -> String {
            guard let value = ProcessInfo.processInfo.environment[name], !value.isEmpty else {
                throw BenchError("\(name) is not set; run deploy/bench, or source the env file that deploy/up wrote")
            }
            return value
        }
        url = try value("DESKWIRE_URL")
        tenant = try value("DESKWIRE_TENANT")
        key = try value("DESKWIRE_API_KEY")
        databaseURL = try value("DESKWIRE_DATABASE_URL")
        amqpURL = try value("DESKWIRE_AMQP_URL")
        exchange = try value("DESKWIRE_EXCHANGE")
        home = URL(fileURLWithPath: try value("DESKWIRE_HOME"))
    }

    /// Runs SQL as the superuser and answers what psql printed, columns by `|`.
    @discardableResult
    func sql(_ text: String) throws -> String {
        try shell(["psql", databaseURL, "-AtqX", "-v", "ON_ERROR_STOP=1", "-c", text])
            .trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// - Parameter other: An API key in place of the stack's own.
    func send(_ method: HTTPMethod, _ path: String, json: String? = nil, key other: String? = nil) async throws -> (
        status: UInt, body: String
    ) {
        var request = HTTPClientRequest(url: url + path)
        request.method = method
        request.headers.add(name: "authorization", value: "Bearer \(other ?? key)")
        if let json {
            request.headers.add(name: "content-type", value: "application/json")
            request.body = .bytes(ByteBuffer(string: json))
        }
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
        let body = try await response.body.collect(upTo: 16 * 1024 * 1024)
        return (response.status.code, String(buffer: body))
    }

    /// Resident memory of each service's process, now or at its peak, as one cell.
    func residentMegabytes(peak: Bool = false) -> String {
        Self.services.map { service in
            guard let pid = try? String(contentsOf: home.appendingPathComponent("run/\(service).pid"), encoding: .utf8),
                let status = try? String(
                    contentsOfFile: "/proc/\(pid.trimmingCharacters(in: .whitespacesAndNewlines))/status",
                    encoding: .utf8),
                let line = status.split(separator: "\n").first(where: { $0.hasPrefix(peak ? "VmHWM:" : "VmRSS:") }),
                let kilobytes = Int(line.split(separator: " ")[1])
            else { return "\(service) ?" }
            return "\(service) \(kilobytes / 1024)"
        }.joined(separator: ", ")
    }

    /// The outboxes are empty, every projection has every ticket, and no table is being cleaned up.
    func isSettled() throws -> Bool {
        let projections = ["routing", "sla", "notifications", "knowledge"]
            .map { "(SELECT count(*) FROM \($0).tickets) = (SELECT count(*) FROM tickets.tickets)" }
        let outboxes = Self.services.map { "NOT EXISTS (SELECT FROM \($0).outbox)" }
        let history =
            "(SELECT count(*) FROM gateway.event_feed WHERE name = 'ticket.created') = (SELECT count(*) FROM tickets.tickets)"
        let vacuum = "NOT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'autovacuum worker')"
        return try sql("SELECT " + (projections + outboxes + [history, vacuum]).joined(separator: " AND ")) == "t"
    }

    /// Waits until nothing of the last load is under way any more, so that one measure does not disturb the next.
    func settle() async throws {
        guard try await seconds(within: 600, until: isSettled) != nil else {
            throw BenchError("the backlog of the last load was not consumed within ten minutes")
        }
    }

    /// Runs `body` while a service's process has further settings, and gives it the process's id.
    func running(
        _ service: String, with settings: [String: String], _ body: (pid_t) async throws -> Void
    ) async throws {
        let file = home.appendingPathComponent("run/\(service).settings")
        let usual = try Data(contentsOf: file)
        let lines = settings.map { "\($0.key)=\($0.value)\n" }.joined()
        try (usual + Data(lines.utf8)).write(to: file)
        let outcome: Result<Void, any Error>
        do {
            outcome = .success(try await body(try await renew(service)))
        } catch {
            outcome = .failure(error)
        }
        try usual.write(to: file)
        _ = try await renew(service)
        try outcome.get()
    }

    /// Starts a service anew with the settings of its file; answers its process's id once it is ready.
    private func renew(_ service: String) async throws -> pid_t {
        func id(_ kind: String) -> pid_t? {
            let file = home.appendingPathComponent("run/\(service).\(kind)")
            guard let text = try? String(contentsOf: file, encoding: .utf8) else { return nil }
            return pid_t(text.trimmingCharacters(in: .whitespacesAndNewlines))
        }
        guard let former = id("pid"), let supervisor = id("supervisor"),
            let base = ProcessInfo.processInfo.environment["DESKWIRE_\(service.uppercased())_URL"]
        else { throw BenchError("\(service) is not supervised") }
        kill(supervisor, SIGHUP)
        var process = former
        let ready = try await seconds(within: 60) {
            process = id("pid") ?? former
            guard process != former else { return false }
            return (try? shell(["curl", "-sfo", "/dev/null", "\(base)/health/ready"])) != nil
        }
        guard ready != nil else { throw BenchError("\(service) does not become ready") }
        return process
    }

    /// Waits until `condition` holds; answers how long it took, or nil when it did not within the limit.
    func seconds(within limit: Double, until condition: () async throws -> Bool) async throws -> Double? {
        let started = ContinuousClock.now
        while (ContinuousClock.now - started).seconds < limit {
            if try await condition() { return (ContinuousClock.now - started).seconds }
            try await Task.sleep(for: .milliseconds(50))
        }
        return nil
    }
}

/// How long each of many took.
struct Latencies: Sendable {
    private let sorted: [Double]

    init(milliseconds: [Double]) { sorted = milliseconds.sorted() }

    func percentile(_ share: Double) -> Double {
        sorted.isEmpty ? .nan : sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]
    }

    var text: String {
        String(
            format: "p50 %.0f ms, p99 %.0f ms, at most %.0f ms (%d)", percentile(0.5), percentile(0.99),
            sorted.last ?? .nan, sorted.count)
    }
}

struct BenchError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

extension Duration {
    var seconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}

/// Runs a program and answers its standard output; a failure carries what it said.
@discardableResult
func shell(_ command: [String]) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = command
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    try process.runHearingSignals()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    let text = String(decoding: data, as: UTF8.self)
    guard process.terminationStatus == 0 else {
        throw BenchError("\(command[0]) ended with \(process.terminationStatus): \(text)")
    }
    return text
}

extension Process {
    /// The threads that tasks run on have signals blocked, and a child inherits that: pgbench would never see its alarm.
    func runHearingSignals() throws {
        var none = sigset_t()
        var before = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        try run()
    }
}

/// One more process of a service, beside the one that the stack supervises.
final class AnotherProcess {
    private let process = Process()
    private let port: String

    var id: pid_t { process.processIdentifier }

    /// Starts it; the repository is the current directory.
    init(of service: String) throws {
        process.executableURL = URL(fileURLWithPath: "deploy/lib/another")
        process.arguments = [service]
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.runHearingSignals()
        port = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
            .trimmingCharacters(in: .whitespacesAndNewlines)
    }

    func isReady() async -> Bool {
        let answer = try? await HTTPClient.shared.execute(
            HTTPClientRequest(url: "http://127.0.0.1:\(port)/health/ready"), timeout: .seconds(2))
        return answer?.status == .ok
    }

    func kill() { _ = Glibc.kill(id, SIGKILL) }

    deinit { process.terminate() }
}

/// Seconds of CPU that a process has used, and those of its ended children if asked for.
func cpuSeconds(_ process: pid_t, andEndedChildren: Bool = false) -> Double {
    guard let stat = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
        let rest = stat.split(separator: ")").last
    else { return 0 }
    let ticks = rest.split(separator: " ").dropFirst(11).prefix(andEndedChildren ? 4 : 2).compactMap { Double($0) }
    return ticks.reduce(0, +) / 100
}
