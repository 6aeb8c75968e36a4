// Keeps the figures of tickets up to their own events.
import Contracts
import Database
import Messaging

/// Takes the tickets' events into their figures, a batch at a time.
struct KeepMetrics: BatchEventHandler {
    let name = "keep_metrics"
    let patterns = MetricsTable.changes

    func handle(_ messages: [RawMessage], in tx: Transaction) async throws {
        let events = messages.map { message in
            (
                key: MetricsTable.Key(tenantId: message.envelope.tenantId, ticketId: message.aggregate.id),
                event: TicketEvent(
                    name: message.name, sequence: message.envelope.sequence, occurredAt: message.envelope.occurredAt,
                    payload: message.payload.objectValue ?? [:])
            )
        }
        try await MetricsTable.take(events, in: tx)
    }
}
