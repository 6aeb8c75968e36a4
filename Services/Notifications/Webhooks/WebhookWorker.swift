// Sends what waits in the lanes.

import Contracts
import Database
import Logging
import Messaging
import Outbound
import ServiceLifecycle
import Synchronization
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Works on lanes that are due. Any number of processes do it side by side; what one that died was at is due again when its
/// lease ends. A slow receiver holds as many requests as its endpoint allows, and none of the others'.
struct WebhookWorker: Service {
    let database: Database
    let client: OutboundClient
    let secrets: WebhookSecrets
    let endpoints: ResourceStore<WebhookEndpoints>
    let bell: Bell
    var shift = Shift()

    var retries = WebhookRetries()
    /// Requests under way in this process.
    var concurrency = 256
    /// Longer than a request may take, so that a lane is never worked on twice while its worker lives.
    var lease = Duration.seconds(60)
    /// How soon it is noticed what falls due by itself, or what other processes have added.
    var interval = Duration.milliseconds(500)

    /// Deliveries of a lane in a row before others get its place.
    private static let inARow = 50
    private static let logger = Logger(label: "notifications.webhooks")

    // MARK: Running

    func run() async throws {
        let places = Places(concurrency)
        await withGracefulShutdownHandler {
            await withDiscardingTaskGroup { group in
                while !Task.isCancelled, !Task.isShuttingDownGracefully {
                    for lane in await self.due(upTo: places.free) {
                        places.take()
                        group.addTask {
                            await self.work(on: lane)
                            places.release()
                            self.bell.ring()
                        }
                    }
                    await self.bell.wait(upTo: self.interval)
                }
                // What is under way comes to its end, or is given up.
                let end = ContinuousClock.now + self.shift.drain
                while places.taken > 0, .now < end, !Task.isCancelled { await self.bell.wait(upTo: self.interval) }
                group.cancelAll()
            }
        } onGracefulShutdown: {
            bell.ring()
        }
    }

    private func due(upTo count: Int) async -> [WebhookQueue.Lane] {
        guard count > 0, shift.isAlive() else { return [] }
        do {
            return try await claim(upTo: count, at: .now)
        } catch {
            if !Task.isCancelled { Self.logger.warning("webhooks wait", metadata: ["error": "\(error)"]) }
            return []
        }
    }

    func claim(upTo count: Int, at now: Timestamp) async throws -> [WebhookQueue.Lane] {
        try await database.transaction(as: .admin, retries: 2) { tx in
            try await WebhookQueue.claim(upTo: count, for: shift.worker, leasedFor: lease, at: now, in: tx)
        }
    }

    // MARK: A lane

    /// Sends the lane's deliveries one after the other, until one fails or there are no more.
    func work(on lane: WebhookQueue.Lane) async {
        do {
            for round in 1...Self.inARow {
                guard let job = try await next(of: lane) else { return try await leave(lane) }
                // What others may have taken on is left to them.
                guard shift.isAlive() else { return try await leave(lane) }
                let began = Timestamp.now
                let result = await send(job, at: began)
                let keeping = round < Self.inARow && !Task.isShuttingDownGracefully
                // In a task of its own: what came of a request is noted even when this one is cancelled.
                let settling = Task { try await settle(lane, job, result, began: began, keeping: keeping) }
                guard try await settling.value else { return }
            }
        } catch {
            // The lease ends by itself, and somebody tries again.
            Self.logger.warning(
                "a webhook's outcome could not be noted",
                metadata: ["webhook_endpoint.id": "\(lane.endpointId.text)", "error": "\(error)"])
        }
    }

    /// What is sent next.
    struct Job: Sendable {
        let deliveryId: UUID
        let eventId: UUID
        let tries: Int
        let url: String
        let body: [UInt8]
        let secrets: WebhookSecrets.Opened
    }

    private func next(of lane: WebhookQueue.Lane) async throws -> Job? {
        let rows = try await database.transaction(as: .tenant(lane.tenantId), readOnly: true) { tx in
            try await tx.batch([
                WebhookQueue.first(of: lane),
                WebhookSecrets.selection(of: lane.endpointId, tenantId: lane.tenantId, at: .now),
            ])
        }
        guard let row = rows[0].first else { return nil }
        let (id, eventId, tries, url, name, schemaRef, occurredAt, payload) = try row.decode(
            (UUID, UUID, Int64, String, String, String, Timestamp, String).self)
        return Job(
            deliveryId: id, eventId: eventId, tries: Int(tries), url: url,
            body: WebhookBody.bytes(name: name, schemaRef: schemaRef, occurredAt: occurredAt, payload: payload),
            secrets: try secrets.open(rows[1], of: lane.endpointId, tenantId: lane.tenantId))
    }

