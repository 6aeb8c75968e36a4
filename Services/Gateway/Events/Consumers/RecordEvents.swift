import Contracts
import Database
import Messaging

/// Keeps every event of every service in the feed: what the history, the streams and the replays are made of.
struct RecordEvents: BatchEventHandler {
    let name = "record_events"
    let patterns = ["#"]
    let tail: FeedTail

    func handle(_ messages: [RawMessage], in tx: Transaction) async throws {
        // A replay is history already.
        let events = messages.filter { !$0.isReplay }.map { message in
            FeedEvent(
                tenantId: message.envelope.tenantId, eventId: message.envelope.eventId, name: message.name,
                schemaRef: message.schemaRef, aggregate: message.aggregate, sequence: message.envelope.sequence,
                occurredAt: message.envelope.occurredAt, source: message.source, traceparent: message.traceparent,
                payload: message.body)
        }
        try await EventFeed.append(events, in: tx)
        tx.afterCommit { tail.nudge() }
    }
}
