import Contracts
import Logging
import Synchronization
import Testing
import Tracing

@testable import ServiceKit

@Suite("Logs")
struct LogTests {
    /// Collects what a logger writes.
    final class Lines: Sendable {
        let bytes = Mutex<[[UInt8]]>([])
        var all: [[UInt8]] { bytes.withLock { $0 } }
    }

    func logger(level: Logger.Level = .info) -> (Logger, LogSink, Lines) {
        let lines = Lines()
        let sink = LogSink(service: "sla", level: level) { line in lines.bytes.withLock { $0.append(line) } }
        let logger = Logger(label: "sla") { label in
            JSONLogHandler(label: label, sink: sink, metadataProvider: .trace)
        }
        return (logger, sink, lines)
    }

    func parsed(_ line: [UInt8]) throws -> JSON {
        #expect(line.last == UInt8(ascii: "\n"))
        #expect(line.count { $0 == UInt8(ascii: "\n") } == 1)
        return try JSON.parse(Array(line.dropLast()))
    }

    @Test("a line is one JSON object with what one searches by on top")
    func shape() throws {
        let (logger, _, lines) = logger()
        logger.info(
            "ticket merged",
            metadata: [
                "request.id": "r-1", "tenant.id": "t-1", "ticket.id": "42", "count": .stringConvertible(3),
                "nested": ["a": ["x", "y"]],
            ])
        let line = try parsed(#require(lines.all.first))
        #expect(line["level"] == "info")
        #expect(line["service"] == "sla")
        #expect(line["message"] == "ticket merged")
        #expect(line["requestId"] == "r-1")
        #expect(line["tenantId"] == "t-1")
        #expect(line["metadata"] == ["count": 3, "nested": ["a": ["x", "y"]], "ticket.id": "42"])
        let time = try #require(line["time"]?.stringValue)
        #expect(Timestamp(rfc3339: time) != nil)
    }

    @Test(
        "nothing that a caller sends makes a second line or a second field",
        arguments: [
            "x\n{\"level\":\"critical\"}", "a\r\nb", "\u{2028}\u{2029}", "\u{1B}[31mred", "\u{9B}31m",
            "\",\"level\":\"x",
            "\u{0}\u{7F}", "\u{202E}evil", "ünïcödé 🎟️",
        ])
    func injection(text: String) throws {
        let (logger, _, lines) = logger()
        logger.warning("\(text)", metadata: ["user": "\(text)", "\(text)": "key"])
        let bytes = try #require(lines.all.first)
        let line = try parsed(bytes)
        #expect(line["level"] == "warning")
        let read = text.replacing("\0", with: "\u{FFFD}")
        #expect(line["message"]?.stringValue == read)
        #expect(line["metadata"]?["user"]?.stringValue == read)
        let written = String(decoding: bytes.dropLast(), as: UTF8.self)
        #expect(!written.unicodeScalars.contains { $0.value < 0x20 || (0x7F..<0xA0).contains($0.value) })
        #expect(!written.unicodeScalars.contains { [0x2028, 0x2029, 0x202E].contains($0.value) })
    }

    @Test("a line has an end, however much it is given")
    func bounds() throws {
        let (logger, _, lines) = logger()
        let huge = String(repeating: "x", count: 1_000_000)
        var deep: Logger.MetadataValue = "bottom"
        for _ in 0..<1_000 { deep = ["d": deep] }
        let many = Dictionary(uniqueKeysWithValues: (0..<1_000).map { ("k\($0)", Logger.MetadataValue("v")) })
        logger.info("big", metadata: ["huge": "\(huge)", "deep": deep, "many": .dictionary(many)])
        let line = try #require(lines.all.first)
        _ = try parsed(line)
        #expect(line.count < 20_000)
    }

    @Test("the level changes for every logger, at once, except one that has its own")
    func runtimeLevel() {
        let (logger, sink, lines) = logger()
        var own = logger
        own.logLevel = .error
        logger.debug("unseen")
        sink.level = .debug
        logger.debug("seen")
        own.info("unseen")
        #expect(lines.all.count == 1)
    }

    @Test("a line says which trace it belongs to")
    func traceIds() throws {
        let (logger, _, lines) = logger()
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        var context = ServiceContext.topLevel
        context.traceContext = TraceContext(traceparent: parent)
        ServiceContext.$current.withValue(context) { logger.info("in a trace") }
        let line = try parsed(#require(lines.all.first))
        #expect(line["traceId"] == "0af7651916cd43dd8448eb211c80319c")
        #expect(line["spanId"] == "b7ad6b7169203331")
    }
}
