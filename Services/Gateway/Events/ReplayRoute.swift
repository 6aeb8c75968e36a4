import Contracts
import Database
import HTTPTypes
import Messaging
import ServiceKit
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Sends history again, to one queue and nobody else.
struct ReplayRoute: Sendable {
    static let batch = 500
    /// A request sends this many events at most, and then answers where to go on.
    static let eventsMax = 1_000_000

    let database: Database
    let platform: Platform

    var route: Route {
        Route(
            .post, "events/replay", on: [.admin], access: .platformAdmin, summary: "Send past events to a queue again",
            description: """
                Through the default exchange to the queue, so that no other subscriber sees them. The messages carry \
                the header `replayed`. `last` of the answer is where to go on, as `since`.
                """,
            body: .fields([
                .text("since", 1...64).required, .text("until", 1...64), .text("queue", 1...255).required,
                .strings("types", each: 1...255, count: 0...50), .uuid("tenantId"),
            ]),
            answers: [AnswerSpec(.ok, "How many were sent.", schema: Self.answerSchema)], operationId: "replayEvents"
        ) { call in
            let patterns = try patterns(call.values.strings("types") ?? [])
            let queue = call.values.string("queue") ?? ""
            let tenantId = call.values.uuid("tenantId")
            let (start, end) = try await call.read { tx in
                let since = try await FeedPlace.position(
                    call.values.string("since") ?? "", .pointer("/since"), tenantId: tenantId, in: tx)
                let head = try await EventFeed.head(in: tx)
                guard let until = call.values.string("until") else { return (since, head) }
                let last = try await FeedPlace.position(until, .pointer("/until"), tenantId: tenantId, in: tx)
                return (since, min(last, head))
            }
            let (sent, last) = try await send(
                from: start, to: end, tenantId: tenantId, patterns: patterns, queue: queue)
            return .json(["replayed": .int(Int64(sent)), "last": .string(String(last))])
        }
    }

    private static let answerSchema: JSON = [
        "type": "object", "properties": ["replayed": ["type": "integer"], "last": ["type": "string"]],
        "required": ["replayed", "last"],
    ]

    private func patterns(_ texts: [String]) throws -> [EventPattern] {
        try texts.enumerated().map { index, text in
            guard let pattern = EventPattern(text, exchange: platform.topology.exchange) else {
                throw Problem.invalid([
                    Fault(
                        .pointer("/types/\(index)"), "bad_format", "It must be a routing-key pattern such as ticket.*")
                ])
            }
            return pattern
        }
    }

    private func send(
        from start: Int64, to end: Int64, tenantId: UUID?, patterns: [EventPattern], queue: String
    ) async throws -> (sent: Int, last: Int64) {
        var sent = 0
        var last = start
        while last < end, sent < Self.eventsMax {
            let position = last
            let events = try await database.transaction(as: .admin, readOnly: true) { tx in
                try await EventFeed.page(of: tenantId, after: position, upTo: end, limit: Self.batch, in: tx)
            }
            let wanted = events.filter { event in
                patterns.isEmpty || patterns.contains { $0.matches(event.name) }
            }
            do {
                try await HistoryReplay.send(
                    wanted.map { ($0.record, $0.source ?? "unknown") }, to: .queue(queue), topology: platform.topology,
                    amqp: platform.amqp)
            } catch let error as ReplayError {
                throw Problem.conflict(
                    "\(error). Sent before: \(sent).", code: "queue_refused",
                    errors: [Fault(.pointer("/queue"), "refused", "The queue did not take a message.")])
            }
            sent += wanted.count
            guard events.count == Self.batch, let reached = events.last else { return (sent, end) }
            last = reached.position
        }
        return (sent, last)
    }
}

extension FeedEvent {
    /// The event as Messaging sends it.
    fileprivate var record: EventRecord {
        let version = (try? JSON.parse(payload))?["version"]?.intValue ?? 1
        return EventRecord(
            tenantId: tenantId, eventId: eventId, occurredAt: occurredAt,
            recordedAt: Timestamp(microseconds: position), name: name, schemaRef: schemaRef, aggregate: aggregate,
            aggregateVersion: version, sequence: sequence, traceparent: traceparent, payload: payload)
    }
}
