import Contracts

/// What the gateway knows about one operation of a service, read from the service's OpenAPI document.
struct PublicRoute: Sendable, Equatable {
    /// The service that answers.
    let service: String
    /// `GET`, `POST` …
    let method: String
    /// The path template as documented: `/v1/tenants/{tenantId}/tickets`.
    let template: String
    /// Whether the operation may be called without credentials (`security: []` in the document).
    let isPublic: Bool
    /// The most bytes a request body may have (`x-body-bytes-max`), where the default doesn't fit.
    let bodyLimitBytes: Int?
    /// How long an answer may take to begin (`x-timeout-ms`), where the default doesn't fit.
    let timeout: Duration?
    /// The answer is an endless stream (`text/event-stream`): no deadline ends it.
    let isStream: Bool
    /// Method and template: the name of its spans.
    let name: String

    init(
        service: String, method: String, template: String, isPublic: Bool, bodyLimitBytes: Int?, timeout: Duration?,
        isStream: Bool
    ) {
        self.service = service
        self.method = method
        self.template = template
        self.isPublic = isPublic
        self.bodyLimitBytes = bodyLimitBytes
        self.timeout = timeout
        self.isStream = isStream
        name = "\(method) \(template)"
    }
}

/// All public routes of all services, as a tree of path segments. An immutable value: a change makes a new one.
struct RouteTable: Sendable {
    /// What a path and a method lead to.
    enum Match: Sendable, Equatable {
        case route(PublicRoute, tenant: Substring?)
        /// The path exists, the method doesn't.
        case methodNotAllowed(allow: [String])
        case none
    }

    private struct Node: Sendable {
        var literals: [String: Int] = [:]
        var parameter: Int?
        /// Whether this node's parameter is the tenant.
        var parameterIsTenant = false
        var routes: [String: PublicRoute] = [:]
        var allow: [String] = []
    }

    private var nodes: [Node] = [Node()]
    /// Every route, in the order of its addition.
    private(set) var routes: [PublicRoute] = []

    /// Builds the tree. Of two services that document the same method and path the first keeps it; the losers are
    /// returned so that the start can say so.
    init(_ routes: [PublicRoute] = [], conflicts: inout [PublicRoute]) {
        for route in routes where !insert(route) { conflicts.append(route) }
    }

    init(_ routes: [PublicRoute] = []) {
        var ignored: [PublicRoute] = []
        self.init(routes, conflicts: &ignored)
    }

    private mutating func insert(_ route: PublicRoute) -> Bool {
        var node = 0
        for segment in route.template.split(separator: "/", omittingEmptySubsequences: true) {
            let isParameter = segment.first == "{"
            let known = isParameter ? nodes[node].parameter : nodes[node].literals[String(segment)]
            if let known {
                node = known
                continue
            }
            nodes.append(Node())
            let fresh = nodes.count - 1
            if isParameter {
                nodes[node].parameter = fresh
                nodes[node].parameterIsTenant = segment == "{tenantId}"
            } else {
                nodes[node].literals[String(segment)] = fresh
            }
            node = fresh
        }
        guard nodes[node].routes[route.method] == nil else { return false }
        nodes[node].routes[route.method] = route
        nodes[node].allow = Self.allow(nodes[node].routes.keys)
        routes.append(route)
        return true
    }

    /// `GET` implies `HEAD`, and every path answers `OPTIONS`.
    private static func allow(_ methods: some Sequence<String>) -> [String] {
        var all = Set(methods)
        if all.contains("GET") { all.insert("HEAD") }
        all.insert("OPTIONS")
        return all.sorted()
    }

    /// Finds the route of a path (no query). A literal segment wins over a parameter; the search goes back where the
    /// literal leads nowhere.
    func match(method: String, path: some StringProtocol) -> Match {
        let segments = path.split(separator: "/", omittingEmptySubsequences: true)
        var tenant: Substring?
        guard let found = find(segments[...], from: 0, tenant: &tenant) else { return .none }
        let node = nodes[found]
        if let route = node.routes[method] ?? (method == "HEAD" ? node.routes["GET"] : nil) {
            return .route(route, tenant: tenant)
        }
        return .methodNotAllowed(allow: node.allow)
    }

    private func find<S: StringProtocol>(_ rest: ArraySlice<S>, from index: Int, tenant: inout Substring?) -> Int? {
        let node = nodes[index]
        guard let segment = rest.first else { return node.routes.isEmpty ? nil : index }
        if let next = node.literals[String(segment)], let found = find(rest.dropFirst(), from: next, tenant: &tenant) {
            return found
        }
        if let next = node.parameter, let found = find(rest.dropFirst(), from: next, tenant: &tenant) {
            if node.parameterIsTenant { tenant = Substring(segment) }
            return found
        }
        return nil
    }

    /// The methods of a path, for `OPTIONS`; nil where no route has the path.
    func allowedMethods(path: some StringProtocol) -> [String]? {
        switch match(method: "", path: path) {
        case .methodNotAllowed(let allow): allow
        case .route, .none: nil
        }
    }
}