    /// The lane is empty, or its endpoint is disabled.
    private func leave(_ lane: WebhookQueue.Lane) async throws {
        try await database.transaction(as: .tenant(lane.tenantId), retries: 2) { tx in
            guard try await WebhookQueue.hold(lane, keeping: false, until: .now, in: tx) else { return }
            _ = try await WebhookQueue.endIfEmpty(lane, in: tx)
        }
    }

    // MARK: A request

    private func headers(of job: Job, at now: Timestamp) -> [(name: String, value: String)] {
        let signature = WebhookSignature(
            id: job.eventId.text, timestamp: now.milliseconds / 1_000, body: job.body, keys: job.secrets.keys)
        return [("content-type", "application/json"), ("user-agent", "Deskwire-Webhooks/1")] + signature.headers
    }

    private func send(_ job: Job, at now: Timestamp) async -> Result<OutboundAnswer, OutboundError> {
        do throws(OutboundError) {
            let url = try OutboundURL(job.url)
            let request = OutboundRequest(url, headers: job.secrets.headers + headers(of: job, at: now), body: job.body)
            return .success(try await client.send(request))
        } catch {
            return .failure(error)
        }
    }

    // MARK: Its outcome

    /// Notes what a request came to. Answers whether the lane is still ours and has more.
    func settle(
        _ lane: WebhookQueue.Lane, _ job: Job, _ result: Result<OutboundAnswer, OutboundError>, began: Timestamp,
        keeping: Bool
    ) async throws -> Bool {
        let now = Timestamp.now
        let outcome = WebhookOutcome(result, at: now)
        if outcome == .abandoned {
            try await leave(lane)
            return false
        }
        // In transactions of their own: who holds an endpoint together with others can't change it without waiting for them.
        if outcome == .gone { try await disable(lane, .gone, failingSince: now, now: now) }
        let keeps = keeping && outcome == .delivered
        let (goesOn, failingSince) = try await database.transaction(as: .tenant(lane.tenantId), retries: 2) {
            tx -> (Bool, Timestamp?) in
            guard
                try await WebhookQueue.hold(lane, keeping: keeps, until: keeps ? now + lease : now, in: tx)
            else { return (false, nil) }
            tx.enqueue(try note(lane, job, result, began: began, now: now))
            let failingSince = try await note(outcome, of: lane, job, result, now: now, in: tx)
            if try await WebhookQueue.endIfEmpty(lane, in: tx) { return (false, failingSince) }
            if !keeps { try await WebhookQueue.reschedule(lane, in: tx) }
            return (keeps, failingSince)
        }
        if let failingSince, WebhookPatience.isOver(failingSince: failingSince, now: now) {
            try await disable(lane, .failing, failingSince: failingSince, now: now)
        }
        return goesOn
    }

    private func disable(
        _ lane: WebhookQueue.Lane, _ reason: WebhookEndpoints.DisabledReason, failingSince: Timestamp?, now: Timestamp
    ) async throws {
        let context = MessagingContext(tenantId: lane.tenantId, actor: .system)
        try await database.transaction(as: .tenant(lane.tenantId), retries: 2) { tx in
            try await MessagingContext.$current.withValue(context) {
                try await WebhookEndpoints.disable(
                    lane.endpointId, because: reason, failingSince: failingSince,
                    in: Operation(tx: tx, tenantId: lane.tenantId, now: now), endpoints)
            }
        }
    }

