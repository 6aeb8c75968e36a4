// What some events say about one entity, put together before the database hears of it.

import Contracts
import Messaging

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Which entity of which tenant.
struct EntityKey: Sendable, Hashable, Comparable {
    var tenantId: UUID
    var id: UUID

    /// All consumers lock rows in this order, so none waits for one that waits for it.
    static func < (left: EntityKey, right: EntityKey) -> Bool {
        (left.tenantId, left.id) < (right.tenantId, right.id)
    }
}

/// The known fields of an entity, each with the sequence of the event that said so.
struct ProjectedRow: Sendable, Equatable {
    /// By the field's position; nil is not known.
    var values: [JSON?]
    /// By the field's position; 0 is not known.
    var sequences: [Int64]
    var lastSequence: Int64 = 0

    init(fields: Int) {
        values = Array(repeating: nil, count: fields)
        sequences = Array(repeating: 0, count: fields)
    }

    /// Notes a field unless something later is known.
    mutating func set(_ field: Int, _ value: JSON, at sequence: Int64) {
        guard sequence > sequences[field] else { return }
        values[field] = value
        sequences[field] = sequence
    }

    /// Takes in what another row knows.
    mutating func merge(_ other: ProjectedRow) {
        for field in values.indices where other.sequences[field] > sequences[field] {
            values[field] = other.values[field]
            sequences[field] = other.sequences[field]
        }
        lastSequence = max(lastSequence, other.lastSequence)
    }
}

extension Projection {
    /// What the messages say, one row per entity. Pure: the same messages in any order give the same rows.
    func rows(of messages: [RawMessage]) throws(PermanentFailure) -> [EntityKey: ProjectedRow] {
        var rows: [EntityKey: ProjectedRow] = [:]
        for message in messages {
            let key = EntityKey(tenantId: message.envelope.tenantId, id: message.aggregate.id)
            try note(message, in: &rows[key, default: ProjectedRow(fields: fields.count)])
        }
        return rows
    }

    private func note(_ message: RawMessage, in row: inout ProjectedRow) throws(PermanentFailure) {
        let sequence = message.envelope.sequence
        let occurredAt = JSON.timestamp(message.envelope.occurredAt)
        row.lastSequence = max(row.lastSequence, sequence)
        for (name, value) in try said(by: message, occurredAt: occurredAt) {
            guard let field = fields.firstIndex(where: { $0.name == name }) else { continue }
            guard fields[field].takes(value) else {
                throw PermanentFailure("\(message.name) has a \(name) of another type than \(entity)s have")
            }
            row.set(field, value, at: sequence)
        }
    }

    /// The fields that an event speaks of, and their values after it.
    private func said(by message: RawMessage, occurredAt: JSON) throws(PermanentFailure) -> JSONObject {
        let payload = message.payload
        var said: JSONObject = [:]
        if message.name == "\(entity).updated" {
            guard let changes = payload["changes"]?.objectValue else {
                throw PermanentFailure("\(message.name) has no changes")
            }
            for (name, change) in changes { said[name] = change["new"] ?? .null }
            said["updatedAt"] = payload["updatedAt"] ?? occurredAt
            said["version"] = .int(message.envelope.version)
        } else if let fact = facts[message.name] {
            said = fact(payload)
            said["version"] = .int(message.envelope.version)
        } else {
            said = payload["snapshot"]?.objectValue ?? payload.objectValue ?? [:]
            if said["createdAt"] == nil { said["createdAt"] = occurredAt }
            said["version"] = .int(message.envelope.version)
            said["deletedAt"] = message.name == "\(entity).deleted" ? payload["deletedAt"] ?? occurredAt : .null
        }
        return said
    }
}
