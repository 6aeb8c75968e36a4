import BusinessTime
import Conditions
import Contracts
import Foundation
import TestKit

@testable import SLA

/// An instant as tests write it; without seconds and zone they are `:00Z`.
func at(_ text: String) -> Timestamp {
    guard let instant = Timestamp(rfc3339: text.hasSuffix("Z") ? text : text + ":00Z") else {
        preconditionFailure("\(text) is no instant")
    }
    return instant
}

/// A ticket's history in the making.
struct Story {
    private(set) var facts: [TicketFact] = []
    private var attributes: JSONObject

    /// Created at an instant.
    init(_ created: Timestamp, _ attributes: JSONObject = [:]) {
        var all: JSONObject = ["status": "open", "priority": "normal"]
        for (key, value) in attributes { all[key] = value }
        self.attributes = all
        add(.created(all), created)
    }

    init(_ created: String, _ attributes: JSONObject = [:]) { self.init(at(created), attributes) }

    private mutating func add(_ kind: TicketFact.Kind, _ instant: Timestamp) {
        facts.append(TicketFact(sequence: Int64(facts.count + 1), at: instant, kind: kind))
    }

    mutating func set(_ name: String, _ value: JSON, _ instant: Timestamp) {
        add(.changed([name: ["previous": attributes[name] ?? .null, "new": value]]), instant)
        attributes[name] = value
    }

    mutating func set(_ name: String, _ value: JSON, _ instant: String) { set(name, value, at(instant)) }
    mutating func status(_ status: String, _ instant: String) { set("status", .string(status), instant) }
    mutating func reply(_ instant: String) { add(.agentReplied, at(instant)) }
    mutating func write(_ instant: String) { add(.customerWrote, at(instant)) }
    mutating func happen(_ kind: TicketFact.Kind, _ instant: Timestamp) { add(kind, instant) }
    mutating func happen(_ kind: TicketFact.Kind, _ instant: String) { add(kind, at(instant)) }

    func clocks(_ terms: Terms, asOf instant: String) -> [Clock] { clocks(terms, asOf: at(instant)) }
    func clocks(_ terms: Terms, asOf instant: Timestamp, live: Bool = false) -> [Clock] {
        TicketClocks(of: facts, terms: terms, asOf: instant, live: live).clocks
    }
}

extension [Clock] {
    func of(_ metric: Metric, _ instance: Int = 1) -> Clock? {
        first { $0.metric == metric && $0.instance == instance }
    }
}

/// Terms for tests.
enum TestTerms {
    static let policyId = UUID(uuidString: "00000000-0000-7000-8000-000000000001")!
    static let otherId = UUID(uuidString: "00000000-0000-7000-8000-000000000002")!
    static let calendarId = UUID(uuidString: "00000000-0000-7000-8000-00000000000c")!

    static let office: JSON = [
        "timezone": "UTC",
        "weeklyHours": [
            "mon": [["09:00", "17:00"]], "tue": [["09:00", "17:00"]], "wed": [["09:00", "17:00"]],
            "thu": [["09:00", "17:00"]], "fri": [["09:00", "17:00"]],
        ],
    ]

    static func calendar(_ document: JSON = office, version: Int64 = 1, from: String = "2020-01-01T00:00") throws
        -> CalendarVersion
    {
        CalendarVersion(
            calendarId: calendarId, version: version, from: at(from),
            hours: WorkingHours(try BusinessCalendar(document)))
    }

    static func policy(
        _ promises: JSONObject, id: UUID = policyId, version: Int64 = 1, from: String = "2020-01-01T00:00",
        position: Int64 = 1, moves: Bool = false, active: Bool = true
    ) -> PolicyVersion {
        var document = promises
        document["calendarId"] = .uuid(calendarId)
        let read = PolicyDocument(document)
        precondition(read.faults.isEmpty, "\(read.faults)")
        return PolicyVersion(
            policyId: id, version: version, from: at(from), position: position, isActive: active, movesTickets: moves,
            terms: read.terms, condition: read.condition)
    }

    /// Every metric, so many seconds for normal tickets and half of it for urgent ones.
    static func all(_ seconds: Int64, hours: String = "calendar") -> JSONObject {
        func targets(_ seconds: Int64) -> JSON {
            .object(
                JSONObject(
                    Metric.allCases.map { metric in
                        let target: JSON = ["seconds": .int(seconds), "hours": .string(hours)]
                        return (metric.rawValue, target)
                    }))
        }
        return ["targets": ["normal": targets(seconds), "urgent": targets(seconds / 2)]]
    }

    static func of(_ policies: PolicyVersion..., calendars: [CalendarVersion] = []) throws -> Terms {
        Terms(policies: policies, calendars: calendars.isEmpty ? [try calendar()] : calendars)
    }
}