    /// Notes the outcome with the delivery and the endpoint; answers since when the endpoint has been failing.
    private func note(
        _ outcome: WebhookOutcome, of lane: WebhookQueue.Lane, _ job: Job,
        _ result: Result<OutboundAnswer, OutboundError>,
        now: Timestamp, in tx: Transaction
    ) async throws -> Timestamp? {
        var (status, next): (WebhookDeliveries.Status, Timestamp?) = (.failed, nil)
        switch outcome {
        case .delivered: status = .delivered
        case .gone, .abandoned: break
        case .failed(let retryAfter):
            let pause = retries.pause(
                afterFailures: job.tries + 1, retryAfter: retryAfter, jitter: .random(in: 0...1))
            if let pause { (status, next) = (.pending, now + pause) }
        }
        tx.enqueue(
            """
            UPDATE webhook_deliveries
            SET status = \(status.rawValue), tries = \(job.tries + 1), last_tried_at = \(now), next_try_at = \(next),
                finished_at = \(status == .pending ? nil : now), answer_status = \(result.status), error = \(result.fault)
            WHERE tenant_id = \(lane.tenantId) AND id = \(job.deliveryId)
            """)
        if outcome == .delivered {
            // Not at every success: all of an endpoint's deliveries would wait for this row.
            tx.enqueue(
                """
                UPDATE webhook_health SET failing_since = NULL, last_success_at = \(now)
                WHERE tenant_id = \(lane.tenantId) AND endpoint_id = \(lane.endpointId) AND (
                    failing_since IS NOT NULL OR last_success_at IS NULL
                    OR last_success_at < \(now - .seconds(30)))
                """)
            return nil
        }
        return try await tx.first(
            """
            UPDATE webhook_health SET failing_since = coalesce(failing_since, \(now)), last_failure_at = \(now)
            WHERE tenant_id = \(lane.tenantId) AND endpoint_id = \(lane.endpointId)
            RETURNING failing_since
            """)?.get(0, as: Timestamp?.self)
    }

    /// The try's row in the log.
    private func note(
        _ lane: WebhookQueue.Lane, _ job: Job, _ result: Result<OutboundAnswer, OutboundError>, began: Timestamp,
        now: Timestamp
    ) throws -> SQL {
        let own = job.secrets.headers.map { (name: $0.name, value: "…") }
        var answerHeaders: SQLValue = .null
        var answerBody: String?
        if case .success(let answer) = result {
            answerHeaders = .json(.object(WebhookTries.kept(answer.headers)))
            answerBody = WebhookTries.kept(answer.body)
        }
        return """
            INSERT INTO webhook_tries (
                tenant_id, webhook_delivery_id, id, created_at, milliseconds, url, request_headers, status, answer_headers,
                answer_body, error)
            VALUES (
                \(lane.tenantId), \(job.deliveryId), \(UUID.v7()), \(began), \(now.milliseconds - began.milliseconds), \(job.url),
                \(JSON.object(WebhookTries.kept(own + headers(of: job, at: began)))), \(result.status), \(answerHeaders),
                \(answerBody), \(result.fault))
            """
    }
}

extension Result where Success == OutboundAnswer, Failure == OutboundError {
    fileprivate var status: Int? { if case .success(let answer) = self { answer.status } else { nil } }

    /// What the log says about it.
    fileprivate var fault: String? {
        switch self {
        case .success(let answer) where answer.isSuccess: nil
        case .success(let answer): "status_\(answer.status)"
        case .failure(let error): error.reason.isEmpty ? error.code : "\(error.code): \(error.reason)"
        }
    }
}

/// Counts what may be under way.
private final class Places: Sendable {
    private let all: Int
    private let count: Mutex<Int>

    init(_ count: Int) {
        all = count
        self.count = Mutex(count)
    }

    var free: Int { count.withLock { $0 } }
    var taken: Int { all - free }
    func take() { count.withLock { $0 -= 1 } }
    func release() { count.withLock { $0 += 1 } }
}

/// Forgets events that nothing waits for any more, with their deliveries, when they are old.
struct WebhookUpkeep: Service {
    let database: Database
    let retention: Duration

    private static let interval = Duration.seconds(600)
    private static let batch = 1_000
    private static let logger = Logger(label: "notifications.webhooks")

    func run() async throws {
        try? await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                do {
                    while try await self.forget(before: .now - self.retention) == Self.batch {}
                } catch {
                    Self.logger.warning("old webhooks stay", metadata: ["error": "\(error)"])
                }
                try await Task.sleep(for: Self.interval)
            }
        }
    }

    /// Answers how many events there were, a batch at most.
    func forget(before instant: Timestamp) async throws -> Int {
        try await database.transaction(as: .admin) { tx in
            try await tx.execute(
                """
                DELETE FROM webhook_events AS v USING (
                    SELECT o.tenant_id, o.event_id FROM webhook_events AS o
                    WHERE o.kept_at < \(instant) AND NOT EXISTS (
                        SELECT FROM webhook_deliveries AS d
                        WHERE d.tenant_id = o.tenant_id AND d.event_id = o.event_id AND d.status = 'pending')
                    ORDER BY o.kept_at LIMIT \(Self.batch)
                ) AS old
                WHERE v.tenant_id = old.tenant_id AND v.event_id = old.event_id
                """)
        }
    }
}
