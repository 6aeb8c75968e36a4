import Contracts
import Database
import Foundation
import HTTPTypes
import TestKit
import Testing
import Web

@Suite("A resource")
struct ResourceTests {
    @Test("is created, read, changed, deleted and restored, with its versions")
    func lifecycle() async throws {
        try await Harness.with { api in
            let created = try await api.send(
                .post, "gadgets",
                [
                    "name": "Anvil", "size": 7, "weight": 1.5, "dueAt": "2026-05-01T12:00:00+02:00",
                    "madeOn": "2026-02-28", "attributes": ["color": "red", "deep": ["a": 1]], "tags": ["x", "y"],
                    "watchers": [.uuid(Harness.userId)], "email": "ada@example.com", "code": "anvil_1",
                ])
            #expect(created.status == 201)
            #expect(created.headers[.location] == api.url("gadgets/\(created.id)"))
            #expect(created.headers[.eTag] == "\"1\"")
            let shown: JSONObject = [
                "number": 1, "label": "G-1", "name": "Anvil", "code": "anvil_1", "status": "draft", "size": 7,
                "weight": 1.5, "active": true, "ownerId": .null, "categoryId": .null,
                "dueAt": "2026-05-01T10:00:00.000Z", "madeOn": "2026-02-28",
                "attributes": ["color": "red", "deep": ["a": 1]], "tags": ["x", "y"],
                "watchers": [.uuid(Harness.userId)], "email": "ada@example.com", "retiredAt": .null, "version": 1,
                "createdBy": .uuid(Harness.userId), "updatedBy": .uuid(Harness.userId), "tenantId": .uuid(api.tenant),
            ]
            for (key, value) in shown { #expect(created.json[key] == value, "\(key)") }
            #expect(created.json["secret"] == nil)
            #expect(created.json["views"] == nil)

            let path = "gadgets/\(created.id)"
            let read = try await api.get(path)
            #expect(read.status == 200)
            #expect(read.json == created.json)
            #expect(read.headers[.acceptPatch] == "application/merge-patch+json, application/json")

            let patched = try await api.send(
                .patch, path, ["size": .null, "attributes": ["color": .null, "deep": ["b": 2]], "status": "live"],
                headers: [.ifMatch: "\"1\""])
            #expect(patched.status == 200, "\(patched.text)")
            #expect(patched.json["size"] == .null)
            #expect(patched.json["attributes"] == ["deep": ["a": 1, "b": 2]])
            #expect(patched.json["version"] == 2)
            #expect(patched.headers[.eTag] == "\"2\"")
            #expect(try await api.get(path).json == patched.json)

            #expect(try await api.send(.delete, path).status == 204)
            #expect(try await api.get(path).status == 404)
            #expect(try await api.get("gadgets").data.isEmpty)
            #expect(try await api.send(.patch, path, ["size": 1]).status == 404)

            let restored = try await api.send(.post, path + "/restore")
            #expect(restored.status == 200, "\(restored.text)")
            #expect(restored.json["version"] == 4)
            #expect(try await api.get(path).json == restored.json)
            #expect(try await api.send(.post, path + "/restore").status == 404)
        }
    }

    @Test("reports every fault of a body at once")
    func validation() async throws {
        try await Harness.with { api in
            let reply = try await api.send(
                .post, "gadgets",
                [
                    "name": "", "size": 5_000, "status": "gone", "tags": ["ok", ""], "label": "mine", "colour": "red",
                    "email": "nobody", "dueAt": "tomorrow", "attributes": [1],
                ])
            #expect(reply.status == 422)
            #expect(reply.headers[.contentType] == "application/problem+json")
            #expect(
                reply.faults == [
                    "/attributes wrong_type", "/colour unknown_field", "/dueAt bad_format", "/email bad_format",
                    "/label read_only", "/name too_short", "/size out_of_range", "/status unknown_value",
                    "/tags/1 too_short",
                ])
            for key in ["type", "title", "status", "instance", "requestId"] {
                #expect(reply.json[key] != nil, "\(key)")
            }
            #expect(
                reply.json["errors"]?.arrayValue?.contains { $0["allowed"] == ["draft", "live", "retired"] } == true)
        }
    }

    @Test("turns the database's refusals into problems that name the field and nothing else")
    func databaseErrors() async throws {
        try await Harness.with { api in
            _ = try await api.gadget(["name": "Taken"])
            let unique = try await api.send(.post, "gadgets", ["name": "Taken"])
            #expect(unique.status == 409)
            #expect(unique.faults == ["/name not_unique"])
            let check = try await api.send(.post, "gadgets", ["name": "Unlucky", "size": 13])
            #expect(check.status == 422)
            #expect(check.faults == ["/size not_allowed"])
            let choice = try await api.send(.post, "gadgets", ["name": "undrafted"])
            #expect(choice.json["errors"]?[0]?["allowed"] == ["draft", "live", "retired"])
            let reference = try await api.send(
                .post, "gadgets", ["name": "Lost", "categoryId": .uuid(.v7())])
            #expect(reference.status == 409)
            #expect(reference.faults == ["/categoryId unknown_reference"])
            let category = try await api.send(.post, "categories", ["name": "Used"])
            try await api.gadget(["categoryId": .string(category.id)])
            let used = try await api.send(.delete, "categories/\(category.id)")
            #expect(used.status == 409)
            #expect(used.json["type"] == "urn:deskwire:problem:still_referenced")
            let bug = try await api.get("gadgets/explode")
            #expect(bug.status == 500)
            for reply in [unique, check, choice, reference, used, bug] {
                for leak in ["SELECT", "INSERT", "gadgets_", "constraint", "top_secret", "\"Taken\""] {
                    #expect(!reply.text.contains(leak), "\(leak) in \(reply.text)")
                }
            }
        }
    }

    @Test("soft deletion frees unique keys, restoring into a taken one is a conflict")
    func uniqueAfterDeletion() async throws {
        try await Harness.with { api in
            let first = try await api.gadget(["name": "Same"])
            #expect(try await api.send(.delete, "gadgets/\(first.id)").status == 204)
            _ = try await api.gadget(["name": "Same"])
            let restored = try await api.send(.post, "gadgets/\(first.id)/restore")
            #expect(restored.status == 409)
            #expect(restored.faults == ["/name not_unique"])
        }
    }

    @Test("changes nothing, and says nothing, where nothing is changed")
    func noChange() async throws {
        try await Harness.with { api in
            let gadget = try await api.gadget([
                "size": 3, "weight": 2, "attributes": ["a": 1], "tags": ["t"], "dueAt": "2026-01-01T00:00:00Z",
                "madeOn": "2026-01-01",
            ])
            let events = try await api.eventNames().count
            let patches: [JSON] = [
                [:], ["size": 3], ["attributes": ["a": 1]], ["tags": ["t"]], ["weight": 2.0],
                ["dueAt": "2026-01-01T01:00:00+01:00"], ["madeOn": "2026-01-01"], ["size": 3, "ownerId": .null],
            ]
            for patch in patches {
                let reply = try await api.send(.patch, "gadgets/\(gadget.id)", patch)
                #expect(reply.status == 200)
                #expect(reply.json == gadget, "\(patch)")
            }
            #expect(try await api.eventNames().count == events)
            #expect(try await api.count("audits") == 1)
        }
    }

    @Test("refuses a change of a version that is not there any more")
    func ifMatch() async throws {
        try await Harness.with { api in
            let gadget = try await api.gadget()
            let path = "gadgets/\(gadget.id)"
            #expect(try await api.send(.patch, path, ["size": 1], headers: [.ifMatch: "\"1\""]).status == 200)
            let late = try await api.send(.patch, path, ["size": 2], headers: [.ifMatch: "\"1\""])
            #expect(late.status == 412)
            #expect(late.headers[.eTag] == "\"2\"")
            #expect(try await api.send(.delete, path, headers: [.ifMatch: "\"1\""]).status == 412)
            #expect(try await api.send(.post, path + "/retire", headers: [.ifMatch: "\"1\""]).status == 412)
            #expect(try await api.send(.patch, path, ["size": 2], headers: [.ifMatch: "*"]).status == 200)
            #expect(try await api.send(.delete, path, headers: [.ifMatch: "\"3\""]).status == 204)
        }
    }

    @Test("answers 304 to who has the version already")
    func conditionalGet() async throws {
        try await Harness.with { api in
            let path = "gadgets/\(try await api.gadget().id)"
            let same = try await api.get(path, headers: [.ifNoneMatch: "W/\"1\""])
            #expect(same.status == 304)
            #expect(same.text.isEmpty)
            #expect(same.headers[.eTag] == "\"1\"")
            #expect(try await api.get(path, headers: [.ifNoneMatch: "\"2\""]).status == 200)
            let expanded = try await api.get(path + "?expand=views")
            let tag = try #require(expanded.headers[.eTag])
            #expect(tag.hasPrefix("\"1-"))
            #expect(try await api.get(path + "?expand=views", headers: [.ifNoneMatch: tag]).status == 304)
            #expect(try await api.send(.patch, path, ["size": 1], headers: [.ifMatch: tag]).status == 200)
        }
    }

    @Test("hooks refuse, compute and announce, also behind an explicit route")
    func hooks() async throws {
        try await Harness.with { api in
            let gadget = try await api.gadget()
            let path = "gadgets/\(gadget.id)"
            let refused = try await api.send(.patch, path, ["status": "retired"])
            #expect(refused.status == 409)
            #expect(refused.json["allowed"] == ["live"])
            #expect(try await api.send(.patch, path, ["status": "live"]).status == 200)
            let retired = try await api.send(.post, path + "/retire")
            #expect(retired.json["status"] == "retired")
            #expect(retired.json["retiredAt"] == retired.json["updatedAt"])
            #expect(
                try await api.eventNames() == [
                    "gadget.created", "gadget.updated", "gadget.updated", "gadget.retired",
                ])
            let versions = try await api.events().map { $0["version"]?.intValue }
            #expect(versions == [1, 2, 3, 3])
        }
    }

    @Test("shows more under expand, in single answers and in lists")
    func expand() async throws {
        try await Harness.with { api in
            let gadget = try await api.gadget()
            for label in ["b", "a"] {
                #expect(
                    try await api.send(.post, "gadgets/\(gadget.id)/parts", ["label": .string(label)]).status == 201)
            }
            let one = try await api.get("gadgets/\(gadget.id)?expand=views,parts")
            #expect(one.json["views"] == 0)
            #expect(one.json["parts"] == ["a", "b"])
            let list = try await api.get("gadgets?expand=parts,views")
            #expect(list.data.first?["parts"] == ["a", "b"])
            #expect(list.data.first?["views"] == 0)
            #expect(try await api.get("gadgets/\(gadget.id)?expand=nope").faults == ["expand unknown_value"])
        }
    }

    @Test("what is not there is not found, whatever the body says")
    func missingBeforeInvalid() async throws {
        try await Harness.with { api in
            let gadget = try await api.gadget()
            let part = try await api.send(.post, "gadgets/\(gadget.id)/parts", ["label": "spring"])
            let missing = UUID.v7().text
            let places: [(HTTPRequest.Method, String, String)] = [
                (.patch, "gadgets/\(gadget.id)", "gadgets/\(missing)"),
                (.post, "gadgets/\(gadget.id)/retire", "gadgets/\(missing)/retire"),
                (.post, "gadgets/\(gadget.id)/parts", "gadgets/\(missing)/parts"),
                (.patch, "gadgets/\(gadget.id)/parts/\(part.id)", "gadgets/\(gadget.id)/parts/\(missing)"),
                (.patch, "gadgets/\(gadget.id)/parts/\(part.id)", "gadgets/\(missing)/parts/\(part.id)"),
            ]
            for (method, there, gone) in places {
                #expect(try await api.send(method, there, ["colour": 1]).status == 422, "\(method) \(there)")
                for body: JSON in [["colour": 1], [:], []] {
                    #expect(try await api.send(method, gone, body).status == 404, "\(method) \(gone) \(body.text)")
                }
            }
            #expect(try await api.send(.delete, "gadgets/\(gadget.id)").status == 204)
            #expect(try await api.send(.post, "gadgets/\(gadget.id)/parts", [:]).status == 404)
        }
    }

    @Test("nested rows belong to their parent's aggregate and vanish with it")
    func nested() async throws {
        try await Harness.with { api in
            let gadget = try await api.gadget()
            let parts = "gadgets/\(gadget.id)/parts"
            let part = try await api.send(.post, parts, ["label": "spring"])
            #expect(part.status == 201, "\(part.text)")
            #expect(part.json["gadgetId"] == .string(gadget.id))
            #expect(part.headers[.location] == api.url("\(parts)/\(part.id)"))
            #expect(try await api.send(.patch, "\(parts)/\(part.id)", ["label": "coil"]).json["label"] == "coil")
            #expect(try await api.get(parts).data.count == 1)
            let other = try await api.gadget()
            #expect(try await api.get("gadgets/\(other.id)/parts/\(part.id)").status == 404)
            #expect(try await api.get("gadgets/\(UUID.v7().text)/parts").status == 404)
            #expect(try await api.send(.post, "gadgets/\(UUID.v7().text)/parts", ["label": "x"]).status == 404)
            let event = try #require(try await api.events().first { $0["partId"] != nil })
            #expect(event["gadgetId"] == .string(gadget.id))
            #expect(event["snapshot"] == part.json)
            #expect(event["sequence"] == 2)
            let last = try await api.send(.post, parts, ["label": "last"])
            #expect(try await api.send(.delete, "\(parts)/\(part.id)").status == 204)
            #expect(try await api.get(parts).data.map(\.id) == [last.id])
            #expect(try await api.send(.delete, "gadgets/\(gadget.id)").status == 204)
            for method in [HTTPRequest.Method.get, .patch, .delete] {
                let reply = try await api.send(method, "\(parts)/\(last.id)", method == .patch ? [:] : nil)
                #expect(reply.status == 404)
            }
            #expect(try await api.get(parts).status == 404)
            #expect(try await api.send(.post, parts, ["label": "x"]).status == 404)
        }
    }

    @Test("an append-only resource answers 405 with what it allows")
    func appendOnly() async throws {
        try await Harness.with { api in
            let gadget = try await api.gadget()
            let remarks = "gadgets/\(gadget.id)/remarks"
            let remark = try await api.send(.post, remarks, ["text": "hm"])
            #expect(remark.status == 201, "\(remark.text)")
            for method in [HTTPRequest.Method.patch, .delete, .get, .put] {
                let reply = try await api.send(method, "\(remarks)/\(remark.id)", ["text": "no"])
                #expect(reply.status == 405)
                #expect(reply.headers[.allow] == "OPTIONS")
            }
            let put = try await api.send(.put, remarks, ["text": "no"])
            #expect(put.status == 405)
            #expect(put.headers[.allow] == "GET, HEAD, OPTIONS, POST")
            // The hook raised the parent's version, and the remark's event carries it.
            #expect(try await api.get("gadgets/\(gadget.id)").json["version"] == 2)
            let events = try await api.events()
            #expect(events.compactMap { $0["remarkId"] == nil ? nil : $0["version"]?.intValue } == [2])
            #expect(events.compactMap { $0["sequence"]?.intValue } == [1, 2, 3])
        }
    }

    @Test("administrators see all tenants, and say for which one they create")
    func admin() async throws {
        try await Harness.with { api in
            let mine = try await api.gadget(["name": "Mine"])
            let other = UUID.v7()
            let theirs = try await api.gadget(["name": "Theirs"], as: api.user(tenant: other))
            let admin = Harness.admin
            #expect(try await api.get("/v1/admin/gadgets", as: admin).data.count == 2)
            let filtered = try await api.get("/v1/admin/gadgets?tenantId=\(other.text)", as: admin)
            #expect(filtered.data.map(\.id) == [theirs.id])
            #expect(try await api.get("/v1/admin/gadgets/\(mine.id)", as: admin).json == mine)
            let missing = try await api.send(.post, "/v1/admin/gadgets", ["size": -1], as: admin)
            #expect(missing.status == 422)
            #expect(missing.faults == ["/name required", "/size out_of_range", "/tenantId required"])
            let made = try await api.send(
                .post, "/v1/admin/gadgets", ["name": "Made", "tenantId": .uuid(other)], as: admin)
            #expect(made.status == 201, "\(made.text)")
            #expect(made.json["tenantId"] == .uuid(other))
            #expect(made.json["number"] == 2)
            #expect(made.headers[.location] == "/v1/admin/gadgets/\(made.id)")
            #expect(
                try await api.send(.patch, "/v1/admin/gadgets/\(made.id)", ["size": 4], as: admin).json["size"] == 4)
            let part = try await api.send(.post, "/v1/admin/gadgets/\(made.id)/parts", ["label": "p"], as: admin)
            #expect(part.status == 201, "\(part.text)")
            #expect(part.json["tenantId"] == .uuid(other))
            #expect(
                try await api.get("/v1/admin/gadgets/\(made.id)/parts?tenantId=\(other.text)", as: admin).data.count
                    == 1)
            #expect(
                try await api.get("/v1/admin/gadgets/\(made.id)/parts?tenantId=\(api.tenant.text)", as: admin).status
                    == 404)
            #expect(try await api.send(.post, "/v1/admin/gadgets/\(made.id)/retire", as: admin).status == 409)
            #expect(try await api.send(.delete, "/v1/admin/gadgets/\(made.id)", as: admin).status == 204)
            #expect(try await api.send(.post, "/v1/admin/gadgets/\(made.id)/restore", as: admin).status == 200)
            let names = try await api.events(tenant: other).map { $0["tenantId"] }
            #expect(names.count == 6)
            #expect(Set(names) == [.uuid(other)])
            #expect(try await api.get("/v1/admin/gadgets").status == 403)
        }
    }

    @Test("a caller with restricted sight sees what is theirs")
    func visibility() async throws {
        try await Harness.with { api in
            let contact = UUID.v7()
            let own = try await api.gadget(["ownerId": .uuid(contact)])
            let other = try await api.gadget()
            let customer = Caller(tenantId: api.tenant, actor: .contact(contact), permissions: ["*"])
            #expect(try await api.get("gadgets", as: customer).data.map(\.id) == [own.id])
            #expect(try await api.get("gadgets?includeTotal=true", as: customer).json["page"]?["total"] == 1)
            #expect(try await api.get("gadgets/\(other.id)", as: customer).status == 404)
            #expect(try await api.send(.patch, "gadgets/\(other.id)", ["size": 1], as: customer).status == 404)
            #expect(try await api.get("gadgets/\(other.id)/parts", as: customer).status == 404)
            #expect(
                try await api.send(.post, "gadgets/\(other.id)/parts", ["label": "x"], as: customer).status == 404)
            #expect(try await api.send(.post, "gadgets/\(own.id)/parts", ["label": "x"], as: customer).status == 201)
            let part = try await api.send(.post, "gadgets/\(other.id)/parts", ["label": "x"])
            #expect(try await api.get("gadgets/\(other.id)/parts/\(part.id)", as: customer).status == 404)
            #expect(
                try await api.send(.patch, "gadgets/\(other.id)/parts/\(part.id)", ["label": "y"], as: customer).status
                    == 404)
        }
    }
}

