import AMQP
import Contracts

/// Puts messages into the service's dead-letter queue: the body as it came, the reason in the headers.
struct DeadLetterSink: Sendable {
    /// A message to be given up.
    struct Entry: Sendable {
        var received: ReceivedMessage
        var reason: DeadLetterReason
        var detail: String
        /// Failed attempts; 0 where no handler was asked.
        var attempts: Int
        var handler: String?
    }

    let service: String
    let topology: Topology
    let amqp: AMQPClient

    /// Returns when the broker has them all. What it got before a failure it gets again: a dead letter may be there twice,
    /// never not at all.
    func put(_ entries: [Entry]) async throws {
        if entries.isEmpty { return }
        let publications = entries.map { entry in
            AMQPPublication(
                exchange: "", routingKey: Topology.deadLetters(service), mandatory: true, message: message(entry))
        }
        var outcomes = try await amqp.publish(publications)
        if outcomes.contains(where: { if case .returned = $0 { true } else { false } }) {
            try await topology.declareDeadLetters(service: service, on: amqp)
            outcomes = try await amqp.publish(publications)
        }
        if let failed = outcomes.first(where: { !$0.isConfirmed }) {
            throw AMQPError(.connectionLost, "a dead letter was not confirmed: \(failed)")
        }
        for entry in entries {
            MessagingMetrics.deadLettered(
                service: service, handler: entry.handler ?? "none", reason: entry.reason.rawValue)
        }
    }

    private func message(_ entry: Entry) -> AMQPMessage {
        var message = entry.received.message
        message.headers = DeadLetter.originalHeaders(message.headers)
        message.headers[MessageHeader.deadLetterReason] = .string(entry.reason.rawValue)
        message.headers[MessageHeader.deadLetterDetail] = .string(entry.detail)
        message.headers[MessageHeader.deadLetterAttempts] = .int(Int64(entry.attempts))
        message.headers[MessageHeader.deadLetterService] = .string(service)
        message.headers[MessageHeader.deadLetterHandler] = entry.handler.map(AMQPValue.string)
        message.headers[MessageHeader.deadLetterAt] = .string(Timestamp.now.rfc3339)
        message.headers[MessageHeader.deadLetterExchange] = .string(entry.received.exchange)
        message.headers[MessageHeader.deadLetterRoutingKey] = .string(entry.received.routingKey)
        // An expiring dead letter would be lost.
        message.expiration = nil
        message.deliveryMode = .persistent
        // The broker checks this against who publishes, which is not who did.
        message.userId = nil
        return message
    }
}
