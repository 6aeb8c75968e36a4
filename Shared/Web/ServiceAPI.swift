import Contracts
import Database
import HTTPTypes
import Hummingbird

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A service's whole HTTP interface: its resources and routes, mounted for tenants and administrators, checked,
/// measured and documented.
///
/// ```swift
/// let api = ServiceAPI(
///     service: "tickets", database: platform.database,
///     authentication: .signedContext(keys: keys, audience: "tickets"),
///     resources: [CannedResponses(), Tickets()], routes: TicketRoutes.all)
/// let app = Application(responder: api.responder, …)
/// ```
public struct ServiceAPI: Sendable {
    public let service: String
    public let database: Database
    /// The OpenAPI document, as it is served. Not as a value, which takes ten times the memory for as long as the process lives.
    public let openAPI: [UInt8]
    /// The contracts of the events that resources declare by themselves.
    public let resourceContracts: [EventContract]
    let authentication: Authentication
    let limits: Limits
    let router: Router
    let fallback: Fallback?
    let unmatched: RouteMetrics

    /// Answers what no route matches: the gateway's proxy.
    public typealias Fallback = @Sendable (Request, _ requestId: String) async throws -> Response

    /// Stands before the whole interface and decides what reaches it: the gateway's edge.
    public typealias Front = @Sendable (Request, WebContext, WebResponder) async throws -> Response

    /// What a request may cost.
    public struct Limits: Sendable {
        /// Of a JSON body.
        public var bodyBytes: Int
        /// Levels of a JSON body.
        public var bodyDepth: Int
        /// Of a path.
        public var pathBytes: Int

        public init(bodyBytes: Int = 1 << 20, bodyDepth: Int = 64, pathBytes: Int = 2_048) {
            self.bodyBytes = bodyBytes
            self.bodyDepth = bodyDepth
            self.pathBytes = pathBytes
        }
    }

    /// - Parameters:
    ///   - contracts: Of the events that the service publishes beside its resources' own; for `/asyncapi.json`.
    ///   - exchange: The exchange's name, for `/asyncapi.json`.
    public init(
        service: String, title: String? = nil, version: String = "1.0.0", database: Database,
        authentication: Authentication, resources: [any Resource] = [], routes: [Route] = [],
        contracts: [EventContract] = [], exchange: String = "support", limits: Limits = Limits(),
        fallback: Fallback? = nil
    ) {
        self.service = service
        self.database = database
        self.authentication = authentication
        self.limits = limits
        self.fallback = fallback
        let mountedResources = resources.map { MountedResource($0, owner: service) }
        resourceContracts = mountedResources.flatMap(\.contracts)
        var routes = mountedResources.flatMap(\.routes) + routes
        let targets = mountedResources.map(\.target)
        let documented = routes.flatMap { route in route.mounts.map { MountedRoute(route, on: $0, among: targets) } }
        openAPI = OpenAPI.document(
            service: service, title: title ?? "Deskwire \(service)", version: version, routes: documented,
            components: mountedResources.flatMap(\.components)
        ).serialized()
        routes = Self.documents(
            openAPI: openAPI,
            asyncAPI: AsyncAPI.document(
                contracts: contracts + resourceContracts, exchange: exchange, title: "Deskwire \(service) events",
                version: version
            ).serialized())
        router = Router(
            documented + routes.map { MountedRoute($0, on: .root) },
            reserved: mountedResources.flatMap { $0.reserved }.flatMap { reserved in
                reserved.mounts.map { Route.fullPath(reserved.path, on: $0) }
            })
        unmatched = RouteMetrics(method: "any", path: "unmatched")
    }

    private static func documents(openAPI: [UInt8], asyncAPI: [UInt8]) -> [Route] {
        [("openapi.json", openAPI, "The OpenAPI document."), ("asyncapi.json", asyncAPI, "The AsyncAPI document.")]
            .map { path, document, summary in
                let answer = Answer.json(bytes: document).with(.cacheControl, "no-cache")
                return Route(.get, path, on: [.root], access: .open, summary: summary) { _ in answer }
            }
    }

    /// What Hummingbird's `Application` is made with.
    public var responder: WebResponder { WebResponder(api: self) }

    /// The same behind what a service puts before it.
    public func responder(behind front: Front?) -> FrontedResponder {
        FrontedResponder(front: front, responder: responder)
    }
}

/// A service's interface behind what stands before it, if anything does.
public struct FrontedResponder: HTTPResponder {
    let front: ServiceAPI.Front?
    let responder: WebResponder

    public func respond(to request: Request, context: WebContext) async throws -> Response {
        guard let front else { return try await responder.respond(to: request, context: context) }
        return try await front(request, context, responder)
    }
}

/// A resource behind one type.
struct MountedResource {
    let routes: [Route]
    let reserved: [(path: String, mounts: Set<Route.Mount>)]
    let components: [(name: String, schema: JSON)]
    let contracts: [EventContract]
    let target: MountedRoute.Target

    init<R: Resource>(_ resource: R, owner: String) {
        let made = ResourceRoutes(resource)
        routes = made.routes
        reserved = made.reserved
        components = made.components
        target = made.target
        contracts = made.contracts(owner: owner)
    }
}

/// How a service knows who is calling.
public struct Authentication: Sendable {
    /// What is known of an authenticated request.
    public struct Identity: Sendable {
        public var caller: Caller
        /// The id under which the request came in at the edge.
        public var requestId: String?

        public init(caller: Caller, requestId: String? = nil) {
            self.caller = caller
            self.requestId = requestId
        }
    }

    /// Nil for a request without credentials; throws a ``Problem`` for one with bad ones.
    let identify: @Sendable (Request, _ now: Timestamp) async throws -> Identity?

    public init(_ identify: @escaping @Sendable (Request, _ now: Timestamp) async throws -> Identity?) {
        self.identify = identify
    }

    /// Believes the gateway's signed context.
    public static func signedContext(keys: InternalContext.Keys, audience: String) -> Authentication {
        Authentication { request, now in
            do throws(InternalContext.Refusal) {
                let verified = try InternalContext.verify(
                    request.headers[InternalContext.header], audience: audience, now: now, keys: keys)
                return Identity(caller: verified.caller, requestId: verified.requestId)
            } catch {
                if error == .missing { return nil }
                throw Problem.unauthorized("The request's context is not accepted.")
            }
        }
    }
}
