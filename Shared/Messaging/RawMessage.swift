import AMQP
import Contracts

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A received event whose payload has no type yet. A class, because it is handed on often and has many parts.
public final class RawMessage: Sendable {
    /// `ticket.created`
    public let name: String
    /// As it came; a replayed message has the queue's name here.
    public let routingKey: String
    /// `payload.TicketCreated.v1`
    public let schemaRef: String
    public let schemaVersion: Int
    public let envelope: EventEnvelope
    /// Whose sequence the event takes.
    public let aggregate: Aggregate
    /// The whole payload, envelope included.
    public let payload: JSON
    /// The service that published it.
    public let source: String?
    public let traceparent: String?
    /// From the history rather than from a commit just now.
    public let isReplay: Bool
    /// The payload's text as it came.
    public let body: [UInt8]

    package init(
        name: String, routingKey: String, schemaRef: String, schemaVersion: Int, envelope: EventEnvelope,
        aggregate: Aggregate, payload: JSON, source: String?, traceparent: String?, isReplay: Bool, body: [UInt8]
    ) {
        self.name = name
        self.routingKey = routingKey
        self.schemaRef = schemaRef
        self.schemaVersion = schemaVersion
        self.envelope = envelope
        self.aggregate = aggregate
        self.payload = payload
        self.source = source
        self.traceparent = traceparent
        self.isReplay = isReplay
        self.body = body
    }

    /// The payload as the type of one event.
    public func decode<E: Event>(_ type: E.Type) throws -> Message<E> {
        Message(envelope: envelope, event: try Wire.decode(E.self, from: payload))
    }

    /// Most bytes of a message's body that are looked at.
    static let bodySizeBytesMax = 16 << 20

    /// Reads a delivered message.
    convenience init(
        message: AMQPMessage, routingKey: String, topology: Topology,
        bodySizeBytesMax: Int = RawMessage.bodySizeBytesMax
    ) throws(PoisonMessage) {
        guard message.body.count <= bodySizeBytesMax else {
            throw PoisonMessage(reason: .oversized, detail: "\(message.body.count) bytes, at most \(bodySizeBytesMax)")
        }
        let headers = message.headers
        // A message that was sent to a queue directly has the queue's name as its routing key.
        let key = headers[MessageHeader.cloudEventsType]?.stringValue ?? routingKey
        guard let name = topology.eventName(routingKey: key) else {
            throw PoisonMessage(reason: .undecodable, detail: "not an event's routing key: \(key.prefix(100))")
        }
        let payload: JSON
        do {
            payload = try JSON.parse(message.body)
        } catch {
            throw PoisonMessage(reason: .undecodable, detail: "\(error)")
        }
        guard case .object = payload else {
            throw PoisonMessage(reason: .undecodable, detail: "the payload is \(payload.typeName), not an object")
        }
        let envelope: EventEnvelope
        do {
            envelope = try Wire.decode(EventEnvelope.self, from: payload)
        } catch {
            throw PoisonMessage(reason: .badSchema, detail: "envelope: \(error)")
        }
        let schemaRef = message.type ?? ""
        self.init(
            name: name, routingKey: routingKey, schemaRef: schemaRef,
            schemaVersion: Self.version(ofSchemaRef: schemaRef) ?? 1, envelope: envelope,
            // Without the header an event is an aggregate by itself: it has no order to keep.
            aggregate: Aggregate(
                type: headers[MessageHeader.aggregateType]?.stringValue ?? String(name.prefix { $0 != "." }),
                id: headers[MessageHeader.aggregateId]?.stringValue.flatMap(UUID.init(text:)) ?? envelope.eventId),
            payload: payload, source: message.appId, traceparent: headers[MessageHeader.traceparent]?.stringValue,
            isReplay: headers[MessageHeader.replayed]?.boolValue ?? false, body: message.body)
    }

    /// 2 for `payload.TicketCreated.v2`
    private static func version(ofSchemaRef text: String) -> Int? {
        guard let last = text.split(separator: ".").last, last.hasPrefix("v") else { return nil }
        return Int(last.dropFirst())
    }

    var key: AggregateKey { AggregateKey(tenantId: envelope.tenantId, aggregateId: aggregate.id) }
}
