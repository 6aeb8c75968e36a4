import AMQP
import Contracts

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The names of message headers that the platform writes and reads.
enum MessageHeader {
    static let tenantId = "tenant-id"
    static let aggregateType = "aggregate-type"
    static let aggregateId = "aggregate-id"
    static let aggregateVersion = "aggregate-version"
    static let aggregateSequence = "aggregate-sequence"
    static let traceparent = TraceContext.header

    /// CloudEvents 1.0 attributes. The official binding is for AMQP 1.0; in AMQP 0-9-1 headers stand for its application
    /// properties.
    static let cloudEventsType = "cloudEvents_type"
    static let cloudEventsPrefix = "cloudEvents_"

    /// Set on messages that come from the history rather than from a commit just now.
    static let replayed = "replayed"

    static let deadLetterReason = "dead-letter-reason"
    static let deadLetterDetail = "dead-letter-detail"
    static let deadLetterAttempts = "dead-letter-attempts"
    static let deadLetterHandler = "dead-letter-handler"
    static let deadLetterService = "dead-letter-service"
    static let deadLetterAt = "dead-letter-at"
    static let deadLetterExchange = "dead-letter-exchange"
    static let deadLetterRoutingKey = "dead-letter-routing-key"

    /// On a requeued dead letter: the handler that it is for.
    static let requeuedFor = "requeued-for"
}

extension EventRecord {
    /// The message that carries the event, for whoever is sent it.
    func message(service: String, topology: Topology, isReplay: Bool = false) -> AMQPMessage {
        var headers: [String: AMQPValue] = [
            "cloudEvents_specversion": "1.0",
            "cloudEvents_id": .string(eventId.text),
            "cloudEvents_source": .string("/services/\(service)"),
            "cloudEvents_type": .string(topology.routingKey(name)),
            "cloudEvents_subject": .string("\(aggregate.type)/\(aggregate.id.text)"),
            "cloudEvents_time": .string(occurredAt.rfc3339),
            "cloudEvents_datacontenttype": "application/json",
            "cloudEvents_dataschema": .string("urn:schema:\(schemaRef)"),
            MessageHeader.tenantId: .string(tenantId.text),
            MessageHeader.aggregateType: .string(aggregate.type),
            MessageHeader.aggregateId: .string(aggregate.id.text),
            MessageHeader.aggregateVersion: .int(aggregateVersion),
            MessageHeader.aggregateSequence: .int(sequence),
        ]
        if let traceparent { headers[MessageHeader.traceparent] = .string(traceparent) }
        if isReplay { headers[MessageHeader.replayed] = true }
        return AMQPMessage(
            body: payload,
            contentType: "application/json",
            deliveryMode: .persistent,
            messageId: eventId.text,
            timestamp: UInt64(max(0, occurredAt.milliseconds / 1000)),
            type: schemaRef,
            appId: service,
            headers: headers)
    }

    /// The event as it goes out to everybody.
    func publication(service: String, topology: Topology) -> AMQPPublication {
        AMQPPublication(
            exchange: topology.exchange, routingKey: topology.routingKey(name),
            message: message(service: service, topology: topology))
    }
}
