import HTTPTypes

/// The header fields that HTTPTypes doesn't name.
extension HTTPField.Name {
    public static let acceptPatch = named("Accept-Patch")
    public static let deskwireContext = named("X-Deskwire-Context")
    public static let idempotencyKey = named("Idempotency-Key")
    public static let idempotencyReplayed = named("Idempotency-Replayed")
    public static let link = named("Link")
    public static let referrerPolicy = named("Referrer-Policy")
    public static let requestId = named("X-Request-Id")
    public static let xFrameOptions = named("X-Frame-Options")

    private static func named(_ name: StaticString) -> HTTPField.Name {
        guard let name = HTTPField.Name("\(name)") else { preconditionFailure("\(name) is not a field name") }
        return name
    }
}

/// The headers that every answer carries: they keep browsers from doing more with it than it is for. An answer's own
/// value wins.
public enum StandardHeaders {
    static let fields: [(name: HTTPField.Name, value: String)] = [
        (.xContentTypeOptions, "nosniff"),
        (.xFrameOptions, "DENY"),
        (.referrerPolicy, "no-referrer"),
        (.contentSecurityPolicy, "default-src 'none'; frame-ancestors 'none'"),
        (.crossOriginResourcePolicy, "same-site"),
        (.strictTransportSecurity, "max-age=31536000"),
        (.cacheControl, "no-store"),
    ]

    /// Adds those that the answer does not have yet.
    public static func add(to headers: inout HTTPFields) {
        for (name, value) in fields where !headers.contains(name) {
            headers.append(HTTPField(name: name, value: value))
        }
    }
}
