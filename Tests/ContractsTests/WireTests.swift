import Contracts
import Foundation
import Testing

@Suite struct WireTests {
    struct Everything: Codable, Equatable {
        struct Inner: Codable, Equatable {
            var name: String
            var flags: [Bool]
        }

        enum Kind: String, Codable, CaseIterable { case first, secondOne = "second_one" }

        var bool = true
        var int = -7
        var small: UInt8 = 255
        var huge = Int64.max
        var unsigned: UInt32 = 9
        var double = 0.1
        var float: Float = 0.1
        var text = "ä \"quoted\" \u{1}"
        var id = UUID(uuidString: "019B7D1C-6E00-7000-8000-00000000ABCD")!
        var instant = Timestamp(milliseconds: 1_767_323_045_678)
        var day = CalendarDate(text: "2026-01-02")!
        var amount: Amount = "129.90"
        var kind = Kind.secondOne
        var inner = Inner(name: "x", flags: [true, false])
        var list = [Inner(name: "a", flags: []), Inner(name: "b", flags: [true])]
        var nested = [[1], [], [2, 3]]
        var dictionary = ["e": 5, "b": 2, "d": 4, "a": 1, "c": 3]
        var ids = ["k": [UUID(uuidString: "019B7D1C-6E00-7000-8000-00000000ABCD")!]]
        var json: JSON = ["free": [1, 2.5, .null]]
        var object: JSONObject = ["z": 1, "a": 2]
        var present: String? = "here"
        var absent: String?
        var absentInner: Inner?
        var optionals: [Int?] = [1, nil]
    }

    @Test func writesEveryKindOfValue() throws {
        let text = String(decoding: try Wire.encode(Everything()), as: UTF8.self)
        #expect(
            text
                == #"{"bool":true,"int":-7,"small":255,"huge":9223372036854775807,"unsigned":9,"double":0.1,"float":0.1,"#
                + #""text":"ä \"quoted\" \u0001","id":"019b7d1c-6e00-7000-8000-00000000abcd","#
                + #""instant":"2026-01-02T03:04:05.678Z","day":"2026-01-02","amount":"129.90","kind":"second_one","#
                + #""inner":{"name":"x","flags":[true,false]},"#
                + #""list":[{"name":"a","flags":[]},{"name":"b","flags":[true]}],"nested":[[1],[],[2,3]],"#
                + #""dictionary":{"a":1,"b":2,"c":3,"d":4,"e":5},"ids":{"k":["019b7d1c-6e00-7000-8000-00000000abcd"]},"#
                + #""json":{"free":[1,2.5,null]},"object":{"z":1,"a":2},"present":"here","optionals":[1,null]}"#)
    }

    @Test func readsWhatItWrote() throws {
        #expect(try Wire.decode(Everything.self, from: Wire.encode(Everything())) == Everything())
        #expect(try Wire.decode(Everything.self, from: Wire.json(Everything())) == Everything())
    }

    @Test func agreesWithFoundation() throws {
        let wire = try Wire.encode(Everything())
        #expect(try JSONDecoder().decode(Everything.self, from: Data(wire)) == Everything())
        let foundation = try JSONEncoder().encode(Everything())
        #expect(try Wire.decode(Everything.self, from: Array(foundation)) == Everything())
    }

    @Test func nullAndAbsentAreTheSameForAnOptional() throws {
        struct Note: Codable, Equatable { var text: String?, count: Int?, id: UUID? }
        #expect(try Wire.decode(Note.self, from: ["text": .null, "id": .null]) == Note())
        #expect(try Wire.encode(Note()) == Array("{}".utf8))
    }

    @Test func unknownKeysAreIgnored() throws {
        struct Note: Codable, Equatable { var text: String }
        #expect(try Wire.decode(Note.self, from: ["text": "a", "new": [1]]) == Note(text: "a"))
    }

    @Test func topLevelValuesNeedNoObject() throws {
        #expect(try Wire.encode("a") == Array(#""a""#.utf8))
        #expect(try Wire.encode([1, 2]) == Array("[1,2]".utf8))
        #expect(try Wire.encode([String]()) == Array("[]".utf8))
        #expect(try Wire.encode(Int?.none) == Array("null".utf8))
        #expect(try Wire.decode([Int].self, from: [1, 2]) == [1, 2])
        #expect(try Wire.decode(Int?.self, from: .null) == nil)
    }

