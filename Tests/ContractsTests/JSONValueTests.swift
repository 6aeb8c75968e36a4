import Contracts
import Foundation
import Testing

@Suite struct JSONValueTests {
    let ticket: JSON = [
        "subject": "VPN", "tags": ["a", "b"], "requester": ["name": "Ada", "a/b": ["~": 1]], "count": 2, "none": .null,
    ]

    @Test func readsMembersAndElements() {
        #expect(ticket["subject"] == "VPN")
        #expect(ticket["tags"]?[1] == "b")
        #expect(ticket["tags"]?[2] == nil)
        #expect(ticket["none"] == JSON.null)
        #expect(ticket["missing"] == nil)
        #expect(ticket["subject"]?["x"] == nil)
        #expect(ticket["count"]?.doubleValue == 2)
        #expect(JSON.double(2).intValue == 2)
        #expect(JSON.double(2.5).intValue == nil)
    }

    @Test func writesMembers() {
        var copy = ticket
        copy["subject"] = "DNS"
        copy["tags"] = nil
        copy["new"] = [1]
        #expect(copy.objectValue?.keys == ["subject", "requester", "count", "none", "new"])
        // `nil` in a conditional is "absent" too, never null.
        copy["new"] = copy["subject"] == "DNS" ? nil : 2
        #expect(copy["new"] == nil)
        var fromNothing = JSON.null
        fromNothing["a"] = true
        #expect(fromNothing == ["a": true])
    }

    @Test(
        arguments: [
            ("", nil), ("/subject", "VPN"), ("/tags/0", "a"), ("/requester/a~1b/~0", 1), ("/none", JSON.null),
        ] as [(String, JSON?)])
    func followsPointers(pointer: String, expected: JSON?) {
        #expect(ticket.value(at: pointer) == (expected ?? ticket))
    }

    @Test(arguments: ["/x", "/tags/2", "/tags/-", "subject", "/subject/x", "/requester/"])
    func pointersThatLeadNowhereGiveNil(pointer: String) {
        #expect(ticket.value(at: pointer) == nil)
    }

