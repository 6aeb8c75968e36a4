import Contracts
import Foundation
import NIOHTTP1
import Synchronization
import TestKit

/// What the clients of a fault run were promised: every write that Deskwire acknowledged, by the mark it carries.
final class Ledger: Sendable {
    struct Ticket: Sendable {
        let id: String
        /// Unique in the run; also the ticket's external id.
        let mark: String
        /// The subject that GET must show; a set while the answer to the last change was lost.
        var subjects: Set<String>
        /// The marks of the messages that were acknowledged.
        var messages: [String] = []
    }

    private let state = Mutex<(tickets: [String: Ticket], requests: Int, retries: Int)>(([:], 0, 0))

    var tickets: [Ticket] { state.withLock { Array($0.tickets.values) } }
    var requests: Int { state.withLock { $0.requests } }
    var retries: Int { state.withLock { $0.retries } }

    func created(_ ticket: Ticket) { state.withLock { $0.tickets[ticket.id] = ticket } }
    func update(_ id: String, _ change: (inout Ticket) -> Void) {
        state.withLock { state in
            guard var ticket = state.tickets[id] else { return }
            change(&ticket)
            state.tickets[id] = ticket
        }
    }
    func sent(retry: Bool) {
        state.withLock {
            $0.requests += 1
            if retry { $0.retries += 1 }
        }
    }
}

/// What was wrong after a fault run; all empty is the promise kept.
struct Verdict: Sendable, CustomStringConvertible {
    var lost: [String] = []
    var doubled: [String] = []
    var outOfOrder: [String] = []
    var stuck: [String] = []

    var isClean: Bool { lost.isEmpty && doubled.isEmpty && outOfOrder.isEmpty && stuck.isEmpty }

    var description: String {
        var text = "lost / doubled / out of order / stuck: "
        text += "\(lost.count) \(doubled.count) \(outOfOrder.count) \(stuck.count)"
        for (name, faults) in [("lost", lost), ("doubled", doubled), ("out of order", outOfOrder), ("stuck", stuck)] {
            for fault in faults.prefix(5) { text += "\n  \(name): \(fault)" }
        }
        return text
    }
}

/// One client of a fault run: makes tickets and works on its own ones, and retries what was not answered, as
/// docs/integrating.md tells clients to: the same Idempotency-Key until there is an answer.
struct FaultClient: Sendable {
    let number: Int
    let client: Client
    let path: String
    let ledger: Ledger
    let run: String

    /// Works until `deadline`; returns when its last write is settled.
    func work(until deadline: ContinuousClock.Instant, settleBy: ContinuousClock.Instant, seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed &+ UInt64(number))
        var own: [String] = []
        var step = 0
        while ContinuousClock.now < deadline {
            step += 1
            let mark = "\(run)-\(number)-\(step)"
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<4:
                if let id = try await create(mark, settleBy) { own.append(id) }
            case 4..<7:
                if let id = own.randomElement(using: &random) { try await reply(id, mark, settleBy) }
            case 7..<9:
                if let id = own.randomElement(using: &random) { try await rename(id, mark, settleBy) }
            default:
                if let id = own.randomElement(using: &random) { try await setPriority(id, mark, settleBy, &random) }
            }
        }
    }

    private func create(_ mark: String, _ settleBy: ContinuousClock.Instant) async throws -> String? {
        let body: JSON = ["subject": .string(mark), "externalId": .string(mark), "priority": "normal"]
        let answer = try await post(path + "/tickets", body, key: mark, settleBy)
        guard let id = answer?["id"]?.stringValue else { return nil }
        ledger.created(Ledger.Ticket(id: id, mark: mark, subjects: [mark]))
        return id
    }

    private func reply(_ id: String, _ mark: String, _ settleBy: ContinuousClock.Instant) async throws {
        let body: JSON = ["authorType": "agent", "isPublic": false, "bodyText": .string(mark)]
        guard try await post("\(path)/tickets/\(id)/messages", body, key: mark, settleBy) != nil else { return }
        ledger.update(id) { $0.messages.append(mark) }
    }

    private func setPriority(
        _ id: String, _ mark: String, _ settleBy: ContinuousClock.Instant, _ random: inout SeededGenerator
    ) async throws {
        let priority = ["low", "normal", "high", "urgent"].randomElement(using: &random) ?? "low"
        _ = try await post("\(path)/tickets/\(id)/priority", ["priority": .string(priority)], key: mark, settleBy)
    }

    /// PATCH has no Idempotency-Key: it sets, so repeating it is harmless.
    private func rename(_ id: String, _ mark: String, _ settleBy: ContinuousClock.Instant) async throws {
        ledger.update(id) { $0.subjects.insert(mark) }
        let answer = try await settled(settleBy) {
            try await client.send(.PATCH, "\(path)/tickets/\(id)", json: ["subject": .string(mark)])
        }
        if answer?.isSuccess == true { ledger.update(id) { $0.subjects = [mark] } }
    }

    private func post(_ path: String, _ body: JSON, key: String, _ settleBy: ContinuousClock.Instant) async throws
        -> JSON?
    {
        try await settled(settleBy) {
            try await client.send(.POST, path, headers: [("idempotency-key", key)], json: body)
        }?.json
    }

    /// Sends until there is an answer that settles the matter: a success, or a refusal that repeating will not change.
    private func settled(
        _ settleBy: ContinuousClock.Instant, _ send: () async throws -> Client.Answer
    ) async throws -> Client.Answer? {
        var tries = 0
        while ContinuousClock.now < settleBy {
            ledger.sent(retry: tries > 0)
            tries += 1
            if let answer = try? await send() {
                if answer.isSuccess { return answer }
                // 409 is "in flight" for a repeated key, or a true conflict; both are answers only when not in flight.
                let inFlight = answer.status == 409 && answer.json["type"]?.stringValue?.contains("idempotency") == true
                if answer.status < 500 && answer.status != 429 && answer.status != 408 && !inFlight {
                    throw StackError(
                        "an unexpected answer \(answer.status): \(String(decoding: answer.bytes, as: UTF8.self))")
                }
            }
            try await Task.sleep(for: .milliseconds(100))
        }
        return nil
    }
}
