import Contracts
import Database
import Foundation
import TestKit
import Testing

@Suite("Values keep their worth on the way to PostgreSQL and back")
struct ValueTests {
    private enum Color: String, SQLBindable, SQLDecodable { case red, darkGreen = "dark_green" }

    private func roundTrip<Value: SQLBindable & SQLDecodable & Equatable>(
        _ values: [Value], in tx: Transaction, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        for value in values {
            let row = try #require(try await tx.first("SELECT \(value)"), sourceLocation: sourceLocation)
            #expect(try row.get(0, as: Value.self) == value, sourceLocation: sourceLocation)
        }
        let row = try #require(try await tx.first("SELECT \(values), \([Value?](values) + [nil])"))
        #expect(try row.get(0, as: [Value].self) == values, sourceLocation: sourceLocation)
        #expect(try row.get(1, as: [Value?].self) == values + [nil], sourceLocation: sourceLocation)
    }

    @Test("Edges of every type, alone and in arrays")
    func edges() async throws {
        try await Tickets.with { test async throws in
            try await test.database.transaction(as: .none, readOnly: true) { tx async throws in
                try await roundTrip([true, false], in: tx)
                try await roundTrip([0, 1, -1, .max, .min] as [Int64], in: tx)
                try await roundTrip([0, 7, -7, .max, .min] as [Int], in: tx)
                try await roundTrip([0, -0.0, 1.5, .pi, .infinity, .leastNonzeroMagnitude, 1e308] as [Double], in: tx)
                try await roundTrip(["", "a", "é👩‍👩‍👧", "{\"a\"}"], in: tx)
                try await roundTrip([String(repeating: "x", count: 1 << 20)], in: tx)
                try await roundTrip(
                    [UUID.v7(), UUID(), try #require(UUID(text: "00000000-0000-0000-0000-000000000000"))], in: tx)
                try await roundTrip(
                    [.now, Timestamp(microseconds: 0), Timestamp(microseconds: -1), .min, .max], in: tx)
                try await roundTrip(
                    ["0001-01-01", "1969-12-31", "2000-02-29", "9999-12-31"].compactMap(CalendarDate.init), in: tx)
                try await roundTrip(
                    [.null, .bool(true), .string("\"\\\u{1}"), .array([]), ["a": ["b": [1, 2.5, .null]]]] as [JSON],
                    in: tx)
                try await roundTrip([Color.red, .darkGreen], in: tx)
                let none = try #require(
                    try await tx.first("SELECT \(String?.none), \([Int64]()), \(SQLValue.null)::text"))
                #expect(try none.get(0, as: String?.self) == nil)
                #expect(try none.get(1, as: [Int64].self) == [])
                #expect(none.isNull(2))
            }
        }
    }

    @Test("Random text, bytes and JSON, as values and as the JSON of rows", arguments: [1, 2, 3] as [UInt64])
    func fuzz(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        try await Tickets.with { test async throws in
            for _ in 0..<50 {
                let texts = (0..<5).map { _ in random.text(maxLength: 60) }
                let bytes = random.bytes(maxLength: 300)
                let json = JSON.object(JSONObject(Set(texts).map { ($0, JSON.string($0)) }))
                let row = try await test.database.transaction(as: .none) { tx async throws in
                    try #require(
                        try await tx.first(
                            "SELECT \(texts) AS texts, \(texts[0]) AS text, \(bytes) AS bytes, \(json) AS json"))
                }
                let (a, b, c, d) = try row.decode(([String], String, [UInt8], JSON).self)
                #expect(a == texts && b == texts[0] && c == bytes && d == json, "seed \(seed)")
                #expect(try row.json("texts") == .array(texts.map(JSON.string)))
                #expect(try row.json("text") == .string(texts[0]))
                #expect(try row.json("bytes") == .string(Data(bytes).base64EncodedString()))
                #expect(try row.json("json") == json)
            }
        }
    }