    /// The examples of RFC 7396, appendix A.
    @Test(arguments: [
        (#"{"a":"b"}"#, #"{"a":"c"}"#, #"{"a":"c"}"#),
        (#"{"a":"b"}"#, #"{"b":"c"}"#, #"{"a":"b","b":"c"}"#),
        (#"{"a":"b"}"#, #"{"a":null}"#, "{}"),
        (#"{"a":"b","b":"c"}"#, #"{"a":null}"#, #"{"b":"c"}"#),
        (#"{"a":["b"]}"#, #"{"a":"c"}"#, #"{"a":"c"}"#),
        (#"{"a":"c"}"#, #"{"a":["b"]}"#, #"{"a":["b"]}"#),
        (#"{"a":{"b":"c"}}"#, #"{"a":{"b":"d","c":null}}"#, #"{"a":{"b":"d"}}"#),
        (#"{"a":[{"b":"c"}]}"#, #"{"a":[1]}"#, #"{"a":[1]}"#),
        (#"["a","b"]"#, #"["c","d"]"#, #"["c","d"]"#),
        (#"{"a":"b"}"#, #"["c"]"#, #"["c"]"#),
        (#"{"a":"foo"}"#, "null", "null"),
        (#"{"a":"foo"}"#, #""bar""#, #""bar""#),
        (#"{"e":null}"#, #"{"a":1}"#, #"{"e":null,"a":1}"#),
        ("[1,2]", #"{"a":"b","c":null}"#, #"{"a":"b"}"#),
        ("{}", #"{"a":{"bb":{"ccc":null}}}"#, #"{"a":{"bb":{}}}"#),
    ])
    func mergesPatches(target: String, patch: String, result: String) throws {
        #expect(try JSON.parse(target).merged(with: JSON.parse(patch)) == JSON.parse(result))
    }

    @Test func objectsAreEqualInAnyOrder() {
        let left: JSON = ["a": 1, "b": [2, 3]]
        let right: JSON = ["b": [2, 3], "a": 1]
        #expect(left == right)
        #expect(left.hashValue == right.hashValue)
        #expect(left != ["a": 1, "b": [3, 2]])
        #expect(left != ["a": 1])
        #expect(left.text == #"{"a":1,"b":[2,3]}"#)
        #expect(right.text == #"{"b":[2,3],"a":1}"#)
    }

    @Test(arguments: 1...6 as ClosedRange<UInt64>)
    func anObjectBehavesLikeADictionaryWithOrder(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var object = JSONObject()
        var model: [(key: String, value: JSON)] = []
        for step in 0..<600 {
            // Two of three are there at a time: more than are looked through one by one, and, at first, fewer.
            let key = "k\(Int.random(in: 0..<120, using: &generator))"
            let position = model.firstIndex { $0.key == key }
            if Int.random(in: 0..<3, using: &generator) == 0 {
                object[key] = nil
                if let position { model.remove(at: position) }
            } else {
                object[key] = .int(Int64(step))
                if let position {
                    model[position].value = .int(Int64(step))
                } else {
                    model.append((key, .int(Int64(step))))
                }
            }
            #expect(object.keys == model.map(\.key))
            #expect(object.values == model.map(\.value))
            #expect(object[key] == model.first { $0.key == key }?.value)
        }
    }

    @Test(arguments: [("K", "\u{212A}"), ("\u{E9}", "e\u{301}"), (";", "\u{37E}")])
    func keysThatAreEqualStringsAreOne(first: String, second: String) {
        var object: JSONObject = [first: 1, "other": 2]
        #expect(object[second] == 1)
        object[second] = 3
        #expect(object.count == 2)
        #expect(object[first] == 3)
    }

    @Test func writesReadableText() {
        let value: JSON = ["a": [], "b": [1, ["c": "x\n"]], "d": [:]]
        #expect(
            value.prettyText == """
                {
                  "a": [],
                  "b": [
                    1,
                    {
                      "c": "x\\n"
                    }
                  ],
                  "d": {}
                }
                """)
    }

    @Test func passesThroughFoundationCoders() throws {
        var generator = SeededGenerator(seed: 1)
        for _ in 0..<50 {
            let value: JSON = ["value": .random(using: &generator)]
            let there = try JSONEncoder().encode(value)
            #expect(try JSON.parse(there)["value"]?.typeName != nil)
            let back = try JSONDecoder().decode(JSON.self, from: value.serialized().withUnsafeBytes { Data($0) })
            #expect(back.objectValue?.count == 1)
        }
        let plain: JSON = ["text": "ä", "yes": true, "list": [1, .null, 2.5], "object": ["a": [:]]]
        #expect(try JSONDecoder().decode(JSON.self, from: JSONEncoder().encode(plain)) == plain)
    }
}

@Suite struct JSONWriterTests {
    @Test func putsCommasWhereTheyBelong() {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("a")
        writer.beginArray()
        writer.int(1)
        writer.beginObject()
        writer.endObject()
        writer.null()
        writer.endArray()
        writer.key("b")
        writer.raw(Array(#"{"x":1}"#.utf8))
        writer.key("c")
        writer.bool(false)
        writer.key("d")
        writer.value([1.5, "x"])
        writer.endObject()
        #expect(
            String(decoding: writer.bytes, as: UTF8.self) == #"{"a":[1,{},null],"b":{"x":1},"c":false,"d":[1.5,"x"]}"#)
    }

    @Test(arguments: [Int64.min, -10, -1, 0, 9, 10, 99, 100, 1_234_567_890_123, Int64.max])
    func writesIntegers(value: Int64) {
        var writer = JSONWriter()
        writer.int(value)
        writer.int(UInt64.max)
        #expect(String(decoding: writer.bytes, as: UTF8.self) == "\(value),18446744073709551615")
    }

    @Test(
        arguments: [
            (0.0, "0.0"), (-0.0, "-0.0"), (1e100, "1e+100"), (0.1, "0.1"), (.infinity, "null"), (-.infinity, "null"),
            (.nan, "null"),
        ] as [(Double, String)])
    func writesDoubles(value: Double, text: String) {
        var writer = JSONWriter()
        writer.double(value)
        #expect(String(decoding: writer.bytes, as: UTF8.self) == text)
    }

    @Test func escapesWhatMustBeEscapedAndNothingElse() {
        var writer = JSONWriter()
        writer.string("\u{0}\u{8}\u{9}\u{a}\u{c}\u{d}\u{1f} \"\\/<>&\u{7f}é\u{2028}😀")
        #expect(
            String(decoding: writer.bytes, as: UTF8.self)
                == #""\u0000\b\t\n\f\r\u001f \"\\/<>&"# + "\u{7f}é\u{2028}😀\"")
    }

    @Test func writesIdsAndInstants() throws {
        var writer = JSONWriter()
        writer.beginArray()
        writer.uuid(try #require(UUID(text: "019B7D1C-6E00-7000-8000-00000000ABCD")))
        writer.timestamp(try #require(Timestamp(rfc3339: "2026-01-02T03:04:05.678Z")))
        writer.endArray()
        #expect(
            String(decoding: writer.bytes, as: UTF8.self)
                == #"["019b7d1c-6e00-7000-8000-00000000abcd","2026-01-02T03:04:05.678Z"]"#)
    }
}
