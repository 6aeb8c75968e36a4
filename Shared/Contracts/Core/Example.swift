#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Values for examples: the same name always gives the same id, so that the examples of all events tell one story.
enum Example {
    static func id(_ name: String) -> UUID {
        // A version 7 id of the example's own moment; the name decides the random part.
        let hash = Hash.fnv1a(name)
        let random = String(hash & 0xFFFF_FFFF_FFFF | 1 << 48, radix: 16).suffix(12)
        guard let id = UUID(text: "019b7d1c-6e00-7000-8000-\(random)") else {
            preconditionFailure("the example's id is well-formed")
        }
        return id
    }

    /// 2026-01-02T09:30:00.000Z and later.
    static func time(minutes: Int = 0) -> Timestamp {
        Timestamp(milliseconds: 1_767_346_200_000) + .seconds(60 * minutes)
    }

    static func date(_ text: String) -> CalendarDate {
        guard let date = CalendarDate(text: text) else { preconditionFailure("\(text) is not a date") }
        return date
    }

    static let envelope = EventEnvelope(
        eventId: id("event"), tenantId: id("tenant"), occurredAt: time(), actor: .user(id("agent")), version: 3,
        sequence: 7, causationId: "req-7f3a", idempotencyKey: "order-4711")
}

enum Hash {
    /// FNV-1a, 64 bits: stable over processes and releases, unlike `Hasher`.
    static func fnv1a(_ text: String, seed: UInt64 = 0xCBF2_9CE4_8422_2325) -> UInt64 {
        text.utf8.reduce(seed) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }
}

extension UUID {
    /// The same id for the same text, always (RFC 9562, version 8): for aggregates that have no id of their own.
    public init(derivedFrom text: String) {
        let high = Hash.fnv1a(text)
        let low = Hash.fnv1a(text, seed: high)
        self.init(high: high & ~0xF000 | 0x8000, low: low & (1 << 62 - 1) | 1 << 63)
    }
}
