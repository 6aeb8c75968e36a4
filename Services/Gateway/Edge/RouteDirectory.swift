import AsyncHTTPClient
import Contracts
import Crypto
import Logging
import NIOCore
import NIOHTTP1
import ServiceKit
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

    /// What one service says of itself, as it was sent: as a value it takes ten times the memory.
    struct Documents: Sendable {
        var openAPI: [UInt8]
        var asyncAPI: [UInt8]?
        /// Tells versions apart.
        var digest: [UInt8]
    }

    /// Everything that is made from the documents, in one piece that never changes.
    struct Snapshot: Sendable {
        var table = RouteTable()
        var openAPI = Document(.object([:]))
        var asyncAPI = Document(.object([:]))
        /// Services that have not been read yet.
        var missing: [String] = []

        /// The AsyncAPI document as a value.
        var asyncAPIDocument: JSON { RouteDirectory.parse(Array(asyncAPI.bytes.readableBytesView)) ?? [:] }
    }

    private static func parse(_ document: [UInt8]) -> JSON? {
        try? JSON.parse(document, limits: JSONLimits(maxBytes: documentBytesMax))
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
        guard documents.mapValues(\.digest) != before.mapValues(\.digest) else { return }
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
            guard Self.parse(openAPI) != nil else {
                Logger.current.warning(
                    "a service's OpenAPI document can't be read", metadata: ["service": "\(upstream.name)"])
                continue
            }
            return Documents(openAPI: openAPI, asyncAPI: asyncAPI, digest: digest)
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
        var all = own.map { [(name: ownName, documents: $0)] } ?? []
        for upstream in upstreams { documents[upstream.name].map { all.append((upstream.name, $0)) } }
        var conflicts: [PublicRoute] = []
        let missing = upstreams.map(\.name).filter { documents[$0] == nil }
        let snapshot = snapshot(of: all, missing: missing, conflicts: &conflicts)
        state.withLock { $0.snapshot = snapshot }
        // What the documents were as values is a multiple of what is kept.
        Memory.giveBack()
        for route in conflicts {
            Logger.current.error(
                "a route is documented by two services",
                metadata: ["route": "\(route.method) \(route.template)", "loser": "\(route.service)"])
        }
        Logger.current.info(
            "routes read", metadata: ["routes": "\(snapshot.table.routes.count)", "missing": "\(snapshot.missing)"])
    }

    private func snapshot(
        of all: [(name: String, documents: Documents)], missing: [String], conflicts: inout [PublicRoute]
    ) -> Snapshot {
        let openAPI = all.compactMap { service in
            Self.parse(service.documents.openAPI).map { (name: service.name, document: $0) }
        }
        let routes = openAPI.flatMap { RouteReader.routes(of: $0.document, service: $0.name) }
        let asyncAPI = all.compactMap { $0.documents.asyncAPI.flatMap(Self.parse) }
        return Snapshot(
            table: RouteTable(routes, conflicts: &conflicts),
            openAPI: Document(MergedOpenAPI.document(of: openAPI, title: title, version: "1")),
            asyncAPI: Document(MergedAsyncAPI.document(of: asyncAPI, title: title)), missing: missing)
    }
}
