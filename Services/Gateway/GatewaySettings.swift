import ServiceKit

extension GatewayService {
    public static let settings: [Setting] = [
        .list(
            "SERVICES", default: "",
            "Where the services are: `tickets=http://127.0.0.1:8101,routing=…`; several instances of one with `|` between."
        ).checked { text in
            switch Upstream.parse(text) {
            case .success: nil
            case .failure(let fault): fault.message
            }
        },
        .url(
            "TOKEN_ISSUER", default: "http://localhost:8080", "Issuer of access tokens: the gateway's public address."),
        .choice(
            "ACCESS_LOG", AccessLog.allCases.map(\.rawValue), default: AccessLog.notable.rawValue,
            "Requests that leave a line in the log: all, those that failed or took over a second, or none."),
        .boolean("RATE_LIMITS", default: true, "Whether requests are limited per caller, organization and address."),
        .integer(
            "ANONYMOUS_REQUESTS_PER_MINUTE", 1...10_000_000, default: 600,
            "Requests without credentials (logins, catalogue) per address."),
        .integer(
            "TRUSTED_PROXIES", 0...8, default: 0,
            "Proxies in front of the gateway whose `X-Forwarded-For` tells the client's address."),
        .list("CORS_ORIGINS", default: "", "Origins whose pages may use routes that belong to no organization.").checked
        {
            text in
            let origins = text.split(separator: ",").map { $0.filter { !$0.isWhitespace } }
            return origins.allSatisfy { CORS.isOrigin(String($0)) }
                ? nil : "must be a list of origins such as https://help.example.com"
        },
        .seconds("REQUEST_TIMEOUT_SECONDS", 0.1...600, default: 30, "Until a service must have begun to answer."),
        .integer(
            "BODY_BYTES_MAX", 1024...(1 << 30), default: 1 << 20, "Of a JSON body, where the route says nothing else."),
        .integer(
            "UPLOAD_BYTES_MAX", 1024...(1 << 34), default: 25 << 20,
            "Of any other body, where the route says nothing else."),
    ]

    static func limits(_ settings: Settings) -> Edge.Limits {
        var limits = Edge.Limits()
        limits.jsonBytes = settings.integer("BODY_BYTES_MAX")
        limits.uploadBytes = settings.integer("UPLOAD_BYTES_MAX")
        limits.timeout = settings.seconds("REQUEST_TIMEOUT_SECONDS")
        limits.trustedProxies = settings.integer("TRUSTED_PROXIES")
        limits.anonymous = RateQuota(requests: settings.integer("ANONYMOUS_REQUESTS_PER_MINUTE"), windowSeconds: 60)
        limits.areCounted = settings.boolean("RATE_LIMITS")
        limits.corsOrigins = settings.list("CORS_ORIGINS")
        return limits
    }
}
