import Contracts
import Database
import Foundation
import HTTPTypes
import TestKit
import Testing
import Web

@testable import Knowledge

@Suite("Images of articles")
struct ImageTests {
    /// A help center of the tenant's.
    private func with(_ body: @escaping @Sendable (KnowledgeUnderTest) async throws -> Void) async throws {
        try await KnowledgeUnderTest.with { knowledge in
            _ = try await knowledge.test.superuser(
                """
                INSERT INTO knowledge.organizations (tenant_id, id, last_sequence, sequences, version, name, slug)
                VALUES ('\(knowledge.tenant.text)', '\(knowledge.tenant.text)', 1, '{}', 1, 'Acme', 'acme')
                """)
            try await body(knowledge)
        }
    }

    @Test("are kept as they came, and served as what they are", arguments: SampleImage.allCases)
    func kinds(sample: SampleImage) async throws {
        try await with { knowledge in
            // What the client says of it is of no interest.
            let said = sample.format == .gif ? "image/webp" : "image/gif"
            let reply = try await knowledge.upload(sample.bytes, as: said, query: "?name=red.png")
            #expect(reply.status == 201, "\(reply.text)")
            let image = reply.json
            let id = try #require(image["id"]?.stringValue)
            #expect(reply.headers[.location] == "/v1/tenants/\(knowledge.tenant.text)/kb_images/\(id)")
            #expect(image["url"] == .string("/v1/help-images/\(knowledge.tenant.text)/\(id)"))
            #expect(image["mediaType"] == .string(sample.format.rawValue) && image["name"] == "red.png")
            #expect(image["sizeBytes"] == .int(Int64(sample.bytes.count)))
            #expect(image["width"] == 3 && image["height"] == 2)
            #expect(image["createdBy"] == .uuid(knowledge.supervisorId) && image["version"] == 1)
            #expect(try await knowledge.ok(.get, "kb_images/\(id)") == image)
            #expect(try await knowledge.ok(.get, "kb_images")["data"] == [image])

            let file = try await knowledge.send(.get, "kb_images/\(id)/content")
            #expect(file.status == 200 && file.bytes == sample.bytes)
            #expect(file.headers[.contentType] == sample.format.rawValue)
            #expect(file.headers[.cacheControl] == "private, max-age=31536000, immutable")
            #expect(file.headers[.xContentTypeOptions] == "nosniff")
            #expect(file.headers[.contentSecurityPolicy] == "default-src 'none'; sandbox")
            let tag = try #require(file.headers[.eTag])
            #expect(tag == "\"\(image["sha256"]?.stringValue ?? "")\"" && tag.count == 66)
            let again = try await knowledge.send(
                .get, "kb_images/\(id)/content", headers: [.ifNoneMatch: "\"x\", W/\(tag)"])
            #expect(again.status == 304 && again.bytes.isEmpty && again.headers[.eTag] == tag)
            #expect(again.headers[.cacheControl] == "private, max-age=31536000, immutable")
            let head = try await knowledge.send(.head, "kb_images/\(id)/content")
            #expect(head.status == 200 && head.bytes.isEmpty)

            try await knowledge.ok(.patch, "kb_images/\(id)", ["name": "settings.png"])
            let fixed = try await knowledge.send(.patch, "kb_images/\(id)", ["width": 5])
            #expect(fixed.status == 422 && fixed.faults == ["/width read_only"])
            #expect(try await knowledge.send(.delete, "kb_images/\(id)").status == 204)
            #expect(try await knowledge.send(.get, "kb_images/\(id)/content").status == 404)
            let events = try await knowledge.events("kb_image.")
            #expect(events.map(\.name) == ["kb_image.created", "kb_image.updated", "kb_image.deleted"])
            #expect(events.first?.payload["snapshot"] == image)
            #expect(events.last?.payload["snapshot"]?["name"] == "settings.png")
            #expect(try await knowledge.rows(in: "kb_image_contents") == 0)
        }
    }

