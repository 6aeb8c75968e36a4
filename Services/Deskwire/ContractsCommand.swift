import ArgumentParser
import Contracts
import Foundation
import NIOHTTP1

#if canImport(FoundationEssentials)
    import FoundationEssentials
#endif

/// `deskwire contracts`: the message contracts as files, for code generators and reviews.
struct ContractsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "contracts",
        abstract: "Write the events' JSON Schemas and the AsyncAPI document.",
        discussion: """
            DIR/schemas/payload.TicketCreated.v1.json … and DIR/asyncapi.json. With --live they come from the gateway and
            include what every running service declares; without, from this build's own catalogue.
            """)

    @OptionGroup var connection: ConnectionOptions

    @Option(name: .shortAndLong, help: "The directory to write to; made when it is not there.")
    var output = "contracts"

    @Option(help: "The exchange that the routing keys begin with.")
    var exchange = "support"

    @Flag(help: "Ask the gateway instead of this build.")
    var live = false

    func run() async throws {
        try await reporting {
            let schemas = URL(fileURLWithPath: output).appendingPathComponent("schemas")
            try FileManager.default.createDirectory(at: schemas, withIntermediateDirectories: true)
            var count = 0
            func write(_ schema: JSON, ref: String) throws {
                try Data(schema.serialized()).write(to: schemas.appendingPathComponent(ref + ".json"))
                count += 1
            }
            let document: JSON
            if live {
                let gateway = try connection.tenantConnection()
                try await gateway.pages("/v1/event_catalog") { row in
                    try write(row["jsonSchema"] ?? .null, ref: row["schema"]?.stringValue ?? "unnamed")
                }
                document = try await gateway.json(.GET, "/asyncapi.json")
            } else {
                for contract in EventCatalog.all { try write(contract.schema, ref: contract.schemaRef) }
                document = AsyncAPI.document(contracts: EventCatalog.all, exchange: exchange)
            }
            try Data(document.serialized())
                .write(to: URL(fileURLWithPath: output).appendingPathComponent("asyncapi.json"))
            Terminal.line("\(count) schemas and asyncapi.json in \(output)")
        }
    }
}
