import Contracts
import Synchronization
import Testing
import Tracing

@testable import ServiceKit

@Suite("Tracing")
struct TracingTests {
    struct Headers: Extractor, Injector {
        func extract(key: String, from carrier: [String: String]) -> String? { carrier[key] }
        func inject(_ value: String, forKey key: String, into carrier: inout [String: String]) { carrier[key] = value }
    }

    static let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    /// Records what would go to a collector and answers with the given codes, the last one forever.
    final class Collector: Sendable {
        let bodies = Mutex<[[UInt8]]>([])
        let codes: Mutex<[Int]>
        init(_ codes: [Int] = [200]) { self.codes = Mutex(codes) }

        func exporter(_ change: (inout SpanExporter.Limits) -> Void = { _ in }) -> SpanExporter {
            var limits = SpanExporter.Limits()
            limits.backoff = .zero
            change(&limits)
            return SpanExporter(resource: [("service.name", "sla")], limits: limits) { body in
                self.bodies.withLock { $0.append(body) }
                return self.codes.withLock { $0.count > 1 ? $0.removeFirst() : $0[0] }
            }
        }

        var spans: [JSON] {
            get throws {
                try bodies.withLock { $0 }.flatMap { body -> [JSON] in
                    let parsed = try JSON.parse(body)
                    return parsed["resourceSpans"]?[0]?["scopeSpans"]?[0]?["spans"]?.arrayValue ?? []
                }
            }
        }
    }

    @Test(
        "traceparent is read as W3C writes it",
        arguments: [
            (parent, true, true), ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", true, false),
            ("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-later", true, true),
            ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-later", false, false),
            ("ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false, false),
            ("00-00000000000000000000000000000000-b7ad6b7169203331-01", false, false),
            ("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", false, false),
            ("00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", false, false),
            ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331", false, false), ("", false, false),
            ("00-0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331-01", false, false),
        ])
    func parsing(header: String, valid: Bool, sampled: Bool) {
        let context = TraceContext(traceparent: header)
        #expect((context != nil) == valid)
        #expect((context?.isSampled ?? false) == sampled)
    }

    @Test("what is extracted is injected: same trace, own span, same mark, other systems' state")
    func propagation() {
        for flag in ["00", "01"] {
            let tracer = ServiceTracer(exporter: Collector().exporter())
            var context = ServiceContext.topLevel
            let incoming = [
                "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-\(flag)",
                "tracestate": "rojo=00f067aa0ba902b7",
            ]
            tracer.extract(incoming, into: &context, using: Headers())
            let span = tracer.startSpan("work", context: context)
            var outgoing: [String: String] = [:]
            tracer.inject(span.context, into: &outgoing, using: Headers())
            #expect(outgoing["traceparent"]?.hasPrefix("00-0af7651916cd43dd8448eb211c80319c-") == true)
            #expect(outgoing["traceparent"]?.hasSuffix("-\(flag)") == true)
            #expect(outgoing["traceparent"] != incoming["traceparent"])
            #expect(outgoing["tracestate"] == "rojo=00f067aa0ba902b7")
            #expect(span.isRecording == (flag == "01"))
        }
    }

    @Test("without a collector a new trace is handed on, unmarked")
    func noExporter() {
        let tracer = ServiceTracer(exporter: nil)
        let span = tracer.startSpan("work", context: .topLevel)
        #expect(span.context.traceContext?.isSampled == false)
        #expect(span.isRecording == false)
        let child = tracer.startSpan("more", context: span.context)
        #expect(child.context.traceContext?.traceID == span.context.traceContext?.traceID)
    }

    @Test("the share of recorded traces is what was asked for", arguments: [0, 25, 100])
    func sampling(percent: Int) {
        let tracer = ServiceTracer(exporter: Collector().exporter(), samplePercent: percent)
        let recorded = (0..<4_000).count { _ in tracer.startSpan("work", context: .topLevel).isRecording }
        #expect(abs(recorded - 40 * percent) < 250)
    }

    @Test("a finished span goes out as OTLP JSON")
    func export() async throws {
        let collector = Collector()
        let exporter = collector.exporter()
        let tracer = ServiceTracer(exporter: exporter)
        var context = ServiceContext.topLevel
        context.traceContext = TraceContext(traceparent: Self.parent)
        struct Broken: Error {}
        try? tracer.withSpan("GET /tickets", context: context, ofKind: .server) { span in
            span.attributes["http.response.status_code"] = 500
            span.attributes["tags"] = ["a", "b"]
            throw Broken()
        }
        await exporter.flush()
        let span = try #require(try collector.spans.first)
        #expect(span["traceId"] == "0af7651916cd43dd8448eb211c80319c")
        #expect(span["parentSpanId"] == "b7ad6b7169203331")
        #expect(span["name"] == "GET /tickets")
        #expect(span["kind"] == 2)
        #expect(span["status"]?["code"] == 2)
        #expect(
            span["attributes"] == [
                ["key": "http.response.status_code", "value": ["intValue": "500"]],
                ["key": "tags", "value": ["arrayValue": ["values": [["stringValue": "a"], ["stringValue": "b"]]]]],
            ])
        #expect(span["events"]?[0]?["name"] == "exception")
        let start = try #require(span["startTimeUnixNano"]?.stringValue.flatMap { UInt64($0) })
        let end = try #require(span["endTimeUnixNano"]?.stringValue.flatMap { UInt64($0) })
        #expect(end >= start && start > 1_700_000_000_000_000_000)
    }

    @Test("a span that ends twice is exported once")
    func endsOnce() async throws {
        let collector = Collector()
        let exporter = collector.exporter()
        let span = ServiceTracer(exporter: exporter).startSpan("once", context: .topLevel)
        span.end()
        span.end()
        await exporter.flush()
        #expect(try collector.spans.count == 1)
        #expect(!span.isRecording)
    }

    @Test("spans go in batches; what the queue can't hold is dropped, not waited for")
    func bounded() async throws {
        let collector = Collector()
        let exporter = collector.exporter {
            $0.queued = 25
            $0.batch = 10
        }
        let tracer = ServiceTracer(exporter: exporter)
        for _ in 0..<100 { tracer.startSpan("work", context: .topLevel).end() }
        await exporter.flush()
        #expect(try collector.spans.count == 25)
        #expect(collector.bodies.withLock { $0.count } == 3)
    }

    @Test(
        "a collector that is busy is asked again, one that refuses is not",
        arguments: [([503, 429, 200], 3), ([400], 1), ([503], 3)])
    func retries(codes: [Int], requests: Int) async {
        let collector = Collector(codes)
        let exporter = collector.exporter()
        ServiceTracer(exporter: exporter).startSpan("work", context: .topLevel).end()
        await exporter.flush()
        #expect(collector.bodies.withLock { $0.count } == requests)
    }

    @Test("the export's own requests are not traced")
    func untracedExport() async {
        let sampled = Mutex<Bool?>(nil)
        let exporter = SpanExporter(resource: []) { _ in
            sampled.withLock { $0 = ServiceContext.current?.traceContext?.isSampled }
            return 200
        }
        ServiceTracer(exporter: exporter).startSpan("work", context: .topLevel).end()
        await exporter.flush()
        #expect(sampled.withLock { $0 } == false)
    }

    @Test(
        "an endpoint is a base or the path itself",
        arguments: ["http://c:4318", "http://c:4318/", "http://c:4318/v1/traces"])
    func endpoint(text: String) {
        #expect(OTLP.tracesURL(text) == "http://c:4318/v1/traces")
    }
}
