import AMQP
import Contracts
import Database
import Logging

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The database or the broker is away: nothing is wrong with the messages, which are to be handled later.
struct InfrastructureFailure: Error, CustomStringConvertible {
    var description: String
}

/// Takes batches of messages through the service's handlers, such that afterwards every one of them can be acknowledged: it
/// is handled, parked, or a dead letter.
struct MessageDispatcher: Sendable {
    let service: String
    let topology: Topology
    let handlers: [MessageHandler]
    let database: Database
    let sink: DeadLetterSink
    let policy: RetryPolicy
    let bodySizeBytesMax: Int
    let logger: Logger

    /// How often a transaction is repeated at once that lost against another.
    private static let conflictAttemptsMax = 3

    /// Handles a batch, in order. Throws only `InfrastructureFailure`; what was done before it stays done.
    func process(_ batch: [ReceivedMessage]) async throws {
        var events: [(received: ReceivedMessage, message: RawMessage)] = []
        var poison: [DeadLetterSink.Entry] = []
        for received in batch {
            do {
                events.append((received, try read(received)))
            } catch {
                let detail = error.detail
                poison.append(
                    .init(received: received, reason: error.reason, detail: detail, attempts: 0, handler: nil))
                logger.error(
                    "a message can't be read", metadata: ["reason": "\(error.reason.rawValue)", "detail": "\(detail)"])
            }
        }
        try await handle(entries(of: events))
        // Last, because a batch that is repeated would give it up again.
        try await giveUp(poison)
    }

    func read(_ received: ReceivedMessage) throws(PoisonMessage) -> RawMessage {
        try RawMessage(
            message: received.message, routingKey: received.routingKey, topology: topology,
            bodySizeBytesMax: bodySizeBytesMax)
    }

    private var repeatable: Set<String> { Set(handlers.filter(\.isRepeatable).map(\.name)) }

    func handler(_ name: String) -> MessageHandler? { handlers.first { $0.name == name } }

    /// Who is to handle what: a message goes to each handler that takes it, once.
    private func entries(of events: [(received: ReceivedMessage, message: RawMessage)]) -> [InboxEntry] {
        struct Pair: Hashable {
            var handler: String
            var tenantId: UUID
            var eventId: UUID
        }
        var seen: Set<Pair> = []
        var entries: [InboxEntry] = []
        for handler in handlers {
            var taken: [String: Bool] = [:]
            for (received, message) in events {
                let takes = taken[message.name] ?? handler.takes(message)
                taken[message.name] = takes
                guard takes else { continue }
                if let only = received.requeuedFor, only != handler.name { continue }
                let pair = Pair(
                    handler: handler.name, tenantId: message.envelope.tenantId, eventId: message.envelope.eventId)
                guard seen.insert(pair).inserted else { continue }
                entries.append(InboxEntry(handler: handler.name, message: message, received: received))
            }
        }
        return entries
    }

    // MARK: Success

    private func handle(_ entries: [InboxEntry]) async throws {
        guard entries.count > 1 else {
            if let only = entries.first { try await handleAlone(only) }
            return
        }
        do {
            try await handleTogether(entries)
        } catch {
            if case .infrastructure(let detail) = FailureVerdict(error) {
                throw InfrastructureFailure(description: detail)
            }
            logger.debug("a batch failed, its halves are handled", metadata: ["error": "\(error)"])
            try await handle(Array(entries[..<(entries.count / 2)]))
            try await handle(Array(entries[(entries.count / 2)...]))
        }
    }

    /// Everything in one transaction.
    private func handleTogether(_ offered: [InboxEntry]) async throws {
        let (entries, arrivals) = try await database.transaction(as: .admin) { tx in
            tx.planForManyKeys()
            var entries: [InboxEntry] = []
            for handler in handlers {
                entries += try await handler.concerned(with: offered.filter { $0.handler == handler.name }, in: tx)
            }
            let arrivals = try await Inbox.arrive(entries, repeatable: repeatable, in: tx)
            let behind = zip(entries, arrivals).filter { $0.1 == .behindParked }.map(\.0)
            if !behind.isEmpty { tx.enqueue(ParkedMessages.parkBehind(behind)) }
            for handler in handlers {
                let fresh = zip(entries, arrivals).filter { $0.1 == .fresh && $0.0.handler == handler.name }
                if !fresh.isEmpty { try await handler.handle(fresh.map(\.0.message), in: tx) }
            }
            return (entries, arrivals)
        }
        report(entries, arrivals)
    }

