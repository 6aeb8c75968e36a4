// One JSON object a line: time, level, message, what request, tenant and trace it belongs to, then the metadata.

import Contracts
import Logging

/// A log handler that writes JSON lines. What a caller sends can't forge a line or a field: everything is escaped and
/// bounded.
public struct JSONLogHandler: LogHandler {
    public var metadata: Logger.Metadata = [:]
    public var metadataProvider: Logger.MetadataProvider?
    private let label: String
    private let sink: LogSink
    private var ownLevel: Logger.Level?

    public init(label: String, sink: LogSink, metadataProvider: Logger.MetadataProvider? = nil) {
        self.label = label
        self.sink = sink
        self.metadataProvider = metadataProvider
    }

    /// The process's level, unless this logger was given its own.
    public var logLevel: Logger.Level {
        get { ownLevel ?? sink.level }
        set { ownLevel = newValue }
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        var facts = metadataProvider?.get() ?? [:]
        facts.merge(metadata) { $1 }
        if let more = event.metadata { facts.merge(more) { $1 } }
        sink.write(line(event, facts))
    }

    /// Metadata that stands beside the message rather than inside `metadata`, because one searches by it.
    private static let lifted: [(metadataKeys: [String], field: String)] = [
        (["request.id", "hb.request.id"], "requestId"), (["tenant.id"], "tenantId"),
        (["trace.id"], "traceId"), (["span.id"], "spanId"),
    ]

    private func line(_ event: LogEvent, _ facts: Logger.Metadata) -> [UInt8] {
        var facts = facts
        var line = LogLine()
        line.field("time", Timestamp.now.rfc3339)
        line.field("level", event.level.rawValue)
        line.field("service", sink.service)
        line.field("message", event.message.description)
        if !label.isEmpty, label != sink.service { line.field("logger", label) }
        for (keys, field) in JSONLogHandler.lifted {
            let values = keys.compactMap { facts.removeValue(forKey: $0) }
            if let value = values.first { line.field(field, value.description) }
        }
        if let error = event.error {
            line.field("error", String(describing: error))
            line.field("errorType", String(reflecting: type(of: error)))
        }
        if !facts.isEmpty { line.field("metadata", facts) }
        return line.finished()
    }
}

/// The bytes of a line while it is put together.
private struct LogLine {
    /// The longest text that is kept of one value.
    static let maximumValueBytes = 8_192
    /// Nested metadata below this level is left out.
    static let maximumDepth = 5
    /// The most values of one line; what follows is left out.
    static let maximumValues = 200

    private var bytes: [UInt8] = [UInt8(ascii: "{")]
    private var values = 0

    init() { bytes.reserveCapacity(384) }

    mutating func field(_ name: String, _ value: String) {
        separate()
        text(name)
        bytes.append(UInt8(ascii: ":"))
        text(value)
    }

    mutating func field(_ name: String, _ metadata: Logger.Metadata) {
        separate()
        text(name)
        bytes.append(UInt8(ascii: ":"))
        object(metadata, depth: 1)
    }

    mutating func finished() -> [UInt8] {
        bytes.append(UInt8(ascii: "}"))
        bytes.append(UInt8(ascii: "\n"))
        return bytes
    }

    private mutating func separate() {
        if bytes.count > 1, let last = bytes.last, last != UInt8(ascii: "{"), last != UInt8(ascii: "[") {
            bytes.append(UInt8(ascii: ","))
        }
    }

    private mutating func object(_ metadata: Logger.Metadata, depth: Int) {
        bytes.append(UInt8(ascii: "{"))
        for (key, value) in metadata.sorted(by: { $0.key < $1.key }) where values < LogLine.maximumValues {
            separate()
            text(key)
            bytes.append(UInt8(ascii: ":"))
            self.value(value, depth: depth + 1)
        }
        bytes.append(UInt8(ascii: "}"))
    }

    private mutating func value(_ value: Logger.MetadataValue, depth: Int) {
        values += 1
        switch value {
        case .string(let string): text(string)
        case .stringConvertible(let convertible): scalar(convertible)
        case .dictionary(let nested):
            if depth > LogLine.maximumDepth { text("…") } else { object(nested, depth: depth) }
        case .array(let items):
            guard depth <= LogLine.maximumDepth else { return text("…") }
            bytes.append(UInt8(ascii: "["))
            for item in items where values < LogLine.maximumValues {
                separate()
                self.value(item, depth: depth + 1)
            }
            bytes.append(UInt8(ascii: "]"))
        @unknown default: text(String(describing: value))
        }
    }

    /// Numbers and booleans stay what they are, so that they can be compared and summed.
    private mutating func scalar(_ value: any CustomStringConvertible) {
        switch value {
        case let number as any FixedWidthInteger: bytes.append(contentsOf: number.description.utf8)
        case let flag as Bool: bytes.append(contentsOf: flag.description.utf8)
        case let number as Double where number.isFinite: bytes.append(contentsOf: number.description.utf8)
        default: text(value.description)
        }
    }

    /// A JSON string. Beyond what JSON demands, controls of terminals (DEL, C1) and Unicode line separators are
    /// escaped: no reader, of JSON or of text, sees a line or a colour that a caller made up.
    private mutating func text(_ string: String) {
        bytes.append(UInt8(ascii: "\""))
        var written = 0
        for scalar in string.unicodeScalars {
            guard written < LogLine.maximumValueBytes else {
                bytes.append(contentsOf: "…".utf8)
                break
            }
            switch scalar.value {
            case 0x22: bytes.append(contentsOf: "\\\"".utf8)
            case 0x5C: bytes.append(contentsOf: "\\\\".utf8)
            case 0x0A: bytes.append(contentsOf: "\\n".utf8)
            case 0x0D: bytes.append(contentsOf: "\\r".utf8)
            case 0x09: bytes.append(contentsOf: "\\t".utf8)
            case 0: bytes.append(contentsOf: "\\ufffd".utf8)  // NUL is JSON, but few stores of logs take it.
            case 1..<0x20, 0x7F..<0xA0, 0x2028, 0x2029, 0x200E, 0x200F, 0x202A...0x202E, 0x2066...0x2069:
                let hex = String(scalar.value, radix: 16)
                bytes.append(contentsOf: "\\u\(String(repeating: "0", count: 4 - hex.count))\(hex)".utf8)
            case 0x20..<0x7F: bytes.append(UInt8(scalar.value))
            default: bytes.append(contentsOf: Array(String(scalar).utf8))
            }
            written += 1
        }
        bytes.append(UInt8(ascii: "\""))
    }
}
