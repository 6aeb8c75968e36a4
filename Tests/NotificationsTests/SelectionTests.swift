import BusinessTime
import Contracts
import Foundation
import TestKit
import Testing

@testable import Notifications

@Suite("Channels are selected")
struct SelectionTests {
    private static let berlin = try! ZoneDatabase.system.zone(named: "Europe/Berlin")
    private static let now = Timestamp(rfc3339: "2026-06-15T12:00:00Z")!
    private static let type = NotificationType(
        name: "t", summary: "", channels: [ChannelName.inApp, ChannelName.email], words: [:])
    private static let mandatory = NotificationType(
        name: "m", summary: "", channels: [ChannelName.inApp, ChannelName.email], isMandatory: true, words: [:])

    private static func select(
        _ type: NotificationType, _ preference: ChannelPreference = .none, default tenant: ChannelPreference = .none,
        at now: Timestamp = now, zone: Zone = berlin
    ) -> [String: ChannelDecision.Verdict] {
        let decisions = ChannelSelection.select(
            type, preference: preference, tenantDefault: tenant, zone: zone, now: now)
        return Dictionary(uniqueKeysWithValues: decisions.map { ($0.channel, $0.verdict) })
    }

    private static func preference(_ dice: inout SeededGenerator) -> ChannelPreference {
        var preference = ChannelPreference()
        for channel in ChannelName.all where Bool.random(using: &dice) {
            preference.channels[channel] = Bool.random(using: &dice)
        }
        if Bool.random(using: &dice) { preference.digest = Digest.allCases.randomElement(using: &dice) }
        if Bool.random(using: &dice) {
            let (start, end) = (Int.random(in: 0..<1_440, using: &dice), Int.random(in: 0..<1_440, using: &dice))
            if start != end {
                preference.quietHours = QuietHours(start: ClockTime(minutes: start), end: ClockTime(minutes: end))
            }
        }
        if Bool.random(using: &dice) {
            preference.digestAt = ClockTime(minutes: Int.random(in: 0..<1_440, using: &dice))
        }
        return preference
    }

