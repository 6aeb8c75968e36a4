import Foundation

/// Load made by wrk, and what it printed.
struct WrkResult {
    let requestsPerSecond: Double
    let p99Milliseconds: Double
    let failures: Int

    init(url: String, headers: [String: String] = [:], script: String? = nil, connections: Int = 32, seconds: Int)
        throws
    {
        var command = ["wrk", "-t", "1", "-c", "\(connections)", "-d", "\(seconds)s", "--latency"]
        for (name, value) in headers { command += ["-H", "\(name): \(value)"] }
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("wrk-\(UUID().uuidString).lua")
        if let script {
            try script.write(to: file, atomically: true, encoding: .utf8)
            command += ["-s", file.path]
        }
        defer { try? FileManager.default.removeItem(at: file) }
        let output = try shell(command + [url])
        func field(_ name: String) -> String? {
            output.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
                .first { $0.hasPrefix(name) }.map {
                    String($0.dropFirst(name.count)).trimmingCharacters(in: .whitespaces)
                }
        }
        guard let rate = field("Requests/sec:").flatMap(Double.init) else { throw BenchError("wrk said: \(output)") }
        requestsPerSecond = rate
        p99Milliseconds = Self.milliseconds(field("99%") ?? "")
        failures = field("Non-2xx or 3xx responses:").flatMap(Int.init) ?? 0
        if failures > 0 { print("  \(failures) answers were not 2xx: \(url)") }
    }

    /// `12.34ms`, `1.20s`, `850.00us` in milliseconds.
    private static func milliseconds(_ text: String) -> Double {
        for (unit, factor) in [("us", 0.001), ("ms", 1.0), ("s", 1000.0)] where text.hasSuffix(unit) {
            if let value = Double(text.dropLast(unit.count)) { return value * factor }
        }
        return .nan
    }
}

/// Ticket creation through the gateway against pgbench writing the same rows, then how long the backlog takes.
struct CreateMeasure {
    let stack: StackUnderTest
    let seconds: Int

    static let body = """
        {"subject":"VPN drops every ten minutes","description":"Since this morning, on the second floor.",\
        "priority":"normal","requesterEmail":"customer@example.com"}
        """

    func run(into table: inout ResultTable) async throws {
        let bound = try await PgbenchBound(stack: stack).ticketsPerSecond(seconds: seconds)
        let before = try stack.sql("SELECT count(*) FROM tickets.tickets")
        let script = """
            wrk.method = "POST"
            wrk.headers["content-type"] = "application/json"
            wrk.body = '\(Self.body)'
            """
        let result = try WrkResult(
            url: "\(stack.url)/v1/tenants/\(stack.tenant)/tickets", headers: ["authorization": "Bearer \(stack.key)"],
            script: script, seconds: seconds)
        table.add(
            "ticket create through the gateway, 32 clients", perSecond(result.requestsPerSecond),
            bound: "pgbench \(perSecond(bound))",
            ratio: result.requestsPerSecond / bound, least: "20 %", aim: "50 %")
        let backlog = try await stack.seconds(within: 120) { try stack.isSettled() }
        let made = (Int(try stack.sql("SELECT count(*) FROM tickets.tickets")) ?? 0) - (Int(before) ?? 0)
        table.add(
            "backlog after that load (\(made) tickets), consumed by all",
            backlog.map { String(format: "%.1f s", $0) } ?? "over 120 s",
            least: "10 s", aim: "2 s")
    }
}

/// One ticket and a page of fifty through the gateway, against a bare answer of the same HTTP server.
struct ReadMeasure {
    let stack: StackUnderTest
    let seconds: Int
    let tickets: Int

    func run(into table: inout ResultTable) async throws {
        try await fill()
        let headers = ["authorization": "Bearer \(stack.key)"]
        let tenant = "\(stack.url)/v1/tenants/\(stack.tenant)"
        let bare = try WrkResult(url: "\(stack.url)/health/live", seconds: seconds).requestsPerSecond
        let id = try stack.sql(
            "SELECT id FROM tickets.tickets WHERE tenant_id = '\(stack.tenant)' AND deleted_at IS NULL LIMIT 1")
        let one = try WrkResult(url: "\(tenant)/tickets/\(id)", headers: headers, seconds: seconds)
        table.add(
            "GET one ticket through the gateway, 32 clients", perSecond(one.requestsPerSecond),
            bound: "bare HTTP \(perSecond(bare))",
            ratio: one.requestsPerSecond / bare, least: "4,000/s", aim: "10,000/s")
        let count = try stack.sql("SELECT count(*) FROM tickets.tickets WHERE tenant_id = '\(stack.tenant)'")
        let list = try WrkResult(url: "\(tenant)/tickets?status=open&limit=50", headers: headers, seconds: seconds)
        table.add(
            "list of 50 by status, \(count) tickets",
            "\(perSecond(list.requestsPerSecond)), p99 \(Int(list.p99Milliseconds)) ms",
            bound: "bare HTTP \(perSecond(bare))", ratio: list.requestsPerSecond / bare, least: "1,000/s, p99 100 ms",
            aim: "3,000/s")
    }

