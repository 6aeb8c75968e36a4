import Contracts
import Database
import Foundation
import HTTPTypes
import TestKit
import Testing
import Web

@Suite("A list")
struct ListTests {
    @Test("pages by cursor through everything once, with Link and hasMore")
    func paging() async throws {
        try await Harness.with { api in
            var ids: [String] = []
            for _ in 0..<7 { ids.append(try await api.gadget().id) }
            var seen: [String] = []
            var path = api.url("gadgets?limit=3&status=draft")
            var pages = 0
            while true {
                let page = try await api.get(path)
                #expect(page.status == 200, "\(page.text)")
                seen += page.data.map(\.id)
                pages += 1
                #expect((page.json["page"]?["hasMore"] == true) == (page.next != nil))
                guard page.next != nil else {
                    #expect(page.headers[.link] == nil)
                    break
                }
                let link = try #require(page.headers[.link])
                #expect(link.hasSuffix(">; rel=\"next\""))
                path = String(link.dropFirst().prefix { $0 != ">" })
            }
            #expect(seen == ids.reversed())
            #expect(pages == 3)
            let skipped = try await api.get("gadgets?limit=2&offset=5&includeTotal=true&sort=number")
            #expect(skipped.data.map(\.id) == Array(ids[5...6]))
            #expect(skipped.json["page"]?["total"] == 7)
            #expect(skipped.json["page"]?["hasMore"] == false)
        }
    }

    @Test(
        "filters",
        arguments: [
            ("status=live", "b"), ("status=live,draft", "a b c"), ("size=1,null", "a c"), ("size=null", "c"),
            ("size[gte]=1&size[lt]=2", "a"), ("size[gt]=1", "b"), ("size[lte]=1", "a"), ("active=false", "c"),
            ("tags=x", "a b"), ("tags=y,z", "b c"), ("name=a", "a"), ("q=B", "b"), ("q=%25", ""), ("q=_", ""),
            ("madeOn=2026-01-01,2026-01-02", "a b"), ("madeOn[gt]=2026-01-01", "b"), ("madeOn=null", "c"),
            ("dueAt[lt]=2026-01-02T00:00:00Z", "a"), ("dueAt=null", "b c"),
            ("dueAt=2026-01-01T01:00:00%2B01:00", "a"), ("weight[gte]=1.5", "a"), ("number=2,3", "b c"),
            ("attributes.color=red", "a"), ("attributes.col'or=red", ""), ("ownerId=null&status=draft", "a c"),
            ("createdAt[lt]=2020-01-01T00:00:00Z", ""), ("id=00000000-0000-7000-8000-000000000000", ""),
        ])
    func filters(query: String, names: String) async throws {
        try await Harness.with { api in
            try await api.gadget([
                "name": "a", "size": 1, "tags": ["x"], "madeOn": "2026-01-01", "dueAt": "2026-01-01T00:00:00Z",
                "weight": 1.5, "attributes": ["color": "red"],
            ])
            let live = try await api.gadget(["name": "b", "size": 2, "tags": ["x", "y"], "madeOn": "2026-01-02"])
            try await api.send(.patch, "gadgets/\(live.id)", ["status": "live"])
            try await api.gadget(["name": "c", "active": false, "tags": ["z"]])
            let reply = try await api.get("gadgets?sort=name&includeTotal=true&\(query)")
            #expect(reply.status == 200, "\(reply.text)")
            #expect(reply.data.compactMap { $0["name"]?.stringValue }.joined(separator: " ") == names)
            #expect(reply.json["page"]?["total"]?.intValue == Int64(reply.data.count))
        }
    }

