import Contracts
import Database
import HTTPTypes
import Hummingbird
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The history of events by page, and as a stream of what happens.
struct EventRoutes: Sendable {
    static let limitDefault = 50
    static let limitMax = 200
    /// Events looked at for one page at most: a rare pattern must not make a page read everything.
    static let scanMax = 5_000

    let database: Database
    let tail: FeedTail
    let exchange: String
    let authenticator: Authenticator

    var all: [Route] { [history, stream] }

    private static let types = Parameter(
        "types", .text(length: 1...255, format: nil), "Routing-key patterns: ticket.*, *.created, #"
    ).list
    private static let since = Parameter(
        "since", .text(length: 1...64, format: nil),
        "An RFC 3339 time, or the id of an event, or a cursor: what comes after it.")

    // MARK: - History

    private var history: Route {
        Route(
            .get, "events", permission: "events.read", summary: "The history of events",
            description: "In the order in which the platform received them; per aggregate that is their sequence.",
            parameters: [
                Self.since, Self.types, Parameter("cursor", .text(length: 1...64, format: nil), "page.next of a page."),
                Parameter("limit", .integer(1...Int64(Self.limitMax)), "Events on a page."),
            ],
            answers: [AnswerSpec(.ok, "A page.", schema: Self.pageSchema)], operationId: "listEvents"
        ) { call in
            let patterns = try patterns(call.arguments)
            let limit = Int(call.arguments.int("limit") ?? Int64(Self.limitDefault))
            return try await call.read { tx in
                let start = try await position(call, in: tx)
                let page = try await page(call, patterns, after: start, limit: limit, in: tx)
                var answer = Answer.json(bytes: try write(page))
                if page.hasMore {
                    let path = call.request.uri.path
                    var query = "cursor=\(page.last)&limit=\(limit)"
                    for types in call.arguments["types"]?.texts ?? [] { query += "&types=\(types)" }
                    answer.headers[.link] = "<\(path)?\(query)>; rel=\"next\""
                }
                return answer
            }
        }
    }

    private struct Page {
        var events: [FeedEvent] = []
        /// How far has been looked.
        var last: Int64
        var hasMore = false
    }

    /// Reads on until the page is full, the end is reached, or enough has been looked at.
    private func page(
        _ call: Call, _ patterns: [EventPattern], after start: Int64, limit: Int, in tx: Transaction
    ) async throws -> Page {
        let head = try await EventFeed.head(in: tx)
        var page = Page(last: start)
        var scanned = 0
        while scanned < Self.scanMax {
            let batch = min(EventFeed.pageMax, patterns.isEmpty ? limit + 1 : 500)
            let events = try await EventFeed.page(
                of: call.tenantId, after: page.last, upTo: head, limit: batch, in: tx)
            for event in events {
                let isWanted =
                    (patterns.isEmpty || patterns.contains { $0.matches(event.name) })
                    && EventVisibility.allows(call.caller, event)
                if isWanted {
                    guard page.events.count < limit else {
                        page.hasMore = true
                        return page
                    }
                    page.events.append(event)
                }
                page.last = event.position
            }
            scanned += events.count
            guard events.count == batch else {
                page.last = max(page.last, head)
                return page
            }
        }
        page.hasMore = true
        return page
    }

    private func write(_ page: Page) throws -> [UInt8] {
        var writer = JSONWriter(reservingCapacity: 256 + page.events.count * 1024)
        writer.beginObject()
        writer.key("data")
        writer.beginArray()
        for event in page.events {
            writer.beginObject()
            writer.key("cursor")
            writer.string(String(event.position))
            writer.key("event")
            writer.string(event.name)
            writer.key("routingKey")
            writer.string("\(exchange).\(event.name)")
            writer.key("schema")
            writer.string(event.schemaRef)
            writer.key("payload")
            writer.raw(event.payload)
            writer.endObject()
        }
        writer.endArray()
        writer.key("page")
        writer.beginObject()
        writer.key("next")
        if page.hasMore { writer.string(String(page.last)) } else { writer.null() }
        writer.key("hasMore")
        writer.bool(page.hasMore)
        // Where to go on later, also from the last page: `since`.
        writer.key("last")
        writer.string(String(page.last))
        writer.endObject()
        writer.endObject()
        return writer.bytes
    }