    @Test(
        "bad files are refused where they are wrong",
        arguments: [
            ([], "image/png", 422, [" empty"]), (Array("<svg/>".utf8), "image/png", 422, [" unknown_format"]),
            (Array(SampleImage.png.bytes.prefix(20)), "image/png", 422, [" truncated"]),
            ([0xFF, 0xD8, 0xFF, 0xD9], "image/jpeg", 422, [" malformed"]),
            (SampleImage.png(100_000, 100_000), "image/png", 422, [" dimensions"]),
            (SampleImage.png.bytes + [UInt8](repeating: 0, count: 6 << 20), "image/png", 413, []),
            (Array("<svg/>".utf8), "image/svg+xml", 415, ["Content-Type unsupported"]),
            (SampleImage.png.bytes, nil, 415, ["Content-Type unsupported"]),
            (SampleImage.png.bytes, "multipart/form-data; boundary=x", 415, ["Content-Type unsupported"]),
        ] as [([UInt8], String?, Int, [String])])
    func badFiles(bytes: [UInt8], type: String?, status: Int, faults: [String]) async throws {
        try await with { knowledge in
            let reply = try await knowledge.upload(bytes, as: type)
            #expect(reply.status == status && reply.faults == faults, "\(reply.text)")
            #expect(reply.headers[.contentType] == "application/problem+json")
            #expect(reply.json["detail"] != nil || reply.json["errors"]?[0]?["detail"] != nil, "\(reply.text)")
            #expect(try await knowledge.rows(in: "kb_images") == 0)
        }
    }

    @Test("bad requests are told what is wrong with them")
    func badRequests() async throws {
        try await with { knowledge in
            let nobody = UUID.v7().text
            for path in ["kb_images/\(nobody)", "kb_images/\(nobody)/content", "kb_images/x/content"] {
                #expect(try await knowledge.send(.get, path).status == 404, "\(path)")
            }
            #expect(try await knowledge.send(.delete, "kb_images/\(nobody)").status == 404)
            let long = try await knowledge.upload(
                SampleImage.png.bytes, query: "?name=" + String(repeating: "a", count: 256) + "&colour=red")
            #expect(long.status == 400 && long.faults == ["colour unknown_parameter", "name too_long"])
            let reader = try await knowledge.upload(SampleImage.png.bytes, by: knowledge.reader)
            #expect(reader.status == 403 && reader.json["permission"] == "knowledge.write")
            let platform = Caller(tenantId: nil, actor: .user(.v7()), platformAdmin: true)
            let path = "/v1/admin/kb_images"
            let type: HTTPFields = [.contentType: "image/png"]
            let open = try await knowledge.send(
                .post, path, bytes: SampleImage.png.bytes, as: platform, headers: type)
            #expect(open.status == 400 && open.faults == ["tenantId required"])
            let made = try await knowledge.send(
                .post, path + "?tenantId=\(knowledge.tenant.text)", bytes: SampleImage.png.bytes, as: platform,
                headers: type)
            #expect(made.status == 201 && made.json["tenantId"] == .uuid(knowledge.tenant))
            let file = try await knowledge.send(
                .get, "\(path)/\(made.json["id"]?.stringValue ?? "")/content", as: platform)
            #expect(file.status == 200 && file.bytes == SampleImage.png.bytes)
        }
    }

    @Test("the same file is kept once, also where it comes again before the first one is there")
    func sameFileAtOnce() async throws {
        try await with { knowledge in
            let bytes = SampleImage.png.bytes
            let (first, second) = try await knowledge.database.transaction(as: .tenant(knowledge.tenant)) { tx in
                let op = Web.Operation(tx: tx, tenantId: knowledge.tenant)
                let (image, isNew) = try await ImageRoutes.keep(try ImageFile(bytes), bytes, op)
                #expect(isNew)
                let second = Task { try await knowledge.upload(bytes) }
                try await eventually("the second one waits") {
                    try await knowledge.database.transaction(as: .admin, readOnly: true) { tx in
                        let waiting: SQL = """
                            SELECT FROM pg_stat_activity
                            WHERE datname = current_database() AND wait_event_type = 'Lock'
                            """
                        return try await tx.first(waiting) != nil
                    }
                }
                return (image.id, second)
            }
            let reply = try await second.value
            #expect(reply.status == 200 && reply.json["id"] == .uuid(first), "\(reply.text)")
        }
    }