    @Test("every wrong parameter is named, none is ignored")
    func faults() async throws {
        try await Harness.with { api in
            let reply = try await api.get(
                "gadgets?colour=red&status=gone&size=many&sort=weight&limit=201&offset=-1&includeTotal=yes&active="
                    + "&dueAt[near]=x&weight=1&ownerId=7&createdAt=2026-01-01T00:00:00Z&secret=x&tenantId=\(UUID.v7().text)"
            )
            #expect(reply.status == 400)
            #expect(
                reply.faults == [
                    "active empty", "colour unknown_parameter", "createdAt unknown_operator",
                    "dueAt[near] unknown_operator",
                    "includeTotal bad_format", "limit out_of_range", "offset out_of_range", "ownerId bad_format",
                    "secret unknown_parameter", "size bad_format", "status unknown_value", "tenantId unknown_parameter",
                    "weight unknown_operator",
                ])
            let sort = try await api.get("gadgets?sort=weight")
            #expect(sort.status == 400)
            #expect(sort.faults == ["sort unknown_value"])
            #expect(try await api.get("gadgets?sort=name,-name").status == 400)
            #expect(try await api.get("gadgets/\(UUID.v7().text)?fields=x").faults == ["fields unknown_parameter"])
        }
    }

    @Test("a cursor belongs to its list")
    func foreignCursors() async throws {
        try await Harness.with { api in
            for _ in 0..<3 { try await api.gadget() }
            let cursor = try #require(try await api.get("gadgets?limit=1&sort=name&status=draft").next)
            #expect(try await api.get("gadgets?limit=2&sort=name&status=draft&cursor=\(cursor)").data.count == 2)
            for query in [
                "sort=-name&status=draft", "sort=name", "sort=name&status=live", "sort=name&status=draft&size=1",
                "sort=name&status=draft&offset=1",
            ] {
                let reply = try await api.get("gadgets?\(query)&cursor=\(cursor)")
                #expect(reply.status == 400, "\(query)")
                #expect(!reply.faults.isEmpty)
            }
            let other = api.user(tenant: .v7())
            let foreign = try await api.get(
                api.url("gadgets?limit=1&sort=name&status=draft&cursor=\(cursor)", tenant: other.tenantId), as: other)
            #expect(foreign.status == 400)
        }
    }

    @Test(
        "the order is total, with nulls last upwards and first downwards",
        arguments: [
            "size", "-size", "size,-name", "-size,name", "-dueAt,size", "madeOn", "-madeOn,-name", "rank,-size",
            "-rank",
            "name", "-createdAt", "id", "-id,name", "active",
        ])
    func orders(sort: String) async throws {
        try await Harness.with { api in
            var random = SeededGenerator(seed: 7)
            for index in 0..<23 {
                var fields: JSONObject = ["name": .string("n\(index * 7 % 23)")]
                if Bool.random(using: &random) { fields["size"] = .int(Int64.random(in: 0...3, using: &random)) }
                if Bool.random(using: &random) { fields["dueAt"] = .string("2026-01-0\(1 + index % 3)T00:00:00Z") }
                if Bool.random(using: &random) { fields["madeOn"] = .string("2026-01-0\(1 + index % 4)") }
                if index % 3 == 0 { fields["status"] = "live" }
                try await api.gadget(fields)
            }
            if sort == "active" {
                #expect(try await api.get("gadgets?sort=active").status == 400)
                return
            }
            let whole = try await api.get("gadgets?limit=200&sort=\(sort)").data.map(\.id)
            #expect(Set(whole).count == 23)
            var paged: [String] = []
            var cursor: String?
            repeat {
                let page = try await api.get("gadgets?limit=4&sort=\(sort)" + (cursor.map { "&cursor=\($0)" } ?? ""))
                #expect(page.status == 200, "\(page.text)")
                paged += page.data.map(\.id)
                cursor = page.next
            } while cursor != nil
            #expect(paged == whole)
        }
    }

    /// What was there before the first page is seen exactly once, whatever comes in between.
    @Test("paging is stable under concurrent inserts", arguments: 0..<UInt64(4))
    func concurrentInserts(seed: UInt64) async throws {
        try await Harness.with { api in
            var random = SeededGenerator(seed: seed)
            var before: Set<String> = []
            for _ in 0..<30 {
                before.insert(try await api.gadget(["size": .int(Int64.random(in: 0...5, using: &random))]).id)
            }
            let sorts = ["-id", "id", "size", "-size,name", "name", "-createdAt", "number", "rank,-size"]
            let sort = try #require(sorts.randomElement(using: &random))
            let limit = Int.random(in: 1...7, using: &random)
            let sizes = (0..<40).map { _ in Int64.random(in: 0...5, using: &random) }
            let seen = try await withThrowingTaskGroup(of: [String].self) { group in
                group.addTask {
                    for size in sizes { try await api.gadget(["size": .int(size)]) }
                    return []
                }
                group.addTask {
                    var seen: [String] = []
                    var cursor: String?
                    repeat {
                        let page = try await api.get(
                            "gadgets?limit=\(limit)&sort=\(sort)" + (cursor.map { "&cursor=\($0)" } ?? ""))
                        #expect(page.status == 200)
                        seen += page.data.map(\.id)
                        cursor = page.next
                    } while cursor != nil
                    return seen
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(Set(seen).count == seen.count, "a row was shown twice, sorted by \(sort)")
            #expect(before.subtracting(seen).isEmpty, "a row was left out, sorted by \(sort)")
        }
    }
}
