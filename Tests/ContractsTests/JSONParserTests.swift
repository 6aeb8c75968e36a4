import Contracts
import Testing

@Suite struct JSONParserTests {
    // MARK: What is accepted

    static let accepted: [(String, JSON)] = [
        ("null", .null),
        ("true", true),
        ("false", false),
        ("0", 0),
        ("-0", 0),
        ("-1", -1),
        ("9223372036854775807", .int(.max)),
        ("-9223372036854775808", .int(.min)),
        ("0.0", 0.0),
        ("-0.0", .double(-0.0)),
        ("1.5", 1.5),
        ("1e2", 100.0),
        ("1E+2", 100.0),
        ("1e-2", 0.01),
        ("0.1", 0.1),
        ("123456789.123456789", 123456789.123456789),
        ("1.7976931348623157e308", .double(.greatestFiniteMagnitude)),
        ("5e-324", .double(.leastNonzeroMagnitude)),
        ("1e-400", 0.0),
        ("0e999999999999", 0.0),
        (#""""#, ""),
        (#""a""#, "a"),
        (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"),
        (#""\u0041\u00e9\u20AC""#, "Aé€"),
        (#""\ud83d\ude00""#, "😀"),
        (#""\uDBFF\uDFFF""#, "\u{10FFFF}"),
        (#""\u001f""#, "\u{1F}"),
        ("\"\u{7F}\u{2028}\u{FEFF}\u{10FFFF}\"", "\u{7F}\u{2028}\u{FEFF}\u{10FFFF}"),
        ("\"eight characters or more, and then é\"", "eight characters or more, and then é"),
        ("[]", []),
        ("[ ]", []),
        ("[1,2 , 3]", [1, 2, 3]),
        ("[[[]]]", [[[]]]),
        ("{}", [:]),
        (#"{"":0}"#, ["": 0]),
        (#"{"a":1,"b":{"c":[null]}}"#, ["a": 1, "b": ["c": [.null]]]),
        (" \t\r\n{ \"a\" : 1 } \n", ["a": 1]),
        (#"{"a":1,"A":2}"#, ["a": 1, "A": 2]),
        ("{\"\u{e9}\":1,\"e\u{301}x\":2}", ["\u{e9}": 1, "e\u{301}x": 2]),
    ]

    @Test(arguments: accepted)
    func accepts(text: String, expected: JSON) throws {
        #expect(try JSON.parse(text) == expected)
        #expect(try JSON.parse(Array(text.utf8)) == expected)
        // A collection without contiguous storage.
        #expect(try JSON.parse(Array(text.utf8).reversed().reversed().lazy.map { $0 }) == expected)
    }

    @Test func tellsWholeNumbersFromOthers() throws {
        #expect(try JSON.parse("1") == .int(1))
        #expect(try JSON.parse("1.0") == .double(1))
        #expect(try JSON.parse("1") != JSON.parse("1.0"))
    }

    @Test func readsManyKeysInOrder() throws {
        let names = (0..<500).map { "key\($0)" }
        let text = "{" + names.map { "\"\($0)\":\($0.count)" }.joined(separator: ",") + "}"
        let object = try #require(try JSON.parse(text).objectValue)
        #expect(object.keys == names)
        #expect(object["key499"] == 6)
    }

    // MARK: What is refused

    typealias Code = JSONParseError.Code

    static let refused: [(String, Code)] = [
        ("", .unexpectedEnd),
        (" ", .unexpectedEnd),
        ("nul", .unexpectedEnd),
        ("nulL", .unexpectedCharacter),
        ("True", .unexpectedCharacter),
        ("NaN", .unexpectedCharacter),
        ("Infinity", .unexpectedCharacter),
        ("-Infinity", .invalidNumber),
        ("'a'", .unexpectedCharacter),
        ("undefined", .unexpectedCharacter),
        ("\u{FEFF}null", .unexpectedCharacter),
        ("\u{A0}null", .unexpectedCharacter),
        ("1 2", .trailingContent),
        ("nullx", .trailingContent),
        ("{}}", .trailingContent),
        ("[1]]", .trailingContent),
        ("[1,]", .unexpectedCharacter),
        ("[,1]", .unexpectedCharacter),
        ("[1 2]", .unexpectedCharacter),
        ("[1", .unexpectedEnd),
        ("[1,", .unexpectedEnd),
        ("[", .unexpectedEnd),
        ("]", .unexpectedCharacter),
        ("{", .unexpectedEnd),
        (#"{"a""#, .unexpectedEnd),
        (#"{"a":"#, .unexpectedEnd),
        (#"{"a":1"#, .unexpectedEnd),
        (#"{"a":1,}"#, .unexpectedCharacter),
        (#"{"a" 1}"#, .unexpectedCharacter),
        (#"{a:1}"#, .unexpectedCharacter),
        (#"{1:1}"#, .unexpectedCharacter),
        (#"{"a":1 "b":2}"#, .unexpectedCharacter),
        (#"{"a":1}/**/"#, .trailingContent),
        ("01", .invalidNumber),
        ("-01", .invalidNumber),
        ("00", .invalidNumber),
        ("-", .unexpectedEnd),
        ("+1", .unexpectedCharacter),
        (".5", .unexpectedCharacter),
        ("1.", .unexpectedEnd),
        ("1.e1", .invalidNumber),
        ("1e", .unexpectedEnd),
        ("1e+", .unexpectedEnd),
        ("1ex", .invalidNumber),
        ("0x10", .trailingContent),
        ("1_000", .trailingContent),
        ("9223372036854775808", .numberOutOfRange),
        ("-9223372036854775809", .numberOutOfRange),
        ("18446744073709551616", .numberOutOfRange),
        ("1e309", .numberOutOfRange),
        ("-1e999999999999999999", .numberOutOfRange),
        (#"""#, .unexpectedEnd),
        (#""abc"#, .unexpectedEnd),
        (#""\"#, .unexpectedEnd),
        (#""\u00"#, .unexpectedEnd),
        (#""\x41""#, .invalidEscape),
        (#""\u00g0""#, .invalidEscape),
        (#""\U0041""#, .invalidEscape),
        (#""\ud800""#, .loneSurrogate),
        (#""\udc00""#, .loneSurrogate),
        (#""\ud800\ud800""#, .loneSurrogate),
        (#""\ud800\n""#, .loneSurrogate),
        (#""\ud800a""#, .loneSurrogate),
        (#""\ud800\ue000""#, .loneSurrogate),
        (#""\u0000""#, .nulCharacter),
        ("\"\u{0}\"", .controlCharacter),
        ("\"a\nb\"", .controlCharacter),
        ("\"a\tb\"", .controlCharacter),
        ("\"\u{1F}\"", .controlCharacter),
        (#"{"a":1,"a":2}"#, .duplicateKey),
        (#"{"a":1,"\u0061":2}"#, .duplicateKey),
    ]

    @Test(arguments: refused)
    func refuses(text: String, code: Code) {
        let error = #expect(throws: JSONParseError.self) { try JSON.parse(text) }
        #expect(error?.code == code)
    }

    static let invalidUTF8: [[UInt8]] = [
        [0x80], [0xBF], [0xC0, 0x80], [0xC1, 0xBF], [0xC3], [0xC3, 0x28], [0xE0, 0x80, 0x80], [0xE0, 0x9F, 0xBF],
        [0xE2, 0x82], [0xED, 0xA0, 0x80], [0xED, 0xBF, 0xBF], [0xF0, 0x80, 0x80, 0x80], [0xF0, 0x8F, 0xBF, 0xBF],
        [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xFE], [0xFF], [0xF0, 0x9F, 0x98],
    ]

    @Test(arguments: invalidUTF8, ["", "a", "twelve chars", #"an \n escape"#])
    func refusesInvalidUTF8(sequence: [UInt8], before: String) {
        let quote = UInt8(ascii: "\"")
        let error = #expect(throws: JSONParseError.self) {
            try JSON.parse([quote] + before.utf8 + sequence + [quote])
        }
        #expect(error?.code == .invalidUTF8)
        #expect(error?.offset == 1 + before.utf8.count)
    }

    @Test func refusesTheSameKeyAmongMany() {
        let members = (0..<100).map { "\"k\($0)\":0" } + ["\"k57\":1"]
        let error = #expect(throws: JSONParseError.self) {
            try JSON.parse("{" + members.joined(separator: ",") + "}")
        }
        #expect(error?.code == .duplicateKey)
        #expect(error?.pointer == "/k57")
    }

    // MARK: Limits

    @Test func boundsDepth() throws {
        func nested(_ levels: Int) -> String {
            String(repeating: "[", count: levels) + String(repeating: "]", count: levels)
        }
        #expect(throws: Never.self) { try JSON.parse(nested(64)) }
        #expect(throws: JSONParseError.self) { try JSON.parse(nested(65)) }
        // Levels beside each other do not add up.
        #expect(throws: Never.self) { try JSON.parse("[\(nested(63)),\(nested(63))]") }
        #expect(throws: JSONParseError.self) { try JSON.parse(String(repeating: "[", count: 1_000_000)) }
        #expect(throws: JSONParseError.self) { try JSON.parse(String(repeating: "{\"a\":", count: 1_000_000)) }
    }

    @Test func boundsSize() {
        let limits = JSONLimits(maxBytes: 4)
        #expect(throws: Never.self) { try JSON.parse("1234", limits: limits) }
        let error = #expect(throws: JSONParseError.self) { try JSON.parse("12345", limits: limits) }
        #expect(error?.code == .tooLarge)
    }

    @Test func boundsTheLengthOfNumbers() {
        let digits = String(repeating: "1", count: 200)
        #expect(throws: JSONParseError.self) { try JSON.parse("0." + digits) }
        #expect(throws: JSONParseError.self) { try JSON.parse("1e" + digits) }
    }

    // MARK: Where the fault is

    @Test func saysWhere() throws {
        let text = """
            {
              "subject": "ä",
              "tags": ["a", {"b/c": tru}]
            }
            """
        let error = try #require(throws: JSONParseError.self) { try JSON.parse(text) }
        #expect(error.code == .unexpectedCharacter)
        #expect(error.pointer == "/tags/1/b~1c")
        #expect(error.line == 3)
        #expect(error.column == 28)
        #expect(error.offset == 48)
    }

    @Test func countsColumnsInCharacters() throws {
        let error = try #require(throws: JSONParseError.self) { try JSON.parse("[\"äöü\", x]") }
        #expect(error.line == 1)
        #expect(error.column == 9)
    }
}
