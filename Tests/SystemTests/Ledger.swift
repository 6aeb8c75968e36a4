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
    enum Fault: String, CaseIterable {
        case lost, doubled
        case outOfOrder = "out of order"
        case heldTwice = "held twice"
        case unassigned
        case alertMissed = "alerts missed"
        case alertEarly = "alerts early"
        case stuck
    }

    private(set) var faults: [(kind: Fault, detail: String)] = []
    /// Alerts of what was done in time, told because the event that says so was still on its way.
    var overtaken = 0
    var alerts = 0
    var assignments = 0
    var events = 0

    var isClean: Bool { faults.isEmpty }

    mutating func add(_ kind: Fault, _ details: String...) { add(kind, details) }
    mutating func add(_ kind: Fault, _ details: [String]) { faults += details.map { (kind, $0) } }

    var description: String {
        var text = Fault.allCases.map { kind in "\(faults.count { $0.kind == kind }) \(kind.rawValue)" }
            .joined(separator: ", ")
        text += "; of \(events) events, \(assignments) assignments, \(alerts) alerts (\(overtaken) overtaken)"
        for kind in Fault.allCases {
            for fault in faults.filter({ $0.kind == kind }).prefix(5) {
                text += "\n  \(kind.rawValue): \(fault.detail)"
            }
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
            case 4..<6:
                if let id = own.randomElement(using: &random) { try await reply(id, mark, settleBy) }
            case 6..<8:
                if let id = own.randomElement(using: &random) { try await rename(id, mark, settleBy) }
            case 8:
                if let id = own.randomElement(using: &random) { try await setPriority(id, mark, settleBy, &random) }
            default:
                if let index = own.indices.randomElement(using: &random) {
                    try await resolve(own.remove(at: index), mark, settleBy)
                }
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

    private func resolve(_ id: String, _ mark: String, _ settleBy: ContinuousClock.Instant) async throws {
        _ = try await post("\(path)/tickets/\(id)/status", ["status": "resolved"], key: mark, settleBy)
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

    private func settled(
        _ settleBy: ContinuousClock.Instant, _ send: () async throws -> Client.Answer
    ) async throws -> Client.Answer? {
        try await ledger.settled(settleBy, send)
    }
}

/// The agents of a fault run come and go; the first stays.
struct FaultShifts: Sendable {
    let desk: HelpDesk
    let ledger: Ledger

    /// Changes shifts until `deadline`; in the end everybody is there.
    func work(until deadline: ContinuousClock.Instant, settleBy: ContinuousClock.Instant, seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        var present = Set(desk.agents.indices)
        while ContinuousClock.now < deadline {
            let agent = Int.random(in: 1..<desk.agents.count, using: &random)
            let leaves = present.remove(agent) != nil
            if !leaves { present.insert(agent) }
            try await set(leaves ? "offline" : "online", agent, settleBy)
            try await Task.sleep(for: .milliseconds(700))
        }
        for agent in desk.agents.indices { try await set("online", agent, settleBy) }
    }

    private func set(_ availability: String, _ agent: Int, _ settleBy: ContinuousClock.Instant) async throws {
        _ = try await ledger.settled(settleBy) {
            try await desk.client.send(
                .POST, "\(desk.path)/agents/\(desk.agents[agent].id)/availability",
                json: ["availability": .string(availability)])
        }
    }
}

extension Ledger {
    /// Sends until there is an answer that settles the matter: a success, or a refusal that repeating will not change.
    func settled(
        _ settleBy: ContinuousClock.Instant, _ send: () async throws -> Client.Answer
    ) async throws -> Client.Answer? {
        var tries = 0
        while ContinuousClock.now < settleBy {
            sent(retry: tries > 0)
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
