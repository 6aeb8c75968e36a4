// What clocks take notice of in a ticket's events.

import Contracts

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// One event of a ticket's history, reduced to what matters for clocks. The sequence is its place in the history.
struct TicketFact: Sendable, Hashable {
    enum Kind: Sendable, Hashable {
        /// With all fields.
        case created(JSONObject)
        /// The fields that changed, as `{"previous": …, "new": …}`.
        case changed(JSONObject)
        case agentReplied
        case customerWrote
        case deleted
        case restored
        case merged
    }

    var sequence: Int64
    var at: Timestamp
    var kind: Kind
}

extension TicketFact {
    /// The events that clocks are made of.
    static let events = [
        TicketCreated.name, TicketUpdated.name, TicketMessageAdded.name, TicketDeleted.name, TicketRestored.name,
        TicketMerged.name,
    ]

    /// Nil for an event that no clock takes notice of.
    init?(name: String, sequence: Int64, occurredAt: Timestamp, payload: JSON) {
        let kind: Kind
        switch name {
        case TicketCreated.name:
            kind = .created(Self.attributes(payload))
        case TicketUpdated.name:
            kind = .changed(Self.kept(payload["changes"]?.objectValue ?? [:]))
        case TicketMessageAdded.name:
            guard payload["visibility"]?.stringValue == "public" else { return nil }
            switch payload["snapshot"]?["authorType"]?.stringValue {
            case "agent": kind = .agentReplied
            case "customer": kind = .customerWrote
            default: return nil
            }
        case TicketDeleted.name: kind = .deleted
        case TicketRestored.name: kind = .restored
        case TicketMerged.name: kind = .merged
        default: return nil
        }
        self.init(sequence: sequence, at: occurredAt, kind: kind)
    }

    /// Long texts, which conditions look at in part only and clocks not at all.
    private static let dropped: Set = ["description"]

    private static func kept(_ members: JSONObject) -> JSONObject {
        JSONObject(members.filter { !dropped.contains($0.key) }.map { ($0.key, $0.value) })
    }

    private static func attributes(_ payload: JSON) -> JSONObject {
        var attributes = kept(payload["snapshot"]?.objectValue ?? [:])
        if attributes["status"] == nil { attributes["status"] = payload["statusId"] }
        if attributes["priority"] == nil { attributes["priority"] = payload["priorityId"] }
        return attributes
    }

    // MARK: Keeping

    /// The name under which the kind is kept.
    var kindName: String {
        switch kind {
        case .created: "created"
        case .changed: "changed"
        case .agentReplied: "agent_replied"
        case .customerWrote: "customer_wrote"
        case .deleted: "deleted"
        case .restored: "restored"
        case .merged: "merged"
        }
    }

    var data: JSON? {
        switch kind {
        case .created(let members), .changed(let members): .object(members)
        default: nil
        }
    }

    init?(kindName: String, data: JSON?, sequence: Int64, at: Timestamp) {
        let kind: Kind
        switch kindName {
        case "created": kind = .created(data?.objectValue ?? [:])
        case "changed": kind = .changed(data?.objectValue ?? [:])
        case "agent_replied": kind = .agentReplied
        case "customer_wrote": kind = .customerWrote
        case "deleted": kind = .deleted
        case "restored": kind = .restored
        case "merged": kind = .merged
        default: return nil
        }
        self.init(sequence: sequence, at: at, kind: kind)
    }
}
