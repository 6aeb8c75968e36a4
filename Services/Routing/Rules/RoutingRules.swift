// The rules of a tenant: which tickets go where, and what they ask for.
import BusinessTime
import Conditions
import Contracts
import Database
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What a tenant's rule book is made of: checked when it is written, and every change makes a new revision of the book.
protocol RuleBookPart: Resource {
    /// Refuses what does not go together, every fault with its place.
    func check(_ draft: Draft) throws
}

extension RuleBookPart {
    func willCreate(_ draft: inout Draft, _ op: Operation) async throws { try check(draft) }
    func willUpdate(_ draft: inout Draft, _ op: Operation) async throws { try check(draft) }
    func didCreate(_ mutation: inout Mutation, _ op: Operation) async throws {
        RuleBookStore.changed(mutation.record.tenantId, in: op.tx)
    }
    func didUpdate(_ mutation: inout Mutation, _ op: Operation) async throws {
        RuleBookStore.changed(mutation.record.tenantId, in: op.tx)
    }
    func didDelete(_ mutation: inout Mutation, _ op: Operation) async throws {
        RuleBookStore.changed(mutation.record.tenantId, in: op.tx)
    }
}

struct RoutingRules: RuleBookPart {
    static let store: ResourceStore<RoutingRules> = ResourceStore(RoutingRules())

    let path = "routing_rules"
    let entity = "routing_rule"
    let summary = "Rules: the first active one that matches says where a ticket goes."
    let permissions = ResourcePermissions(read: "routing.read", write: "routing.write")
    let defaultSort = "priority"

    let fields: [Field] = [
        .text("name", 1...200).required.sortable.searchable.example("VPN to the network team"),
        .text("description", 0...2_000),
        .integer("priority", 1...1_000_000).defaults(to: 100).sortable.described("The lowest is asked first."),
        .boolean("isActive").defaults(to: true).filterable,
        .json("conditions", ["type": "object"]).defaults(to: [:])
            .described("A condition over the fields of GET routing/vocabulary; empty matches every ticket.")
            .example(["all": [["field": "ticket.tags", "operator": "contains", "value": "vpn"]]]),
        .uuid("groupId").filterable.described("Whose members are asked."),
        .choice("strategy", Strategy.self).described("Instead of the queue's."),
        .json("skills", skillsSchema).defaults(to: [])
            .described("What is asked for. Weight 0 is never dropped; 3 is dropped first, then 2, then 1.")
            .example([["skill": "vpn", "level": 3, "weight": 0]]),
        .strings("preferredSkills", each: 1...100, count: 0...20).described("Count in an agent's favour."),
        .text("language", 2...35).described("The agent speaks it."),
        .uuid("agentId").described("Only this agent, until the fallback."),
        .uuid("fallbackGroupId").described("Who is asked too when nobody was found."),
        .integer("fallbackAfterMinutes", 0...10_080).described("After how long."),
    ]

    static let skillsSchema: JSON = [
        "type": "array", "maxItems": 20,
        "items": [
            "type": "object", "required": ["skill"], "additionalProperties": false,
            "properties": [
                "skill": ["type": "string", "minLength": 1, "maxLength": 100],
                "level": ["type": "integer", "minimum": 1, "maximum": 5],
                "weight": ["type": "integer", "minimum": 0, "maximum": 3],
            ],
        ],
    ]

    func check(_ draft: Draft) throws {
        var faults = draft.values.json("conditions").map { ConditionChecks.faults(in: $0, at: "/conditions") } ?? []
        if draft.uuid("agentId") != nil, draft.string("strategy") == Strategy.manual.rawValue {
            faults.append(
                Fault(.pointer("/strategy"), "not_allowed", "A rule that names an agent leaves nothing to choose."))
        }
        let (fallback, after) = (draft.uuid("fallbackGroupId"), draft.int("fallbackAfterMinutes"))
        if (fallback == nil) != (after == nil) {
            let name = fallback == nil ? "fallbackGroupId" : "fallbackAfterMinutes"
            faults.append(Fault(.pointer("/\(name)"), "required", "A fallback has a group and a time."))
        }
        if !faults.isEmpty { throw Problem.invalid(faults) }
    }
}

/// Queues: where tickets wait, and who works them.
struct RoutingQueues: RuleBookPart {
    static let store: ResourceStore<RoutingQueues> = ResourceStore(RoutingQueues())

    let path = "routing_queues"
    let entity = "routing_queue"
    let summary = "Queues: the first active one whose conditions match takes a ticket."
    let permissions = ResourcePermissions(read: "routing.read", write: "routing.write")
    let defaultSort = "position"

