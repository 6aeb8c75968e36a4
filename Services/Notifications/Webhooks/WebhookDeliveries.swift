// What was sent where, and what came back.

import Contracts
import Database
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// One event for one endpoint.
struct WebhookDeliveries: Resource {
    let path = "webhook_deliveries"
    let entity = "webhook_delivery"
    let component = "WebhookDelivery"
    let summary = "One event for one endpoint: whether it has arrived, and when it is tried again."
    let permissions = ResourcePermissions(read: "settings.read", write: "settings.write")
    let operations: ResourceOperations = .readOnly
    let stamps: ResourceStamps = [.createdAt]
    let fields: [Field] = [
        .uuid("webhookEndpointId").notNull.filterable,
        .uuid("eventId").notNull.filterable,
        .text("eventName", 1...255).notNull.filterable,
        .uuid("aggregateId").notNull.filterable.described("The ticket, or what else the event is about."),
        .integer("sequence", 0...9_000_000_000_000_000).notNull.described(
            "The event's number among those of the same ticket."),
        .choice("status", Status.self).notNull.filterable,
        .integer("tries").notNull.described("Since it was last asked for."),
        .timestamp("lastTriedAt"),
        .timestamp("nextTryAt").described("Not before; and not before earlier ones of the same ticket are done."),
        .timestamp("finishedAt").rangeFilterable,
        .integer("answerStatus").filterable,
        .text("error", 0...200).described("Why there was no answer, or none that counts."),
    ]

    enum Status: String, CaseIterable {
        case pending, delivered, failed
    }

    var expansions: [Expansion] {
        [
            Expansion(
                "event", "The event, as it is sent.",
                schema: ["type": ["object", "null"]]
            ) { input in
                let rows = try await input.tx.query(
                    """
                    SELECT d.id, v.name, v.schema_ref, v.occurred_at, v.payload
                    FROM webhook_deliveries AS d
                    JOIN webhook_events AS v ON v.tenant_id = d.tenant_id AND v.event_id = d.event_id
                    WHERE d.tenant_id = ANY(\(input.tenantIds)) AND d.id = ANY(\(input.ids))
                    """)
                var events: [UUID: [UInt8]] = [:]
                for row in rows {
                    let (id, name, schemaRef, occurredAt, payload) = try row.decode(
                        (UUID, String, String, Timestamp, String).self)
                    events[id] = WebhookBody.bytes(
                        name: name, schemaRef: schemaRef, occurredAt: occurredAt, payload: payload)
                }
                return events
            }
        ]
    }
}

/// What is sent: the event's payload byte for byte, with its type beside it, under the signature like all else.
enum WebhookBody {
    static func bytes(name: String, schemaRef: String, occurredAt: Timestamp, payload: String) -> [UInt8] {
        var writer = JSONWriter(reservingCapacity: payload.utf8.count + 200)
        writer.beginObject()
        writer.key("type")
        writer.string(name)
        writer.key("timestamp")
        writer.timestamp(occurredAt)
        writer.key("schema")
        writer.string(schemaRef)
        writer.key("data")
        writer.raw(Array(payload.utf8))
        writer.endObject()
        return writer.bytes
    }
}

/// One try of a delivery: what was sent and what came back, as much of it as is kept.
struct WebhookTries: Resource {
    let path = "tries"
    let entity = "webhook_try"
    let table = "webhook_tries"
    let summary = "The tries of a delivery: what was sent, and what came back."
    let parent: Parent? = .of(WebhookDeliveries())
    let permissions = ResourcePermissions(read: "settings.read", write: "settings.write")
    let operations: ResourceOperations = .readOnly
    let stamps: ResourceStamps = [.createdAt]
    let fields: [Field] = [
        .integer("milliseconds").notNull,
        .text("url").notNull,
        .json("requestHeaders").notNull.described("The values of the endpoint's own headers are left out."),
        .integer("status").described("None where there was no answer."),
        .json("answerHeaders"),
        .text("answerBody").described("Its beginning."),
        .text("error", 0...200),
    ]

    static let bodyBytesMax = 4_096
    static let headersMax = 50
    static let headerBytesMax = 1_000

    /// As text that a database takes: no NUL, no more than fits.
    static func kept(_ bytes: [UInt8], upTo count: Int = bodyBytesMax) -> String {
        String(decoding: bytes.prefix(count).map { $0 == 0 ? 32 : $0 }, as: UTF8.self)
    }

    static func kept(_ headers: [(name: String, value: String)]) -> JSONObject {
        var kept = JSONObject()
        for (name, value) in headers.prefix(headersMax) {
            kept[Self.kept(Array(name.lowercased().utf8), upTo: 100)] = .string(
                Self.kept(Array(value.utf8), upTo: headerBytesMax))
        }
        return kept
    }
}
