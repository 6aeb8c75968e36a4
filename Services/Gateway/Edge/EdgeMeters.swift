import Metrics
import Synchronization

/// Rate, errors and duration of what passes the edge, by service and route: `edge_requests_total` and
/// `edge_request_duration_seconds`. Requests that no route takes are counted under one name, so that nobody can make
/// the metrics grow by asking for what isn't there.
final class EdgeMeters: Sendable {
    static let unmatched = PublicRoute(
        service: "none", method: "any", template: "unmatched", isPublic: true, bodyLimitBytes: nil, timeout: nil,
        isStream: false)

    private struct Key: Hashable {
        let service: String
        let method: String
        let template: String
    }

    private final class Meter: Sendable {
        let timer: Metrics.Timer
        let dimensions: [(String, String)]
        let counters = Mutex<[Int: Counter]>([:])

        init(_ route: PublicRoute) {
            dimensions = [("service", route.service), ("method", route.method), ("route", route.template)]
            timer = Metrics.Timer(label: "edge_request_duration_seconds", dimensions: dimensions)
        }
    }

    private let meters = Mutex<[Key: Meter]>([:])

    func record(_ route: PublicRoute, status: Int, took: Duration) {
        let key = Key(service: route.service, method: route.method, template: route.template)
        let meter = meters.withLock { meters in
            if let meter = meters[key] { return meter }
            let meter = Meter(route)
            meters[key] = meter
            return meter
        }
        let (seconds, attoseconds) = took.components
        meter.timer.recordNanoseconds(seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
        let counter = meter.counters.withLock { counters in
            if let counter = counters[status] { return counter }
            let counter = Counter(
                label: "edge_requests_total", dimensions: meter.dimensions + [("status", String(status))])
            counters[status] = counter
            return counter
        }
        counter.increment()
    }
}
