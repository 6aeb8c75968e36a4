import ArgumentParser
import Contracts
import NIOHTTP1

/// `deskwire status`: the services, what waits in them, and what they gave up on.
struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show services, outbox and consumer lag, dead letters.",
        discussion: "Exit status 1 when a service is not ready.")

    @OptionGroup var connection: ConnectionOptions

    @Flag(help: "Show again every two seconds until interrupted.")
    var watch = false

    @Flag(help: "The gateway's answer as JSON.")
    var json = false

    private static let watchIntervalSeconds = 2

    func run() async throws {
        try await reporting {
            let gateway = try connection.adminConnection()
            repeat {
                let status = try await gateway.json(.GET, "/status", headers: [("accept", "application/json")])
                if watch { Terminal.clear() }
                Terminal.line(json ? status.text : table(of: status))
                if watch {
                    try await Task.sleep(for: .seconds(Self.watchIntervalSeconds))
                } else if status["status"]?.stringValue != "ok" {
                    throw ExitCode(1)
                }
            } while watch
        }
    }

    private func table(of status: JSON) -> String {
        var table = TextTable(
            header: ["SERVICE", "READY", "OUTBOX", "OLDEST", "QUEUED", "PARKED", "DEAD LETTERS", "MEMORY"])
        for service in status["services"]?.arrayValue ?? [] {
            let ready = service["ready"]?.boolValue == true
            func number(_ key: String, _ unit: String = "") -> String { service[key].map { $0.text + unit } ?? "-" }
            table.rows.append([
                service["name"]?.stringValue ?? "?", ready ? "yes" : "no", number("outboxPending"),
                number("outboxOldestSeconds", " s"), number("queuedMessages"), number("parkedMessages"),
                number("deadLetters"), service["residentBytes"]?.intValue.map { "\($0 / 1_048_576) MB" } ?? "-",
            ])
        }
        return table.text
    }
}
