import Contracts
import Foundation
import NIOHTTP1
import Synchronization
import TestKit
import Testing

/// An organization of its own with a help center, and the programs that look at it.
final class HelpCenterSite: Sendable {
    let client: Client
    /// Of its tenant's routes.
    let path: String
    /// Of its help center.
    let url: String
    private let home: URL
    private let sections = Mutex<[String: String]>([:])

    init(_ purpose: String, named name: String, in environment: Stack.Environment) async throws {
        let admin = try await Client.admin()
        let slug = "\(purpose)-\(UUID().uuidString.prefix(8).lowercased())"
        let tenant =
            try await admin.made(
                "/v1/admin/organizations",
                ["name": .string(name), "slug": .string(slug), "plan": "unlimited"])["id"]?.stringValue ?? ""
        let key = try await admin.made(
            "/v1/admin/api_keys", ["tenantId": .string(tenant), "name": "desk", "roles": ["tenant_admin"]])
        client = Client(url: try environment.url, key: key["key"]?.stringValue ?? "")
        path = "/v1/tenants/\(tenant)"
        url = "\(try environment.url)/v1/help/\(slug)"
        home = environment.home
        try await eventually("there is a help center", within: .seconds(60)) { [client] in
            try await client.send(.GET, "/v1/help/\(slug)/en").isSuccess
        }
    }

    /// The id of a section, made if there is none of that name.
    func section(_ name: String, of category: String, slug: String? = nil, description: String? = nil) async throws
        -> String
    {
        if let known = sections.withLock({ $0[name] }) { return known }
        var body: JSONObject = ["name": .string(category)]
        if let slug { body["slug"] = .string(slug) }
        if let description { body["description"] = .string(description) }
        let made = try await client.made("\(path)/kb_categories", .object(body))
        body["name"] = .string(name)
        body["categoryId"] = made["id"] ?? .null
        let id = try await client.made("\(path)/kb_sections", .object(body))["id"]?.stringValue ?? ""
        sections.withLock { $0[name] = id }
        return id
    }

    /// Publishes an article.
    func publish(_ body: JSONObject) async throws -> (id: String, slug: String) {
        try #require(try await publishIfAccepted(body))
    }

    /// Publishes an article; nil where it is refused as malformed.
    func publishIfAccepted(_ body: JSONObject) async throws -> (id: String, slug: String)? {
        let answer = try await client.send(.POST, "\(path)/kb_articles", json: .object(body))
        if answer.status == 400 { return nil }
        let id = try #require(answer.json["id"]?.stringValue, "\(answer.json.text)")
        _ = try await client.done(.POST, "\(path)/kb_articles/\(id)/publish", [:])
        return (id, answer.json["slug"]?.stringValue ?? "")
    }

    /// Runs a program of Tests/clients and answers its report.
    func run(_ program: String, _ job: JSONObject) async throws -> JSON {
        let python = try #require(Subscriber.python, "DESKWIRE_TEST_PYTHON is not set: run deploy/test")
        let file = home.appending(path: "\(program)-\(UUID().uuidString).json")
        let report = file.appendingPathExtension("report")
        var job = job
        job["report"] = .string(report.path)
        try Data(JSON.object(job).serialized()).write(to: file)
        let clients = Stack.root.appending(path: "Tests/clients")
        let result = try await deskwireRun(python, [clients.appending(path: program).path, file.path])
        guard result.status == 0 else { throw StackError("\(program): \(result.output.suffix(4_000))") }
        return try JSON.parse(Array(try Data(contentsOf: report)))
    }
}

/// Texts that other tests use too, in `Tests/corpora`.
enum Corpora {
    private static let folder = Stack.root.appending(path: "Tests/corpora")

    struct Article: Decodable, Sendable {
        let file: String
        let title: String
        let summary: String?
        let locale: String
        let section: String
        let translationOf: String?

        var markdown: String {
            get throws { try String(contentsOf: folder.appending(path: "articles/\(file).md"), encoding: .utf8) }
        }

        /// What it has to become.
        var html: String {
            get throws { try String(contentsOf: folder.appending(path: "articles/\(file).html"), encoding: .utf8) }
        }
    }

    static func articles() throws -> [Article] {
        try JSONDecoder().decode(
            [Article].self, from: Data(contentsOf: folder.appending(path: "articles/index.json")))
    }

    static func attacks() throws -> [String] {
        let byClass = try JSONDecoder().decode(
            [String: [String]].self, from: Data(contentsOf: folder.appending(path: "attacks.json")))
        return byClass.sorted { $0.key < $1.key }.flatMap(\.value)
    }
}
