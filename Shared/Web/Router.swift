import Contracts
import CoreMetrics
import HTTPTypes
import Synchronization

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A route where it is mounted, with what is worked out once and what is measured.
final class MountedRoute: Sendable {
    let route: Route
    let mount: Route.Mount
    /// `/v1/tenants/{tenantId}/tickets/{ticketId}`: names the route in metrics, spans and documentation.
    let path: String
    let parameterNames: [String]
    /// Which of them must be UUIDs.
    let areIdentifiers: [Bool]
    let parameters: [Parameter]
    let metrics: RouteMetrics
    let spanName: String
    /// The rows that the path names, from the outermost on.
    let targets: [Target]

    /// The row that a resource has under its own path: `tickets/{ticketId}`.
    struct Target: Sendable {
        let path: String
        /// Throws a 404 if the row that the call's path names is not there for the caller.
        let require: @Sendable (Call) async throws -> Void
    }

    init(_ route: Route, on mount: Route.Mount, among targets: [Target] = []) {
        self.route = route
        self.targets = targets.filter { route.path == $0.path || route.path.hasPrefix($0.path + "/") }
            .sorted { $0.path.utf8.count < $1.path.utf8.count }
        self.mount = mount
        path = route.fullPath(on: mount)
        parameterNames = Route.parameterNames(in: path)
        areIdentifiers = parameterNames.map(Route.isIdentifier)
        let tenant = Parameter("tenantId", .uuid, "Only the rows of this organization.")
        parameters =
            mount == .admin && !route.parameters.contains { $0.name == "tenantId" }
            ? route.parameters + [tenant] : route.parameters
        metrics = RouteMetrics(method: route.method.rawValue, path: path)
        spanName = "\(route.method.rawValue) \(path)"
    }
}

/// Rate, errors and duration of one route.
final class RouteMetrics: Sendable {
    private let dimensions: [(String, String)]
    private let counters = Mutex<[Int: Counter]>([:])
    private let timer: CoreMetrics.Timer

    init(method: String, path: String) {
        dimensions = [("method", method), ("route", path)]
        timer = CoreMetrics.Timer(label: "http_request_duration_seconds", dimensions: dimensions)
    }

    /// Counts an answered request.
    func record(status: Int, nanoseconds: Int64) {
        timer.recordNanoseconds(nanoseconds)
        let counter = counters.withLock { counters in
            if let counter = counters[status] { return counter }
            let counter = Counter(label: "http_requests_total", dimensions: dimensions + [("status", String(status))])
            counters[status] = counter
            return counter
        }
        counter.increment()
    }
}

/// Finds the route of a request: a tree of path segments, in which a literal goes before a parameter.
struct Router: Sendable {
    /// What is known about a path.
    enum Match {
        /// A route, and the values of its path's parameters.
        case route(MountedRoute, [String])
        /// The path exists, the method is not served.
        case otherMethods([String])
        case none
    }

    /// Built once, then only read.
    private final class Node: Sendable {
        let literals: [String: Node]
        let parameter: Node?
        let routes: [String: MountedRoute]
        let exists: Bool

        init(_ entries: [(segments: ArraySlice<String>, route: MountedRoute?)]) {
            var below: [String: [(segments: ArraySlice<String>, route: MountedRoute?)]] = [:]
            var routes: [String: MountedRoute] = [:]
            var exists = false
            for (segments, route) in entries {
                if let first = segments.first {
                    below[first.hasPrefix("{") ? "{}" : first, default: []].append((segments.dropFirst(), route))
                } else {
                    exists = true
                    guard let route else { continue }
                    let replaced = routes.updateValue(route, forKey: route.route.method.rawValue)
                    precondition(replaced == nil, "\(route.spanName) is declared twice")
                }
            }
            parameter = below.removeValue(forKey: "{}").map { Node($0) }
            literals = below.mapValues { Node($0) }
            self.routes = routes
            self.exists = exists
        }
    }

    private let root: Node
    let routes: [MountedRoute]

    /// - Parameter reserved: paths that exist even if no method is served there.
    init(_ routes: [MountedRoute], reserved: [String] = []) {
        self.routes = routes
        func segments(_ path: String) -> ArraySlice<String> { path.split(separator: "/").map(String.init)[...] }
        root = Node(routes.map { (segments($0.path), $0) } + reserved.map { (segments($0), nil) })
    }

    /// - Parameter segments: the path's, decoded.
    func match(_ method: HTTPRequest.Method, _ segments: [String]) -> Match {
        var values: [String] = []
        guard let node = Self.find(segments[...], from: root, &values) else { return .none }
        let wanted = method == .head && node.routes["HEAD"] == nil ? "GET" : method.rawValue
        guard let route = node.routes[wanted] else {
            var methods = Array(node.routes.keys)
            if methods.contains("GET") { methods.append("HEAD") }
            return .otherMethods((Set(methods).union(["OPTIONS"])).sorted())
        }
        for (value, isIdentifier) in zip(values, route.areIdentifiers) where isIdentifier {
            guard UUID(text: value) != nil else { return .none }
        }
        return .route(route, values)
    }

    private static func find(_ segments: ArraySlice<String>, from node: Node, _ values: inout [String]) -> Node? {
        guard let first = segments.first else { return node.exists ? node : nil }
        if let literal = node.literals[first], let found = find(segments.dropFirst(), from: literal, &values) {
            return found
        }
        guard let parameter = node.parameter else { return nil }
        let count = values.count
        values.append(first)
        if let found = find(segments.dropFirst(), from: parameter, &values) { return found }
        values.removeSubrange(count...)
        return nil
    }
}
