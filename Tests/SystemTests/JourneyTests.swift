import Contracts
import Foundation
import NIOHTTP1
import TestKit
import Testing

extension SystemTests {
    /// From an HTTP request to a subscriber, over the real processes.
    @Suite(.serialized) struct JourneyTests {
        @Test func aTicketOverHTTPReachesASubscriberAsTheAPIShowsIt() async throws {
            let environment = try await Stack.shared.environment()
            let (client, path) = try await Client.tenant()
            let schemas = try await writeSchemas()
            let subscriber = try Subscriber(schemas: schemas, in: environment)
            let answer = try await client.send(
                .POST, path + "/tickets",
                json: [
                    "subject": "The printer is on fire", "priority": "urgent", "tags": ["Hardware"],
                    "requesterEmail": "customer@example.com",
                ])
            #expect(answer.status == 201, "\(answer.json.text)")
            let id = try #require(answer.json["id"]?.stringValue)
            try await eventually("the event arrives") {
                try subscriber.deliveries().contains { $0.payload["ticketId"]?.stringValue == id }
            }
            let delivery = try #require(try subscriber.deliveries().first { $0.payload["ticketId"]?.stringValue == id })
            let shown = try await client.send(.GET, "\(path)/tickets/\(id)")
            #expect(delivery.name == "\(try environment["DESKWIRE_EXCHANGE"]).ticket.created")
            #expect(delivery.payload["snapshot"] == shown.json)
            #expect(delivery.payload["sequence"]?.intValue == 1)
            #expect(delivery.line["messageId"]?.stringValue == delivery.eventId)
            #expect(delivery.line["deliveryMode"]?.intValue == 2)
            #expect(delivery.line["type"]?.stringValue == "payload.TicketCreated.v1")
            #expect(delivery.line["headers"]?["tenant-id"]?.stringValue == (try environment.tenant))
            #expect(delivery.line["fault"] == nil, "\(delivery.line["fault"]?.text ?? "")")
        }

        /// The real file: each row with a title becomes one ticket, the others are faults with their line, and twice is once.
        @Test(.timeLimit(.minutes(10))) func theSupportTicketsAreImportedOnceAndArriveOnce() async throws {
            let file = Stack.root.appendingPathComponent("../shared/data/it_support_tickets.csv").standardizedFileURL
            guard FileManager.default.fileExists(atPath: file.path) else {
                print("skipped: \(file.path) is not here; the import of the real tickets is not tested in this run")
                return
            }
            let environment = try await Stack.shared.environment()
            let (client, path) = try await Client.tenant()
            let subscriber = try Subscriber(
                patterns: ["\(try environment["DESKWIRE_EXCHANGE"]).ticket.created"], schemas: try await writeSchemas(),
                in: environment)
            let before = try await total(client, path)
            let first = try await importFile(file, environment)
            #expect(first.status == 1, "rows without a title are faults: \(first.output)")
            let after = try await total(client, path)
            let filed = after - before
            #expect(filed > 4_000 && filed < 5_431)
            #expect(first.output.contains("\(filed) filed"), "\(first.output)")
            #expect(first.output.contains(":2:"), "the first row has no title and is on line 2: \(first.output)")

            try await eventually("every ticket's event arrives") {
                try Set(subscriber.deliveries().map(\.eventId)).count >= filed
            }
            let deliveries = try subscriber.deliveries()
            #expect(Set(deliveries.map(\.eventId)).count == filed)
            #expect(deliveries.allSatisfy { $0.line["fault"] == nil })
            for delivery in deliveries.shuffled().prefix(100) {
                let id = try #require(delivery.payload["ticketId"]?.stringValue)
                #expect(try await client.send(.GET, "\(path)/tickets/\(id)").json == delivery.payload["snapshot"])
            }

            let second = try await importFile(file, environment)
            #expect(second.output.contains("0 filed"), "\(second.output)")
            #expect(try await total(client, path) == after)
        }

        private func total(_ client: Client, _ path: String) async throws -> Int {
            Int(
                try #require(
                    try await client.send(.GET, path + "/tickets?limit=1&includeTotal=true").json["page"]?["total"]?
                        .intValue))
        }

        private func importFile(_ file: URL, _ environment: Stack.Environment) async throws -> ProcessResult {
            try await deskwireRun(
                try SystemTests.executable("deskwire"),
                ["import", file.path, "--subject", "title", "--description", "body"],
                environment: environment.values.merging(["PATH": "/usr/bin:/bin"]) { old, _ in old })
        }

        /// The schemas as the gateway publishes them, one file each.
        private func writeSchemas() async throws -> URL {
            let environment = try await Stack.shared.environment()
            let directory = environment.home.appendingPathComponent("contracts")
            let result = try await deskwireRun(
                try SystemTests.executable("deskwire"), ["contracts", "--live", "--output", directory.path],
                environment: environment.values)
            guard result.status == 0 else { throw StackError("deskwire contracts: \(result.output)") }
            return directory.appendingPathComponent("schemas")
        }
    }

    /// An executable of the build under test.
    static func executable(_ name: String) throws -> String {
        guard let directory = Stack.binaries else { throw StackError("the test bundle's directory is unknown") }
        return directory.appendingPathComponent(name).path
    }
}
