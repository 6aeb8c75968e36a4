// What is told of channels that the first version of an event does not know.

import Contracts
import Database
import Messaging

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The second version of events of notifications: the same, with any channel. Readers of the first go through its closed list
/// of channels, so what a chat was sent is told in the second; all else stays in the first.
enum OtherChannels {
    static let contracts: [EventContract] = [
        contract(of: NotificationSent.self), contract(of: NotificationDelivered.self),
        contract(of: NotificationFailed.self),
    ]

    private static func contract<E: Event>(of type: E.Type) -> EventContract {
        let first = E.contract
        var (schema, example) = (first.schema, first.example)
        func second() -> EventContract {
            EventContract(
                name: E.name, version: 2, summary: E.summary, category: E.category, owner: E.owner, status: .emitted,
                schema: schema, example: example)
        }
        schema["title"] = .string(second().schemaRef)
        if var properties = schema["properties"] {
            properties["channel"] = [
                "type": "string", "description": "Such as \(ChannelName.slack); more may come.",
            ]
            schema["properties"] = properties
        }
        example["channel"] = .string(ChannelName.slack)
        return second()
    }

    /// Publishes an event of a channel in the version that has it.
    static func publish<E: Event>(
        channel: String, version: Int64, at now: Timestamp, of tenantId: UUID, in tx: Transaction,
        _ event: (NotificationSent.Channel) -> E
    ) throws {
        if let known = NotificationSent.Channel(rawValue: channel) {
            try tx.publish(event(known), version: version, actor: .system, occurredAt: now, tenantId: tenantId)
            return
        }
        let example = event(.push)
        guard let contract = contracts.first(where: { $0.name == E.name }),
            var fields = try Wire.json(example).objectValue
        else { return }
        fields["channel"] = .string(channel)
        try tx.publish(
            EventDraft(
                contract: contract, aggregate: example.aggregate, fields: fields, version: version, actor: .system,
                occurredAt: now, tenantId: tenantId))
    }
}
