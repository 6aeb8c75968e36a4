/// Which addresses may be connected to for a stranger: those that anybody on the Internet could reach as well, and what an
/// operator allows.
///
/// The blocks are those of the IANA special-purpose address registries (RFC 6890) that are not globally reachable, those that
/// carry an IPv4 address inside, which would be reached by a detour, and addresses that clouds answer on in every host.
public struct AddressPolicy: Sendable {
    /// What an operator allows although it is refused otherwise.
    public let allowed: [AddressBlock]

    public init(allowed: [AddressBlock] = []) {
        self.allowed = allowed
    }

    /// Why an address is refused; nil where it may be connected to.
    public func refusal(of address: IPAddress) -> String? {
        isExempt(address) ? nil : Self.reserved(address)
    }

    /// Whether the operator named it.
    func isExempt(_ address: IPAddress) -> Bool { allowed.contains { $0.contains(address) } }

    private static func reserved(_ address: IPAddress) -> String? {
        if let block = blocks.first(where: { $0.block.contains(address) }) { return block.name }
        guard case .v6(let high, let low) = address else { return nil }
        // RFC 4291, section 2.4: what is not in 2000::/3 has not been given to anybody.
        guard high >> 61 == 1 else { return "not_global" }
        // RFC 5214, section 6.1: ISATAP, an IPv4 address behind any prefix.
        return low >> 32 & 0xfdff_ffff == 0x0000_5efe ? "embedded_ipv4" : nil
    }

    private static let blocks: [(block: AddressBlock, name: String)] = [
        ("unspecified", ["0.0.0.0/8", "::/128"]),
        ("private", ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"]),
        ("shared", ["100.64.0.0/10"]),  // RFC 6598: carrier-grade NAT
        ("loopback", ["127.0.0.0/8", "::1/128"]),
        ("link_local", ["169.254.0.0/16", "fe80::/10"]),
        ("protocol", ["192.0.0.0/24", "2001::/23"]),  // RFC 2928; Teredo, ORCHID and benchmarking among them
        ("documentation", ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20"]),
        ("relay", ["192.88.99.0/24", "192.52.193.0/24", "192.175.48.0/24", "192.31.196.0/24", "2620:4f:8000::/48"]),
        ("benchmarking", ["198.18.0.0/15"]),
        ("multicast", ["224.0.0.0/4", "ff00::/8"]),
        ("reserved", ["240.0.0.0/4", "3ffe::/16"]),  // RFC 3701: 6bone, given back
        ("host_service", ["168.63.129.16/32"]),  // answered by the host itself in Azure
        (
            "embedded_ipv4",
            ["::ffff:0:0/96", "::ffff:0:0:0/96", "::/96", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16"]
        ),
        ("discard", ["100::/64", "100:0:0:1::/64"]),
        ("unique_local", ["fc00::/7"]),
        ("site_local", ["fec0::/10"]),
        ("segment_routing", ["5f00::/16"]),
    ].flatMap { name, texts in texts.compactMap { AddressBlock($0) }.map { ($0, name) } }
}

/// Which ports may be connected to for a stranger, so that nobody makes a mail client or a port scanner of us.
enum PortPolicy {
    /// HTTP's own, and those that nothing else has from of old. Of the high ones, those that browsers refuse are out, too
    /// (WHATWG Fetch, "port blocking").
    static func allows(_ port: Int) -> Bool {
        port == 80 || port == 443 || (1024...65_535).contains(port) && !refused.contains(port)
    }

    private static let refused: Set<Int> = [
        1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697,
        10_080,
    ]
}
