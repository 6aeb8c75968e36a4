// The values of custom fields as rows, so that lists can be filtered by them from an index.
import Contracts
import Database
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What a ticket's custom fields hold that a list can ask for: texts, numbers and booleans, alone or in a list.
enum CustomFieldValues {
    /// The longest value that can be asked for, and what it and its name may take: an index entry has its limits.
    static let lengthMax = 400
    private static let bytesMax = 2_000

    struct Value: Sendable, Hashable {
        var ticketId: UUID
        var name: String
        var value: String
    }

    static func of(_ ticket: Record) throws -> [Value] {
        values(in: try ticket.json("customFields")).map { Value(ticketId: ticket.id, name: $0.name, value: $0.value) }
    }

    /// The pairs of name and value, each once.
    static func values(in fields: JSON) -> [(name: String, value: String)] {
        var pairs: [(name: String, value: String)] = []
        for (name, value) in fields.objectValue ?? [:] {
            for text in Set((value.arrayValue ?? [value]).compactMap(text))
            where name.utf8.count + text.utf8.count <= bytesMax {
                pairs.append((name, text))
            }
        }
        return pairs
    }

    private static func text(_ value: JSON) -> String? {
        switch value {
        case .string(let text): text
        case .int, .double, .bool: value.text
        case .null, .array, .object: nil
        }
    }

    static func adding(_ values: [Value], _ op: Operation) -> SQL {
        """
        INSERT INTO ticket_custom_values (tenant_id, ticket_id, name, value)
        SELECT \(op.tenantId), v.ticket_id, v.name, v.value
        FROM unnest(\(values.map(\.ticketId)), \(values.map(\.name)), \(values.map(\.value))) AS v (ticket_id, name, value)
        """
    }

    static func removing(_ ticketId: UUID, _ op: Operation) -> SQL {
        "DELETE FROM ticket_custom_values WHERE tenant_id = \(op.tenantId) AND ticket_id = \(ticketId)"
    }
}
