import Testing

@testable import Gateway

@Suite("Request hygiene")
struct RequestHygieneTests {
    @Test(
        "accepts",
        arguments: [
            "/", "/v1/tenants", "/v1/tenants/018f/tickets?status=open&createdAt[gte]=2026-01-01", "/a/b?",
            "/a/%C3%A4?q=%F0%9F%98%80",
            "/.well-known/jwks.json", "/a/b.c", "/a/...", "/a?x=%2F..%2F",
        ])
    func accepts(target: String) throws {
        _ = try RequestHygiene.check(target: target)
    }

    @Test(
        "refuses",
        arguments: [
            ("v1/tenants", 400, "malformed_path"), ("http://host/v1", 400, "malformed_path"),
            ("*", 400, "malformed_path"),
            ("/a//b", 400, "malformed_path"), ("/a/", 400, "malformed_path"), ("//", 400, "malformed_path"),
            ("/a/../b", 400, "malformed_path"), ("/a/.", 400, "malformed_path"), ("/a/%2e%2E/b", 400, "malformed_path"),
            ("/a%2Fb", 400, "malformed_path"), ("/a%5cb", 400, "malformed_path"), ("/a%", 400, "malformed_path"),
            ("/a%4", 400, "malformed_path"), ("/a%zz", 400, "malformed_path"), ("/ä", 400, "malformed_path"),
            ("/a%00", 400, "control_character"), ("/a?b=%00", 400, "control_character"),
            ("/a?b=%0A", 400, "control_character"),
            ("/a%7F", 400, "control_character"), ("/a%FF", 400, "invalid_utf8"), ("/a?b=%C3", 400, "invalid_utf8"),
            ("/a?b=%C0%AF", 400, "invalid_utf8"), ("/a?b=%ED%A0%80", 400, "invalid_utf8"),
            ("/a?b=ö", 400, "malformed_query"),
            ("/a?b=%F4%90%80%80", 400, "invalid_utf8"),
            ("/" + String(repeating: "a", count: 8 * 1024), 414, "target_too_long"),
        ])
    func refuses(target: String, status: Int, code: String) {
        do {
            _ = try RequestHygiene.check(target: target)
            Issue.record("accepted \(target.prefix(40))")
        } catch {
            #expect(error.status == status)
            #expect(error.code == code)
        }
    }

    @Test("splits path and query")
    func split() throws {
        let (path, query) = try RequestHygiene.check(target: "/a/b?c=d?e")
        #expect(path == "/a/b")
        #expect(query == "c=d?e")
        #expect(try RequestHygiene.check(target: "/a").query == nil)
    }

    @Test(
        "request ids",
        arguments: [
            ("abcdefgh", true), ("018f-_.A9", true), ("short", false), ("with space1", false), ("ünïcode12", false),
            (String(repeating: "a", count: 129), false),
        ])
    func requestIds(id: String, usable: Bool) {
        #expect(RequestHygiene.isUsable(requestId: id) == usable)
    }
}