    /// The list is measured over as many tickets as the table says; the import has usually left them here.
    private func fill() async throws {
        let have = Int(try stack.sql("SELECT count(*) FROM tickets.tickets WHERE tenant_id = '\(stack.tenant)'")) ?? 0
        if have < tickets { try ImportMeasure(stack: stack, rows: tickets - have).importFile() }
        // Now rather than while it is measured, as the database would by itself.
        try stack.sql("VACUUM (ANALYZE) tickets.tickets")
        try await stack.settle()
    }
}

/// A generated CSV through the operator's command.
struct ImportMeasure {
    let stack: StackUnderTest
    let rows: Int

    func run(into table: inout ResultTable) async throws {
        let started = ContinuousClock.now
        try importFile()
        let elapsed = (ContinuousClock.now - started).seconds
        table.add(
            "import of a \(rows)-row CSV", "\(perSecond(Double(rows) / elapsed)) rows", least: "2,000 rows/s",
            aim: "5,000 rows/s")
    }

    func importFile() throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("bench-\(UUID().uuidString).csv")
        var text = "subject,description,priority,externalId\n"
        let run = UUID().uuidString.prefix(8)
        for row in 1...rows {
            text +=
                "Printer \(row % 997) is offline,\"It says \"\"no paper\"\", there is paper. Row \(row)\",normal,\(run)-\(row)\n"
        }
        try text.write(to: file, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(at: file) }
        let command = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent().appendingPathComponent(
            "deskwire")
        try shell([command.path, "import", file.path])
    }
}

/// How long a service takes from its process's start to being ready.
struct StartMeasure {
    let stack: StackUnderTest

    func run(into table: inout ResultTable) async throws {
        var cells: [String] = []
        for service in StackUnderTest.services {
            guard let base = ProcessInfo.processInfo.environment["DESKWIRE_\(service.uppercased())_URL"] else {
                continue
            }
            let pidFile = stack.home.appendingPathComponent("run/\(service).pid")
            let old = try String(contentsOf: pidFile, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
            guard let pid = pid_t(old) else { continue }
            kill(pid, SIGTERM)
            _ = try await stack.seconds(within: 20) { kill(pid, 0) != 0 }
            var new = old
            _ = try await stack.seconds(within: 20) {
                new = ((try? String(contentsOf: pidFile, encoding: .utf8)) ?? old).trimmingCharacters(
                    in: .whitespacesAndNewlines)
                return new != old && !new.isEmpty
            }
            while (try? shell(["curl", "-sfo", "/dev/null", "\(base)/health/ready"])) == nil { usleep(5_000) }
            cells.append("\(service) \(Int(try processAgeMilliseconds(new)))")
        }
        table.add("process start to ready, ms", cells.joined(separator: ", "), least: "1 s", aim: "300 ms")
    }

    /// Milliseconds since the process began (field 22 of /proc/PID/stat, in clock ticks since boot).
    private func processAgeMilliseconds(_ pid: String) throws -> Double {
        let stat = try String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
        let fields = stat[(stat.lastIndex(of: ")") ?? stat.startIndex)...].split(separator: " ")
        let uptime = try String(contentsOfFile: "/proc/uptime", encoding: .utf8).split(separator: " ")[0]
        guard let ticks = Double(fields[20]), let now = Double(uptime) else { return .nan }
        return (now - ticks / Double(sysconf(Int32(_SC_CLK_TCK)))) * 1000
    }
}

/// `1,234/s`
func perSecond(_ value: Double) -> String {
    var digits = String(Int(value.rounded()))
    var index = digits.count - 3
    while index > 0 {
        digits.insert(",", at: digits.index(digits.startIndex, offsetBy: index))
        index -= 3
    }
    return digits + "/s"
}
