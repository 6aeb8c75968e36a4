// The metrics of a process: a swift-metrics backend that keeps its series in memory until somebody scrapes them.

import Metrics
import Synchronization

/// What Prometheus calls the type of a metric.
public enum MetricKind: String, Sendable { case counter, gauge, histogram }

/// A value measured at the moment of a scrape: pool use, queue lag, resident memory.
public struct MetricSample: Sendable {
    public var name: String
    public var kind: MetricKind
    public var help: String
    public var labels: [(String, String)]
    public var value: Double

    public init(
        _ name: String, _ kind: MetricKind = .gauge, labels: [(String, String)] = [], help: String, _ value: Double
    ) {
        self.name = name
        self.kind = kind
        self.help = help
        self.labels = labels
        self.value = value
    }
}

/// All series of a process. A metric has a bounded number of label sets: what comes after the bound is counted together
/// under the label value `other`, so a caller that makes up paths or ids can't fill the memory.
public final class MetricsRegistry: MetricsFactory, Sendable {
    public struct Limits: Sendable {
        public var labelSetsPerMetric = 500
        public var metrics = 1_000
        public var labelValueBytes = 120

        public init() {}
    }

    struct Family {
        var kind: MetricKind
        var help: String
        var series: [[String]: Series] = [:]
        var labelNames: [[String]: [String]] = [:]
    }

    enum Series: Sendable {
        case counter(CounterSeries)
        case gauge(GaugeSeries)
        case histogram(HistogramSeries)

        /// A histogram that nothing was recorded in takes 17 lines to say so, for each of a hundred routes: left out.
        var isObserved: Bool {
            if case .histogram(let histogram) = self { histogram.snapshot.counts.contains { $0 > 0 } } else { true }
        }
    }

    private struct State {
        var families: [String: Family] = [:]
        var help: [String: String] = [:]
        var collectors: [@Sendable () async -> [MetricSample]] = []
    }

    private let limits: Limits
    private let state = Mutex(State())
    /// Series that were not kept apart because their metric already had its bound of label sets.
    private let merged = CounterSeries()

    public init(limits: Limits = Limits()) {
        self.limits = limits
    }

    /// The sentence that explains a metric to who reads it.
    public func describe(_ name: String, _ help: String) {
        state.withLock { $0.help[PrometheusText.name(name)] = help }
    }

    /// Adds something to be measured at each scrape.
    public func collect(_ collector: @escaping @Sendable () async -> [MetricSample]) {
        state.withLock { $0.collectors.append(collector) }
    }

    /// The Prometheus text of everything.
    public func render() async -> [UInt8] {
        let collectors = state.withLock { $0.collectors }
        var samples: [MetricSample] = []
        for collector in collectors { samples += await collector() }
        samples.append(
            MetricSample(
                "metrics_label_sets_merged_total", .counter,
                help: "Requests for a series that was merged into \"other\" because its metric has too many.",
                merged.value))
        let families = state.withLock { $0.families }
        return PrometheusText.render(families, samples)
    }

    // MARK: MetricsFactory

