import Contracts
import TestKit
import Testing

@testable import BusinessTime

struct ZoneTests {
    @Test func theVersionIsKnown() throws {
        let version = try #require(ZoneDatabase.system.version)
        #expect(version.hasPrefix("20"))
        #expect(ZoneDatabase.system.names.count > 400)
    }

    @Test(arguments: [
        ("Europe/Berlin", "2026-01-15T00:00", 3_600), ("Europe/Berlin", "2026-07-15T00:00", 7_200),
        ("Europe/Berlin", "2099-07-15T00:00", 7_200), ("Europe/Berlin", "2199-01-15T00:00", 3_600),
        ("America/New_York", "2090-12-01T00:00", -18_000), ("Australia/Lord_Howe", "2060-01-01T00:00", 39_600),
        ("Australia/Lord_Howe", "2060-07-01T00:00", 37_800), ("Asia/Kathmandu", "1980-01-01T00:00", 19_800),
        ("Asia/Kathmandu", "2100-01-01T00:00", 20_700), ("America/Nuuk", "2080-07-01T00:00", -3_600),
        ("Europe/Dublin", "2080-07-01T00:00", 3_600), ("Africa/Casablanca", "2026-07-01T00:00", 3_600),
        ("Asia/Gaza", "2100-07-01T00:00", 10_800), ("Etc/GMT+12", "2026-01-01T00:00", -43_200),
        ("Pacific/Kiritimati", "2026-01-01T00:00", 50_400), ("Africa/Monrovia", "1971-06-01T00:00", -2_670),
    ])
    func offsetsAreRight(_ name: String, _ instant: String, _ offset: Int) throws {
        let zone = try ZoneDatabase.system.zone(named: name)
        #expect(zone.offset(at: Int(at(instant).microseconds / 1_000_000)) == offset)
    }

    @Test(arguments: [
        "CET-1CEST,M3.5.0,M10.5.0/3", "<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "EET-2EEST,M3.4.4/50,M10.4.4/50", "UTC0",
        "<+0545>-5:45", "IST-1GMT0,M10.5.0,M3.5.0/1", "XXX3YYY,J60/0,300/0",
    ])
    func rulesAreRead(_ text: String) {
        #expect(PosixRule(text) != nil)
    }

    @Test(arguments: ["", "CET", "-1", "CET-1CEST", "CET-1CEST,M13.1.1,M1.1.1", "CET-1CEST,M3.5.0", "CET-25", "CET-1 "])
    func whatIsNoRuleIsRefused(_ text: String) {
        #expect(PosixRule(text) == nil)
    }

    @Test func damagedFilesAreErrorsAndNoCrashes() throws {
        var generator = SeededGenerator(seed: 7)
        let header = Array("TZif2".utf8)
        for _ in 0..<20_000 {
            var bytes = header + generator.bytes(maxLength: 200)
            if Bool.random(using: &generator) {
                for index in 20..<max(20, min(bytes.count, 44)) where index % 4 != 3 { bytes[index] = 0 }
            }
            _ = try? ZoneFile.zone(named: "Test/Damaged", in: bytes)
        }
    }

    /// Local time and back, at random and around every change of every zone.
    @Test func localTimesOfAllZonesAgreeWithTheirOffsets() throws {
        var generator = SeededGenerator(seed: 11)
        for name in ZoneDatabase.system.names {
            guard let zone = try? ZoneDatabase.system.zone(named: name) else { continue }
            var instants = (0..<50).map { _ in Int(generator.instant(years: 1_970...2_100).microseconds / 1_000_000) }
            for transition in zone.transitions where transition > 0 {
                instants += [transition - 1, transition, transition + 1, transition - 3_600, transition + 3_600]
            }
            for instant in instants {
                let local = instant + zone.offset(at: instant)
                let back = zone.instant(ofLocal: local)
                // The same instant, or the earlier one with the same local time.
                #expect(back + zone.offset(at: back) == local && back <= instant, "\(name) at \(instant)")
            }
        }
    }
}
