import AsyncHTTPClient
import Contracts
import Crypto
import Logging
import NIOCore
import NIOHTTP1
import ServiceLifecycle
import Synchronization

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What all services offer, as they say it themselves: their OpenAPI and AsyncAPI documents, read at start and asked
/// for changes ever since. What a service has said stays valid while it is away, so that its routes answer 503 then,
/// not 404.
final class RouteDirectory: Service {
    /// How often a service that has been read is asked whether its documents have changed.
    static let interval: Duration = .seconds(5)
    /// How often a service that has never answered is asked.
    static let eagerInterval: Duration = .milliseconds(250)
    static let documentBytesMax = 16 << 20
    static let timeout: TimeAmount = .seconds(5)

    /// What one service says of itself.
    struct Documents: Sendable, Equatable {
        var openAPI: JSON
        var asyncAPI: JSON?
        /// Tells versions apart.
        var digest: [UInt8]
    }

    /// Everything that is made from the documents, in one piece that never changes.
    struct Snapshot: Sendable {
        var table = RouteTable()
        var openAPI = Document(.object([:]))
        var asyncAPI = Document(.object([:]))
        var asyncAPIDocument = JSON.object([:])
        /// Services that have not been read yet.
        var missing: [String] = []
    }

    /// A document ready to be sent.
    struct Document: Sendable {
        let bytes: ByteBuffer
        let etag: String

        init(_ json: JSON) {
            let bytes = json.serialized()
            self.bytes = ByteBuffer(bytes: bytes)
            etag = "\"" + Hex.encode(SHA256.hash(data: bytes).prefix(12)) + "\""
        }
    }

    private struct State {
        var own: Documents?
        var documents: [String: Documents] = [:]
        var snapshot = Snapshot()
    }

    private let client: HTTPClient
    private let upstreams: [Upstream]
    private let ownName: String
    private let title: String
    private let state = Mutex(State())

    init(client: HTTPClient, upstreams: [Upstream], ownName: String, title: String) {
        self.client = client
        self.upstreams = upstreams
        self.ownName = ownName
        self.title = title
        rebuild()
    }

    /// The gateway's own documents, which need no asking.
    func publish(own: Documents) {
        state.withLock { $0.own = own }
        rebuild()
    }

    var snapshot: Snapshot { state.withLock { $0.snapshot } }

    func run() async throws {
        try? await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                await self.refresh()
                let isComplete = self.snapshot.missing.isEmpty
                try await Task.sleep(for: isComplete ? Self.interval : Self.eagerInterval)
            }
        }
    }

    /// Asks every service once.
    func refresh() async {
        var documents = state.withLock { $0.documents }
        let before = documents
        await withTaskGroup(of: (String, Documents?).self) { group in
            for upstream in upstreams {
                let known = documents[upstream.name]
                group.addTask { (upstream.name, await self.read(upstream, known: known)) }
            }
            for await (name, answer) in group {
                if let answer { documents[name] = answer }
            }
        }
        guard documents != before else { return }
        state.withLock { [documents] in $0.documents = documents }
        rebuild()
    }

    /// The documents of the first instance that gives them; nil where none does.
    private func read(_ upstream: Upstream, known: Documents?) async -> Documents? {
        for origin in upstream.origins {
            guard let openAPI = await get(origin + "/openapi.json") else { continue }
            let asyncAPI = await get(origin + "/asyncapi.json")
            let digest = Array(SHA256.hash(data: openAPI + (asyncAPI ?? [])))
            if let known, known.digest == digest { return known }
            let limits = JSONLimits(maxBytes: Self.documentBytesMax)
            guard let document = try? JSON.parse(openAPI, limits: limits) else {
                Logger.current.warning(
                    "a service's OpenAPI document can't be read", metadata: ["service": "\(upstream.name)"])
                continue
            }
            return Documents(
                openAPI: document, asyncAPI: asyncAPI.flatMap { try? JSON.parse($0, limits: limits) }, digest: digest)
        }
        return nil
    }

    private func get(_ url: String) async -> [UInt8]? {
        do {
            let answer = try await client.execute(HTTPClientRequest(url: url), timeout: Self.timeout)
            guard answer.status == .ok else {
                _ = try? await answer.body.collect(upTo: 64 * 1024)
                return nil
            }
            return Array(try await answer.body.collect(upTo: Self.documentBytesMax).readableBytesView)
        } catch {
            return nil
        }
    }

    private func rebuild() {
        let (own, documents) = state.withLock { ($0.own, $0.documents) }
        var all = own.map { [(ownName, $0)] } ?? []
        for upstream in upstreams { documents[upstream.name].map { all.append((upstream.name, $0)) } }
        var conflicts: [PublicRoute] = []
        let routes = all.flatMap { RouteReader.routes(of: $0.1.openAPI, service: $0.0) }
        let asyncAPI = MergedAsyncAPI.document(of: all.compactMap { $0.1.asyncAPI }, title: title)
        let snapshot = Snapshot(
            table: RouteTable(routes, conflicts: &conflicts),
            openAPI: Document(
                MergedOpenAPI.document(
                    of: all.map { (name: $0.0, document: $0.1.openAPI) }, title: title, version: "1")),
            asyncAPI: Document(asyncAPI), asyncAPIDocument: asyncAPI,
            missing: upstreams.map(\.name).filter { documents[$0] == nil })
        state.withLock { $0.snapshot = snapshot }
        for route in conflicts {
            Logger.current.error(
                "a route is documented by two services",
                metadata: ["route": "\(route.method) \(route.template)", "loser": "\(route.service)"])
        }
        Logger.current.info(
            "routes read", metadata: ["routes": "\(snapshot.table.routes.count)", "missing": "\(snapshot.missing)"])
    }
}
