/// A request to an address that a stranger gave.
public struct OutboundRequest: Sendable {
    public var url: OutboundURL
    /// `POST`
    public var method: String
    /// Host, Content-Length and Connection are the client's.
    public var headers: [(name: String, value: String)]
    public var body: [UInt8]

    public init(
        _ url: OutboundURL, method: String = "POST", headers: [(name: String, value: String)] = [], body: [UInt8] = []
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
    }
}

/// What came back. A redirect is an answer like any other; nobody follows it.
public struct OutboundAnswer: Sendable {
    public let status: Int
    public let headers: [(name: String, value: String)]
    /// As much of the body as is kept.
    public let body: [UInt8]
    /// There was more, or it broke off: what the status says holds all the same.
    public let isTruncated: Bool

    /// A field's first value.
    public func header(_ name: String) -> String? {
        headers.first { $0.name.lowercased() == name.lowercased() }?.value
    }
}
