import ArgumentParser
import Contracts
import NIOHTTP1

/// `deskwire demo`: traffic that can be watched, made through the gateway like any client's.
struct Demo: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make traffic to watch: tickets, replies, transitions.",
        discussion: "Watch it from another terminal: deskwire events tail. The tickets carry the tag 'demo'.")

    @OptionGroup var connection: ConnectionOptions

    @Option(help: "How many tickets to make.")
    var tickets = 20

    @Option(help: "Tickets a second, at most.")
    var rate = 2.0

    @Option(help: "Seed of the choices, so that a run can be repeated.")
    var seed: UInt64 = 1

    private static let subjects = [
        "Cannot sign in after the password change", "Printer on the second floor is offline",
        "Invoice shows the wrong address", "VPN drops every ten minutes", "Please add a seat to our plan",
        "Export stops at half of the rows", "Where can I change my time zone?", "The report is slow on Mondays",
    ]

    func validate() throws {
        guard tickets > 0, rate > 0 else { throw ValidationError("--tickets and --rate are above zero.") }
    }

    func run() async throws {
        try await reporting {
            let gateway = try connection.tenantConnection()
            let path = try connection.tenantPath() + "/tickets"
            var random = SplitMix64(state: seed)
            for number in 1...tickets {
                let ticket = try await gateway.json(
                    .POST, path,
                    body: [
                        "subject": .string(Self.subjects.randomElement(using: &random) ?? Self.subjects[0]),
                        "description": .string("Demonstration ticket \(number) of \(tickets)."),
                        "priority": .string(
                            ["low", "normal", "normal", "high", "urgent"].randomElement(using: &random) ?? "normal"),
                        "requesterEmail": "customer@example.com", "tags": ["demo"],
                    ])
                guard let id = ticket["id"]?.stringValue else { continue }
                Terminal.line("\(ticket["key"]?.stringValue ?? id)  \(ticket["subject"]?.stringValue ?? "")")
                for step in 0..<Int.random(in: 0...2, using: &random) {
                    try await advance(id: id, step: step, path: path, over: gateway)
                }
                try await Task.sleep(for: .seconds(1 / rate))
            }
        }
    }

    /// The usual life of a ticket: answered, then resolved.
    private func advance(id: String, step: Int, path: String, over gateway: Connection) async throws {
        if step == 0 {
            let message: JSON = [
                "authorType": "agent", "isPublic": true, "bodyText": "Thank you, we are looking into it.",
            ]
            _ = try await gateway.json(.POST, "\(path)/\(id)/messages", body: message)
        } else {
            _ = try await gateway.json(.POST, "\(path)/\(id)/status", body: ["status": "resolved"])
        }
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): small, seedable, the same on every platform.
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
