import Metrics
import Testing

@testable import ServiceKit

@Suite("Metrics")
struct MetricsTests {
    func text(_ registry: MetricsRegistry) async -> [String] {
        String(decoding: await registry.render(), as: UTF8.self).split(separator: "\n").map(String.init)
    }

    @Test("counters, gauges and timers come out as Prometheus text")
    func kinds() async {
        let registry = MetricsRegistry()
        registry.describe("http_requests_total", "Requests.")
        Counter(label: "http.requests", dimensions: [("route", "a"), ("method", "GET")], factory: registry).increment()
        Counter(label: "http.requests", dimensions: [("method", "GET"), ("route", "a")], factory: registry)
            .increment(by: 2)
        Meter(label: "pool.idle", dimensions: [], factory: registry).set(3)
        let timer = Metrics.Timer(label: "http.duration", dimensions: [], factory: registry)
        timer.recordMilliseconds(3)
        timer.recordSeconds(20)
        let lines = await text(registry)
        #expect(lines.contains("# HELP http_requests_total Requests."))
        #expect(lines.contains("# TYPE http_requests_total counter"))
        #expect(lines.contains(#"http_requests_total{method="GET",route="a"} 3"#))
        #expect(lines.contains("# TYPE pool_idle gauge"))
        #expect(lines.contains("pool_idle 3"))
        #expect(lines.contains("# TYPE http_duration_seconds histogram"))
        #expect(lines.contains(#"http_duration_seconds_bucket{le="0.0025"} 0"#))
        #expect(lines.contains(#"http_duration_seconds_bucket{le="0.005"} 1"#))
        #expect(lines.contains(#"http_duration_seconds_bucket{le="10"} 1"#))
        #expect(lines.contains(#"http_duration_seconds_bucket{le="+Inf"} 2"#))
        #expect(lines.contains("http_duration_seconds_sum 20.003"))
        #expect(lines.contains("http_duration_seconds_count 2"))
    }

    @Test("label values are escaped, and stay on their line")
    func escaping() async {
        let registry = MetricsRegistry()
        Counter(label: "c", dimensions: [("a b", "x\"y\\z\nw\r")], factory: registry).increment()
        let lines = await text(registry)
        #expect(lines.contains(#"c_total{a_b="x\"y\\z\nw "} 1"#))
        #expect(lines.allSatisfy { $0.hasPrefix("#") || $0.contains(" ") })
    }

    @Test("the number of label sets is bounded; the rest is counted as other")
    func cardinality() async {
        var limits = MetricsRegistry.Limits()
        limits.labelSetsPerMetric = 10
        let registry = MetricsRegistry(limits: limits)
        for index in 0..<1_000 {
            Counter(label: "hits", dimensions: [("path", "/\(index)")], factory: registry).increment()
        }
        let lines = await text(registry)
        #expect(lines.count { $0.hasPrefix("hits_total{") } == 11)
        #expect(lines.contains(#"hits_total{path="other"} 990"#))
        #expect(lines.contains("metrics_label_sets_merged_total 990"))
    }

    @Test("one name is one type: a second use as another type is not shown twice")
    func conflictingTypes() async {
        let registry = MetricsRegistry()
        Meter(label: "x", dimensions: [], factory: registry).set(1)
        Metrics.Timer(label: "x", dimensions: [], factory: registry).recordSeconds(1)
        Recorder(label: "x", dimensions: [], aggregate: true, factory: registry).record(5)
        let lines = await text(registry)
        #expect(lines.count { $0 == "# TYPE x gauge" } == 1)
        #expect(!lines.contains("# TYPE x histogram"))
        #expect(lines.contains("# TYPE x_seconds histogram"))
    }

    @Test("values measured at the scrape stand beside the rest, grouped by name")
    func collectors() async throws {
        let registry = MetricsRegistry()
        registry.collect {
            [
                MetricSample("queue_lag", labels: [("queue", "0")], help: "Lag.", 4),
                MetricSample("other", help: "Other.", 1),
            ]
        }
        registry.collect { [MetricSample("queue_lag", labels: [("queue", "1")], help: "Lag.", .nan)] }
        let lines = await text(registry)
        let first = try #require(lines.firstIndex(of: "# TYPE queue_lag gauge"))
        #expect(lines[first + 1] == #"queue_lag{queue="0"} 4"#)
        #expect(lines[first + 2] == #"queue_lag{queue="1"} NaN"#)
        #expect(lines.count { $0 == "# TYPE queue_lag gauge" } == 1)
    }

    @Test("the process measures itself")
    func process() {
        let samples = Dictionary(uniqueKeysWithValues: ProcessMetrics.samples().map { ($0.name, $0.value) })
        #expect((samples["process_resident_memory_bytes"] ?? 0) > 1_000_000)
        #expect((samples["process_open_fds"] ?? 0) >= 3)
        #expect((samples["process_start_time_seconds"] ?? 0) > 1_700_000_000)
        #expect((samples["process_cpu_seconds_total"] ?? 0) > 0)
    }

    @Test("series survive concurrent use without a lost count")
    func concurrency() async {
        let registry = MetricsRegistry()
        await withTaskGroup(of: Void.self) { group in
            for task in 0..<8 {
                group.addTask {
                    for index in 0..<1_000 {
                        let labels = [("k", "\((task + index) % 5)")]
                        Counter(label: "n", dimensions: labels, factory: registry).increment()
                    }
                }
            }
        }
        let total = await text(registry).filter { $0.hasPrefix("n_total{") }
            .compactMap { $0.split(separator: " ").last.flatMap { Int($0) } }.reduce(0, +)
        #expect(total == 8_000)
    }
}