    @Test("the same file is kept once for each organization")
    func sameFile() async throws {
        try await with { knowledge in
            let first = try await knowledge.upload(SampleImage.gif.bytes, query: "?name=a")
            let again = try await knowledge.upload(SampleImage.gif.bytes, query: "?name=b")
            #expect(first.status == 201 && again.status == 200 && again.text == first.text)
            #expect(again.headers[.location] == nil && again.headers[.eTag] == "\"1\"")
            #expect(try await knowledge.events("kb_image.").map(\.name) == ["kb_image.created"])

            let other = Caller(tenantId: .v7(), actor: .user(.v7()), permissions: ["*"])
            let tenants = "/v1/tenants/\(other.tenantId?.text ?? "")/kb_images"
            let theirs = try await knowledge.send(
                .post, tenants, bytes: SampleImage.gif.bytes, as: other, headers: [.contentType: "image/gif"])
            #expect(theirs.status == 201 && theirs.json["id"] != first.json["id"])
            let id = first.json["id"]?.stringValue ?? ""
            for (method, path) in [(.get, "\(tenants)/\(id)"), (.get, "\(tenants)/\(id)/content")]
                + [(.delete, "\(tenants)/\(id)"), (.get, "/v1/tenants/\(knowledge.tenant.text)/kb_images")]
                as [(HTTPRequest.Method, String)]
            {
                #expect(try await knowledge.send(method, path, as: other).status == 404, "\(method) \(path)")
            }
            #expect(try await knowledge.rows(in: "kb_image_contents") == 2)
        }
    }

    @Test("an Idempotency-Key is for one file")
    func idempotency() async throws {
        try await with { knowledge in
            let key: HTTPFields = [.idempotencyKey: "k"]
            let first = try await knowledge.upload(SampleImage.png.bytes, headers: key)
            let again = try await knowledge.upload(SampleImage.png.bytes, headers: key)
            #expect(first.status == 201 && again.status == 201 && again.text == first.text)
            #expect(again.headers[.idempotencyReplayed] == "true")
            let other = try await knowledge.upload(SampleImage.png(4, 4), headers: key)
            #expect(other.status == 422 && other.faults == ["Idempotency-Key used_for_another_request"])
        }
    }

