import Contracts
import TestKit
import Testing

@testable import Tickets

@Suite struct CSVReaderTests {
    /// What a reading gave, comparable.
    struct Reading: Equatable {
        var rows: [[String?]] = []
        var faults: [String] = []
        var lines: [Int64] = []
        var ends: [SourcePosition] = []
    }

    static func read(
        _ bytes: [UInt8], pieces: [Int] = [], from position: SourcePosition = SourcePosition(),
        limits: SourceLimits = SourceLimits(), delimiter: Character = ","
    ) -> Reading {
        var reader = CSVReader(from: position, delimiter: delimiter.asciiValue!, limits: limits)
        var reading = Reading()
        func take(_ record: SourceRecord) {
            reading.lines.append(record.line)
            reading.ends.append(record.end)
            switch record.content {
            case .fields(let row): reading.rows.append((0..<row.count).map { row.text($0) })
            case .fault(let fault):
                reading.faults.append(fault.code)
                reading.rows.append([])
            case .object: Issue.record("CSV has no objects")
            }
        }
        var start = 0
        for size in pieces where start < bytes.count {
            let end = min(bytes.count, start + size)
            reader.feed(Array(bytes[start..<end]), take)
            start = end
        }
        if start < bytes.count { reader.feed(Array(bytes[start...]), take) }
        reader.finish(take)
        return reading
    }

    static func read(_ text: String, limits: SourceLimits = SourceLimits()) -> Reading {
        read(Array(text.utf8), limits: limits)
    }

    static let examples: [(text: String, rows: [[String?]])] = [
        ("", []),
        ("a,b,c\r\n1,2,3\r\n", [["a", "b", "c"], ["1", "2", "3"]]),
        ("a,b\n1,2", [["a", "b"], ["1", "2"]]),
        ("a,b\r1,2\r", [["a", "b"], ["1", "2"]]),
        (",\n", [["", ""]]),
        ("a,\n", [["a", ""]]),
        ("\"a\",\"b,c\",\"d\"\"e\"\n", [["a", "b,c", "d\"e"]]),
        ("\"line one\r\nline two\",x\n", [["line one\r\nline two", "x"]]),
        ("\"\",\"\"\n", [["", ""]]),
        ("\n\n a , b \n\n", [[" a ", " b "]]),
        ("5\" screen,x\n", [["5\" screen", "x"]]),
        ("a\"\"b\n", [["a\"\"b"]]),
        ("\u{FEFF}a,b\n", [["a", "b"]]),
        ("\u{FEFF}\"a\",b\n", [["a", "b"]]),
        ("ä,日本,👩‍👩‍👧\n", [["ä", "日本", "👩‍👩‍👧"]]),
        ("\"x\"", [["x"]]),
        ("\"\"\"\"", [["\""]]),
        ("a,b\n\"x\"\n", [["a", "b"], ["x"]]),
    ]

    @Test(arguments: examples)
    func `it reads what RFC 4180 and real files have`(example: (text: String, rows: [[String?]])) {
        #expect(Self.read(example.text).rows == example.rows)
    }

    @Test func `lines are those of an editor`() {
        let reading = Self.read("h,i\n\"a\nb\nc\",2\r\n\n3,4\r5,6\n")
        #expect(reading.lines == [1, 2, 6, 7])
        #expect(reading.ends.map(\.row) == [1, 2, 3, 4])
        #expect(reading.ends.map(\.line) == [2, 5, 7, 8])
    }

    @Test func `reading goes on behind a bad record`() {
        let reading = Self.read("a,b\n\"x\"y,2\n3,4\n")
        #expect(reading.rows == [["a", "b"], [], ["3", "4"]])
        #expect(reading.faults == ["text_after_quote"])
        #expect(reading.lines == [1, 2, 3])
    }

    @Test func `an open quote at the end is one fault`() {
        let reading = Self.read("a\n1\n\"open\nand on\n")
        #expect(reading.rows == [["a"], ["1"], []])
        #expect(reading.faults == ["unclosed_quote"])
        #expect(reading.lines == [1, 2, 3])
    }

    @Test func `a record beyond the limit is one fault, and the next line is read`() {
        let limits = SourceLimits(recordBytesMax: 10, fieldsMax: 3)
        let reading = Self.read("0123456789\n01234567890\nx\n\"0123456789a\"\ny\n1,2,3,4\nz\n", limits: limits)
        #expect(reading.rows == [["0123456789"], [], ["x"], [], ["y"], [], ["z"]])
        #expect(reading.faults == ["record_too_long", "record_too_long", "too_many_fields"])
    }

    @Test func `a field that is not text says so`() {
        let reading = Self.read([0x61, 0x2C, 0xFF, 0x2C, 0x00, 0x0A])
        #expect(reading.rows == [["a", nil, nil]])
    }

