#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Part of the outbox: all unconfirmed events of an aggregate lie in the same one, and one relay at a time publishes it.
enum OutboxPartition {
    /// Fixed with the schema: rows carry their partition.
    static let count = 16

    /// The partition of an aggregate. The bytes are mixed first, because ids of other kinds than version 4 and 7 are not
    /// random in their last bytes.
    static func of(_ aggregateId: UUID) -> Int {
        let hash = withUnsafeBytes(of: aggregateId.uuid) { bytes in
            bytes.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01b3 }
        }
        return Int((hash ^ hash >> 32) % UInt64(count))
    }
}
