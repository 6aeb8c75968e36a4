// How somebody is reached: the one place that decides, as a pure function.

import BusinessTime
import Contracts

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// How often somebody wants to hear.
enum Digest: String, CaseIterable, Sendable {
    case immediate, hourly, daily
}

/// What somebody, or a tenant for everybody, has said. What is nil or missing is left to what stands behind.
struct ChannelPreference: Sendable, Hashable {
    var channels: [String: Bool] = [:]
    var digest: Digest?
    /// When a daily digest goes out.
    var digestAt: ClockTime?
    var quietHours: QuietHours?

    static let none = ChannelPreference()

    /// This one, and what it leaves open from the other.
    func over(_ other: ChannelPreference) -> ChannelPreference {
        ChannelPreference(
            channels: channels.merging(other.channels) { own, _ in own }, digest: digest ?? other.digest,
            digestAt: digestAt ?? other.digestAt, quietHours: quietHours ?? other.quietHours)
    }
}

/// What becomes of one notification on one channel.
struct ChannelDecision: Sendable, Hashable {
    enum Verdict: Sendable, Hashable {
        /// At an instant, alone or as part of a digest.
        case send(at: Timestamp, Digest)
        case skip(reason: String)
    }

    let channel: String
    let verdict: Verdict
}

enum ChannelSelection {
    static let turnedOff = "turned_off"
    private static let digestAtDefault = ClockTime(minutes: 8 * 60)

    /// Preference before tenant default before the type's own channels (or those of the rule). Of a mandatory type, the type's
    /// own channels are never off, and nothing is delayed. What is shown in the app disturbs nobody: it is never delayed either.
    ///
    /// - Parameter channels: what the rule says instead of the type.
    static func select(
        _ type: NotificationType, channels: [String]? = nil, preference: ChannelPreference,
        tenantDefault: ChannelPreference, zone: Zone, now: Timestamp
    ) -> [ChannelDecision] {
        let wanted = Set(channels ?? type.channels)
        let said = preference.over(tenantDefault)
        return ChannelName.all.compactMap { channel in
            let isForced = type.isMandatory && type.channels.contains(channel)
            let isOn = isForced || said.channels[channel] ?? wanted.contains(channel)
            guard isOn else {
                // Worth a note only where it would have gone out otherwise.
                return wanted.contains(channel)
                    ? ChannelDecision(channel: channel, verdict: .skip(reason: turnedOff)) : nil
            }
            guard !type.isMandatory, channel != ChannelName.inApp else {
                return ChannelDecision(channel: channel, verdict: .send(at: now, .immediate))
            }
            let digest = said.digest ?? .immediate
            let due = instant(of: digest, at: said.digestAt ?? digestAtDefault, zone: zone, now: now)
            let released = said.quietHours?.release(due, in: zone) ?? due
            return ChannelDecision(channel: channel, verdict: .send(at: released, digest))
        }
    }

    private static func instant(of digest: Digest, at time: ClockTime, zone: Zone, now: Timestamp) -> Timestamp {
        switch digest {
        case .immediate: now
        case .hourly:
            LocalClock(now, in: zone).instant(secondsAhead: 3_600 - LocalClock(now, in: zone).secondsOfDay % 3_600)
        case .daily: time.next(after: now, in: zone)
        }
    }
}
