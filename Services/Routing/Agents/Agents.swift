// Who can hold tickets: groups, skills, languages, capacity, availability, working hours.
import BusinessTime
import Contracts
import Database
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The agents of a tenant. One is made for every user who can hold tickets; supervisors say what they can do.
struct Agents: Resource {
    static let store: ResourceStore<Agents> = ResourceStore(Agents())

    static let capacityDefault = 10
    static let skillsMax = 100

    let path = "agents"
    let entity = "agent"
    let summary = "Agents: who can hold tickets, and which."
    let permissions = ResourcePermissions(read: "routing.read", write: "routing.write")
    let defaultSort = "displayName"

    let fields: [Field] = [
        .uuid("userId").required.immutable.filterable.described("The user who is the agent."),
        .text("displayName", 1...200).required.sortable.searchable.example("Grace Hopper"),
        .uuids("groupIds", count: 0...50).described("The groups whose tickets the agent takes."),
        .json("skills", skillsSchema).defaults(to: [:]).described("Level 1 to 5 by skill.")
            .example(["vpn": 5, "billing": 2]),
        .strings("languages", each: 2...35, count: 0...20).example(["en", "de"]),
        .integer("capacityUnits", 0...1_000).defaults(to: .int(Int64(capacityDefault)))
            .described("How much the agent can hold; a ticket weighs what the settings say of its channel."),
        .choice("availability", Availability.self).defaults(to: "offline").filterable,
        .text("availabilityReason", 1...200),
        .timestamp("availableUntil").described("When the availability is expected to end."),
        .json("workingHours", ["type": "object"]).described("A business calendar; outside of it no ticket is given."),
        .boolean("isActive").readOnly.defaults(to: true).filterable.described("False for a deactivated user."),
        .integer("heldUnits").computed(
            "(SELECT l.held_units FROM agent_loads AS l WHERE l.tenant_id = t.tenant_id AND l.agent_id = t.id)"
        ).hiddenUnless(expand: "load").described("Tickets held and reserved, by weight."),
        .integer("heldTickets").computed(
            "(SELECT count(*) FROM routing_holdings AS h WHERE h.tenant_id = t.tenant_id AND h.agent_id = t.id)"
        ).hiddenUnless(expand: "load"),
    ]

    private static let skillsSchema: JSON = [
        "type": "object", "maxProperties": .int(Int64(skillsMax)),
        "additionalProperties": ["type": "integer", "minimum": 1, "maximum": 5],
    ]

    func willCreate(_ draft: inout Draft, _ op: Operation) async throws { try check(draft) }
    func willUpdate(_ draft: inout Draft, _ op: Operation) async throws { try check(draft) }

    private func check(_ draft: Draft) throws {
        var faults: [Fault] = []
        if let hours = draft.values.json("workingHours"), !hours.isNull {
            faults += CalendarChecks.faults(in: hours, at: "/workingHours")
        }
        if let skills = draft.values.json("skills")?.objectValue {
            for name in skills.keys where name.utf8.count > 100 || name.isEmpty {
                faults.append(
                    Fault(.pointer("/skills/\(JSONPointer.escape(name))"), "too_long", "A skill has 1 to 100 bytes."))
            }
        }
        if !faults.isEmpty { throw Problem.invalid(faults) }
    }

    func didCreate(_ mutation: inout Mutation, _ op: Operation) async throws {
        try await AgentIndex.write(mutation.record, before: nil, op)
        if mutation.record.string("availability") != Availability.offline.rawValue {
            announceAvailability(&mutation, previous: .offline, op)
        }
    }

    func didUpdate(_ mutation: inout Mutation, _ op: Operation) async throws {
        try await AgentIndex.write(mutation.record, before: mutation.before, op)
        if mutation.changed("availability") {
            let previous = mutation.before?.string("availability").flatMap(Availability.init(rawValue:))
            announceAvailability(&mutation, previous: previous ?? .offline, op)
        }
    }

    func didDelete(_ mutation: inout Mutation, _ op: Operation) async throws {
        try await AgentIndex.remove(mutation.record, op)
    }

    private func announceAvailability(_ mutation: inout Mutation, previous: Availability, _ op: Operation) {
        let record = mutation.record
        guard let userId = record.uuid("userId"), let now = record.string("availability").flatMap(wire) else { return }
        mutation.announce(
            AgentAvailabilityChanged(
                userId: userId, previousAvailability: wire(previous.rawValue), newAvailability: now, changedAt: op.now,
                until: record.timestamp("availableUntil"), reason: record.string("availabilityReason"),
                agentId: record.id))
    }

    private func wire(_ value: String) -> AgentAvailabilityChanged.Availability? { .init(rawValue: value) }
}

/// Calendars inside of other things.
enum CalendarChecks {
    static func faults(in document: JSON, at pointer: String) -> [Fault] {
        do {
            _ = try BusinessCalendar(document)
            return []
        } catch {
            return error.faults.map { Fault(.pointer(pointer + $0.pointer), $0.code, $0.detail) }
        }
    }

    /// Whether the calendar is open; a calendar that can't be read is always open, rather than its agent never asked.
    static func isOpen(_ document: JSON?, at instant: Timestamp) -> Bool {
        guard let document, !document.isNull, let calendar = try? BusinessCalendar(document) else { return true }
        return (try? WorkingHours(calendar).isOpen(at: instant)) ?? true
    }
}