    @Test func anEmptyStructIsAnEmptyObject() throws {
        struct Empty: Codable, Equatable {}
        struct Holder: Codable, Equatable { var empty = Empty(), after = 1 }
        #expect(try Wire.encode(Empty()) == Array("{}".utf8))
        #expect(try Wire.encode(Holder()) == Array(#"{"empty":{},"after":1}"#.utf8))
        #expect(try Wire.decode(Holder.self, from: ["empty": [:], "after": 1]) == Holder())
    }

    @Test func handWrittenConformancesMayNestAndShareContainers() throws {
        struct Hand: Encodable {
            enum Keys: String, CodingKey { case a, b, c, d }
            func encode(to encoder: any Encoder) throws {
                var object = encoder.container(keyedBy: Keys.self)
                var inner = object.nestedContainer(keyedBy: Keys.self, forKey: .a)
                try inner.encode(1, forKey: .b)
                var list = inner.nestedUnkeyedContainer(forKey: .c)
                try list.encode("x")
                try list.encodeNil()
                var deep = list.nestedContainer(keyedBy: Keys.self)
                try deep.encode(true, forKey: .d)
                try object.encodeNil(forKey: .b)
                var again = encoder.container(keyedBy: Keys.self)
                try again.encode([1: 2][1], forKey: .c)
            }
        }
        #expect(
            String(decoding: try Wire.encode(Hand()), as: UTF8.self)
                == #"{"a":{"b":1,"c":["x",null,{"d":true}]},"b":null,"c":2}"#)
    }

    // MARK: Errors

    struct Order: Codable, Equatable {
        struct Line: Codable, Equatable {
            enum Unit: String, Codable { case piece, hour }
            var count: UInt8
            var unit: Unit
            var item: UUID?
        }
        var lines: [Line]
        var at: Timestamp
        var done: Bool
    }

    static let faults: [(JSON, WireError.Code, String)] = [
        ([], .wrongType, ""),
        ([:], .required, "/lines"),
        (["lines": .null], .wrongType, "/lines"),
        (["lines": [], "at": 5], .wrongType, "/at"),
        (["lines": [], "at": "soon"], .invalid, "/at"),
        (["lines": [], "at": "2026-01-02T03:04:05Z", "done": "yes"], .wrongType, "/done"),
        (["lines": [1]], .wrongType, "/lines/0"),
        (["lines": [["count": 1, "unit": "hour"], ["unit": "hour"]]], .required, "/lines/1/count"),
        (["lines": [["count": 256, "unit": "hour"]]], .invalid, "/lines/0/count"),
        (["lines": [["count": 1.5, "unit": "hour"]]], .wrongType, "/lines/0/count"),
        (["lines": [["count": 1, "unit": "day"]]], .invalid, "/lines/0/unit"),
        (["lines": [["count": 1, "unit": "hour", "item": "x"]]], .invalid, "/lines/0/item"),
    ]

    @Test(arguments: faults)
    func saysWhatIsWrongAndWhere(json: JSON, code: WireError.Code, pointer: String) {
        let error = #expect(throws: WireError.self) { try Wire.decode(Order.self, from: json) }
        #expect(error?.code == code)
        #expect(error?.pointer == pointer)
    }

    @Test func textThatIsNotJSONIsMalformed() {
        let error = #expect(throws: WireError.self) { try Wire.decode(Order.self, from: Array("{".utf8)) }
        #expect(error?.code == .malformed)
    }

    @Test func aWholeNumberMayBeWrittenWithAFraction() throws {
        #expect(try Wire.decode([Int].self, from: Array("[1.0,2e3]".utf8)) == [1, 2000])
        #expect(try Wire.decode([Double].self, from: Array("[1]".utf8)) == [1])
    }
}

@Suite struct AmountTests {
    @Test(arguments: ["0", "129.90", "-0.5", "00012", "99999999999999999999.99"])
    func keepsItsDigits(text: String) throws {
        let amount = try #require(Amount(text))
        #expect(amount.text == text)
        #expect(try Wire.decode(Amount.self, from: Wire.json(amount)) == amount)
    }

    @Test(arguments: ["", "-", ".5", "5.", "1,5", "1e5", "+1", "1.2.3", " 1", "٣", String(repeating: "1", count: 41)])
    func refuses(text: String) {
        #expect(Amount(text) == nil)
        #expect(throws: WireError.self) { try Wire.decode(Amount.self, from: .string(text)) }
    }
}
