import ArgumentParser
import Contracts
import NIOHTTP1

/// `deskwire dead-letters`: messages that a service gave up on, with the reason; nothing is lost until someone says so.
struct DeadLetters: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List, show, requeue or drop messages that a service gave up on.",
        subcommands: [List.self, Show.self, Requeue.self, Drop.self])

    static let path = "/v1/admin/dead_letters"

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the dead letters of one service or of all.")

        @OptionGroup var connection: ConnectionOptions

        @Option(help: "Only this service's.")
        var service: String?

        @Flag(help: "One JSON document a line.")
        var json = false

        func run() async throws {
            try await reporting {
                let gateway = try connection.adminConnection()
                var table = TextTable(header: ["SERVICE", "EVENT ID", "EVENT", "ATTEMPTS", "REASON"])
                try await gateway.pages(DeadLetters.path + (service.map { "?service=\($0.urlQueryEncoded)" } ?? "")) {
                    row in
                    if json { return Terminal.line(row.text) }
                    table.rows.append(
                        ["service", "eventId", "name", "attempts", "reason"].map {
                            row[$0]?.stringValue ?? row[$0]?.text ?? ""
                        })
                }
                guard !json else { return }
                Terminal.line(table.rows.isEmpty ? "no dead letters" : table.text)
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show one dead letter whole.")

        @OptionGroup var letter: LetterOptions

        func run() async throws {
            try await reporting {
                let answer = try await letter.connection.adminConnection().json(.GET, letter.path)
                Terminal.line(answer.text)
            }
        }
    }

    struct Requeue: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Give a dead letter back to its service to be handled again.")

        @OptionGroup var letter: LetterOptions

        func run() async throws {
            try await reporting {
                _ = try await letter.connection.adminConnection().json(.POST, letter.path + "/requeue")
                Terminal.line("requeued \(letter.eventId)")
            }
        }
    }

    struct Drop: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Delete a dead letter for good.")

        @OptionGroup var letter: LetterOptions

        func run() async throws {
            try await reporting {
                _ = try await letter.connection.adminConnection().json(.DELETE, letter.path)
                Terminal.line("dropped \(letter.eventId)")
            }
        }
    }

    /// Which dead letter.
    struct LetterOptions: ParsableArguments {
        @OptionGroup var connection: ConnectionOptions

        @Argument(help: "The service that gave up on it.")
        var service: String

        @Argument(help: "The event's id.")
        var eventId: String

        var path: String { "\(DeadLetters.path)/\(service.urlQueryEncoded)/\(eventId.urlQueryEncoded)" }
    }
}