    private static let pageSchema: JSON = [
        "type": "object",
        "properties": [
            "data": [
                "type": "array",
                "items": [
                    "type": "object",
                    "properties": [
                        "cursor": ["type": "string"], "event": ["type": "string"], "routingKey": ["type": "string"],
                        "schema": ["type": "string"], "payload": ["type": "object"],
                    ],
                    "required": ["cursor", "event", "routingKey", "schema", "payload"],
                ],
            ],
            "page": [
                "type": "object",
                "properties": [
                    "next": ["type": ["string", "null"]], "hasMore": ["type": "boolean"], "last": ["type": "string"],
                ],
                "required": ["next", "hasMore", "last"],
            ],
        ],
        "required": ["data", "page"],
    ]

    // MARK: - Stream

    private var stream: Route {
        Route(
            .get, "events/stream", on: [.tenant], permission: "events.read",
            summary: "Events as they happen, as server-sent events",
            description: """
                Each event's id goes into Last-Event-ID of the next connection, which goes on right behind it. \
                Without it the stream begins now, or behind `since`.
                """,
            parameters: [Self.since, Self.types],
            answers: [
                AnswerSpec(.ok, "An endless stream.", schema: ["type": "string"], mediaType: "text/event-stream")
            ], operationId: "streamEvents"
        ) { call in
            guard let tenantId = call.tenantId else { throw Problem.notFound() }
            let patterns = try patterns(call.arguments)
            let lastEventId = call.headers[.lastEventId].flatMap { $0.isEmpty ? nil : $0 }
            let after: Int64? = try await call.read { tx in
                if let lastEventId { return try await position(lastEventId, .header("Last-Event-ID"), call, in: tx) }
                guard call.arguments.contains("since") else { return nil }
                return try await position(call, in: tx)
            }
            let authorization = call.headers[.authorization]
            let stream = EventStream(
                tail: tail, database: database, tenantId: tenantId, caller: call.caller, patterns: patterns,
                after: after,
                isStillAllowed: { [authenticator] in
                    guard let caller = try? await authenticator.authenticate(authorization).caller else { return false }
                    return caller.platformAdmin || caller.tenantId == tenantId && caller.may("events.read")
                })
            var answer = Answer.content(
                .stream(ResponseBody { writer in try await stream.write(to: &writer) }), type: "text/event-stream")
            answer.headers[.cacheControl] = "no-cache"
            // Tells buffering proxies in front of the gateway to pass events on at once.
            answer.headers[.accelBuffering] = "no"
            return answer
        }
    }

    // MARK: - Parameters

    private func patterns(_ arguments: Arguments) throws -> [EventPattern] {
        try arguments.strings("types").map { text in
            guard let pattern = EventPattern(text, exchange: exchange) else {
                throw Problem.badRequest(errors: [
                    Fault(.parameter("types"), "bad_format", "It must be a routing-key pattern such as ticket.*")
                ])
            }
            return pattern
        }
    }

    private func position(_ call: Call, in tx: Transaction) async throws -> Int64 {
        if let cursor = call.arguments.string("cursor") {
            return try await position(cursor, .parameter("cursor"), call, in: tx)
        }
        guard let since = call.arguments.string("since") else { return 0 }
        return try await position(since, .parameter("since"), call, in: tx)
    }

    private func position(_ text: String, _ place: Fault.Place, _ call: Call, in tx: Transaction) async throws -> Int64
    {
        try await FeedPlace.position(text, place, tenantId: call.tenantId, in: tx)
    }
}

/// A place in the feed as clients spell it.
enum FeedPlace {
    static func position(
        _ text: String, _ place: Fault.Place, tenantId: UUID?, in tx: Transaction
    ) async throws -> Int64 {
        if let position = Int64(text), position >= 0, !text.hasPrefix("+") { return position }
        if let eventId = UUID(text: text) {
            if let position = try await EventFeed.position(of: eventId, tenantId: tenantId, in: tx) { return position }
            throw Problem.badRequest(errors: [
                Fault(place, "unknown_event", "No such event is kept here (any more).")
            ])
        }
        if let instant = Timestamp(rfc3339: text) { return EventFeed.position(before: instant) }
        throw Problem.badRequest(errors: [
            Fault(place, "bad_format", "It must be an RFC 3339 time, the id of an event, or a cursor.")
        ])
    }
}

extension HTTPField.Name {
    static let lastEventId = fieldName("Last-Event-ID")
    static let accelBuffering = fieldName("X-Accel-Buffering")
}
