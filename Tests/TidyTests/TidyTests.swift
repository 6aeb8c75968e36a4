import Foundation
import Testing

/// House style as tests: what a reviewer would otherwise have to say again and again.
@Suite struct TidyTests {
    static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    struct Source: Sendable, CustomTestStringConvertible {
        let path: String
        let text: String
        var testDescription: String { path }
        var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }

        /// The modules that the file imports.
        var imports: Set<String> {
            Set(
                lines.compactMap { line in
                    let words = line.split(separator: " ")
                    guard let place = words.firstIndex(of: "import"), place < 2, words.count > place + 1 else {
                        return nil
                    }
                    return String(words[place + 1].split(separator: ".")[0])
                })
        }
    }

    static func sources(under folders: [String]) throws -> [Source] {
        try folders.flatMap { folder -> [Source] in
            let base = root.appendingPathComponent(folder)
            let files = FileManager.default.enumerator(at: base, includingPropertiesForKeys: nil)
            return try (files?.compactMap { $0 as? URL } ?? []).filter { $0.pathExtension == "swift" }.map {
                Source(
                    path: String($0.path.dropFirst(root.path.count + 1)),
                    text: try String(contentsOf: $0, encoding: .utf8))
            }
        }
    }

    /// What a module may import of ours; what is not listed imports none of ours.
    static let layers: [String: Set<String>] = [
        "Shared/Contracts": [],
        "Shared/BusinessTime": ["Contracts"],
        "Shared/Conditions": ["Contracts"],
        "Shared/Mail": ["Contracts"],
        "Shared/Database": ["Contracts", "CLibPQ"],
        "Shared/AMQP": ["CRabbitMQ"],
        "Shared/Messaging": ["Contracts", "Database", "AMQP"],
        "Shared/Web": ["Contracts", "Database", "Messaging"],
        "Shared/ServiceKit": ["Contracts", "Database", "AMQP", "Messaging", "Web"],
    ]

    static let ours: Set<String> = [
        "BusinessTime", "Contracts", "Conditions", "Database", "AMQP", "Messaging", "Web", "ServiceKit", "TestKit",
        "CLibPQ",
        "CRabbitMQ", "Gateway",
        "Tickets", "Routing", "SLA", "Notifications", "Knowledge",
    ]

    @Test(arguments: layers.keys.sorted()) func importsRunOneWay(module: String) throws {
        for source in try Self.sources(under: [module]) {
            let wrong = source.imports.intersection(Self.ours).subtracting(Self.layers[module] ?? [])
            #expect(wrong.isEmpty, "\(source.path) imports \(wrong.sorted())")
        }
    }

    @Test(arguments: ["Gateway", "Tickets", "Routing", "SLA", "Notifications", "Knowledge"])
    func aServiceImportsNoOtherServiceNorC(service: String) throws {
        let forbidden = Self.ours.subtracting([
            "Contracts", "Conditions", "BusinessTime", "Database", "Messaging", "Web", "ServiceKit", service,
        ])
        for source in try Self.sources(under: ["Services/\(service)"]) {
            let wrong = source.imports.intersection(forbidden)
            #expect(wrong.isEmpty, "\(source.path) imports \(wrong.sorted())")
        }
    }

    /// Nothing is left for later, and nothing is disabled.
    @Test func nothingIsLeftForLater() throws {
        let words = ["TO" + "DO", "FIX" + "ME", "XX" + "X:", "HA" + "CK:", "for" + " now"]
        for source in try Self.sources(under: ["Shared", "Services", "Tests", "Benchmarks"]) {
            for (number, line) in source.lines.enumerated() {
                for word in words where line.contains(word) {
                    Issue.record("\(source.path):\(number + 1) says \(word)")
                }
            }
        }
    }

    /// A crash on bad input is a fault of the program: no `!`, `try!`, `as!` outside tests.
    @Test func nothingIsForcedOutsideTests() throws {
        for source in try Self.sources(under: ["Shared", "Services"]) where !source.path.hasPrefix("Shared/TestKit") {
            for (number, line) in source.lines.enumerated() {
                let code = line.split(separator: "//", maxSplits: 1, omittingEmptySubsequences: false)[0]
                if code.contains("try!") || code.contains("as! ") || code.contains("nonisolated(unsafe)") {
                    Issue.record("\(source.path):\(number + 1) forces: \(code)")
                }
            }
        }
    }

    /// `@unchecked Sendable` has its reason in the comment above it.
    @Test func uncheckedSendabilityHasAReason() throws {
        for source in try Self.sources(under: ["Shared", "Services"]) {
            for (number, line) in source.lines.enumerated()
            where line.contains("@unchecked Sendable") && !line.contains("///") {
                let above = source.lines[max(0, number - 6)..<number].joined(separator: "\n")
                #expect(above.contains("//"), "\(source.path):\(number + 1) does not say why it holds")
            }
        }
    }

    /// A file has one subject; one this long has two.
    @Test func filesAreReadableInOneGo() throws {
        for source in try Self.sources(under: ["Shared", "Services", "Tests"]) {
            #expect(source.lines.count <= 600, "\(source.path) has \(source.lines.count) lines")
        }
    }

    /// Lines fit the formatter's width; long literals are the exception it makes itself.
    @Test func linesFit() throws {
        for source in try Self.sources(under: ["Shared", "Services"]) {
            for (number, line) in source.lines.enumerated() where line.count > 160 && !line.contains("\"") {
                Issue.record("\(source.path):\(number + 1) has \(line.count) characters")
            }
        }
    }
}
