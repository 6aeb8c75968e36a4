/// Where a stranger wants a request sent: an `http` or `https` URL (RFC 9110, section 4.2), read narrowly. What two programs
/// could read differently is refused: credentials, fragments, backslashes, escapes and other than ASCII letters in the host,
/// numbers that some take for an address.
public struct OutboundURL: Sendable, Hashable, CustomStringConvertible {
    public enum Host: Sendable, Hashable {
        case name(String)
        case address(IPAddress)
    }

    public static let lengthMax = 2_048

    public let isSecure: Bool
    public let host: Host
    public let port: Int
    /// Path and query, as they stand in the request line.
    public let target: String

    public init(_ text: String) throws(OutboundError) {
        guard text.utf8.count <= Self.lengthMax else {
            throw .url("too_long", "It has more than \(Self.lengthMax) bytes.")
        }
        guard text.utf8.allSatisfy({ (33...126).contains($0) && !Self.odd.contains($0) }) else {
            throw .url("characters", "Spaces, controls, quotes, backslashes and letters beyond ASCII must be escaped.")
        }
        guard let colon = text.firstIndex(of: ":"), text[colon...].hasPrefix("://") else {
            throw .url("scheme", "It must begin with https://.")
        }
        switch text[..<colon].lowercased() {
        case "https": isSecure = true
        case "http": isSecure = false
        default: throw .url("scheme", "It must begin with https://.")
        }
        let rest = text[colon...].dropFirst(3)
        let end = rest.firstIndex { $0 == "/" || $0 == "?" || $0 == "#" } ?? rest.endIndex
        let authority = rest[..<end]
        let tail = rest[end...]
        guard !tail.contains("#") else { throw .url("fragment", "A fragment is not sent to a server.") }
        guard !authority.contains("@") else { throw .url("credentials", "A URL with a user or a password is refused.") }
        (host, port) = try Self.hostAndPort(authority, isSecure: isSecure)
        target = tail.hasPrefix("/") ? String(tail) : "/" + tail
    }

    public var description: String { origin + target }

    /// `https://example.com` (RFC 6454, section 6.2).
    public var origin: String { "\(isSecure ? "https" : "http")://\(authority)" }

    /// The value of the Host field.
    var authority: String { port == (isSecure ? 443 : 80) ? hostText : "\(hostText):\(port)" }

    private var hostText: String {
        switch host {
        case .name(let name): name
        case .address(let address):
            if case .v6 = address { "[\(address)]" } else { "\(address)" }
        }
    }

    /// `"<>\^`{|}`: RFC 3986 has no place for them.
    private static let odd = Set("\"<>\\^`{|}".utf8)

    private static func hostAndPort(_ authority: Substring, isSecure: Bool) throws(OutboundError) -> (Host, Int) {
        var hostText = authority
        var port = isSecure ? 443 : 80
        if let colon = authority.lastIndex(of: ":"), !authority[colon...].contains("]") {
            let digits = authority[colon...].dropFirst()
            guard (1...5).contains(digits.utf8.count), digits.utf8.allSatisfy({ (48...57).contains($0) }),
                let number = Int(digits), (1...65_535).contains(number)
            else { throw .url("port", "The port must be a number from 1 to 65535.") }
            port = number
            hostText = authority[..<colon]
        }
        return (try host(hostText), port)
    }

    private static func host(_ text: Substring) throws(OutboundError) -> Host {
        if text.hasPrefix("[") {
            guard text.hasSuffix("]"), let address = IPAddress(text.dropFirst().dropLast()), case .v6 = address else {
                throw .url("host", "There must be an IPv6 address between brackets.")
            }
            return .address(address)
        }
        let labels = text.split(separator: ".", omittingEmptySubsequences: false)
        guard let last = labels.last, text.utf8.count <= 253 else { throw .url("host", "It needs a host.") }
        // WHATWG URL, "ends in a number": whatever a name ends in, an address ends in a number.
        if last.utf8.first.map({ (48...57).contains($0) }) == true {
            guard let address = IPAddress(text), case .v4 = address else {
                throw .url("host", "An IPv4 address is four decimal numbers without leading zeros.")
            }
            return .address(address)
        }
        guard labels.allSatisfy(isLabel) else {
            throw .url(
                "host", "The host must be a name of letters, digits and hyphens; others are written in Punycode.")
        }
        return .name(text.lowercased())
    }

    /// RFC 1123, section 2.1; with the underscore that some hosts have.
    private static func isLabel(_ label: Substring) -> Bool {
        (1...63).contains(label.utf8.count) && label.first != "-" && label.last != "-"
            && label.utf8.allSatisfy { byte in
                (97...122).contains(byte) || (65...90).contains(byte) || (48...57).contains(byte) || byte == 45
                    || byte == 95
            }
    }
}
