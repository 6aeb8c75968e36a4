import Synchronization

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension UUID {
    /// A time-ordered id (RFC 9562, version 7), greater than every id that this process made before.
    ///
    /// It begins with 48 bits of milliseconds and a 12-bit counter that starts low and at random in each millisecond.
    /// When the counter runs over, it borrows from the next millisecond; so the ids of a burst run ahead of the clock
    /// rather than out of order.
    public static func v7() -> UUID { v7(at: .now) }

    static func v7(at instant: Timestamp) -> UUID {
        var generator = SystemRandomNumberGenerator()
        let random = generator.next()
        let milliseconds = UInt64(Swift.max(0, instant.milliseconds))
        let fresh = milliseconds << 12 | random >> 54
        var last = lastTick.load(ordering: .relaxed)
        while true {
            let tick = Swift.max(fresh, last + 1)
            let (exchanged, original) = lastTick.compareExchange(
                expected: last, desired: tick, ordering: .relaxed)
            if exchanged { return UUID(tick: tick, random: random) }
            last = original
        }
    }

    /// 48 bits of milliseconds and 12 bits of counter of the latest id.
    private static let lastTick = Atomic<UInt64>(0)

    private init(tick: UInt64, random: UInt64) {
        self.init(high: (tick & ~0xFFF) << 4 | 0x7000 | tick & 0xFFF, low: 1 << 63 | random & (1 << 62 - 1))
    }

    init(high: UInt64, low: UInt64) {
        self.init(
            uuid: (
                high[byte: 0], high[byte: 1], high[byte: 2], high[byte: 3], high[byte: 4], high[byte: 5],
                high[byte: 6], high[byte: 7], low[byte: 0], low[byte: 1], low[byte: 2], low[byte: 3], low[byte: 4],
                low[byte: 5], low[byte: 6], low[byte: 7]
            ))
    }

    /// When a version 7 id was made; nil for other versions.
    public var v7Timestamp: Timestamp? {
        let bytes = uuid
        guard bytes.6 >> 4 == 7, bytes.8 >> 6 == 2 else { return nil }
        let head = UInt64(bytes.0) << 40 | UInt64(bytes.1) << 32 | UInt64(bytes.2) << 24
        let tail = UInt64(bytes.3) << 16 | UInt64(bytes.4) << 8 | UInt64(bytes.5)
        return Timestamp(milliseconds: Int64(head | tail))
    }

    /// Lower case, as everywhere on the wire.
    public var text: String {
        String(unsafeUninitializedCapacity: 36) { buffer in
            write(to: UnsafeMutableRawBufferPointer(buffer))
            return 36
        }
    }

    func append(to bytes: inout [UInt8]) {
        withUnsafeTemporaryAllocation(byteCount: 36, alignment: 1) { buffer in
            write(to: buffer)
            bytes.append(contentsOf: buffer)
        }
    }

    private func write(to buffer: UnsafeMutableRawBufferPointer) {
        withUnsafeBytes(of: uuid) { source in
            var at = 0
            for position in 0..<16 {
                if position == 4 || position == 6 || position == 8 || position == 10 {
                    buffer[at] = UInt8(ascii: "-")
                    at += 1
                }
                buffer[at] = Self.hexadecimalDigit(source[position] >> 4)
                buffer[at + 1] = Self.hexadecimalDigit(source[position] & 15)
                at += 2
            }
        }
    }

    @inline(__always) private static func hexadecimalDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") &+ value : UInt8(ascii: "a") &- 10 &+ value
    }

    /// Reads the 36-character form in either case, nothing else.
    public init?(text: some StringProtocol) {
        let parsed = text.utf8.withContiguousStorageIfAvailable { UUID(utf8: UnsafeRawBufferPointer($0)) }
        if let parsed {
            guard let parsed else { return nil }
            self = parsed
        } else {
            guard let parsed = Array(text.utf8).withUnsafeBytes({ UUID(utf8: $0) }) else { return nil }
            self = parsed
        }
    }

    private init?(utf8 text: UnsafeRawBufferPointer) {
        guard text.count == 36 else { return nil }
        var value: uuid_t = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
        let complete = withUnsafeMutableBytes(of: &value) { target in
            var at = 0
            for position in 0..<16 {
                if position == 4 || position == 6 || position == 8 || position == 10 {
                    guard text[at] == UInt8(ascii: "-") else { return false }
                    at += 1
                }
                guard let high = Hexadecimal.value(text[at]), let low = Hexadecimal.value(text[at + 1]) else {
                    return false
                }
                target[position] = high << 4 | low
                at += 2
            }
            return true
        }
        guard complete else { return nil }
        self.init(uuid: value)
    }
}

extension UInt64 {
    /// Counted from the most significant one.
    fileprivate subscript(byte position: Int) -> UInt8 { UInt8(truncatingIfNeeded: self >> (56 - 8 * position)) }
}
