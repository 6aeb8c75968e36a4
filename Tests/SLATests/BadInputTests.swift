import Contracts
import Foundation
import HTTPTypes
import TestKit
import Testing
import Web

@testable import SLA

/// What is refused, with the fault named.
struct BadInputTests {
    @Test func `calendars`() async throws {
        try await Harness.with { harness in
            func faults(_ change: JSONObject) async throws -> (Int, [String]) {
                var document = Harness.office
                for (key, value) in change { document[key] = value }
                let reply = try await harness.send(.post, "business_calendars", .object(document))
                return (reply.status, reply.faults)
            }
            let cases: [(JSONObject, String)] = [
                (["timezone": "Mars/Olympus"], "/timezone unknown_zone"),
                (["weeklyHours": [:]], "/weeklyHours never_open"),
                (["weeklyHours": ["mon": [["09:00", "12:00"], ["11:00", "13:00"]]]], "/weeklyHours/mon/1 overlap"),
                (
                    ["weeklyHours": ["sun": [["20:00", "10:00"]], "mon": [["09:00", "12:00"]]]],
                    "/weeklyHours/mon/0 overlap"
                ),
                (["weeklyHours": ["mon": [["09:00", "09:00"]]]], "/weeklyHours/mon/0 empty_interval"),
                (["holidays": ["9999-12-31"]], "/holidays/0 out_of_range"),
                (["dateOverrides": ["2026-02-30": []]], "/dateOverrides/2026-02-30 invalid_date"),
            ]
            for (change, expected) in cases {
                let (status, found) = try await faults(change)
                #expect(status == 422 && found == [expected], "\(expected)")
            }
        }
    }

    @Test func `policies`() async throws {
        try await Harness.with { harness in
            func faults(_ document: JSONObject) async throws -> [String] {
                var whole: JSONObject = ["name": "P", "targets": ["normal": ["resolution": ["seconds": 60]]]]
                for (key, value) in document { whole[key] = value }
                let reply = try await harness.send(.post, "sla_policies", .object(whole))
                #expect(reply.status == 422, "\(document): \(reply.text)")
                return reply.faults
            }
            #expect(try await faults(["targets": [:]]) == ["/targets required"])
            #expect(
                try await faults(["targets": ["normal": ["resolution": ["seconds": -5]]]]).first?
                    .hasPrefix("/targets/normal/resolution/seconds") == true)
            #expect(
                try await faults(["targets": ["normal": ["resolution": ["seconds": 999_999_999_999]]]]).first?
                    .hasPrefix("/targets/normal/resolution/seconds") == true)
            #expect(
                try await faults(["targets": ["normal": ["resolution": ["seconds": 60, "hours": "business"]]]])
                    == ["/calendarId required"])
            #expect(try await faults(["calendarId": .uuid(.v7())]) == ["/calendarId unknown_calendar"])
            #expect(try await faults(["warnings": [["percent": 0]]]) == ["/warnings/0 invalid_warning"])
            var deep: JSON = ["field": "ticket.subject", "operator": "eq", "value": "x"]
            for _ in 0..<6 { deep = ["all": [deep]] }
            let tooDeep = try await faults(["conditions": deep])
            #expect(tooDeep.count == 1 && tooDeep[0].contains("too_deep"))
            let bomb: JSON = [
                "all": [["field": "ticket.subject", "operator": "matches", "value": "(((a{1,99}){1,99}){1,99})"]]
            ]
            let refused = try await faults(["conditions": bomb])
            #expect(refused.count == 1 && refused[0].hasPrefix("/conditions/all/0/value"))
        }
    }

    @Test func `durations and dates`() async throws {
        try await Harness.with { harness in
            func faults(_ path: String, _ change: JSONObject) async throws -> [String] {
                var body: JSONObject = ["calendar": .object(Harness.office), "start": "2026-06-01T10:00:00Z"]
                for (key, value) in change { body[key] = value }
                let reply = try await harness.send(.post, path, .object(body))
                #expect((400..<500).contains(reply.status), "\(change): \(reply.text)")
                return reply.faults
            }
            let negative = try await faults("sla/deadline", ["seconds": -1])
            #expect(negative == ["/seconds negative"])
            #expect(try await faults("sla/deadline", ["seconds": 9_000_000_000_000]) == ["/seconds out_of_range"])
            #expect(
                try await faults("sla/deadline", ["seconds": 60, "start": "9999-01-01T00:00:00Z"])
                    == ["/start out_of_range"])
            #expect(
                try await faults(
                    "sla/deadline", ["seconds": 60, "pauses": [["2026-06-02T00:00:00Z", "2026-06-01T00:00:00Z"]]])
                    == ["/pauses/0 reversed"])
            #expect(
                try await faults("sla/elapsed", ["end": "2026-05-01T00:00:00Z"]) == ["/end before_start"])
            #expect(
                try await faults("sla/deadline", ["seconds": 60, "calendar": ["timezone": "UTC"]])
                    == ["/calendar/weeklyHours never_open"])
            #expect(try await faults("sla/deadline", ["seconds": 60, "calendar": .null]) == ["/calendar required"])
            var once = Harness.office
            once["weeklyHours"] = [:]
            once["dateOverrides"] = ["2026-06-01": [["09:00", "10:00"]]]
            #expect(
                try await faults("sla/deadline", ["seconds": 7_200, "calendar": .object(once)])
                    == ["/seconds beyond_horizon"])
        }
    }
}