    @Test("by preference, then tenant default, then type", arguments: 0..<40)
    func precedence(seed: UInt64) {
        var dice = SeededGenerator(seed: seed)
        for _ in 0..<50 {
            let (own, tenant) = (Self.preference(&dice), Self.preference(&dice))
            let decided = Self.select(Self.type, own, default: tenant)
            for channel in ChannelName.all {
                let isOn = own.channels[channel] ?? tenant.channels[channel] ?? Self.type.channels.contains(channel)
                switch decided[channel] {
                case .send?: #expect(isOn)
                case .skip?: #expect(!isOn && Self.type.channels.contains(channel))
                case nil: #expect(!isOn && !Self.type.channels.contains(channel))
                }
            }
            // Never before it happened, never in a quiet hour, and never more than two days later.
            guard case .send(let instant, let digest)? = decided[ChannelName.email] else { continue }
            #expect(digest == own.digest ?? tenant.digest ?? .immediate)
            #expect(instant >= Self.now && instant <= Self.now + .seconds(2 * 86_400))
            if let quiet = own.quietHours ?? tenant.quietHours { #expect(!quiet.contains(instant, in: Self.berlin)) }
        }
    }

    @Test("what is mandatory is never off and never late", arguments: 0..<40)
    func mandatory(seed: UInt64) {
        var dice = SeededGenerator(seed: seed)
        for _ in 0..<50 {
            let decided = Self.select(Self.mandatory, Self.preference(&dice), default: Self.preference(&dice))
            for channel in Self.mandatory.channels {
                #expect(decided[channel] == .send(at: Self.now, .immediate))
            }
            for verdict in decided.values { #expect(verdict == .send(at: Self.now, .immediate)) }
        }
    }

    @Test("what is shown in the app waits for nothing")
    func inApp() {
        let quiet = QuietHours(start: ClockTime(minutes: 0), end: ClockTime(minutes: 1_439))
        let decided = Self.select(Self.type, ChannelPreference(digest: .daily, quietHours: quiet))
        #expect(decided[ChannelName.inApp] == .send(at: Self.now, .immediate))
        #expect(decided[ChannelName.email] != .send(at: Self.now, .immediate))
    }

    @Test(
        "quiet hours end by the recipient's clocks, also when those change",
        arguments: [
            // Over midnight, summer and winter.
            ("2026-06-15T21:00:00Z", "22:00", "07:00", "2026-06-16T05:00:00.000Z"),
            ("2026-01-15T21:30:00Z", "22:00", "07:00", "2026-01-16T06:00:00.000Z"),
            // The night in which the clocks go forward, and the one in which they go back.
            ("2026-03-28T21:30:00Z", "22:00", "07:00", "2026-03-29T05:00:00.000Z"),
            ("2026-10-24T20:30:00Z", "22:00", "07:00", "2026-10-25T06:00:00.000Z"),
            // 02:30 is skipped; at 03:30 it is over for sure.
            ("2026-03-29T00:30:00Z", "01:00", "02:30", "2026-03-29T01:30:00.000Z"),
            // 02:30 comes twice: from the first 02:10 to the first, from the second 02:10 to the second.
            ("2026-10-25T00:10:00Z", "01:00", "02:30", "2026-10-25T00:30:00.000Z"),
            ("2026-10-25T01:10:00Z", "01:00", "02:30", "2026-10-25T01:30:00.000Z"),
            // Not quiet.
            ("2026-06-15T19:59:59Z", "22:00", "07:00", "2026-06-15T19:59:59.000Z"),
            ("2026-06-16T05:00:00Z", "22:00", "07:00", "2026-06-16T05:00:00.000Z"),
        ])
    func quietHours(now: String, start: String, end: String, expected: String) throws {
        let hours = try #require(QuietHours(["start": .string(start), "end": .string(end)]))
        let instant = try #require(Timestamp(rfc3339: now))
        #expect(hours.release(instant, in: Self.berlin).rfc3339 == expected)
    }

    @Test(
        "quiet hours release within a day, at a time that is not quiet", arguments: 0..<30,
        ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/St_Johns", "UTC"])
    func release(seed: UInt64, zoneName: String) throws {
        var dice = SeededGenerator(seed: seed)
        let zone = try ZoneDatabase.system.zone(named: zoneName)
        for _ in 0..<200 {
            let start = Int.random(in: 0..<1_440, using: &dice)
            let end = (start + Int.random(in: 1..<1_440, using: &dice)) % 1_440
            let hours = QuietHours(start: ClockTime(minutes: start), end: ClockTime(minutes: end))
            let now = Timestamp(milliseconds: Int64.random(in: 1_700_000_000_000...1_900_000_000_000, using: &dice))
            let released = hours.release(now, in: zone)
            #expect(hours.contains(now, in: zone) == (released != now))
            #expect(released >= now && released <= now + .seconds(26 * 3_600))
            #expect(!hours.contains(released, in: zone), "\(hours) \(now) \(released)")
        }
    }

    @Test("times on the clock are read strictly, whatever comes", arguments: 0..<20)
    func clockTimes(seed: UInt64) {
        for (text, minutes) in [("00:00", 0), ("23:59", 1_439), ("08:30", 510)] {
            #expect(ClockTime(text)?.minutes == minutes)
        }
        for text in ["24:00", "12:60", "1:00", "01:0", "+1:00", "٠١:٠٠", "", "01:00 ", "0100"] {
            #expect(ClockTime(text) == nil)
        }
        var dice = SeededGenerator(seed: seed)
        for _ in 0..<200 {
            let text = dice.text(maxLength: 8)
            if let time = ClockTime(text) { #expect((0..<1_440).contains(time.minutes)) }
        }
    }

    @Test(
        "digests go out on the hour, or at a time of the day, on the recipient's clocks",
        arguments: [
            (Digest.hourly, "2026-06-15T12:20:00Z", "Asia/Kathmandu", "2026-06-15T13:15:00.000Z"),
            (Digest.hourly, "2026-06-15T12:00:00Z", "Europe/Berlin", "2026-06-15T13:00:00.000Z"),
            (Digest.daily, "2026-06-15T12:00:00Z", "Europe/Berlin", "2026-06-16T06:00:00.000Z"),
            (Digest.daily, "2026-03-28T12:00:00Z", "Europe/Berlin", "2026-03-29T06:00:00.000Z"),
        ])
    func digests(digest: Digest, now: String, zoneName: String, expected: String) throws {
        let zone = try ZoneDatabase.system.zone(named: zoneName)
        let decided = Self.select(
            Self.type, ChannelPreference(digest: digest), at: try #require(Timestamp(rfc3339: now)), zone: zone)
        #expect(decided[ChannelName.email] == .send(at: try #require(Timestamp(rfc3339: expected)), digest))
    }
}

@Suite("Backoff")
struct BackoffTests {
    @Test("grows, is jittered, bounded, and ends", arguments: 0..<20)
    func grows(seed: UInt64) throws {
        var dice = SeededGenerator(seed: seed)
        var last = Duration.zero
        for tries in 1..<Backoff.triesMax {
            var seen: Set<Duration> = []
            for _ in 0..<50 {
                let pause = try #require(
                    Backoff.pause(afterTries: tries, chance: Double.random(in: 0...1, using: &dice)))
                #expect(pause >= Backoff.first && pause <= Backoff.longest)
                #expect(pause > last || pause == Backoff.longest, "each pause is longer than all before it")
                seen.insert(pause)
            }
            #expect(seen.count > 10 || seen == [Backoff.longest], "what failed together is not tried together")
            last = seen.max() ?? .zero
        }
        #expect(last >= .seconds(4 * 3_600))
        #expect(Backoff.pause(afterTries: Backoff.triesMax, chance: 0.5) == nil)
        #expect(Backoff.pause(afterTries: 1, retryAfter: .seconds(600), chance: 0) == .seconds(600))
        #expect(Backoff.pause(afterTries: 1, retryAfter: .seconds(1 << 40), chance: 0) == Backoff.longest)
    }

    @Test("what can't ever succeed is not tried again; what may, ten times")
    func settlements() {
        func settled(_ failure: DeliveryFailure, attempt: Int) -> DeliveryOutcome.Settlement {
            DeliveryOutcome(
                tenantId: .v7(), id: .v7(), attempt: attempt, result: .failed(failure), at: Timestamp(milliseconds: 0)
            ).settlement(chance: 0.5)
        }
        let permanent = settled(.permanent(code: "550", detail: "no such user\0", suppress: true), attempt: 1)
        #expect(permanent.state == .failed && permanent.dueAt == nil && permanent.suppresses)
        #expect(permanent.detail == "no such user")
        let transient = DeliveryFailure.transient(code: "451", detail: "later", retryAfter: nil)
        #expect(settled(transient, attempt: 9).state == .queued)
        #expect(settled(transient, attempt: 9).dueAt != nil)
        #expect(settled(transient, attempt: 10).state == .failed)
    }
}
