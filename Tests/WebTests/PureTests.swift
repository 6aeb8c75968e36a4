import Contracts
import Database
import Foundation
import HTTPTypes
import TestKit
import Testing

@testable import Web

@Suite("Base64 for URLs")
struct Base64URLTests {
    @Test("gives back what went in", arguments: 0..<UInt64(3))
    func roundTrip(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<200 {
            let bytes = random.bytes(maxLength: 50)
            let text = Base64URL.encode(bytes)
            #expect(Base64URL.decode(text) == bytes)
            #expect(
                text
                    == Data(bytes).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_")
                    .replacing("=", with: ""))
        }
    }

    @Test("each value has one spelling", arguments: ["A", "AB", "====", "A+", "AAAAA", "AAB"])
    func strict(text: String) { #expect(Base64URL.decode(text) == nil) }
}

@Suite("Queries")
struct QueryTests {
    @Test("names, operators and values are decoded")
    func decoding() throws {
        let query = try Query.parse("a=1&b%5Bgte%5D=x+y%2B&c[lt]=%C3%A9&d&e=")
        #expect(
            query.items == [
                .init(name: "a", modifier: nil, value: "1"), .init(name: "b", modifier: "gte", value: "x y+"),
                .init(name: "c", modifier: "lt", value: "é"), .init(name: "d", modifier: nil, value: ""),
                .init(name: "e", modifier: nil, value: ""),
            ])
    }

    @Test(
        "what can't be decoded is named",
        arguments: ["a=%", "a=%zz", "a=%00", "a=%ff", "a=%c3%28", "%00=1", "a=\u{e9}"])
    func undecodable(text: String) {
        let problem = #expect(throws: Problem.self) { try Query.parse(Substring(text)) }
        #expect(problem?.status == .badRequest)
        #expect(problem?.errors.first?.code == "bad_encoding")
    }

    @Test("a repeated parameter is a fault, two bounds are not")
    func repeated() throws {
        #expect(throws: Problem.self) { try Query.parse("a=1&a=2") }
        #expect(try Query.parse("a[gte]=1&a[lt]=2").items.count == 2)
    }

    @Test("every fault is reported, with what would be accepted")
    func faults() throws {
        let accepted = [
            Parameter("limit", .integer(1...200)), Parameter("status", .choice(["open", "closed"])).list.nullable,
            Parameter("at", .timestamp).rangeOnly, Parameter("x.", .text(length: 0...5, format: nil)),
        ]
        let query = try Query.parse("limit=0&status=open,shut&at=2026-01-01T00:00:00Z&at[near]=1&nope=1")
        let problem = #expect(throws: Problem.self) { try Arguments(query, accepting: accepted) }
        #expect(
            problem?.errors.map { "\($0.place) \($0.code)" } == [
                "parameter(\"limit\") out_of_range", "parameter(\"status\") unknown_value",
                "parameter(\"at\") unknown_operator", "parameter(\"at[near]\") unknown_operator",
                "parameter(\"nope\") unknown_parameter",
            ])
        #expect(problem?.errors[1].allowed == ["open", "closed"])
    }

    @Test("values are typed, null among them where it can be")
    func values() throws {
        let arguments = try Arguments(
            try Query.parse("status=open,null&at[gte]=2026-01-01T01:00:00%2B01:00&flag=true"),
            accepting: [
                Parameter("status", .choice(["open"])).list.nullable, Parameter("at", .timestamp).rangeOnly,
                Parameter("flag", .boolean),
            ])
        #expect(arguments.strings("status") == ["open"])
        #expect(arguments["status"]?.includesNull == true)
        #expect(arguments.bool("flag") == true)
        guard case .timestamp(let at)? = arguments.all[1].values.first else {
            Issue.record("no time")
            return
        }
        #expect(at.rfc3339 == "2026-01-01T00:00:00.000Z")
    }
}

@Suite("Cursors")
struct CursorTests {
    static let id = UUID.v7()
    static let binding = Cursor.binding("list")

    @Test(
        "give back what went in",
        arguments: [
            [], [Cursor.Key.null], [.int(.min), .int(.max)], [.text("é'\u{1}\u{10ffff}"), .bool(true), .bool(false)],
            [.double(-0.5)], [.uuid(id), .timestamp(.now)],
        ])
    func roundTrip(keys: [Cursor.Key]) throws {
        let cursor = Cursor(keys: keys, id: Self.id)
        #expect(try Cursor(cursor.text(boundTo: Self.binding), boundTo: Self.binding) == cursor)
    }

