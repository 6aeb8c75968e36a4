// The JSON of OTLP/HTTP: `ExportTraceServiceRequest`, ids as hexadecimal, 64-bit numbers as text.

import Contracts
import Tracing

enum OTLP {
    /// Where an endpoint takes spans: itself if it names the path, else below it.
    static func tracesURL(_ endpoint: String) -> String {
        let base = endpoint.hasSuffix("/") ? String(endpoint.dropLast()) : endpoint
        return base.hasSuffix("/v1/traces") ? base : "\(base)/v1/traces"
    }

    static func body(_ spans: [RecordedSpan], resource: [(String, String)]) -> [UInt8] {
        var json = JSONWriter()
        json.beginObject()
        json.key("resourceSpans")
        json.beginArray()
        json.beginObject()
        json.key("resource")
        json.beginObject()
        json.key("attributes")
        json.beginArray()
        for (name, value) in resource { attribute(name, .string(value), &json) }
        json.endArray()
        json.endObject()
        json.key("scopeSpans")
        json.beginArray()
        json.beginObject()
        json.key("scope")
        json.beginObject()
        text("name", "deskwire", &json)
        json.endObject()
        json.key("spans")
        json.beginArray()
        for span in spans { self.span(span, &json) }
        json.endArray()
        json.endObject()
        json.endArray()
        json.endObject()
        json.endArray()
        json.endObject()
        return json.bytes
    }

    private static func span(_ span: RecordedSpan, _ json: inout JSONWriter) {
        json.beginObject()
        text("traceId", span.trace.traceID.hex, &json)
        text("spanId", span.trace.spanID.hex, &json)
        if let state = span.trace.state { text("traceState", state, &json) }
        if let parent = span.parent { text("parentSpanId", parent.hex, &json) }
        json.key("flags")
        json.int(span.trace.isSampled ? 1 : 0)
        text("name", bounded(span.name), &json)
        json.key("kind")
        json.int(kind(span.kind))
        text("startTimeUnixNano", String(span.startNanoseconds), &json)
        text("endTimeUnixNano", String(span.endNanoseconds), &json)
        attributes(span.attributes, &json)
        if !span.events.isEmpty {
            json.key("events")
            json.beginArray()
            for event in span.events {
                json.beginObject()
                text("timeUnixNano", String(event.nanosecondsSinceEpoch), &json)
                text("name", bounded(event.name), &json)
                attributes(event.attributes, &json)
                json.endObject()
            }
            json.endArray()
        }
        if !span.links.isEmpty {
            json.key("links")
            json.beginArray()
            for link in span.links {
                json.beginObject()
                text("traceId", link.traceID.hex, &json)
                text("spanId", link.spanID.hex, &json)
                json.endObject()
            }
            json.endArray()
        }
        if let status = span.status {
            json.key("status")
            json.beginObject()
            json.key("code")
            json.int(status.code == .ok ? 1 : 2)
            if let message = status.message { text("message", bounded(message), &json) }
            json.endObject()
        }
        json.endObject()
    }

    private static func kind(_ kind: SpanKind) -> Int {
        switch kind {
        case .internal: 1
        case .server: 2
        case .client: 3
        case .producer: 4
        case .consumer: 5
        }
    }

    private static func attributes(_ attributes: SpanAttributes, _ json: inout JSONWriter) {
        var sorted: [(String, SpanAttribute)] = []
        attributes.forEach { sorted.append(($0, $1)) }
        guard !sorted.isEmpty else { return }
        sorted.sort { $0.0 < $1.0 }
        json.key("attributes")
        json.beginArray()
        for (name, value) in sorted.prefix(RecordedSpan.maximumAttributes) { attribute(name, value, &json) }
        json.endArray()
    }

    private static func attribute(_ name: String, _ value: SpanAttribute, _ json: inout JSONWriter) {
        json.beginObject()
        text("key", name, &json)
        json.key("value")
        self.value(value, &json)
        json.endObject()
    }

    private static func value(_ value: SpanAttribute, _ json: inout JSONWriter) {
        switch value {
        case .int32(let number): wrapped("intValue", &json) { $0.string(String(number)) }
        case .int64(let number): wrapped("intValue", &json) { $0.string(String(number)) }
        case .double(let number) where number.isFinite: wrapped("doubleValue", &json) { $0.double(number) }
        case .double(let number): wrapped("stringValue", &json) { $0.string(String(number)) }
        case .bool(let flag): wrapped("boolValue", &json) { $0.bool(flag) }
        case .string(let text): wrapped("stringValue", &json) { $0.string(bounded(text)) }
        case .stringConvertible(let value): wrapped("stringValue", &json) { $0.string(bounded(value.description)) }
        case .int32Array(let items): array(items.map { .int32($0) }, &json)
        case .int64Array(let items): array(items.map { .int64($0) }, &json)
        case .doubleArray(let items): array(items.map { .double($0) }, &json)
        case .boolArray(let items): array(items.map { .bool($0) }, &json)
        case .stringArray(let items): array(items.map { .string($0) }, &json)
        case .stringConvertibleArray(let items): array(items.map { .string($0.description) }, &json)
        default: wrapped("stringValue", &json) { $0.string("") }
        }
    }

    private static func array(_ items: [SpanAttribute], _ json: inout JSONWriter) {
        wrapped("arrayValue", &json) { json in
            json.beginObject()
            json.key("values")
            json.beginArray()
            for item in items.prefix(RecordedSpan.maximumAttributes) { value(item, &json) }
            json.endArray()
            json.endObject()
        }
    }

    private static func wrapped(_ name: String, _ json: inout JSONWriter, _ body: (inout JSONWriter) -> Void) {
        json.beginObject()
        json.key(name)
        body(&json)
        json.endObject()
    }

    private static func text(_ name: String, _ value: String, _ json: inout JSONWriter) {
        json.key(name)
        json.string(value)
    }

    private static func bounded(_ text: String) -> String {
        PrometheusText.bounded(text, bytes: RecordedSpan.maximumTextBytes)
    }
}
