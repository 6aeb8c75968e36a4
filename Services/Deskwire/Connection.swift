import ArgumentParser
import AsyncHTTPClient
import Contracts
import NIOCore
import NIOHTTP1

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Where the gateway is and who is asking; the options every subcommand shares.
struct ConnectionOptions: ParsableArguments {
    @Option(help: "The gateway's base URL. [DESKWIRE_URL]")
    var url: String?

    @Option(help: "The organization to work in. [DESKWIRE_TENANT]")
    var tenant: String?

    @Option(help: "An API key of that organization. [DESKWIRE_API_KEY]")
    var apiKey: String?

    @Option(help: "A platform administrator's API key. [DESKWIRE_ADMIN_KEY]")
    var adminKey: String?

    /// A connection for work inside one organization.
    func tenantConnection() throws -> Connection {
        try connection(key: apiKey, variable: "DESKWIRE_API_KEY", option: "--api-key")
    }

    /// A connection for work across organizations.
    func adminConnection() throws -> Connection {
        try connection(key: adminKey, variable: "DESKWIRE_ADMIN_KEY", option: "--admin-key")
    }

    /// The path prefix of the organization's routes.
    func tenantPath() throws -> String {
        let tenant = try required(self.tenant, variable: "DESKWIRE_TENANT", option: "--tenant")
        return "/v1/tenants/\(tenant)"
    }

    private func connection(key: String?, variable: String, option: String) throws -> Connection {
        let url = try required(self.url, variable: "DESKWIRE_URL", option: "--url")
        return Connection(
            base: url.hasSuffix("/") ? String(url.dropLast()) : url,
            key: try required(key, variable: variable, option: option))
    }

    private func required(_ value: String?, variable: String, option: String) throws -> String {
        if let value = value ?? ProcessInfo.processInfo.environment[variable], !value.isEmpty { return value }
        throw ValidationError("Say where: set \(variable) or give \(option).")
    }
}

/// What the gateway answered where something else was wanted: its problem, in its words.
struct GatewayProblem: Error, CustomStringConvertible {
    let status: UInt
    let problem: JSON

    var description: String {
        var lines = ["\(status) \(problem["title"]?.stringValue ?? "refused")"]
        if let detail = problem["detail"]?.stringValue { lines.append(detail) }
        for fault in problem["errors"]?.arrayValue ?? [] {
            let place = ["pointer", "parameter", "header"].compactMap { fault[$0]?.stringValue }.first ?? ""
            lines.append("  \(place): \(fault["detail"]?.stringValue ?? fault["code"]?.stringValue ?? "")")
        }
        if let request = problem["requestId"]?.stringValue { lines.append("request \(request)") }
        return lines.joined(separator: "\n")
    }
}

/// A JSON-over-HTTP connection to the gateway.
struct Connection: Sendable {
    let base: String
    let key: String

    /// Answers larger than this are streams, not documents.
    private static let documentBytesMax = 16 * 1024 * 1024

    /// Sends one request and hands its answer's body to `consume`; a refusal is thrown as ``GatewayProblem``.
    func stream<Result>(
        _ method: HTTPMethod, _ path: String, headers: [(String, String)] = [], body: HTTPClientRequest.Body? = nil,
        timeout: TimeAmount = .hours(12), _ consume: (HTTPClientResponse) async throws -> Result
    ) async throws -> Result {
        var request = HTTPClientRequest(url: base + path)
        request.method = method
        request.headers.add(name: "authorization", value: "Bearer \(key)")
        for (name, value) in headers { request.headers.replaceOrAdd(name: name, value: value) }
        request.body = body
        let response = try await HTTPClient.shared.execute(request, timeout: timeout)
        guard (200..<300).contains(response.status.code) else {
            let bytes = Array(buffer: try await response.body.collect(upTo: Self.documentBytesMax))
            throw GatewayProblem(status: response.status.code, problem: (try? JSON.parse(bytes)) ?? .null)
        }
        return try await consume(response)
    }

    /// Sends one request and reads its answer as JSON; `null` for an empty answer.
    func json(
        _ method: HTTPMethod, _ path: String, headers: [(String, String)] = [], body: JSON? = nil
    ) async throws -> JSON {
        let content = body.map { HTTPClientRequest.Body.bytes(ByteBuffer(bytes: $0.serialized())) }
        let type = body == nil ? [] : [("content-type", "application/json")]
        return try await stream(method, path, headers: type + headers, body: content, timeout: .seconds(60)) {
            let bytes = Array(buffer: try await $0.body.collect(upTo: Self.documentBytesMax))
            return bytes.isEmpty ? .null : try JSON.parse(bytes)
        }
    }

    /// Every row of a paged list, page by page.
    func pages(_ path: String, _ each: (JSON) async throws -> Void) async throws {
        var cursor: String?
        repeat {
            let separator = path.contains("?") ? "&" : "?"
            let page = try await json(.GET, path + (cursor.map { "\(separator)cursor=\($0.urlQueryEncoded)" } ?? ""))
            for row in page["data"]?.arrayValue ?? [] { try await each(row) }
            cursor = page["page"]?["next"]?.stringValue
        } while cursor != nil
    }
}

extension String {
    /// Percent-encoded for a query value: everything but RFC 3986's unreserved characters.
    var urlQueryEncoded: String {
        var encoded = ""
        for byte in utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                encoded.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                encoded += digits.count == 1 ? "%0\(digits)" : "%\(digits)"
            }
        }
        return encoded
    }
}