    @Test("are seen by exactly those who may read an article that shows them")
    func readers() async throws {
        try await with { knowledge in
            let image = try await knowledge.image()
            let path = "kb_images/\(image.id)"
            let agent = knowledge.caller(["knowledge.read", "tickets.read"], id: .v7())
            /// Everybody, a signed-in customer, an agent.
            func statuses() async throws -> [Int] {
                let file = try await knowledge.send(.get, image.url)
                if file.status == 200 { #expect(file.bytes == SampleImage.png.bytes) }
                var statuses = [file.status]
                for caller in [knowledge.reader, agent] {
                    let content = try await knowledge.send(.get, path + "/content", as: caller).status
                    #expect(try await knowledge.send(.get, path, as: caller).status == content)
                    let list = try await knowledge.ok(.get, "kb_images", as: caller)["data"]?.arrayValue
                    #expect(list?.count == (content == 200 ? 1 : 0))
                    statuses.append(content)
                }
                #expect(try await knowledge.send(.get, path + "/content").status == 200)
                return statuses
            }
            #expect(try await statuses() == [404, 404, 404])
            let section = try await knowledge.section()
            let id = try await knowledge.article("A", in: section, ["body": .string("![red](\(image.url))")])
            let article = "kb_articles/\(id)"
            #expect(try await statuses() == [404, 404, 404])
            try await knowledge.ok(.post, article + "/publish")
            #expect(try await statuses() == [200, 200, 200])
            try await knowledge.ok(.patch, article, ["visibility": "customers"])
            #expect(try await statuses() == [404, 200, 200])
            try await knowledge.ok(.patch, article, ["visibility": "internal"])
            #expect(try await statuses() == [404, 404, 200])
            try await knowledge.ok(.patch, article, ["visibility": "public", "title": "B"])
            #expect(try await statuses() == [200, 200, 200])
            try await knowledge.ok(.patch, article, ["body": "no picture"])
            #expect(try await statuses() == [404, 404, 404])
            try await knowledge.ok(.post, article + "/revisions/1/restore")
            #expect(try await statuses() == [200, 200, 200])
            #expect(try await knowledge.send(.delete, article).status == 204)
            #expect(try await statuses() == [404, 404, 404])
            try await knowledge.ok(.post, article + "/restore")
            #expect(try await statuses() == [200, 200, 200])
            try await knowledge.ok(.post, article + "/archive")
            #expect(try await statuses() == [404, 404, 404])
        }
    }

    @Test("are part of a public page, to be kept for good")
    func page() async throws {
        try await with { knowledge in
            let image = try await knowledge.image()
            _ = try await knowledge.article(
                "A", in: try await knowledge.section(),
                ["body": .string("![red & <small>](\(image.url)) ![far](https://far.example/x.png)")], publish: true)
            let page = try await knowledge.send(.get, "/v1/help/acme/en/articles/a")
            #expect(page.text.contains("<img alt=\"red &amp; &lt;small&gt;\" src=\"\(image.url)\" loading=\"lazy\">"))
            #expect(page.text.contains("src=\"https://far.example/x.png\""))
            #expect(page.headers[.contentSecurityPolicy]?.contains("img-src 'self' https:") == true)
            let file = try await knowledge.send(.get, image.url)
            #expect(file.status == 200 && file.bytes == SampleImage.png.bytes)
            #expect(file.headers[.contentType] == "image/png")
            #expect(file.headers[.cacheControl] == "public, max-age=31536000, immutable")
            #expect(file.headers[.xContentTypeOptions] == "nosniff")
            #expect(file.headers[.contentSecurityPolicy] == "default-src 'none'; sandbox")
            let tag = try #require(file.headers[.eTag])
            let again = try await knowledge.send(.get, image.url, headers: [.ifNoneMatch: tag])
            #expect(again.status == 304 && again.bytes.isEmpty && again.headers[.eTag] == tag)
            #expect(again.headers[.cacheControl] == "public, max-age=31536000, immutable")
            for path in [
                "/v1/help-images/\(UUID.v7().text)/\(image.id)",
                "/v1/help-images/\(knowledge.tenant.text)/\(UUID.v7().text)",
                "/v1/help-images/acme/\(image.id)", "/v1/help-images/\(image.id)", "\(image.url)/content",
            ] {
                #expect(try await knowledge.send(.get, path).status == 404, "\(path)")
            }
            _ = try await knowledge.test.superuser("UPDATE knowledge.organizations SET deleted_at = now()")
            #expect(try await knowledge.send(.get, image.url).status == 404)
        }
    }

    @Test("an article shows what there is, and is told what there is not")
    func references() async throws {
        try await with { knowledge in
            let image = try await knowledge.image()
            let section = try await knowledge.section()
            let other = Caller(tenantId: .v7(), actor: .user(.v7()), permissions: ["*"])
            let theirs = try await knowledge.send(
                .post, "/v1/tenants/\(other.tenantId?.text ?? "")/kb_images", bytes: SampleImage.png.bytes, as: other,
                headers: [.contentType: "image/png"]
            ).json["url"]?.stringValue
            let tenant = knowledge.tenant.text
            for address in [
                "/v1/help-images/\(tenant)/\(UUID.v7().text)", try #require(theirs), "/v1/help-images/",
                "/v1/help-images/\(tenant)/red.png", "\(image.url)?size=1", "\(image.url)/",
            ] {
                for body in ["![x](\(address))", "[x](\(address))", "<img src='\(address)'>"] {
                    let reply = try await knowledge.send(
                        .post, "kb_articles", ["title": "x", "sectionId": .string(section), "body": .string(body)])
                    #expect(reply.status == 422 && reply.faults == ["/body unknown_image"], "\(body): \(reply.text)")
                    #expect(reply.json["errors"]?[0]?["detail"]?.stringValue?.contains(address) == true)
                }
            }
            // In code it is text; elsewhere it is somebody else's.
            for body in [
                "`/v1/help-images/x`", "![x](https://far.example/v1/help-images/x)", "![x](/other.png)",
                "![x](https://far.example/v1/help-images/\(tenant)/\(UUID.v7().text))",
            ] {
                _ = try await knowledge.article("x", in: section, ["body": .string(body)])
            }
            #expect(try await knowledge.rows(in: "kb_article_images") == 0)
            // As a browser's address bar has it, or as a link to the whole picture, it is shown as well.
            for body in [
                "![x](http://help.example\(image.url))", "[whole](\(image.url))", "<img src=\"\(image.url)\">",
            ] {
                let id = try await knowledge.article("y", in: section, ["body": .string(body)])
                let shown = try await knowledge.ok(.get, "kb_articles?imageId=\(image.id)")["data"]?.arrayValue
                #expect(shown?.map { $0["id"] } == [.string(id)], "\(body)")
                try await knowledge.ok(.patch, "kb_articles/\(id)", ["body": ""])
            }
        }
    }

    @Test("stay while an article shows them")
    func deletion() async throws {
        try await with { knowledge in
            let image = try await knowledge.image()
            let path = "kb_images/\(image.id)"
            let id = try await knowledge.article(
                "A", in: try await knowledge.section(), ["body": .string("![x](\(image.url)) ![x](\(image.url))")])
            let refused = try await knowledge.send(.delete, path)
            #expect(refused.status == 409, "\(refused.text)")
            #expect(refused.json["type"] == "urn:deskwire:problem:still_referenced")
            #expect(refused.json["detail"]?.stringValue?.contains("kb_articles?imageId=\(image.id)") == true)
            #expect(try await knowledge.send(.delete, "kb_articles/\(id)").status == 204)
            #expect(try await knowledge.send(.delete, path).status == 204)
            // The article comes back without it, and so does no earlier text that shows it.
            try await knowledge.ok(.post, "kb_articles/\(id)/restore")
            try await knowledge.ok(.patch, "kb_articles/\(id)", ["body": "none"])
            let earlier = try await knowledge.send(.post, "kb_articles/\(id)/revisions/1/restore")
            #expect(earlier.status == 422 && earlier.faults == ["/body unknown_image"])
        }
    }
}

extension ServiceUnderTest where S == KnowledgeService {
    fileprivate func upload(
        _ bytes: [UInt8], as type: String? = "image/png", query: String = "", by caller: Caller? = nil,
        headers others: HTTPFields = [:]
    ) async throws -> ServiceReply {
        var headers = others
        headers[.contentType] = type
        return try await send(.post, "kb_images\(query)", bytes: bytes, as: caller, headers: headers)
    }

    fileprivate func image() async throws -> (id: String, url: String) {
        let image = try await upload(SampleImage.png.bytes).json
        return (try #require(image["id"]?.stringValue), try #require(image["url"]?.stringValue))
    }

    fileprivate func rows(in table: String) async throws -> Int64 {
        try await database.transaction(as: .admin, readOnly: true) { tx in
            try await tx.first("SELECT count(*) FROM \(identifier: table)")?.get(0) ?? 0
        }
    }
}
