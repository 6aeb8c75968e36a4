import HTTPTypes
import Web

/// The headers that keep browsers from doing more with an answer than it is for. A service's own value wins.
enum SecurityHeaders {
    private static let fields: [HTTPField] = [
        HTTPField(name: .xContentTypeOptions, value: "nosniff"),
        HTTPField(name: .xFrameOptions, value: "DENY"),
        HTTPField(name: .referrerPolicy, value: "no-referrer"),
        HTTPField(name: .contentSecurityPolicy, value: "default-src 'none'; frame-ancestors 'none'"),
        HTTPField(name: .strictTransportSecurity, value: "max-age=31536000"),
        HTTPField(name: .cacheControl, value: "no-store"),
    ]

    static func add(to headers: inout HTTPFields) {
        for field in fields where !headers.contains(field.name) { headers.append(field) }
    }
}
