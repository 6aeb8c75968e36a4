// How much goes out: what is too much waits, nothing is lost.

import Contracts
import Database

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The most that goes out to one recipient on one channel in an hour, and for one tenant on one channel in a minute. What is
/// mandatory, and what is shown in the app, does not count.
struct RateLimits: Sendable {
    var recipientHourlyMax: Int64 = 120
    var tenantMinuteMax: Int64 = 30_000

    private static let minute: Int64 = 60_000
    private static let hour: Int64 = 3_600_000

    /// Something to be counted: who has it, and the window it falls into.
    private struct Key: Hashable {
        var tenantId: UUID
        var key: String
        var start: Timestamp
        var end: Timestamp
        var limit: Int64
    }

    /// Counts what is about to go out. Answers which of it has to wait, and until when.
    func take(_ claims: [DeliveryClaim], channel: String, now: Timestamp, in tx: Transaction) async throws -> [UUID:
        Timestamp]
    {
        guard channel != ChannelName.inApp else { return [:] }
        let counted = claims.filter { !$0.message.isMandatory && !$0.isSuppressed }
        guard !counted.isEmpty else { return [:] }
        let keys = counted.map { self.keys(of: $0, channel, now) }
        var sums: [Key: Int64] = [:]
        for key in keys.joined() { sums[key, default: 0] += 1 }
        let rows = Array(sums)
        let totals = try await tx.query(
            """
            INSERT INTO notification_rates AS r (tenant_id, key, window_start, count)
            SELECT * FROM unnest(
                \(rows.map(\.key.tenantId)), \(rows.map(\.key.key)), \(rows.map(\.key.start)), \(rows.map(\.value))
            ) AS g (tenant_id, key, window_start, count)
            ORDER BY 1, 2, 3
            ON CONFLICT (tenant_id, key, window_start) DO UPDATE SET count = r.count + excluded.count
            RETURNING tenant_id, key, count
            """)
        var total: [String: Int64] = [:]
        for row in totals {
            let (tenantId, key, count) = try row.decode((UUID, String, Int64).self)
            total["\(tenantId.text) \(key)"] = count
        }
        var waits: [UUID: Timestamp] = [:]
        // Room that was there before these came.
        var room: [Key: Int64] = [:]
        for (key, count) in sums {
            room[key] = key.limit - ((total["\(key.tenantId.text) \(key.key)"] ?? count) - count)
        }
        var unused: [Key: Int64] = [:]
        for (claim, keys) in zip(counted, keys) {
            if let full = keys.filter({ (room[$0] ?? 0) <= 0 }).max(by: { $0.end < $1.end }) {
                waits[claim.message.id] = full.end
                for key in keys { unused[key, default: 0] += 1 }
            } else {
                for key in keys { room[key, default: 0] -= 1 }
            }
        }
        if !unused.isEmpty { giveBack(Array(unused), in: tx) }
        return waits
    }

    private func giveBack(_ rows: [(key: Key, value: Int64)], in tx: Transaction) {
        tx.enqueue(
            """
            UPDATE notification_rates AS r SET count = r.count - g.count
            FROM unnest(
                \(rows.map(\.key.tenantId)), \(rows.map(\.key.key)), \(rows.map(\.key.start)), \(rows.map(\.value))
            ) AS g (tenant_id, key, window_start, count)
            WHERE r.tenant_id = g.tenant_id AND r.key = g.key AND r.window_start = g.window_start
            """)
    }

    private func keys(of claim: DeliveryClaim, _ channel: String, _ now: Timestamp) -> [Key] {
        let tenantId = claim.message.tenantId
        func key(_ name: String, _ window: Int64, _ limit: Int64) -> Key {
            let start = now.milliseconds / window * window
            return Key(
                tenantId: tenantId, key: name, start: Timestamp(milliseconds: start),
                end: Timestamp(milliseconds: start + window), limit: limit)
        }
        return [
            key("\(channel) tenant", Self.minute, tenantMinuteMax),
            key(
                "\(channel) \(claim.message.recipientId?.text ?? claim.message.address)", Self.hour, recipientHourlyMax),
        ]
    }
}
