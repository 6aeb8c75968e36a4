import HTTPTypes

/// Cross-origin requests (WHATWG Fetch): which origins may use an organization's routes from a browser is the
/// organization's own decision; for routes without an organization it is the platform's (`CORS_ORIGINS`).
enum CORS {
    static let methods = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
    static let requestHeaders =
        "Authorization, Content-Type, Accept, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, X-Request-Id, traceparent"
    static let exposedHeaders =
        "ETag, Link, Location, Retry-After, RateLimit, RateLimit-Policy, X-Request-Id, Idempotency-Replayed, Deprecation, Sunset"
    static let maxAgeSeconds = 600

    /// Whether an origin is among the allowed ones: exactly, as any subdomain (`https://*.example.com`), or by `*`.
    static func allows(_ origin: String, among allowed: [String]) -> Bool {
        allowed.contains { pattern in
            if pattern == origin || pattern == "*" { return true }
            guard let star = pattern.firstRange(of: "://*.") else { return false }
            let scheme = pattern[..<star.lowerBound] + "://"
            let domain = pattern[star.upperBound...]
            guard origin.hasPrefix(scheme), origin.hasSuffix("." + domain) else { return false }
            let label = origin.dropFirst(scheme.count).dropLast(domain.count + 1)
            return !label.isEmpty && label.utf8.allSatisfy { isLabelByte($0) }
        }
    }

    private static func isLabelByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"),
            UInt8(ascii: "."):
            true
        default: false
        }
    }

    /// Whether a text may stand in an organization's list of origins.
    static func isOrigin(_ text: String) -> Bool {
        if text == "*" { return true }
        guard let scheme = ["https://", "http://"].first(where: text.hasPrefix) else { return false }
        var host = text.dropFirst(scheme.count)
        if host.hasPrefix("*.") { host = host.dropFirst(2) }
        let parts = host.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard let name = parts.first, !name.isEmpty, text.utf8.count <= 255, name.utf8.allSatisfy(isLabelByte) else {
            return false
        }
        return parts.count == 1 || UInt16(parts[1]) != nil
    }

    /// Allows the origin to read an answer. Credentials travel in `Authorization`, never in cookies, so no answer
    /// allows credentials.
    static func expose(_ headers: inout HTTPFields, to origin: String) {
        headers[.accessControlAllowOrigin] = origin
        headers[.accessControlExposeHeaders] = exposedHeaders
        vary(&headers)
    }

    /// Says that the answer depends on who asks, so that caches keep the answers apart.
    static func vary(_ headers: inout HTTPFields) {
        guard headers[values: .vary].allSatisfy({ !$0.lowercased().contains("origin") }) else { return }
        headers.append(HTTPField(name: .vary, value: "Origin"))
    }

    static func preflight(origin: String, allow: [String]?) -> HTTPFields {
        var headers = HTTPFields()
        headers[.accessControlAllowOrigin] = origin
        headers[.accessControlAllowMethods] = allow?.joined(separator: ", ") ?? methods
        headers[.accessControlAllowHeaders] = requestHeaders
        headers[.accessControlMaxAge] = String(maxAgeSeconds)
        vary(&headers)
        return headers
    }
}
