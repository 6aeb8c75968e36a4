/// An IP address as a number, so that rules about it can't be fooled by how it is written.
public enum IPAddress: Sendable, Hashable, CustomStringConvertible {
    case v4(UInt32)
    /// The address's 128 bits, the first 64 and the last.
    case v6(UInt64, UInt64)

    /// Reads `192.0.2.1` and `2001:db8::1` (RFC 4291, section 2.2). IPv4 is four decimal numbers without leading zeros and
    /// nothing else: programs disagree about what `010.1`, `0x7f.1` or `2130706433` mean. A zone (`%eth0`) is refused.
    public init?(_ text: some StringProtocol) {
        let bytes = Array(text.utf8.prefix(46))
        if bytes.contains(UInt8(ascii: ":")) {
            guard let groups = Self.groups(bytes[...]) else { return nil }
            self = .v6(Self.joined(groups[..<4]), Self.joined(groups[4...]))
        } else {
            guard let number = Self.dotted(bytes[...]) else { return nil }
            self = .v4(number)
        }
    }

    /// An address in network byte order: 4 or 16 bytes.
    public init?(bytes: some Collection<UInt8>) {
        switch bytes.count {
        case 4: self = .v4(bytes.reduce(0) { $0 << 8 | UInt32($1) })
        case 16:
            self = .v6(
                bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) },
                bytes.dropFirst(8).reduce(0) { $0 << 8 | UInt64($1) })
        default: return nil
        }
    }

    /// The address in network byte order.
    public var bytes: [UInt8] {
        switch self {
        case .v4(let number): (0..<4).map { UInt8(truncatingIfNeeded: number >> (24 - 8 * $0)) }
        case .v6(let high, let low):
            [high, low].flatMap { half in (0..<8).map { UInt8(truncatingIfNeeded: half >> (56 - 8 * $0)) } }
        }
    }

    /// `192.0.2.1`; IPv6 in eight groups, nothing left out.
    public var description: String {
        switch self {
        case .v4: bytes.map { String($0) }.joined(separator: ".")
        case .v6(let high, let low):
            [high, low].flatMap { half in (0..<4).map { String(half >> (48 - 16 * $0) & 0xffff, radix: 16) } }
                .joined(separator: ":")
        }
    }

    var bitWidth: Int {
        switch self {
        case .v4: 32
        case .v6: 128
        }
    }

    // MARK: - Text

    private static func dotted(_ bytes: ArraySlice<UInt8>) -> UInt32? {
        let parts = bytes.split(separator: UInt8(ascii: "."), maxSplits: 4, omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var number: UInt32 = 0
        for part in parts {
            guard (1...3).contains(part.count), part.allSatisfy({ (48...57).contains($0) }),
                part.count == 1 || part.first != UInt8(ascii: "0")
            else { return nil }
            let value = part.reduce(0) { $0 * 10 + UInt32($1 - 48) }
            guard value <= 255 else { return nil }
            number = number << 8 | value
        }
        return number
    }

    private static func groups(_ bytes: ArraySlice<UInt8>) -> [UInt16]? {
        guard let gap = gap(in: bytes) else { return list(bytes, count: 8) }
        guard let left = list(bytes[..<gap], upTo: 7, isEnd: false),
            let right = list(bytes[(gap + 2)...], upTo: 7 - left.count)
        else {
            return nil
        }
        return left + Array(repeating: 0, count: 8 - left.count - right.count) + right
    }

    /// Where the first `::` begins.
    private static func gap(in bytes: ArraySlice<UInt8>) -> Int? {
        bytes.indices.dropLast().first { bytes[$0] == UInt8(ascii: ":") && bytes[$0 + 1] == UInt8(ascii: ":") }
    }

    private static func list(_ bytes: ArraySlice<UInt8>, count: Int) -> [UInt16]? {
        list(bytes, upTo: count).flatMap { $0.count == count ? $0 : nil }
    }

    /// Groups between colons; the address's last may be IPv4 and stands for two.
    private static func list(_ bytes: ArraySlice<UInt8>, upTo countMax: Int, isEnd: Bool = true) -> [UInt16]? {
        if bytes.isEmpty { return [] }
        var groups: [UInt16] = []
        let parts = bytes.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        for (index, part) in parts.enumerated() {
            if isEnd, index == parts.count - 1, let number = dotted(part) {
                groups += [UInt16(number >> 16), UInt16(truncatingIfNeeded: number)]
            } else {
                guard (1...4).contains(part.count) else { return nil }
                var group: UInt16 = 0
                for byte in part {
                    guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else { return nil }
                    group = group << 4 | UInt16(digit)
                }
                groups.append(group)
            }
            if groups.count > countMax { return nil }
        }
        return groups
    }

    private static func joined(_ groups: ArraySlice<UInt16>) -> UInt64 { groups.reduce(0) { $0 << 16 | UInt64($1) } }
}

/// A block of addresses: `10.0.0.0/8`, `fc00::/7` (RFC 4632, section 3.1; RFC 4291, section 2.3).
public struct AddressBlock: Sendable, Hashable, CustomStringConvertible {
    public let base: IPAddress
    public let prefixLength: Int

    /// Reads a block, or an address, which is a block of one. Bits beyond the prefix must be zero.
    public init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let base = IPAddress(parts[0]) else { return nil }
        var length = base.bitWidth
        if parts.count == 2 {
            guard (1...3).contains(parts[1].utf8.count), parts[1].utf8.allSatisfy({ (48...57).contains($0) }),
                let given = Int(parts[1]), given <= length
            else { return nil }
            length = given
        }
        self.base = base
        prefixLength = length
        guard masked(base) == base else { return nil }
    }

    /// Whether the address is in the block. An IPv4 block holds no IPv6 address, whatever is embedded in it.
    public func contains(_ address: IPAddress) -> Bool { masked(address) == base }

    public var description: String { "\(base)/\(prefixLength)" }

    private func masked(_ address: IPAddress) -> IPAddress {
        switch address {
        case .v4(let number): .v4(number & ~(prefixLength >= 32 ? 0 : UInt32.max >> prefixLength))
        case .v6(let high, let low):
            .v6(
                high & ~(prefixLength >= 64 ? 0 : UInt64.max >> prefixLength),
                low & ~(prefixLength >= 128 ? 0 : prefixLength <= 64 ? .max : UInt64.max >> (prefixLength - 64)))
        }
    }
}
