import AsyncHTTPClient
import Contracts
import Foundation
import NIOCore
import NIOHTTP1

/// A gateway client as an integrator would write one.
struct Client: Sendable {
    let url: String
    let key: String

    struct Answer: Sendable {
        let status: UInt
        let headers: HTTPHeaders
        let bytes: [UInt8]

        var json: JSON { (try? JSON.parse(bytes)) ?? .null }
        var isSuccess: Bool { (200..<300).contains(status) }
    }

    /// A client of the shared stack, as the demo organization's administrator.
    static func tenant() async throws -> (Client, path: String) {
        let environment = try await Stack.shared.environment()
        return (
            Client(url: try environment.url, key: try environment["DESKWIRE_API_KEY"]),
            "/v1/tenants/\(try environment.tenant)"
        )
    }

    /// A client of the shared stack, as the platform's administrator.
    static func admin() async throws -> Client {
        let environment = try await Stack.shared.environment()
        return Client(url: try environment.url, key: try environment["DESKWIRE_ADMIN_KEY"])
    }

    func send(
        _ method: HTTPMethod, _ path: String, headers: [(String, String)] = [], body: [UInt8]? = nil,
        timeoutSeconds: Int64 = 15
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: url + path)
        request.method = method
        request.headers.add(name: "authorization", value: "Bearer \(key)")
        if body != nil { request.headers.add(name: "content-type", value: "application/json") }
        for (name, value) in headers { request.headers.replaceOrAdd(name: name, value: value) }
        if let body { request.body = .bytes(ByteBuffer(bytes: body)) }
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(timeoutSeconds))
        let bytes = Array(buffer: try await response.body.collect(upTo: 64 * 1024 * 1024))
        return Answer(status: response.status.code, headers: response.headers, bytes: bytes)
    }

    func send(_ method: HTTPMethod, _ path: String, headers: [(String, String)] = [], json: JSON) async throws -> Answer
    {
        try await send(method, path, headers: headers, body: json.serialized())
    }
}
