import Contracts
import Foundation
import TestKit

@testable import Messaging
@testable import Projections

/// A ticket's life as its service would tell it: random events, and what the ticket looks like after them.
struct TicketStory {
    let tenant: UUID
    let ticket = UUID.v7()
    private(set) var messages: [RawMessage] = []
    /// What GET would show; nil while the ticket is deleted.
    private(set) var shown: JSONObject = [:]
    private(set) var isDeleted = false
    private var sequence: Int64 = 0
    private var version: Int64 = 0

    static let statuses = ["open", "in_progress", "answered", "resolved", "closed"]

    /// - Parameter length: events after the creation.
    init(tenant: UUID, length: Int, using generator: inout SeededGenerator) {
        self.tenant = tenant
        shown = [
            "number": .int(Int64.random(in: 1...1_000_000, using: &generator)), "key": "T-1",
            "subject": .string(generator.text(maxLength: 60)), "status": "open", "priority": "normal",
            "assigneeId": .null, "tags": ["new"], "createdAt": .timestamp(instant), "updatedAt": .timestamp(instant),
            "version": 1,
        ]
        version = 1
        tell("ticket.created", ["ticketId": .uuid(ticket), "snapshot": .object(shown)])
        for _ in 0..<length { change(using: &generator) }
    }

    private var instant: Timestamp { Timestamp(milliseconds: 1_767_225_600_000 + sequence * 1_000) }

    private mutating func change(using generator: inout SeededGenerator) {
        version += 1
        if isDeleted {
            isDeleted = false
            shown["updatedAt"] = .timestamp(instant)
            shown["version"] = .int(version)
            tell("ticket.restored", ["ticketId": .uuid(ticket), "snapshot": .object(shown)])
            return
        }
        switch Int.random(in: 0..<10, using: &generator) {
        case 0:
            isDeleted = true
            shown["version"] = .int(version)
            let deletion: JSONObject = [
                "ticketId": .uuid(ticket), "deletedAt": .timestamp(instant), "snapshot": .object(shown),
            ]
            tell("ticket.deleted", deletion)
        default:
            var changes: JSONObject = [:]
            func set(_ name: String, _ value: JSON) {
                changes[name] = ["previous": shown[name] ?? .null, "new": value]
                shown[name] = value
            }
            if Bool.random(using: &generator) { set("subject", .string(generator.text(maxLength: 60))) }
            if Bool.random(using: &generator) {
                set("status", .string(Self.statuses.randomElement(using: &generator) ?? "open"))
            }
            if Bool.random(using: &generator) {
                set("assigneeId", Bool.random(using: &generator) ? .uuid(UUID.v7()) : .null)
            }
            if Bool.random(using: &generator) { set("tags", .array([.string(generator.text(maxLength: 9)), "x"])) }
            shown["updatedAt"] = .timestamp(instant)
            shown["version"] = .int(version)
            let update: JSONObject = [
                "ticketId": .uuid(ticket), "updatedAt": .timestamp(instant), "changes": .object(changes),
            ]
            tell("ticket.updated", update)
        }
    }

    private mutating func tell(_ name: String, _ fields: JSONObject) {
        sequence += 1
        let envelope = EventEnvelope(
            eventId: .v7(), tenantId: tenant, occurredAt: instant, actor: .system, version: version, sequence: sequence)
        messages.append(
            RawMessage(
                name: name, routingKey: "support.\(name)", schemaRef: "",
                schemaVersion: 1, envelope: envelope, aggregate: Aggregate(type: "ticket", id: ticket),
                payload: .object(fields), source: "tickets", traceparent: nil, isReplay: false, body: []))
    }
}

extension Array {
    /// The elements in runs of random length.
    func batches(upTo limit: Int, using generator: inout SeededGenerator) -> [[Element]] {
        var rest = self[...]
        var batches: [[Element]] = []
        while !rest.isEmpty {
            let size = Int.random(in: 1...limit, using: &generator)
            batches.append(Array(rest.prefix(size)))
            rest = rest.dropFirst(size)
        }
        return batches
    }
}