    private func report(_ entries: [InboxEntry], _ arrivals: [Arrival]) {
        var counts: [String: (fresh: Int, duplicate: Int)] = [:]
        for (entry, arrival) in zip(entries, arrivals) {
            switch arrival {
            case .fresh: counts[entry.handler, default: (0, 0)].fresh += 1
            case .duplicate: counts[entry.handler, default: (0, 0)].duplicate += 1
            case .behindParked: break
            }
        }
        let handled = zip(entries, arrivals).filter { $0.1 == .fresh && !$0.0.message.isReplay }
        if let oldest = handled.map(\.0.message.envelope.occurredAt).min() {
            MessagingMetrics.lag(seconds: (Timestamp.now - oldest) / .seconds(1), service: service)
        }
        for (handler, count) in counts {
            MessagingMetrics.count(.handled, count.fresh, service: service, handler: handler)
            MessagingMetrics.count(.duplicates, count.duplicate, service: service, handler: handler)
        }
    }

    // MARK: Failure

    /// One message and one handler, whatever becomes of it.
    private func handleAlone(_ entry: InboxEntry) async throws {
        var conflicts = 0
        while true {
            do {
                return try await handleTogether([entry])
            } catch let error as DatabaseError where error.kind == .serialization || error.kind == .deadlock {
                conflicts += 1
                if conflicts < Self.conflictAttemptsMax { continue }
                return try await settle(entry, failed: error)
            } catch {
                return try await settle(entry, failed: error)
            }
        }
    }

    private func settle(_ entry: InboxEntry, failed error: any Error) async throws {
        let metadata: Logger.Metadata = [
            "handler": "\(entry.handler)", "event.name": "\(entry.message.name)",
            "event.id": "\(entry.message.envelope.eventId.text)", "error": "\(error)",
        ]
        switch FailureVerdict(error) {
        case .infrastructure(let detail):
            throw InfrastructureFailure(description: detail)
        case .snooze(let duration):
            try await note(ParkedMessages.park(entry, attempts: 0, delay: duration, reason: "snoozed"))
        case .discard(let reason):
            logger.info("a handler discarded a message", metadata: metadata.merging(["reason": "\(reason)"]) { $1 })
            try await note(Inbox.note(.discarded, handler: entry.handler, message: entry.message))
            MessagingMetrics.count(.discarded, 1, service: service, handler: entry.handler)
        case .deadLetter(let reason, let detail):
            try await giveUp(entry, reason, detail: detail, attempts: 1, metadata)
        case .retry(let detail):
            guard let delay = policy.delay(afterFailures: 1) else {
                return try await giveUp(entry, .retriesExhausted, detail: detail, attempts: 1, metadata)
            }
            logger.warning("a message failed and will be tried again", metadata: metadata)
            try await note(ParkedMessages.park(entry, attempts: 1, delay: delay, reason: detail))
            MessagingMetrics.count(.retries, 1, service: service, handler: entry.handler)
        }
    }

    private func giveUp(
        _ entry: InboxEntry, _ reason: DeadLetterReason, detail: String, attempts: Int, _ metadata: Logger.Metadata
    ) async throws {
        logger.error("a message is given up", metadata: metadata.merging(["reason": "\(reason.rawValue)"]) { $1 })
        try await giveUp([
            .init(received: entry.received, reason: reason, detail: detail, attempts: attempts, handler: entry.handler)
        ])
        try await note(Inbox.note(.deadLettered, handler: entry.handler, message: entry.message))
    }

    private func giveUp(_ entries: [DeadLetterSink.Entry]) async throws {
        do {
            try await sink.put(entries)
        } catch {
            throw InfrastructureFailure(description: "no dead letters to the broker: \(error)")
        }
    }