    let fields: [Field] = [
        .text("name", 1...200).required.sortable.searchable.example("First line"),
        .text("description", 0...2_000),
        .integer("position", 1...1_000_000).defaults(to: 100).sortable.described("The lowest is asked first."),
        .boolean("isActive").defaults(to: true).filterable,
        .json("conditions", ["type": "object"]).defaults(to: [:])
            .example(["all": [["field": "ticket.channel", "operator": "eq", "value": "chat"]]]),
        Field("groupIds", .uuids(count: 1...20)).required.described("Whose members work the queue."),
        .uuids("overflowGroupIds", count: 0...20).described("Who helps when a ticket has waited too long."),
        .integer("overflowAfterSeconds", 0...604_800),
        .choice("strategy", Strategy.self).defaults(to: "round_robin"),
        .integer("priority", 1...100).defaults(to: 50)
            .described("Decides between queues for an agent who serves several; the highest first."),
        .json(
            "relaxAfterSeconds",
            ["type": "array", "maxItems": 3, "items": ["type": "integer", "minimum": 0, "maximum": 604_800]]
        ).defaults(to: .array(Placement.relaxAfterSecondsDefault.map { .int(Int64($0)) }))
            .described("After how long skills of weight 3, then 2, then 1 are dropped."),
    ]

    func check(_ draft: Draft) throws {
        var faults = draft.values.json("conditions").map { ConditionChecks.faults(in: $0, at: "/conditions") } ?? []
        let waits = (draft.values.json("relaxAfterSeconds")?.arrayValue ?? []).compactMap(\.intValue)
        for index in waits.indices.dropFirst() where waits[index] < waits[index - 1] {
            faults.append(
                Fault(.pointer("/relaxAfterSeconds/\(index)"), "not_ascending", "The waits are in ascending order."))
        }
        if !faults.isEmpty { throw Problem.invalid(faults) }
    }
}

/// What a tenant has chosen; at most one row.
struct RoutingSettings: RuleBookPart {
    static let store: ResourceStore<RoutingSettings> = ResourceStore(RoutingSettings())

    let path = "routing_settings"
    let entity = "routing_settings"
    let summary = "What a tenant has chosen for routing: at most one row; without it the defaults hold."
    let permissions = ResourcePermissions(read: "routing.read", write: "routing.write")

    let fields: [Field] = [
        .choice("defaultStrategy", Strategy.self).defaults(to: "round_robin"),
        .json(
            "channelWeights",
            ["type": "object", "additionalProperties": ["type": "integer", "minimum": 1, "maximum": 100]]
        ).defaults(to: ["chat": 2]).described("Units of capacity by channel; 1 where nothing is said."),
        .choice("redistribution", RoutingPolicy.Redistribution.self).defaults(to: "untouched")
            .described("Which tickets of an agent who goes offline go to others."),
        .integer("redistributeAfterMinutes", 0...10_080).defaults(to: 0),
        .integer("capacityThresholdPercent", 1...100).defaults(to: 80),
        .integer("reservationSeconds", 1...600).defaults(to: 30)
            .described("How long an agent's capacity is kept for a ticket that is not confirmed."),
        .text("timezone", 1...64).defaults(to: "UTC").described("For conditions on weekday and time of the day."),
        .uuid("calendarId").described("The business calendar of conditions that name none; else it is the oldest."),
    ]

    func check(_ draft: Draft) throws {
        var faults: [Fault] = []
        for channel in draft.values.json("channelWeights")?.objectValue?.keys ?? []
        where !TicketRank.channels.contains(channel) {
            faults.append(
                Fault(
                    .pointer("/channelWeights/\(JSONPointer.escape(channel))"), "unknown_value",
                    "There is no such channel.", allowed: TicketRank.channels))
        }
        if let zone = draft.values.string("timezone"), (try? ZoneDatabase.system.zone(named: zone)) == nil {
            faults.append(Fault(.pointer("/timezone"), "unknown_zone", "It is the name of an IANA time zone."))
        }
        if !faults.isEmpty { throw Problem.invalid(faults) }
    }
}

enum ConditionChecks {
    static func faults(in document: JSON, at pointer: String) -> [Fault] {
        do {
            _ = try Condition(document, over: .routing, at: pointer)
            return []
        } catch {
            return error.faults.map { Fault(.pointer($0.pointer), $0.code, $0.detail, allowed: $0.allowed) }
        }
    }
}

extension Draft {
    /// A field's value as it will be.
    func int(_ name: String) -> Int64? { values.contains(name) ? values.int(name) : before?.int(name) }
}
