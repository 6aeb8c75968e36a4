// A clock as others see it: the outcome of the fold, a value.

import Contracts

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// One promise to one customer: how much of its time is used, and how it ends.
struct Clock: Sendable, Hashable {
    enum State: String, Sendable, Hashable, CaseIterable {
        case running, paused, met, breached, cancelled
    }

    /// Something that happened to it.
    struct Entry: Sendable, Hashable {
        enum Kind: String, Sendable, Hashable, CaseIterable {
            case entered, paused, resumed, retargeted, warning, breached, escalated, met, finished, cancelled
        }

        var kind: Kind
        var at: Timestamp
        /// Which warning or escalation step of the policy, from 0.
        var index: Int?
        /// Warnings count anew with each target.
        var epoch: Int?
        /// Why: `status`, `priority`, `policy`, `calendar`, `reopened` …
        var reason: String?
        var targetAt: Timestamp?
        var targetSeconds: Int64?
        /// Microseconds of the target used by then.
        var used: Int64 = 0

        /// What of it may happen once only.
        var key: String {
            switch kind {
            case .entered, .breached: kind.rawValue
            case .warning: "warning:\(epoch ?? 0):\(index ?? 0)"
            case .escalated: "escalated:\(index ?? 0)"
            default: "\(kind.rawValue):\(at.microseconds)"
            }
        }

        var json: JSON {
            var object: JSONObject = ["kind": .string(kind.rawValue), "at": .timestamp(at)]
            if let index { object["index"] = .int(Int64(index)) }
            if let reason { object["reason"] = .string(reason) }
            if let targetAt { object["targetAt"] = .timestamp(targetAt) }
            if let targetSeconds { object["targetSeconds"] = .int(targetSeconds) }
            object["usedSeconds"] = .int(used / 1_000_000)
            return .object(object)
        }
    }

    var metric: Metric
    /// 1, 2, 3 … of the metric in the ticket.
    var instance: Int
    var policyId: UUID
    var policyVersion: Int64
    var calendarId: UUID?
    var calendarVersion: Int64?
    var priority: String
    var target: Target
    var startedAt: Timestamp
    var state: State
    /// Microseconds of the target's kind of time, at ``measuredAt``.
    var used: Int64
    var measuredAt: Timestamp
    /// Nil while it is paused: the time left is kept, not the instant.
    var targetAt: Timestamp?
    /// The last known deadline: of a paused clock, if it went on at once.
    var lastTargetAt: Timestamp
    var pausedAt: Timestamp?
    var finishedAt: Timestamp?
    var breachedAt: Timestamp?
    var history: [Entry]

    /// Whole seconds; the time left is rounded up, so that both add up to the target.
    var usedSeconds: Int64 { used / 1_000_000 }
    var remainingSeconds: Int64 { max(0, target.seconds - usedSeconds) }
    var overdueSeconds: Int64 { max(0, usedSeconds - target.seconds) }
}
