// Begins spans, hands their context on to other processes, and gives finished spans to the exporter.

import Synchronization
import Tracing

/// The tracer of a process. Without an exporter it records nothing but still hands contexts on, and gives every request
/// a trace id to find its log lines by.
public struct ServiceTracer: Tracer {
    private let exporter: SpanExporter?
    private let samplePercent: Int
    private let unrecorded: Set<String>

    /// - Parameters:
    ///   - samplePercent: share of the traces begun here that are recorded; a trace that came in keeps its mark.
    ///   - unrecorded: spans that don't begin a recorded trace: probes.
    public init(exporter: SpanExporter?, samplePercent: Int = 100, unrecorded: Set<String> = []) {
        self.exporter = exporter
        self.samplePercent = samplePercent
        self.unrecorded = unrecorded
    }

    public func startSpan<Instant: TracerInstant>(
        _ operationName: String, context: @autoclosure () -> ServiceContext, ofKind kind: SpanKind,
        at instant: @autoclosure () -> Instant, function: String, file fileID: String, line: UInt
    ) -> ServiceSpan {
        var context = context()
        let parent = context.traceContext
        let traceID = parent?.traceID ?? .random()
        let trace = TraceContext(
            traceID: traceID, spanID: .random(), isSampled: parent?.isSampled ?? samples(traceID, operationName),
            state: parent?.state)
        context.traceContext = trace
        guard let exporter, trace.isSampled else { return ServiceSpan(context: context, recording: nil) }
        let recorded = RecordedSpan(
            trace: trace, parent: parent?.spanID, name: operationName, kind: kind,
            startNanoseconds: instant().nanosecondsSinceEpoch)
        return ServiceSpan(context: context, recording: SpanRecording(recorded, exporter))
    }

    /// Decided by the trace id, so that processes with the same share agree.
    private func samples(_ traceID: TraceID, _ name: String) -> Bool {
        exporter != nil && traceID.low % 100 < UInt64(samplePercent) && !unrecorded.contains(name)
    }

    public func forceFlush() { exporter?.flushSoon() }

    public func extract<Carrier, Extract: Extractor>(
        _ carrier: Carrier, into context: inout ServiceContext, using extractor: Extract
    ) where Extract.Carrier == Carrier {
        guard let parent = extractor.extract(key: "traceparent", from: carrier) else { return }
        let state = extractor.extract(key: "tracestate", from: carrier)
        guard let trace = TraceContext(traceparent: parent, tracestate: state) else { return }
        context.traceContext = trace
    }

    public func inject<Carrier, Inject: Injector>(
        _ context: ServiceContext, into carrier: inout Carrier, using injector: Inject
    ) where Inject.Carrier == Carrier {
        guard let trace = context.traceContext else { return }
        injector.inject(trace.traceparent, forKey: "traceparent", into: &carrier)
        if let state = trace.state { injector.inject(state, forKey: "tracestate", into: &carrier) }
    }
}

/// A span that may be recorded; one that is not costs its context and nothing else.
public struct ServiceSpan: Span {
    public let context: ServiceContext
    let recording: SpanRecording?

    public var isRecording: Bool { recording?.isOpen ?? false }

    public var operationName: String {
        get { recording?.read { $0.name } ?? "" }
        nonmutating set { recording?.change { $0.name = newValue } }
    }

    public var attributes: SpanAttributes {
        get { recording?.read { $0.attributes } ?? [:] }
        nonmutating set { recording?.change { $0.attributes = newValue } }
    }

    public func setStatus(_ status: SpanStatus) { recording?.change { $0.status = status } }

    public func addEvent(_ event: SpanEvent) {
        recording?.change { if $0.events.count < RecordedSpan.maximumEvents { $0.events.append(event) } }
    }

    /// Only the type: an error's text may hold what a caller sent.
    public func recordError<Instant: TracerInstant>(
        _ error: any Error, attributes: SpanAttributes, at instant: @autoclosure () -> Instant
    ) {
        guard recording != nil else { return }
        var attributes = attributes
        attributes["exception.type"] = String(reflecting: type(of: error))
        addEvent(SpanEvent(name: "exception", at: instant(), attributes: attributes))
    }

    public func addLink(_ link: SpanLink) {
        guard let trace = link.context.traceContext else { return }
        recording?.change { if $0.links.count < RecordedSpan.maximumLinks { $0.links.append(trace) } }
    }

    public func end<Instant: TracerInstant>(at instant: @autoclosure () -> Instant) {
        recording?.end(at: instant().nanosecondsSinceEpoch)
    }
}

/// All that is known of a span.
struct RecordedSpan: Sendable {
    static let maximumEvents = 32
    static let maximumLinks = 128
    static let maximumAttributes = 64
    static let maximumTextBytes = 1_024

    var trace: TraceContext
    var parent: SpanID?
    var name: String
    var kind: SpanKind
    var startNanoseconds: UInt64
    var endNanoseconds: UInt64 = 0
    var status: SpanStatus?
    var attributes: SpanAttributes = [:]
    var events: [SpanEvent] = []
    var links: [TraceContext] = []

    init(trace: TraceContext, parent: SpanID?, name: String, kind: SpanKind, startNanoseconds: UInt64) {
        self.trace = trace
        self.parent = parent
        self.name = name
        self.kind = kind
        self.startNanoseconds = startNanoseconds
    }
}

/// A span under way; goes to the exporter once, when it ends.
final class SpanRecording: Sendable {
    private let open: Mutex<RecordedSpan?>
    private let exporter: SpanExporter

    init(_ span: RecordedSpan, _ exporter: SpanExporter) {
        self.open = Mutex(span)
        self.exporter = exporter
    }

    var isOpen: Bool { open.withLock { $0 != nil } }

    func read<Value: Sendable>(_ value: (RecordedSpan) -> Value) -> Value? { open.withLock { $0.map(value) } }

    func change(_ body: (inout RecordedSpan) -> Void) {
        open.withLock { span in
            guard var changed = span.take() else { return }
            body(&changed)
            span = consume changed
        }
    }

    func end(at nanoseconds: UInt64) {
        guard var span = open.withLock({ $0.take() }) else { return }
        span.endNanoseconds = max(nanoseconds, span.startNanoseconds)
        exporter.enqueue(span)
    }
}
