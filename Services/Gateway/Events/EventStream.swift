import Contracts
import Database
import Hummingbird
import NIOCore
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// One client's server-sent stream of a tenant's events: everything after where it begins, once and in order, as far
/// as its patterns and its permissions let through. The id of each event is its position in the feed; a client that
/// comes back with `Last-Event-ID` goes on right behind it, in whichever gateway process it arrives.
struct EventStream: Sendable {
    static let heartbeat: Duration = .seconds(15)
    /// What browsers are told to wait before they connect again.
    static let retryMilliseconds = 1000
    /// How often a stream makes sure that its caller may still read.
    static let recheck: Duration = .seconds(5)
    static let batch = 500

    let tail: FeedTail
    let database: Database
    let tenantId: UUID
    let caller: Caller
    let patterns: [EventPattern]
    /// Begin behind this position; nil begins with what comes from now on.
    let after: Int64?
    /// Whether the caller's credentials are still good.
    let isStillAllowed: @Sendable () async -> Bool

    /// Writes until the client goes, the credentials end or the process does.
    @concurrent
    func write(to writer: inout any ResponseBodyWriter) async throws {
        let listener = tail.listen()
        defer { tail.stop(listener) }
        try await writer.write(ByteBuffer(bytes: ServerSentEvent.retry(milliseconds: Self.retryMilliseconds)))
        var position = try await start()
        var wroteAt = ContinuousClock.now
        var checkedAt = wroteAt
        while !Task.isCancelled, !tail.isStopping {
            let (events, upTo) = try await next(after: position)
            position = upTo
            let bytes = frames(events)
            if !bytes.isEmpty {
                try await writer.write(ByteBuffer(bytes: bytes))
                wroteAt = .now
            }
            if ContinuousClock.now - checkedAt >= Self.recheck {
                guard await isStillAllowed() else { break }
                checkedAt = .now
            }
            if events.count >= Self.batch { continue }
            if ContinuousClock.now - wroteAt >= Self.heartbeat {
                // The heartbeat carries the position, so that a client whose patterns let little through doesn't read
                // everything in between again when it comes back.
                try await writer.write(ByteBuffer(bytes: ServerSentEvent.heartbeat(id: String(position))))
                wroteAt = .now
            }
            await listener.signal.wait(upTo: Self.recheck)
        }
        try await writer.finish(nil)
    }

    private func start() async throws -> Int64 {
        if let after { return after }
        return try await database.transaction(as: .admin, readOnly: true) { tx in try await EventFeed.head(in: tx) }
    }

    private func next(after position: Int64) async throws -> ([FeedEvent], upTo: Int64) {
        if case .events(let events, let upTo) = tail.next(after: position, of: tenantId) { return (events, upTo) }
        // Further back than memory reaches. The head is read first: what is below it is all visible.
        return try await database.transaction(as: .tenant(tenantId), readOnly: true) { tx in
            let head = try await EventFeed.head(in: tx)
            let events = try await EventFeed.page(
                of: tenantId, after: position, upTo: head, limit: Self.batch, in: tx)
            let isFull = events.count == Self.batch
            return (events, isFull ? events[events.count - 1].position : max(position, head))
        }
    }

    private func frames(_ events: [FeedEvent]) -> [UInt8] {
        var bytes: [UInt8] = []
        for event in events where isWanted(event) {
            bytes += ServerSentEvent.frame(id: String(event.position), event: event.name, data: event.payload)
        }
        return bytes
    }

    private func isWanted(_ event: FeedEvent) -> Bool {
        (patterns.isEmpty || patterns.contains { $0.matches(event.name) }) && EventVisibility.allows(caller, event)
    }
}
