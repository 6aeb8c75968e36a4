import AsyncHTTPClient
import Contracts
import Foundation
import NIOCore
import NIOHTTP1
import TestKit

extension SpawnedService {
    func get(_ path: String) async throws -> (status: Int, body: JSON) {
        let request = HTTPClientRequest(url: "http://127.0.0.1:\(try await port())/\(path)")
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
        let body = try await response.body.collect(upTo: 1 << 20)
        return (Int(response.status.code), (try? JSON.parse(Array(body.readableBytesView))) ?? .null)
    }
}
