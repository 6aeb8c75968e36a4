// Sends finished spans to an OpenTelemetry collector in batches, and never lets a slow collector slow a request.

import Logging
import Metrics
import ServiceLifecycle
import Synchronization
import Tracing

/// A bounded queue of finished spans with a sender behind it. What doesn't fit, or can't be delivered, is counted and
/// dropped.
public final class SpanExporter: Service {
    /// Posts one OTLP/HTTP JSON body and answers the status code.
    public typealias Transport = @Sendable (_ body: [UInt8]) async throws -> Int

    public struct Limits: Sendable {
        public var queued = 4_096
        public var batch = 512
        public var attempts = 3
        public var interval: Duration = .seconds(2)
        /// Before the first repetition; doubled before each further one.
        public var backoff: Duration = .milliseconds(500)

        public init() {}
    }

    private let resource: [(String, String)]
    private let limits: Limits
    private let transport: Transport
    private let queue = Mutex<[RecordedSpan]>([])
    private let wake: AsyncStream<Void>
    private let waker: AsyncStream<Void>.Continuation
    private let exported = Counter(label: "trace_spans_exported_total")
    private let overflowed = Counter(label: "trace_spans_dropped_total", dimensions: [("reason", "queue_full")])
    private let undelivered = Counter(label: "trace_spans_dropped_total", dimensions: [("reason", "not_delivered")])

    /// - Parameter resource: what the process says about itself, `service.name` first.
    public init(resource: [(String, String)], limits: Limits = Limits(), transport: @escaping Transport) {
        self.resource = resource
        self.limits = limits
        self.transport = transport
        (wake, waker) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    func enqueue(_ span: RecordedSpan) {
        let count: Int? = queue.withLock { queue in
            guard queue.count < limits.queued else { return nil }
            queue.append(span)
            return queue.count
        }
        guard let count else { return overflowed.increment() }
        if count >= limits.batch { flushSoon() }
    }

    func flushSoon() { waker.yield() }

    public func run() async throws {
        await withDiscardingTaskGroup { group in
            group.addTask {
                while (try? await Task.sleep(for: self.limits.interval)) != nil { self.waker.yield() }
            }
            for await _ in wake.cancelOnGracefulShutdown() { await flush() }
            group.cancelAll()
        }
        await flush()
    }

    /// Sends what is queued now. The HTTP client makes spans too: those of the export itself must not be exported, or
    /// there would be no end to it.
    func flush() async {
        var untraced = ServiceContext.topLevel
        untraced.traceContext = TraceContext(traceID: .random(), spanID: .random(), isSampled: false)
        await ServiceContext.$current.withValue(untraced) {
            for _ in 0..<(limits.queued / limits.batch + 1) {
                let batch = queue.withLock { queue in
                    let batch = Array(queue.prefix(limits.batch))
                    queue.removeFirst(batch.count)
                    return batch
                }
                guard !batch.isEmpty else { return }
                await send(batch)
            }
        }
    }

    private func send(_ batch: [RecordedSpan]) async {
        let body = OTLP.body(batch, resource: resource)
        var pause = limits.backoff
        for attempt in 1...limits.attempts {
            let status = try? await transport(body)
            if let status, (200..<300).contains(status) { return exported.increment(by: batch.count) }
            // The codes that OTLP lets a client repeat; every other answer is final.
            let mayRepeat = status.map { [429, 502, 503, 504].contains($0) } ?? true
            guard mayRepeat, attempt < limits.attempts, !Task.isShuttingDownGracefully,
                (try? await Task.sleep(for: pause)) != nil
            else { break }
            pause *= 2
        }
        undelivered.increment(by: batch.count)
        Logger.current.warning(
            "spans could not be delivered", metadata: ["spans": .stringConvertible(batch.count)])
    }
}
