// W3C Trace Context: which trace a piece of work belongs to, and whether that trace is recorded.

import Synchronization
import Tracing

/// 16 bytes, not all zero.
public struct TraceID: Sendable, Hashable {
    let high: UInt64
    let low: UInt64

    static func random() -> TraceID {
        TraceID(high: Identifiers.next(), low: Identifiers.next())
    }

    /// 32 lower-case hexadecimal digits.
    public var hex: String { Hex.text(high) + Hex.text(low) }
}

/// 8 bytes, not all zero.
public struct SpanID: Sendable, Hashable {
    let value: UInt64

    static func random() -> SpanID { SpanID(value: Identifiers.next()) }

    /// 16 lower-case hexadecimal digits.
    public var hex: String { Hex.text(value) }
}

/// Numbers that no other process is likely to have. Nobody need fail to guess them, so they cost no system call each.
private enum Identifiers {
    private static let state = Atomic<UInt64>(.random(in: .min ... .max))

    /// SplitMix64; never zero.
    static func next() -> UInt64 {
        var value = state.wrappingAdd(0x9E37_79B9_7F4A_7C15, ordering: .relaxed).newValue
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return max(1, value ^ value >> 31)
    }
}

/// What `traceparent` and `tracestate` carry from process to process.
public struct TraceContext: Sendable, Hashable {
    public var traceID: TraceID
    public var spanID: SpanID
    /// Whether who began the trace had it recorded.
    public var isSampled: Bool
    /// Other systems' entries, passed on as they came.
    public var state: String?

    init(traceID: TraceID, spanID: SpanID, isSampled: Bool, state: String? = nil) {
        self.traceID = traceID
        self.spanID = spanID
        self.isSampled = isSampled
        self.state = state
    }

    /// Reads the two headers; nil when `traceparent` is not valid, and then a new trace begins.
    public init?(traceparent: String, tracestate: String? = nil) {
        let bytes = Array(traceparent.utf8)
        let dash = UInt8(ascii: "-")
        // A later version may append fields after another dash.
        guard bytes.count >= 55, bytes[2] == dash, bytes[35] == dash, bytes[52] == dash,
            let version = Hex.value(bytes[0..<2]), version != 0xFF,
            version == 0 ? bytes.count == 55 : bytes.count == 55 || bytes[55] == dash,
            let high = Hex.value(bytes[3..<19]), let low = Hex.value(bytes[19..<35]), high | low != 0,
            let span = Hex.value(bytes[36..<52]), span != 0,
            let flags = Hex.value(bytes[53..<55])
        else { return nil }
        self.init(
            traceID: TraceID(high: high, low: low), spanID: SpanID(value: span), isSampled: flags & 1 == 1,
            state: tracestate.flatMap(TraceContext.valid(state:)))
    }

    /// The header that hands this context on.
    public var traceparent: String { "00-\(traceID.hex)-\(spanID.hex)-\(isSampled ? "01" : "00")" }

    /// The list as it came, if it is within W3C's bounds of 512 characters and 32 entries and plain ASCII.
    private static func valid(state: String) -> String? {
        let plain = state.utf8.count <= 512 && state.utf8.allSatisfy { (0x20..<0x7F).contains($0) }
        let entries = state.split(separator: ",")
        return plain && (1...32).contains(entries.count) && entries.allSatisfy { $0.contains("=") } ? state : nil
    }
}

private enum TraceContextKey: ServiceContextKey {
    typealias Value = TraceContext
    static var nameOverride: String? { "trace-context" }
}

extension ServiceContext {
    /// The trace that this task works for.
    public internal(set) var traceContext: TraceContext? {
        get { self[TraceContextKey.self] }
        set { self[TraceContextKey.self] = newValue }
    }
}

/// Lower-case hexadecimal of fixed length.
enum Hex {
    static func text(_ value: UInt64) -> String {
        String(unsafeUninitializedCapacity: 16) { buffer in
            for index in 0..<16 {
                let digit = UInt8(truncatingIfNeeded: value >> UInt64(60 - 4 * index)) & 15
                buffer[index] = digit < 10 ? 48 + digit : 87 + digit
            }
            return 16
        }
    }

    /// The number; nil for anything but lower-case digits, as W3C demands.
    static func value(_ digits: ArraySlice<UInt8>) -> UInt64? {
        var value: UInt64 = 0
        for digit in digits {
            switch digit {
            case 48...57: value = value << 4 | UInt64(digit - 48)
            case 97...102: value = value << 4 | UInt64(digit - 87)
            default: return nil
            }
        }
        return value
    }
}
