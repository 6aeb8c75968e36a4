import AsyncHTTPClient
import Contracts
import NIOCore
import NIOHTTP1
import Synchronization

/// How the services are: ready or not, and what waits in them, read from their own probes and metrics. Looked up when
/// somebody asks, and remembered for a moment so that asking often costs nothing.
final class StatusBoard: Sendable {
    static let lifetime: Duration = .seconds(1)
    static let timeout: TimeAmount = .seconds(2)
    static let answerBytesMax = 4 << 20

    /// One instance of a service.
    struct Entry: Sendable {
        let name: String
        let isReady: Bool
        /// Checks that are down, by name.
        let down: [String]
        /// What its metrics say, by the name of the status document.
        let numbers: [(name: String, value: Int64)]
        /// The version of the time zones that it counts with, where it does.
        var zones: String?
    }

    private let client: HTTPClient
    private let targets: [(name: String, origin: String)]
    private let remembered = Mutex<(entries: [Entry], at: ContinuousClock.Instant)?>(nil)
    private let ownOrigin: Mutex<String?>

    /// - Parameter upstreams: besides the gateway itself, whose port is told later.
    init(client: HTTPClient, upstreams: [Upstream]) {
        self.client = client
        targets = upstreams.flatMap { upstream in upstream.origins.map { (upstream.name, $0) } }
        ownOrigin = Mutex(nil)
    }

    func listening(on port: Int) {
        ownOrigin.withLock { $0 = "http://127.0.0.1:\(port)" }
    }

    func entries() async -> [Entry] {
        if let known = remembered.withLock({ $0 }), ContinuousClock.now - known.at < Self.lifetime {
            return known.entries
        }
        let own = ownOrigin.withLock { $0 }.map { [(name: Edge.ownName, origin: $0)] } ?? []
        let all = own + targets
        let entries = await withTaskGroup(of: (Int, Entry).self) { group in
            for (index, target) in all.enumerated() {
                group.addTask { (index, await self.look(target.name, target.origin)) }
            }
            var found: [(Int, Entry)] = []
            for await entry in group { found.append(entry) }
            return found.sorted { $0.0 < $1.0 }.map(\.1)
        }
        remembered.withLock { $0 = (entries, .now) }
        return entries
    }

    private func look(_ name: String, _ origin: String) async -> Entry {
        async let metricsText = get(origin + "/metrics")
        let ready = await get(origin + "/health/ready")
        let metrics = await metricsText
        guard let ready else { return Entry(name: name, isReady: false, down: ["no answer"], numbers: []) }
        let checks = (try? JSON.parse(ready.bytes))?["checks"]
        var down: [String] = []
        for check in checks?.arrayValue ?? [] where check["status"]?.stringValue != "up" {
            down.append(check["name"]?.stringValue ?? "?")
        }
        let text = metrics.map { String(decoding: $0.bytes, as: UTF8.self) } ?? ""
        return Entry(
            name: name, isReady: ready.status == .ok, down: down, numbers: Self.numbers(in: text),
            zones: Self.zones(in: text))
    }

    /// `2026a` of `tzdata_info{version="2026a"} 1`
    static func zones(in text: String) -> String? {
        let line = text.split(separator: "\n").first { $0.hasPrefix("tzdata_info{") }
        return line.flatMap { $0.split(separator: "\"").dropFirst().first }.map(String.init)
    }

    private func get(_ url: String) async -> (status: HTTPResponseStatus, bytes: [UInt8])? {
        do {
            let answer = try await client.execute(HTTPClientRequest(url: url), timeout: Self.timeout)
            return (answer.status, Array(try await answer.body.collect(upTo: Self.answerBytesMax).readableBytesView))
        } catch {
            return nil
        }
    }

    /// The metrics that the status shows, under the names it shows them.
    private static let shown: [(metric: String, name: String)] = [
        ("outbox_pending", "outboxPending"), ("outbox_age_seconds", "outboxOldestSeconds"),
        ("consumer_queue_ready", "queuedMessages"), ("consumer_parked", "parkedMessages"),
        ("dead_letters", "deadLetters"), ("process_resident_memory_bytes", "residentBytes"),
    ]

    /// Reads Prometheus text: the sum of each metric's samples.
    static func numbers(in text: String) -> [(name: String, value: Int64)] {
        var sums: [String: Double] = [:]
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            let name = String(line.prefix { $0 != "{" && $0 != " " })
            guard shown.contains(where: { $0.metric == name }), let value = line.split(separator: " ").last else {
                continue
            }
            sums[name, default: 0] += Double(value) ?? 0
        }
        return shown.compactMap { metric, name in
            sums[metric].map { (name, $0.isFinite && abs($0) < 1e18 ? Int64($0) : 0) }
        }
    }

    // MARK: - As a document

    /// `whole` adds what waits in the services, which is for operators.
    func document(whole: Bool) async -> JSON {
        let entries = await entries()
        let services: [JSON] = entries.map { entry in
            var service: JSONObject = ["name": .string(entry.name), "ready": .bool(entry.isReady)]
            if let zones = entry.zones { service["tzdata"] = .string(zones) }
            guard whole else { return .object(service) }
            if !entry.down.isEmpty { service["down"] = .array(entry.down.map { .string($0) }) }
            for (name, value) in entry.numbers { service[name] = .int(value) }
            return .object(service)
        }
        let isOk = entries.allSatisfy(\.isReady)
        return ["status": .string(isOk ? "ok" : "degraded"), "services": .array(services)]
    }

    /// The same as a page, for people.
    func page() async -> String {
        let entries = await entries()
        let rows = entries.map { entry in
            "<tr><td>\(entry.name)</td><td class=\"\(entry.isReady ? "ok" : "down")\">\(entry.isReady ? "ready" : "not ready")</td></tr>"
        }
        let isOk = entries.allSatisfy(\.isReady)
        return """
            <!doctype html>
            <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
            <meta http-equiv="refresh" content="10"><title>Deskwire status</title>
            <style>\(Self.style)</style></head>
            <body><h1>\(isOk ? "All services are ready" : "Some services are not ready")</h1>
            <table>\(rows.joined())</table></body></html>

            """
    }

    static let style = """
        :root { color-scheme: light dark; } body { font: 16px/1.6 system-ui, sans-serif; max-width: 34rem; margin: 3rem auto; padding: 0 1rem; }
        h1 { font-size: 1.3rem; } table { width: 100%; border-collapse: collapse; }
        td { padding: .4rem 0; border-bottom: 1px solid #8884; } td:last-child { text-align: right; }
        .ok { color: #18794e; } .down { color: #c62a2f; font-weight: 600; }
        """
}