    @Test func `another delimiter can be chosen`() {
        #expect(Self.read(Array("a;b,c;d\n".utf8), delimiter: ";").rows == [["a", "b,c", "d"]])
        #expect(Self.read(Array("a\tb\n".utf8), delimiter: "\t").rows == [["a", "b"]])
    }

    /// Any table comes back as it was written, however the bytes are cut, and from any of its record ends.
    @Test(arguments: UInt64(0)..<150)
    func `what was written is read, in any pieces, from any place`(seed: UInt64) {
        var dice = Dice(seed: seed)
        let alphabet = ["a", "b", ",", "\"", "\n", "\r", "\r\n", " ", "ü", "🦊", ";", "\u{FEFF}"]
        let width = Int.random(in: 1...5, using: &dice)
        var table: [[String]] = []
        var text = ""
        let lineEnd = dice.pick(["\n", "\r\n", "\r"])
        for _ in 0..<Int.random(in: 0...20, using: &dice) {
            var row: [String] = []
            for _ in 0..<width {
                row.append((0..<Int.random(in: 0...8, using: &dice)).map { _ in dice.pick(alphabet) }.joined())
            }
            // One empty field is an empty line, which is no record.
            if row == [""] { row = ["x"] }
            table.append(row)
            text += row.map { "\"" + $0.replacing("\"", with: "\"\"") + "\"" }.joined(separator: ",") + lineEnd
        }
        let bytes = Array(text.utf8)
        let whole = Self.read(bytes)
        #expect(whole.rows == table)
        #expect(whole.faults.isEmpty)
        let pieces = (0..<bytes.count).map { _ in Int.random(in: 1...7, using: &dice) }
        #expect(Self.read(bytes, pieces: pieces) == whole)
        for (index, end) in whole.ends.enumerated() {
            let rest = Self.read(Array(bytes[Int(end.offset)...]), from: end)
            #expect(rest.rows == Array(whole.rows[(index + 1)...]))
            #expect(rest.ends == Array(whole.ends[(index + 1)...]))
            #expect(rest.lines == Array(whole.lines[(index + 1)...]))
        }
    }

    /// Noise never crashes it, never makes it lose its place, and gives the same however it is cut.
    @Test(arguments: UInt64(0)..<300)
    func `noise is read the same in any pieces and from any place`(seed: UInt64) {
        var dice = Dice(seed: seed)
        let alphabet: [UInt8] = [0x22, 0x22, 0x2C, 0x0A, 0x0D, 0x61, 0x20, 0xEF, 0xBB, 0xBF, 0x00, 0xC3, 0xFF]
        let bytes = (0..<Int.random(in: 0...300, using: &dice)).map { _ in dice.pick(alphabet) }
        let limits = SourceLimits(recordBytesMax: Int.random(in: 1...40, using: &dice), fieldsMax: 6)
        let whole = Self.read(bytes, limits: limits)
        let pieces = (0..<bytes.count).map { _ in Int.random(in: 1...5, using: &dice) }
        #expect(Self.read(bytes, pieces: pieces, limits: limits) == whole)
        for (index, end) in whole.ends.enumerated() {
            #expect(end.row == Int64(index + 1))
            #expect(end.offset <= bytes.count)
            let rest = Self.read(Array(bytes[Int(end.offset)...]), from: end, limits: limits)
            #expect(rest.rows == Array(whole.rows[(index + 1)...]))
            #expect(rest.lines == Array(whole.lines[(index + 1)...]))
        }
        #expect(whole.lines == whole.lines.sorted())
    }
}

@Suite struct NDJSONReaderTests {
    @Test func `a line is an object or a fault`() {
        var reader = NDJSONReader(limits: SourceLimits(recordBytesMax: 40))
        var seen: [String] = []
        let text =
            "{\"a\":1}\n\n  \r\n[1]\n{\"a\":}\r\n{\"b\":\"" + String(repeating: "x", count: 50) + "\"}\n{\"c\":2}"
        for byte in Array(text.utf8) {
            reader.feed([byte]) { seen.append(Self.describe($0)) }
        }
        reader.finish { seen.append(Self.describe($0)) }
        #expect(
            seen == ["1:1 {\"a\":1}", "4:2 not_an_object", "5:3 invalid_json", "6:4 record_too_long", "7:5 {\"c\":2}"])
    }

    private static func describe(_ record: SourceRecord) -> String {
        switch record.content {
        case .object(let object): "\(record.line):\(record.row) \(object)"
        case .fault(let fault): "\(record.line):\(record.row) \(fault.code)"
        case .fields: "fields"
        }
    }
}
