import Contracts
import Database
import Foundation
import HTTPTypes
import Messaging
import NIOCore
import Outbound
import ServiceKit
import Synchronization
import TestKit
import Testing
import Web

@testable import Messaging
@testable import Notifications

/// Webhooks alone, as a service.
struct WebhookService: Microservice {
    static let name = "notifications"
    static let summary = "Webhooks."
    static let migrations = Webhooks.migrations

    let webhooks: Webhooks

    init(_ webhooks: Webhooks) { self.webhooks = webhooks }

    init(_ platform: Platform) throws { self.init(WebhookService.webhooks(platform.database)) }

    var resources: [any Resource] { webhooks.resources }
    var routes: [Route] { webhooks.routes }
    var handlers: [MessageHandler] { webhooks.handlers }

    static func webhooks(
        _ database: Database, allowing blocks: [String] = ["127.0.0.0/8"],
        demand: (any OccasionalHandler) -> Demand? = { _ in nil }
    ) -> Webhooks {
        Webhooks(
            database: database, demand: demand, client: localClient(allowing: blocks),
            keys: SecretKeys(String(repeating: "s", count: 32)))
    }
}

/// A client whose receivers are on this host, and none of whose requests ends because the machine is slow.
func localClient(allowing blocks: [String] = ["127.0.0.0/8"]) -> OutboundClient {
    var limits = OutboundClient.Limits()
    limits.totalTime = .seconds(600)
    limits.connectTime = .seconds(600)
    return try! OutboundClient(
        policy: AddressPolicy(allowed: blocks.compactMap { AddressBlock($0) }), allowsPlain: true, limits: limits)
}

typealias WebhooksUnderTest = ServiceUnderTest<WebhookService>

extension ServiceUnderTest where S == WebhookService {
    static func run(_ body: @escaping @Sendable (WebhooksUnderTest) async throws -> Void) async throws {
        try await with({ WebhookService(WebhookService.webhooks($0)) }, body)
    }

    /// A worker of this process, which tries again at once.
    var worker: WebhookWorker { quick(service.webhooks.worker) }

    /// One as another process would have it.
    var otherWorker: WebhookWorker { quick(WebhookService.webhooks(database).worker) }

    private func quick(_ worker: WebhookWorker) -> WebhookWorker {
        var worker = worker
        worker.retries = WebhookRetries(triesMax: 1_000, first: .milliseconds(1), longest: .milliseconds(1))
        worker.interval = .milliseconds(20)
        worker.lease = .seconds(3_600)
        return worker
    }

    /// Runs `body` while workers work.
    func working(_ workers: [WebhookWorker], _ body: () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for worker in workers { group.addTask { try await worker.run() } }
            try await body()
            group.cancelAll()
        }
    }

    /// A new endpoint on a local port; its id and its secret.
    func endpoint(_ port: Int, _ members: JSONObject = [:], path: String = "/in") async throws -> (
        id: String, secret: String
    ) {
        var body: JSONObject = ["url": .string("http://127.0.0.1:\(port)\(path)")]
        for (key, value) in members { body[key] = value }
        let made = try await ok(.post, "webhook_endpoints", .object(body))
        return (try #require(made["id"]?.stringValue), try #require(made["secret"]?.stringValue))
    }

    /// Hands events over, as the consumer does.
    @discardableResult
    func tell(_ events: [Told], tenant: UUID? = nil) async throws -> [UUID] {
        let messages = events.map { $0.message(tenant: tenant ?? self.tenant) }
        try await database.transaction(as: .admin) { tx in
            try await SendToWebhooks(bell: self.service.webhooks.worker.bell).handle(messages, in: tx)
        }
        return messages.map(\.envelope.eventId)
    }

    func deliveries(_ query: String = "") async throws -> [JSON] {
        try await ok(.get, "webhook_deliveries?limit=200\(query)")["data"]?.arrayValue ?? []
    }

    /// Waits until so many deliveries have ended so.
    func deliveries(are status: String, count: Int) async throws {
        try await eventually("\(count) deliveries are \(status)") {
            try await database.transaction(as: .tenant(tenant), readOnly: true) { tx in
                try await tx.first("SELECT count(*) FROM webhook_deliveries WHERE status = \(status)")?.decode(
                    Int64.self)
            } == Int64(count)
        }
    }

    func execute(_ sql: SQL) async throws {
        try await database.transaction(as: .admin) { tx in _ = try await tx.execute(sql) }
    }
}

/// An event to be told of.
struct Told: Sendable {
    var name = "ticket.updated"
    var ticket = UUID.v7()
    var sequence: Int64 = 1
    var occurredAt = Timestamp.now

    func message(tenant: UUID) -> RawMessage {
        let envelope = EventEnvelope(
            eventId: .v7(), tenantId: tenant, occurredAt: occurredAt, actor: .system, version: sequence,
            sequence: sequence)
        let own: JSON = ["ticketId": .uuid(ticket), "note": "ünïcode \u{1F469} \"quoted\""]
        let parts = envelope.payloadParts(encodedFields: own.serialized())
        let body = parts.head + Array(String(sequence).utf8) + parts.tail
        return RawMessage(
            name: name, routingKey: "support.\(name)", schemaRef: "payload.TicketUpdated.v1", schemaVersion: 1,
            envelope: envelope, aggregate: Aggregate(type: "ticket", id: ticket), payload: try! JSON.parse(body),
            source: "tickets",
            traceparent: nil, isReplay: false, body: body)
    }
}

extension TestHTTPServer.Request {
    var json: JSON { (try? JSON.parse(body)) ?? .null }
    var ticket: UUID? { json["data"]?["ticketId"]?.uuidValue }
    var sequence: Int64? { json["data"]?["sequence"]?.intValue }
}

/// Holds back whoever comes until it is opened.
final class TestGate: Sendable {
    private let state = Mutex<(isOpen: Bool, waiting: [CheckedContinuation<Void, Never>])>((false, []))

    func pass() async {
        await withCheckedContinuation { continuation in
            let isOpen = state.withLock { state in
                if !state.isOpen { state.waiting.append(continuation) }
                return state.isOpen
            }
            if isOpen { continuation.resume() }
        }
    }

    func open() {
        let waiting = state.withLock { state in
            defer { state = (true, []) }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    var waitingCount: Int { state.withLock { $0.waiting.count } }
}
