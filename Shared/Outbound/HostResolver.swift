import NIOPosix

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Finds a name's addresses.
public protocol HostResolver: Sendable {
    /// The addresses, best first; none where the name has none or nobody knows now.
    func addresses(of name: String) async -> [IPAddress]
}

/// Asks as the host is set up to ask. Its calls block, so they have threads of their own; there are enough of them that a few
/// names whose servers don't answer keep no other waiting.
public struct SystemResolver: HostResolver {
    public static let shared = SystemResolver()

    private let threads = NIOThreadPool(numberOfThreads: 32)

    private init() { threads.start() }

    public func addresses(of name: String) async -> [IPAddress] {
        (try? await threads.runIfActive { Self.lookUp(name) }) ?? []
    }

    private static func lookUp(_ name: String) -> [IPAddress] {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_ADDRCONFIG
        var first: UnsafeMutablePointer<addrinfo>?
        // With the final dot a name is whole: no search domain of this host is tried with it.
        guard getaddrinfo(name.contains(".") ? name + "." : name, nil, &hints, &first) == 0 else { return [] }
        defer { freeaddrinfo(first) }
        var found: [IPAddress] = []
        var next = first
        while let entry = next {
            if let address = address(of: entry.pointee), !found.contains(address) { found.append(address) }
            next = entry.pointee.ai_next
        }
        return found
    }

    private static func address(of entry: addrinfo) -> IPAddress? {
        guard let raw = entry.ai_addr else { return nil }
        let bytes = UnsafeRawBufferPointer(start: raw, count: Int(entry.ai_addrlen))
        // Where RFC 3493, section 3.3, has the address; behind family, port and, in IPv6, the flow label.
        return switch entry.ai_family {
        case AF_INET where bytes.count >= 8: IPAddress(bytes: bytes[4..<8])
        case AF_INET6 where bytes.count >= 24: IPAddress(bytes: bytes[8..<24])
        default: nil
        }
    }
}