    private func note(_ sql: SQL) async throws {
        do {
            _ = try await database.transaction(as: .admin) { tx in try await tx.execute(sql) }
        } catch {
            throw InfrastructureFailure(description: "\(error)")
        }
    }

    // MARK: Parked messages

    /// Gives the parked message that has been due for longest its next attempt. False when none is due.
    ///
    /// All of it is one transaction, so that no other instance touches the message meanwhile; the handler runs in a savepoint
    /// of it. Throws only `InfrastructureFailure`.
    func retryNext() async throws -> Bool {
        do {
            return try await database.transaction(as: .admin) { tx in
                guard let parked = try await ParkedMessages.claim(handlers: handlers.map(\.name), in: tx) else {
                    return false
                }
                try await retry(parked, in: tx)
                return true
            }
        } catch let error as DatabaseError where error.kind == .serialization || error.kind == .deadlock {
            return true
        } catch {
            throw InfrastructureFailure(description: "\(error)")
        }
    }

    private func retry(_ parked: ParkedMessage, in tx: Transaction) async throws {
        let message: RawMessage
        do {
            message = try read(parked.received)
        } catch {
            let verdict = FailureVerdict.deadLetter(error.reason, detail: error.detail)
            return try await settle(parked, nil, verdict, in: tx)
        }
        guard let handler = handler(parked.handler) else { return }
        let entry = InboxEntry(handler: parked.handler, message: message, received: parked.received)
        do {
            try await tx.savepoint { tx in
                let isFresh = try await Inbox.arrive(entry, in: tx)
                if isFresh { try await handler.handle([message], in: tx) }
                report([entry], [isFresh ? .fresh : .duplicate])
            }
            for statement in ParkedMessages.finish(parked) { tx.enqueue(statement) }
        } catch {
            try await settle(parked, message, FailureVerdict(error), in: tx)
        }
    }

    private func settle(
        _ parked: ParkedMessage, _ message: RawMessage?, _ verdict: FailureVerdict, in tx: Transaction
    ) async throws {
        let attempts = parked.attempts + 1
        switch verdict {
        case .infrastructure(let detail):
            throw InfrastructureFailure(description: detail)
        case .snooze(let duration):
            tx.enqueue(
                ParkedMessages.postpone(parked, attempts: parked.attempts, delay: duration, reason: "snoozed"))
        case .discard:
            if let message { tx.enqueue(Inbox.note(.discarded, handler: parked.handler, message: message)) }
            for statement in ParkedMessages.finish(parked) { tx.enqueue(statement) }
            MessagingMetrics.count(.discarded, 1, service: service, handler: parked.handler)
        case .deadLetter(let reason, let detail):
            try await giveUp(parked, message, reason, detail: detail, attempts: attempts, in: tx)
        case .retry(let detail):
            guard let delay = policy.delay(afterFailures: attempts) else {
                return try await giveUp(
                    parked, message, .retriesExhausted, detail: detail, attempts: attempts, in: tx)
            }
            tx.enqueue(ParkedMessages.postpone(parked, attempts: attempts, delay: delay, reason: detail))
            MessagingMetrics.count(.retries, 1, service: service, handler: parked.handler)
        }
    }

    private func giveUp(
        _ parked: ParkedMessage, _ message: RawMessage?, _ reason: DeadLetterReason, detail: String, attempts: Int,
        in tx: Transaction
    ) async throws {
        logger.error(
            "a message is given up",
            metadata: [
                "handler": "\(parked.handler)", "event.id": "\(parked.eventId.text)", "reason": "\(reason.rawValue)",
                "attempts": "\(attempts)", "error": "\(detail)",
            ])
        try await giveUp([
            .init(
                received: parked.received, reason: reason, detail: detail, attempts: attempts, handler: parked.handler)
        ])
        if let message { tx.enqueue(Inbox.note(.deadLettered, handler: parked.handler, message: message)) }
        for statement in ParkedMessages.finish(parked) { tx.enqueue(statement) }
    }
}