@Suite("Audit and events")
struct AuditTests {
    @Test("every mutation writes its audit row and its event with it")
    func trail() async throws {
        try await Harness.with { api in
            let gadget = try await api.gadget(["size": 1, "name": "Anvil"])
            let path = "gadgets/\(gadget.id)"
            let headers: HTTPFields = [.requestId: "request-7"]
            let patched = try await api.send(.patch, path, ["size": 2, "tags": ["a"]], headers: headers)
            #expect(try await api.send(.delete, path).status == 204)
            #expect(try await api.send(.post, path + "/restore").status == 200)
            let trail = try await api.get("gadgets/\(gadget.id)/audits?sort=id").data
            #expect(trail.map { $0["action"] } == ["create", "update", "delete", "update"])
            var created = gadget
            created["version"] = nil
            created["updatedAt"] = nil
            #expect(trail[0]["changes"] == ["created": created])
            #expect(
                trail[1]["changes"] == [
                    "size": ["old": 1, "new": 2], "tags": ["old": [], "new": ["a"]],
                ])
            #expect(trail[1]["requestId"] == "request-7")
            #expect(trail[1]["actorName"] == "ada@example.com")
            #expect(trail[1]["actorUserId"] == .uuid(Harness.userId))
            #expect(trail[2]["changes"]?["deleted"]?["size"] == 2)
            #expect(trail[3]["changes"]?["deletedAt"]?["new"] == .null)
            #expect(trail.map { $0["entityVersion"] } == [1, 2, 3, 4])
            #expect(try await api.get("audits?action=delete&entityType=gadget").data.count == 1)

            let events = try await api.events()
            #expect(
                try await api.eventNames() == ["gadget.created", "gadget.updated", "gadget.deleted", "gadget.restored"])
            #expect(events[0]["snapshot"] == gadget)
            #expect(events[1]["causationId"] == "request-7")
            #expect(events[1]["changes"]?["size"] == ["previous": 1, "new": 2])
            #expect(events[2]["snapshot"] == patched.json)
            #expect(events.map { $0["sequence"] } == [1, 2, 3, 4])
            #expect(events.map { $0["actorUserId"] } == Array(repeating: .uuid(Harness.userId), count: 4))
        }
    }

    @Test("a reader keeps an exact copy from events alone", arguments: 0..<UInt64(3))
    func exactCopy(seed: UInt64) async throws {
        try await Harness.with { api in
            var random = SeededGenerator(seed: seed)
            let gadget = try await api.gadget()
            for _ in 0..<25 {
                let patches: [JSON] = [
                    ["size": .int(Int64.random(in: 0...12, using: &random))], ["size": .null],
                    ["tags": .array((0..<Int.random(in: 0...3, using: &random)).map { .string("t\($0)") })],
                    ["attributes": ["k\(Int.random(in: 0...2, using: &random))": .string(random.text(maxLength: 20))]],
                    ["attributes": ["k0": .null]], ["email": "a@b.c", "active": false],
                    ["email": .null, "active": true],
                    ["dueAt": "2026-03-01T00:00:00.001Z"],
                    ["weight": .double(Double.random(in: 0...10, using: &random))],
                ]
                let reply = try await api.send(
                    .patch, "gadgets/\(gadget.id)", patches[Int.random(in: patches.indices, using: &random)])
                #expect(reply.status == 200, "\(reply.text)")
            }
            var copy: JSON = .null
            var sequence: Int64 = 0
            for event in try await api.events() {
                sequence += 1
                #expect(event["sequence"] == .int(sequence))
                if let snapshot = event["snapshot"] { copy = snapshot }
                for (field, change) in event["changes"]?.objectValue ?? [:] {
                    #expect(copy[field] == change["previous"], "\(field)")
                    copy[field] = change["new"]
                }
            }
            #expect(copy == (try await api.get("gadgets/\(gadget.id)")).json)
        }
    }

    @Test("nobody may change or delete an audit row")
    func appendOnly() async throws {
        try await Harness.with { api in
            _ = try await api.gadget()
            for sql: SQL in ["UPDATE audits SET action = 'delete'", "DELETE FROM audits"] {
                await #expect(throws: DatabaseError.self) {
                    try await api.database.transaction(as: .admin) { try await $0.execute(sql) }
                }
            }
        }
    }

    @Test("the events are those that the contracts declare")
    func contracts() async throws {
        try await Harness.with { api in
            let gadget = try await api.gadget(["size": 1])
            try await api.send(.patch, "gadgets/\(gadget.id)", ["size": 2])
            try await api.send(.post, "gadgets/\(gadget.id)/parts", ["label": "x"])
            try await api.send(.post, "gadgets/\(gadget.id)/remarks", ["text": "x"])
            try await api.send(.delete, "gadgets/\(gadget.id)")
            let made = ServiceAPI(
                service: "sample", database: api.database, authentication: Authentication { _, _ in nil },
                resources: Sample.resources)
            let contracts = Dictionary(uniqueKeysWithValues: made.resourceContracts.map { ($0.name, $0) })
            let names = try await api.eventNames()
            #expect(names.contains("remark.created"))
            for (name, payload) in zip(names, try await api.events()) {
                let contract = try #require(contracts[name])
                #expect(JSONSchema.validate(payload, against: contract.schema) == [], "\(name)")
                #expect(JSONSchema.validate(contract.example, against: contract.schema) == [], "\(name)")
                #expect(contract.owner == "sample")
            }
        }
    }
}
