// A policy's document as terms, with every fault named.

import Conditions
import Contracts
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Reads what a policy promises.
struct PolicyDocument {
    var terms = PolicyTerms(targets: [:])
    var condition = Condition.always
    private(set) var faults: [Fault] = []

    /// A target is at most a year: whoever needs more has no service level.
    static let secondsMax: Int64 = 366 * 86_400
    static let alertsMax = 20

    /// - Parameter document: the members of the resource, by field.
    init(_ document: JSONObject) {
        readTargets(document["targets"] ?? .null)
        terms.calendarId = document["calendarId"]?.uuidValue
        if let pausing = document["pausingStatuses"]?.arrayValue {
            terms.pausing = Set(pausing.compactMap(\.stringValue))
        }
        readWarnings(document["warnings"]?.arrayValue ?? [])
        readEscalations(document["escalations"]?.arrayValue ?? [])
        do throws(ConditionFaults) {
            condition = try Condition(document["conditions"] ?? [:], over: .slaPolicies, at: "/conditions")
        } catch {
            faults += error.faults.map { Fault(.pointer($0.pointer), $0.code, $0.detail, allowed: $0.allowed) }
        }
        let isBusiness = terms.targets.values.contains { $0.values.contains(where: \.isBusiness) }
        if isBusiness, terms.calendarId == nil {
            fault("/calendarId", "required", "Targets in business hours need a calendar.")
        }
    }

    private mutating func fault(_ pointer: String, _ code: String, _ detail: String, allowed: [String]? = nil) {
        faults.append(Fault(.pointer(pointer), code, detail, allowed: allowed))
    }

    // MARK: Targets

    private mutating func readTargets(_ value: JSON) {
        for (priority, metrics) in value.objectValue ?? [:] {
            let pointer = "/targets/" + JSONPointer.escape(priority)
            guard TicketPriorities.all.contains(priority) else {
                fault(pointer, "unknown_priority", "It is no priority.", allowed: TicketPriorities.all)
                continue
            }
            guard let metrics = metrics.objectValue else {
                fault(pointer, "type", "Targets are given by metric.")
                continue
            }
            for (name, target) in metrics { readTarget(target, metric: name, of: priority, at: pointer) }
        }
        if faults.isEmpty, terms.targets.isEmpty {
            fault("/targets", "required", "A policy without any target promises nothing.")
        }
    }

    private mutating func readTarget(_ value: JSON, metric name: String, of priority: String, at pointer: String) {
        let pointer = pointer + "/" + JSONPointer.escape(name)
        guard let metric = Metric(rawValue: name) else {
            return fault(pointer, "unknown_metric", "It is no metric.", allowed: Metric.allCases.map(\.rawValue))
        }
        guard let object = value.objectValue else {
            return fault(pointer, "type", #"A target is {"seconds": 3600, "hours": "business"}."#)
        }
        for key in object.keys where key != "seconds" && key != "hours" {
            fault(pointer + "/" + JSONPointer.escape(key), "unknown_field", "A target has seconds and hours.")
        }
        let hours = object["hours"]?.stringValue ?? (object["hours"] == nil ? "calendar" : "")
        if !["calendar", "business"].contains(hours) {
            fault(pointer + "/hours", "not_allowed", "Hours are of a kind.", allowed: ["calendar", "business"])
        }
        guard let seconds = object["seconds"]?.intValue else {
            return fault(pointer + "/seconds", "required", "A whole number of seconds is needed.")
        }
        guard seconds >= 1, seconds <= Self.secondsMax else {
            return fault(pointer + "/seconds", "out_of_range", "A target is between 1 and \(Self.secondsMax) seconds.")
        }
        terms.targets[priority, default: [:]][metric] = Target(seconds: seconds, isBusiness: hours == "business")
    }

    // MARK: Alerts

    private mutating func readWarnings(_ list: [JSON]) {
        if list.count > Self.alertsMax { fault("/warnings", "too_many", "At most \(Self.alertsMax) warnings.") }
        for (index, item) in list.prefix(Self.alertsMax).enumerated() {
            let pointer = "/warnings/\(index)"
            let metrics = metrics(of: item, pointer)
            let percent = item["percent"]?.intValue
            let before = item["secondsBefore"]?.intValue
            switch (percent, before) {
            case (let percent?, nil) where (1...99).contains(percent):
                terms.warnings.append(WarningRule(threshold: .percent(percent), metrics: metrics))
            case (nil, let before?) where (1...Self.secondsMax).contains(before):
                terms.warnings.append(WarningRule(threshold: .secondsBefore(before), metrics: metrics))
            default:
                fault(
                    pointer, "invalid_warning",
                    "A warning has either percent, from 1 to 99, or secondsBefore, from 1 to \(Self.secondsMax).")
            }
        }
    }

    private mutating func readEscalations(_ list: [JSON]) {
        if list.count > Self.alertsMax { fault("/escalations", "too_many", "At most \(Self.alertsMax) steps.") }
        for (index, item) in list.prefix(Self.alertsMax).enumerated() {
            let pointer = "/escalations/\(index)"
            let metrics = metrics(of: item, pointer)
            guard let after = item["afterSeconds"]?.intValue, (0...Self.secondsMax).contains(after) else {
                fault(
                    pointer + "/afterSeconds", "out_of_range",
                    "A step comes 0 to \(Self.secondsMax) seconds after the breach.")
                continue
            }
            var notify: [UUID] = []
            for (position, id) in (item["notify"]?.arrayValue ?? []).enumerated() {
                guard let id = id.uuidValue else {
                    fault("\(pointer)/notify/\(position)", "bad_format", "It must be a UUID.")
                    continue
                }
                notify.append(id)
            }
            terms.escalations.append(
                EscalationStep(
                    afterSeconds: after, metrics: metrics, notify: notify, note: item["note"]?.stringValue))
        }
    }

    private mutating func metrics(of item: JSON, _ pointer: String) -> Set<Metric> {
        var metrics: Set<Metric> = []
        for (index, name) in (item["metrics"]?.arrayValue ?? []).enumerated() {
            guard let metric = name.stringValue.flatMap(Metric.init(rawValue:)) else {
                fault(
                    "\(pointer)/metrics/\(index)", "unknown_metric", "It is no metric.",
                    allowed: Metric.allCases.map(\.rawValue))
                continue
            }
            metrics.insert(metric)
        }
        return metrics
    }
}