    @Test("are for one list only")
    func binding() {
        let text = Cursor(keys: [.int(1)], id: Self.id).text(boundTo: Self.binding)
        #expect(throws: Cursor.Refusal.foreign) { try Cursor(text, boundTo: Cursor.binding("another")) }
    }

    @Test("damaged ones are refused or read, and never crash", arguments: 0..<UInt64(8))
    func damage(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let whole = Array(Cursor(keys: [.text("abc"), .int(7), .null], id: Self.id).text(boundTo: Self.binding).utf8)
        for _ in 0..<2_000 {
            var bytes = whole
            switch Int.random(in: 0..<3, using: &random) {
            case 0: bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 33...126, using: &random)
            case 1: bytes.removeLast(Int.random(in: 1...bytes.count, using: &random))
            default: bytes = random.bytes(maxLength: 80)
            }
            _ = try? Cursor(String(decoding: bytes, as: UTF8.self), boundTo: Self.binding)
        }
    }
}

@Suite("Fields")
struct FieldTests {
    func refusal(_ kind: Field.Kind, _ json: JSON) -> String? {
        if case .failure(let refused) = kind.read(json) { refused.all.map(\.code).joined(separator: " ") } else { nil }
    }

    @Test("limits are counted in characters as PostgreSQL counts them")
    func lengths() {
        let text = Field.Kind.text(length: 1...3, format: nil)
        #expect(refusal(text, "👩‍👩‍👦") == "too_long")
        #expect(refusal(text, "é漢👩") == nil)
        #expect(refusal(text, "") == "too_short")
        #expect(refusal(text, " \u{2003}") == "blank")
        #expect(refusal(text, .string("a\u{0}")) == "bad_format")
        #expect(refusal(text, 1) == "wrong_type")
    }

    @Test("numbers, also whole ones written with a fraction")
    func numbers() {
        #expect(refusal(.integer(0...10), .double(3.0)) == nil)
        #expect(refusal(.integer(0...10), .double(3.5)) == "wrong_type")
        #expect(refusal(.integer(0...10), 11) == "out_of_range")
        #expect(refusal(.number(0...1), 1) == nil)
        #expect(refusal(.number(0...1), 1.5) == "out_of_range")
    }

    @Test("a JSON value is told everything that its schema has against it")
    func schemas() {
        let schema: JSON = [
            "type": "object", "properties": ["a": ["type": "integer"], "b": ["type": "string"]], "required": ["c"],
        ]
        #expect(refusal(.json(schema: schema), ["a": "x", "b": 1])?.split(separator: " ").count == 3)
    }

    @Test(
        "numbers in a JSON value are such as jsonb gives back",
        arguments: [1e18, 1e19, -1e308, 1e-90, Double.leastNonzeroMagnitude, 0, 0.1])
    func storableNumbers(number: Double) async throws {
        let isKept = number == 0 || (1e-100...9e18).contains(number.magnitude)
        #expect(refusal(.json(schema: [:]), ["a": [.double(number)]]) == (isKept ? nil : "out_of_range"))
        guard isKept else { return }
        try await TestDatabase.with { test in
            let stored = try await test.database.transaction(as: .none) { tx in
                try await tx.first("SELECT \(JSON.double(number))")?.get(0, as: JSON.self)
            }
            #expect(stored?.doubleValue == number)
        }
    }

    @Test("a list names its faulty elements")
    func lists() {
        guard case .failure(let refused) = Field.Kind.strings(each: 1...2, count: 0...3).read(["", "a", "abc"]) else {
            Issue.record("accepted")
            return
        }
        #expect(refused.all.map { "\($0.pointer) \($0.code)" } == ["/0 too_short", "/2 too_long"])
        #expect(self.refusal(.uuids(count: 0...1), ["x"]) == "bad_format")
        #expect(self.refusal(.strings(each: 1...2, count: 0...1), ["a", "b"]) == "too_many")
    }

