import Contracts
import Foundation
import Testing

/// One file per version of an event keeps its schema and an example, so that a change of a payload shows in review.
///
/// `DESKWIRE_UPDATE_GOLDEN=1 swift test --filter GoldenTests` rewrites the files, except where the change would break a
/// reader: that needs a new version of the event, with the old one left in place.
@Suite(.serialized) struct GoldenTests {
    static let directory = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Golden")
    static let updates = ProcessInfo.processInfo.environment["DESKWIRE_UPDATE_GOLDEN"] == "1"

    static func file(_ contract: EventContract) -> URL {
        directory.appending(path: "\(contract.name).v\(contract.version).json")
    }

    static func text(_ contract: EventContract) -> String {
        let golden: JSON = [
            "name": .string(contract.name), "version": .int(Int64(contract.version)),
            "schemaRef": .string(contract.schemaRef), "schema": contract.schema, "example": contract.example,
        ]
        return golden.prettyText + "\n"
    }

    @Test func everyContractIsAsItWasPublished() throws {
        for type in EventCatalog.types { try check(type) }
    }

    private func check<E: Event>(_ type: E.Type) throws {
        let contract = E.contract
        let file = Self.file(contract)
        let current = Self.text(contract)
        guard let kept = try? String(contentsOf: file, encoding: .utf8) else {
            guard Self.updates else {
                Issue.record("\(contract.name) has no golden file; DESKWIRE_UPDATE_GOLDEN=1 writes it")
                return
            }
            try FileManager.default.createDirectory(at: Self.directory, withIntermediateDirectories: true)
            return try Data(current.utf8).write(to: file)
        }
        let golden = try JSON.parse(kept)
        let breaks = JSONSchema.breakingChanges(from: try #require(golden["schema"]), to: contract.schema)
        for issue in breaks { Issue.record("\(contract.name) breaks its readers and needs a new version: \(issue)") }
        #expect(throws: Never.self, "what was published as \(contract.schemaRef) must stay readable") {
            _ = try Wire.decode(Message<E>.self, from: try #require(golden["example"]))
        }
        guard kept != current else { return }
        if Self.updates, breaks.isEmpty {
            try Data(current.utf8).write(to: file)
        } else if breaks.isEmpty {
            Issue.record("\(contract.name) differs from its golden file; DESKWIRE_UPDATE_GOLDEN=1 rewrites it")
        }
    }

    @Test func noPublishedVersionWasDropped() throws {
        let files = try FileManager.default.contentsOfDirectory(atPath: Self.directory.path())
        let known = Set(EventCatalog.all.map { Self.file($0).lastPathComponent })
        #expect(Set(files).subtracting(known) == [])
    }
}