    @Test("Every supported column type is written as JSON straight from its bytes")
    func rowJSON() async throws {
        let sql: SQL = """
            SELECT 1::smallint AS a, -2::integer AS b, 3::bigint AS c, true AS d, 1.25::real AS e, 0.1::float8 AS f,
                '-12345678901234567890.0001230'::numeric AS g, '2024-02-29'::date AS h, '{"k": [1, "x"]}'::jsonb AS i,
                '{"raw":1}'::json AS j, '2026-01-02 03:04:05.678+00'::timestamptz AS k, 'tickets'::name AS l,
                '01890a5d-ac96-774b-bcce-b302099a8057'::uuid AS m, NULL::text AS n, ARRAY[1, NULL]::integer[] AS o,
                ARRAY['a"b']::text[] AS p, '{}'::uuid[] AS q, 0::numeric AS r, 70000.5::numeric AS s, 'x'::char(3) AS t
            """
        let text = try await Tickets.with { test async throws in
            try await test.database.transaction(as: .none, readOnly: true) { tx async throws in
                let row = try #require(try await tx.first(sql))
                var writer = JSONWriter()
                writer.beginObject()
                for column in 0..<row.count {
                    writer.key(row.names[column])
                    try row.writeJSON(column: column, to: &writer)
                }
                writer.endObject()
                return String(decoding: writer.bytes, as: UTF8.self)
            }
        }
        #expect(
            text == #"""
                {"a":1,"b":-2,"c":3,"d":true,"e":1.25,"f":0.1,"g":-12345678901234567890.0001230,"h":"2024-02-29",\#
                "i":{"k": [1, "x"]},"j":{"raw":1},"k":"2026-01-02T03:04:05.678Z","l":"tickets",\#
                "m":"01890a5d-ac96-774b-bcce-b302099a8057","n":null,"o":[1,null],"p":["a\"b"],"q":[],"r":0,\#
                "s":70000.5,"t":"x  "}
                """#)
    }

    @Test("Random numerics read as the server writes them", arguments: [4, 5] as [UInt64])
    func numerics(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        let digits = (0..<200).map { _ in
            let whole = (0..<Int.random(in: 1...30, using: &random)).map { _ in
                "0123456789".randomElement(using: &random)!
            }
            let fraction = (0..<Int.random(in: 0...20, using: &random)).map { _ in "0009".randomElement(using: &random)!
            }
            return (Bool.random(using: &random) ? "-" : "") + String(whole)
                + (fraction.isEmpty ? "" : "." + String(fraction))
        }
        try await Tickets.with { test async throws in
            try await test.database.transaction(as: .none, readOnly: true) { tx async throws in
                for row in try await tx.query("SELECT n::numeric, n::numeric::text FROM unnest(\(digits)) AS n") {
                    let (read, written) = try row.decode((String, String).self)
                    #expect(read == written)
                }
            }
        }
    }

    @Test("NUL is refused with a clear error, and the transaction's savepoint survives it")
    func nul() async throws {
        try await Tickets.with { test async throws in
            try await test.database.transaction(as: .none) { tx async throws in
                let error = await #expect(throws: DatabaseError.self) {
                    try await tx.savepoint { _ = try await $0.query("SELECT \("a\u{0}b")") }
                }
                #expect(error?.kind == .invalidText)
                #expect(try await tx.first("SELECT 1")?.get(0) == 1)
            }
            for sql: SQL in [
                "SELECT \(JSON.string("a\u{0}"))", "SELECT 'nonsense'::uuid", "SELECT \("2024-13-45")::date",
            ] {
                let error = await #expect(throws: DatabaseError.self) {
                    try await test.database.select(sql)
                }
                #expect(error?.kind == .invalidText || error?.kind == .outOfRange)
            }
        }
    }

    @Test("Reading a column as what it is not says which column")
    func mismatches() async throws {
        try await Tickets.with { test async throws in
            try await test.database.transaction(as: .none, readOnly: true) { tx async throws in
                let row = try #require(
                    try await tx.first("SELECT 'x' AS word, 3000000000 AS big, NULL AS nothing, '(1,2)'::point AS p"))
                func fault(_ read: () throws -> Void) -> String? {
                    do { try read() } catch let error as DatabaseError where error.kind == .decoding {
                        return error.serverMessage
                    } catch {}
                    return nil
                }
                #expect(fault { _ = try row.get("word", as: Int.self) }?.contains("word") == true)
                #expect(fault { _ = try row.get("big", as: Int32.self) }?.contains("fit") == true)
                #expect(fault { _ = try row.get("nothing", as: String.self) }?.contains("NULL") == true)
                #expect(fault { _ = try row.get("absent", as: String.self) }?.contains("absent") == true)
                #expect(fault { _ = try row.json("p") }?.contains("p") == true)
                #expect(fault { _ = try row.get(9, as: Int.self) } != nil)
            }
        }
    }
}