    @Test(
        "email addresses",
        arguments: [
            ("ada@example.com", true), ("a.b+c@sub.example.co", true), ("ü@exämple.de", true), ("ada", false),
            ("a@", false),
            ("@b", false), ("a b@c.d", false), ("a@b@c", false), ("a@.b", false), ("a\n@b.c", false),
        ])
    func emails(text: String, isAccepted: Bool) { #expect(Field.TextFormat.email.isMet(text) == isAccepted) }

    @Test("times lose what is finer than a millisecond, as columns do")
    func times() {
        guard case .success(.timestamp(let time)) = Field.Kind.timestamp.read("2026-01-01T00:00:00.123999+00:00") else {
            Issue.record("refused")
            return
        }
        #expect(time.rfc3339 == "2026-01-01T00:00:00.123Z")
        #expect(refusal(.timestamp, "2026-02-30T00:00:00Z") == "bad_format")
        #expect(refusal(.date, "2026-02-30") == "bad_format")
    }

    @Test("a body's faults are all reported, creation and patch differ")
    func validation() {
        let validator = FieldValidator([
            .text("name", 1...5).required, .integer("n", 0...9), .text("code").immutable, .text("kept").readOnly,
            .choice("status", ["a", "b"]).defaults(to: "a"), .text("secret").hidden,
        ])
        func faults(_ body: JSON, _ purpose: FieldValidator.Purpose) -> [String] {
            do {
                _ = try validator.validate(body, for: purpose)
                return []
            } catch let problem as Problem {
                return problem.errors.map { "\($0.place) \($0.code)" }.sorted()
            } catch {
                return ["\(error)"]
            }
        }
        let body: JSON = ["n": 10, "kept": "x", "status": "c", "what/ever": 1, "secret": "s"]
        #expect(
            faults(body, .creation) == [
                "pointer(\"/kept\") read_only", "pointer(\"/n\") out_of_range", "pointer(\"/name\") required",
                "pointer(\"/secret\") unknown_field", "pointer(\"/status\") unknown_value",
                "pointer(\"/what~1ever\") unknown_field",
            ])
        #expect(faults(["code": "x"], .patch) == ["pointer(\"/code\") immutable"])
        #expect(faults(["name": .null], .patch) == ["pointer(\"/name\") required"])
        #expect(faults(["n": .null, "status": "b"], .patch).isEmpty)
        #expect(faults([1], .patch) == ["pointer(\"\") wrong_type"])
    }
}

@Suite("Routing")
struct RouterTests {
    func router(_ specs: [(HTTPRequest.Method, String)], reserved: [String] = []) -> Router {
        Router(
            specs.map { method, path in
                MountedRoute(Route(method, path, access: .open, summary: "") { _ in .noContent }, on: .root)
            }, reserved: reserved)
    }

    func outcome(_ router: Router, _ method: HTTPRequest.Method, _ path: String) -> String {
        switch router.match(method, path.split(separator: "/").map(String.init)) {
        case .route(let route, let values): "\(route.route.path) \(values)"
        case .otherMethods(let methods): methods.joined(separator: ",")
        case .none: "none"
        }
    }

    @Test("literals go before parameters, and a dead end is walked back")
    func precedence() {
        let id = UUID.v7().text
        let router = router([
            (.get, "t/search"), (.get, "t/{tId}"), (.patch, "t/{tId}"), (.get, "t/{tId}/m"), (.get, "t/search/x"),
            (.get, "e/{name}"),
        ])
        #expect(outcome(router, .get, "t/search") == "t/search []")
        #expect(outcome(router, .get, "t/\(id)") == "t/{tId} [\"\(id)\"]")
        #expect(outcome(router, .get, "t/\(id)/m") == "t/{tId}/m [\"\(id)\"]")
        #expect(outcome(router, .get, "t/nope") == "none")
        #expect(outcome(router, .get, "t/search/m") == "none")
        #expect(outcome(router, .patch, "t/search") == "GET,HEAD,OPTIONS")
        #expect(outcome(router, .delete, "t/\(id)") == "GET,HEAD,OPTIONS,PATCH")
        #expect(outcome(router, .head, "t/\(id)") == "t/{tId} [\"\(id)\"]")
        #expect(outcome(router, .get, "e/a.b") == "e/{name} [\"a.b\"]")
        #expect(outcome(router, .get, "t") == "none")
    }

    @Test("a reserved path exists without methods")
    func reserved() {
        #expect(outcome(router([(.get, "a")], reserved: ["a/{aId}"]), .get, "a/\(UUID.v7().text)") == "OPTIONS")
    }
}

@Suite("Preconditions")
struct PreconditionTests {
    @Test(
        "If-Match",
        arguments: [
            (nil, true), ("*", true), ("\"3\"", true), ("\"2\", \"3\"", true), ("\"3-abc\"", true), ("\"2\"", false),
            ("W/\"3\"", false), ("3", false), ("\"\"", false), ("", false),
        ])
    func ifMatch(header: String?, isMet: Bool) {
        let check = Result { () throws(Problem) in try Precondition(ifMatch: header).check(3) }
        let passes = if case .success = check { true } else { false }
        #expect(passes == isMet)
    }

    @Test(
        "If-None-Match",
        arguments: [
            (nil, false), ("*", true), ("\"3\"", true), ("W/\"3\"", true), ("\"1\",  \"3\"", true), ("\"1\"", false),
        ])
    func ifNoneMatch(header: String?, matches: Bool) { #expect(EntityTag.matches(header, tag: "\"3\"") == matches) }
}