    public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        counter(label, dimensions)
    }

    public func makeFloatingPointCounter(
        label: String, dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler {
        counter(label, dimensions)
    }

    public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        gauge(label, dimensions)
    }

    public func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        guard aggregate else { return gauge(label, dimensions) }
        return histogram(label, dimensions, HistogramSeries.buckets(for: label), divisor: 1)
    }

    public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        let name = label.hasSuffix("_seconds") ? label : "\(label)_seconds"
        return histogram(name, dimensions, HistogramSeries.secondsBuckets, divisor: 1e9)
    }

    // A series lives as long as the process: handlers of one series are shared, so no one of them may end it.
    public func destroyCounter(_ handler: any CounterHandler) {}
    public func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) {}
    public func destroyMeter(_ handler: any MeterHandler) {}
    public func destroyRecorder(_ handler: any RecorderHandler) {}
    public func destroyTimer(_ handler: any TimerHandler) {}

    // MARK: Series

    private func counter(_ label: String, _ dimensions: [(String, String)]) -> CounterSeries {
        let name = label.hasSuffix("_total") ? label : "\(label)_total"
        guard
            case .counter(let series) = series(name, .counter, dimensions, { .counter(CounterSeries()) })
        else { return CounterSeries() }
        return series
    }

    private func gauge(_ label: String, _ dimensions: [(String, String)]) -> GaugeSeries {
        guard case .gauge(let series) = series(label, .gauge, dimensions, { .gauge(GaugeSeries()) })
        else { return GaugeSeries() }
        return series
    }

    private func histogram(
        _ label: String, _ dimensions: [(String, String)], _ bounds: [Double], divisor: Double
    ) -> HistogramSeries {
        let make = { Series.histogram(HistogramSeries(bounds: bounds, divisor: divisor)) }
        guard case .histogram(let series) = series(label, .histogram, dimensions, make)
        else { return HistogramSeries(bounds: bounds, divisor: divisor) }
        return series
    }

    /// The series of these labels. A name that is already taken by another type, or one name too many, gets a series
    /// that nobody scrapes (`nil`): a wrong metric must not break the page that shows the right ones.
    private func series(
        _ label: String, _ kind: MetricKind, _ dimensions: [(String, String)], _ make: () -> Series
    ) -> Series? {
        let name = PrometheusText.name(label)
        let sorted = dimensions.sorted { $0.0 < $1.0 }
        let names = sorted.map { PrometheusText.labelName($0.0) }
        let values = sorted.map { PrometheusText.bounded($0.1, bytes: limits.labelValueBytes) }
        return state.withLock { state in
            guard state.families[name] != nil || state.families.count < limits.metrics else { return nil }
            let help = state.help[name] ?? ""
            var key = names + values
            if let known = state.families[name] {
                guard known.kind == kind else { return nil }
                if let series = known.series[key] { return series }
                if known.series.count >= limits.labelSetsPerMetric {
                    merged.increment(by: Int64(1))
                    key = names + names.map { _ in "other" }
                    if let series = known.series[key] { return series }
                }
            }
            let series = make()
            state.families[name, default: Family(kind: kind, help: help)].series[key] = series
            state.families[name]?.labelNames[key] = names
            return series
        }
    }
}

/// A number that only grows.
final class CounterSeries: CounterHandler, FloatingPointCounterHandler {
    private let total = Mutex(0.0)

    var value: Double { total.withLock { $0 } }

    func increment(by amount: Int64) { increment(by: Double(amount)) }

    func increment(by amount: Double) {
        guard amount > 0, amount.isFinite else { return }
        total.withLock { $0 += amount }
    }

    func reset() { total.withLock { $0 = 0 } }
}

/// A number that goes up and down.
final class GaugeSeries: MeterHandler, RecorderHandler {
    private let current = Mutex(0.0)

    var value: Double { current.withLock { $0 } }

    func set(_ value: Int64) { set(Double(value)) }
    func set(_ value: Double) { current.withLock { $0 = value } }
    func increment(by amount: Double) { current.withLock { $0 += amount } }
    func decrement(by amount: Double) { current.withLock { $0 -= amount } }
    func record(_ value: Int64) { set(Double(value)) }
    func record(_ value: Double) { set(value) }
}

/// How often values fell below each bound, and their sum.
final class HistogramSeries: RecorderHandler, TimerHandler {
    struct Snapshot {
        /// Per bucket, not cumulative; the last is above all bounds.
        var counts: [UInt64]
        var sum: Double
    }

    /// From half a millisecond, where a cached read ends, to ten seconds, where a statement is ended.
    static let secondsBuckets: [Double] = [
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
    ]
    static let byteBuckets: [Double] = [256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216]
    static let countBuckets: [Double] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 10_000, 100_000]

    static func buckets(for label: String) -> [Double] {
        if label.contains("seconds") { return secondsBuckets }
        return label.contains("bytes") ? byteBuckets : countBuckets
    }

    let bounds: [Double]
    private let divisor: Double
    private let state: Mutex<Snapshot>

    init(bounds: [Double], divisor: Double) {
        self.bounds = bounds
        self.divisor = divisor
        self.state = Mutex(Snapshot(counts: Array(repeating: 0, count: bounds.count + 1), sum: 0))
    }

    var snapshot: Snapshot { state.withLock { $0 } }

    func record(_ value: Int64) { record(Double(value)) }

    func record(_ value: Double) {
        guard value.isFinite else { return }
        let bucket = bounds.firstIndex { value <= $0 } ?? bounds.count
        state.withLock {
            $0.counts[bucket] += 1
            $0.sum += value
        }
    }

    func recordNanoseconds(_ duration: Int64) { record(Double(duration) / divisor) }
}
