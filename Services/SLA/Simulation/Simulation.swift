// What a draft policy would have made of past tickets. Pure.

import BusinessTime
import Conditions
import Contracts

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Counts clocks by metric, as they were and as they would have been.
struct Simulation: Sendable {
    struct Counts: Sendable, Hashable {
        var met: Int64 = 0
        var breached: Int64 = 0
        var unfinished: Int64 = 0

        mutating func count(_ clock: Clock) {
            switch clock.state {
            case .met: met += 1
            case .breached: breached += 1
            case .running, .paused: unfinished += 1
            case .cancelled: break
            }
        }

        var json: JSON {
            let ended = met + breached
            let percent: JSON = ended == 0 ? .null : .double(Double(met * 10_000 / ended) / 100)
            return [
                "met": .int(met), "breached": .int(breached), "unfinished": .int(unfinished),
                "compliancePercent": percent,
            ]
        }

        init() {}

        init(_ json: JSON?) {
            met = json?["met"]?.intValue ?? 0
            breached = json?["breached"]?.intValue ?? 0
            unfinished = json?["unfinished"]?.intValue ?? 0
        }
    }

    private(set) var tickets: Int64 = 0
    private(set) var was: [Metric: Counts] = [:]
    private(set) var would: [Metric: Counts] = [:]

    /// Folds a ticket under both.
    /// - Parameter filter: Tickets that it does not hold for, as they are now, are left out.
    mutating func add(_ facts: [TicketFact], actual: Terms, draft: Terms, filter: Condition, asOf instant: Timestamp) {
        let present = TicketClocks(of: facts, terms: actual, asOf: instant)
        guard present.createdAt != nil else { return }
        guard filter.holds(for: Facts(slaTicket: present.attributes)) else { return }
        tickets += 1
        for clock in present.clocks { was[clock.metric, default: Counts()].count(clock) }
        for clock in TicketClocks(of: facts, terms: draft, asOf: instant).clocks {
            would[clock.metric, default: Counts()].count(clock)
        }
    }

    var json: JSON {
        var metrics = JSONObject()
        for metric in Metric.allCases where was[metric] != nil || would[metric] != nil {
            metrics[metric.rawValue] = [
                "asWas": (was[metric] ?? Counts()).json, "asWouldHaveBeen": (would[metric] ?? Counts()).json,
            ]
        }
        return ["tickets": .int(tickets), "metrics": .object(metrics)]
    }

    init() {}

    /// Goes on where a part of the tickets was counted.
    init(_ json: JSON) {
        tickets = json["tickets"]?.intValue ?? 0
        for (name, counts) in json["metrics"]?.objectValue ?? [:] {
            guard let metric = Metric(rawValue: name) else { continue }
            was[metric] = Counts(counts["asWas"])
            would[metric] = Counts(counts["asWouldHaveBeen"])
        }
    }
}

/// A draft that is tried: a policy that has been in force for ever, alone, with its calendar as it is now.
struct SimulationDraft: Sendable {
    let terms: Terms
    let filter: Condition

    /// - Parameters:
    ///   - document: the policy's members, and a `filter` in the language of conditions.
    ///   - calendar: the policy's calendar.
    init(_ document: JSONObject, calendar: (id: UUID, hours: WorkingHours)?) {
        let read = PolicyDocument(document)
        let policy = PolicyVersion(
            policyId: .none, version: 1, from: .min, position: 0, isActive: true, movesTickets: false,
            terms: read.terms, condition: read.condition)
        let calendars = calendar.map {
            [CalendarVersion(calendarId: $0.id, version: 1, from: .min, hours: $0.hours)]
        }
        terms = Terms(policies: [policy], calendars: calendars ?? [])
        filter = (try? Condition(document["filter"] ?? [:], over: .slaPolicies)) ?? .always
    }
}
