import Contracts
import Database
import Foundation
import HTTPTypes
import ServiceLifecycle
import Synchronization
import TestKit
import Testing
import Web

@testable import Messaging
@testable import Notifications

typealias NotificationsUnderTest = ServiceUnderTest<NotificationsService>

/// A channel that does what a test says, and remembers what it was given.
final class TestChannel: Channel {
    typealias Answer = @Sendable (OutboundMessage) async -> Result<DeliveryReceipt, DeliveryFailure>

    let name: String
    let concurrency: Int
    private let answer: Answer
    private let given = Mutex<[OutboundMessage]>([])

    init(
        _ name: String = ChannelName.email, concurrency: Int = 8,
        answer: @escaping Answer = {
            .success(DeliveryReceipt(providerMessageId: "p-\($0.id.text)", isDelivered: false))
        }
    ) {
        self.name = name
        self.concurrency = concurrency
        self.answer = answer
    }

    var messages: [OutboundMessage] { given.withLock { $0 } }

    func send(_ message: OutboundMessage) async throws(DeliveryFailure) -> DeliveryReceipt {
        given.withLock { $0.append(message) }
        return try await answer(message).get()
    }
}

extension ServiceUnderTest where S == NotificationsService {
    static func with(
        channels: [any Channel] = [InAppChannel()], limits: RateLimits = RateLimits(),
        _ body: @escaping @Sendable (NotificationsUnderTest) async throws -> Void
    ) async throws {
        try await with(
            {
                NotificationsService(
                    database: $0, ticketURL: "https://desk.example/{ticketId}", limits: limits, channels: channels)
            }, body)
    }

    // MARK: What other services tell

    func user(_ id: UUID, _ roles: [String], _ members: JSONObject = [:], tenant: UUID? = nil) async throws {
        var snapshot: JSONObject = [
            "id": .uuid(id), "email": .string("\(id.text.suffix(6))@example.com"),
            "displayName": .string("User \(id.text.suffix(4))"), "roles": .array(roles.map { .string($0) }),
            "status": "active",
        ]
        for (key, value) in members { snapshot[key] = value }
        try await give([
            message(
                "user.created", ["userId": .uuid(id), "snapshot": .object(snapshot)],
                of: Aggregate(type: "user", id: id), tenant: tenant)
        ])
    }

    func ticket(_ id: UUID = .v7(), _ members: JSONObject = [:], actor: Actor = .system, tenant: UUID? = nil)
        async throws
        -> UUID
    {
        var snapshot: JSONObject = [
            "id": .uuid(id), "number": 7, "key": "T-7", "subject": "Printer on fire", "status": "open",
            "priority": "high", "createdAt": .timestamp(.now),
        ]
        for (key, value) in members { snapshot[key] = value }
        try await give([
            message(
                "ticket.created", ["ticketId": .uuid(id), "snapshot": .object(snapshot)],
                of: Aggregate(type: "ticket", id: id), actor: actor, tenant: tenant)
        ])
        return id
    }

    func ticketEvent(
        _ name: String, _ ticket: UUID, _ payload: JSONObject = [:], actor: Actor = .system, sequence: Int64 = 2,
        tenant: UUID? = nil
    ) -> RawMessage {
        var payload = payload
        payload["ticketId"] = .uuid(ticket)
        return message(
            name, payload, of: Aggregate(type: "ticket", id: ticket), actor: actor, sequence: sequence,
            tenant: tenant)
    }

    func assigned(_ ticket: UUID, to user: UUID, by actor: Actor = .system) -> RawMessage {
        ticketEvent("ticket.assigned", ticket, ["newAssigneeId": .uuid(user), "newAssigneeType": "user"], actor: actor)
    }

    // MARK: What came of it

    /// `type recipient` of each notification, sorted.
    func told(_ names: [UUID: String]) async throws -> [String] {
        try await ok(.get, "notifications?limit=200")["data"]?.arrayValue?.map { row in
            let id = row["recipientId"]?.uuidValue
            return "\(row["type"]?.stringValue ?? "") \(id.flatMap { names[$0] } ?? "?")"
        }.sorted() ?? []
    }

    func deliveries(_ query: String = "") async throws -> [JSON] {
        try await ok(.get, "notification_deliveries?limit=200&sort=id&\(query)")["data"]?.arrayValue ?? []
    }

    /// Does what the workers do, until nothing is due.
    func deliver(at now: Timestamp = .now) async throws {
        for channel in service.channels {
            let store = service.store(of: channel)
            var outcomes: [DeliveryOutcome] = []
            while true {
                let claims = try await store.turn(settling: outcomes, claiming: 50, now: now)
                outcomes = []
                guard !claims.isEmpty else { break }
                for claim in claims {
                    if claim.isSuppressed {
                        outcomes.append(claim.outcome(.skipped(reason: "suppressed"), at: now))
                        continue
                    }
                    do throws(DeliveryFailure) {
                        outcomes.append(claim.outcome(.sent(try await channel.send(claim.message)), at: now))
                    } catch {
                        outcomes.append(claim.outcome(.failed(error), at: now))
                    }
                }
            }
        }
    }

    /// Runs services beside a body, as a process does.
    func running(_ services: [any Service], _ body: () async throws -> Void) async throws {
        let tasks = services.map { service in Task { try await service.run() } }
        let outcome: Result<Void, any Error>
        do { outcome = .success(try await body()) } catch { outcome = .failure(error) }
        for task in tasks { task.cancel() }
        for task in tasks { _ = await task.result }
        try outcome.get()
    }
}
