import Contracts
import Foundation
import TestKit
import Testing

@testable import Database

@Suite("SQL is a value")
struct SQLTests {
    @Test("Values become numbered binds, fragments are spliced in and numbered anew")
    func nesting() {
        let filter: SQL = "status = \("open") AND n > \(3)"
        let sql: SQL = "SELECT \(1) WHERE \(filter) AND NOT (\(filter)) LIMIT \(50)"
        let (text, values, types) = sql.rendered()
        #expect(text == "SELECT $1 WHERE status = $2 AND n > $3 AND NOT (status = $4 AND n > $5) LIMIT $6")
        #expect(values.count == 6)
        #expect(types == [.int8, .text, .int8, .text, .int8, .int8])
    }

    @Test("Fragments join, add up and may be empty")
    func joining() {
        let conditions: [SQL] = ["a = \(1)", "b", "c = \(true)"]
        #expect(SQL.joined(conditions, separator: " AND ").rendered().text == "a = $1 AND b AND c = $2")
        #expect(SQL.joined([]).isEmpty)
        var sql: SQL = "SELECT 1"
        sql += .empty
        sql += " WHERE \(2)" + " = 2"
        #expect(sql.rendered().text == "SELECT 1 WHERE $1 = 2")
    }

    @Test("An identifier is quoted, whatever it contains")
    func identifiers() {
        let sql: SQL = "SELECT \(identifier: "a\"; DROP TABLE x --") FROM \(raw: "t")"
        #expect(sql.rendered().text == "SELECT \"a\"\"; DROP TABLE x --\" FROM t")
    }

    @Test("No value shows when SQL is printed")
    func hidden() {
        let sql: SQL = "SELECT \("secret"), \(identifier: "column")"
        #expect(sql.debugDescription == "SELECT ****, \"column\"")
    }

    @Test("A NULL keeps the type of what it stands for")
    func nullTypes() {
        let sql: SQL = "\(Int?.none) \(UUID?.none) \([String]?.none) \(SQLValue.null)"
        #expect(sql.rendered().types.map(\.oid) == [20, 2950, 1009, 0])
    }
}

@Suite("Prepared statements are kept within bounds")
struct StatementCacheTests {
    @Test("The least recently used make room, and types tell statements apart")
    func eviction() {
        var cache = StatementCache(limit: 4)
        func use(_ text: String, _ types: [SQLType] = []) -> Bool {
            cache.statement(.init(text: text, types: types)).isNew
        }
        for text in ["a", "b", "c", "d"] { #expect(use(text)) }
        #expect(!use("a"))
        #expect(cache.trim().isEmpty)
        #expect(use("a", [.int8]))
        #expect(Set(cache.trim()) == ["s2", "s3"])
        #expect(cache.count == 3)
        #expect(!use("a") && !use("d") && use("b"))
    }
}

@Suite("Constraints name the JSON field")
struct FieldTests {
    @Test(
        "By convention",
        arguments: [
            ("tickets_external_id_key", "tickets", "externalId"), ("tickets_status_check", "tickets", "status"),
            ("ticket_messages_ticket_id_fkey", "ticket_messages", "ticketId"), ("tickets_pkey", "tickets", nil),
            ("other_status_check", "tickets", nil), ("tickets_subject", "tickets", nil), (nil, "tickets", nil),
        ] as [(String?, String, String?)])
    func convention(constraint: String?, table: String, field: String?) {
        #expect(DatabaseError.field(constraint: constraint, table: table, column: nil) == field)
    }
}
