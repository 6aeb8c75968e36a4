import Contracts
import Database
import Foundation
import HTTPTypes
import TestKit
import Testing
import Web

@testable import Messaging
@testable import Tickets

/// What the sla service tells, in ticket lists.
@Suite struct SLAStageTests {
    private let policy = UUID.v7()
    private let clock = UUID.v7()
    private let other = UUID.v7()
    private let noon = Timestamp(rfc3339: "2030-01-01T12:00:00Z")!

    private func message<E: Event>(_ event: E, _ sequence: Int64, of harness: Harness) throws -> RawMessage {
        let envelope = EventEnvelope(
            eventId: .v7(), tenantId: harness.tenant, occurredAt: noon, actor: .system, version: sequence,
            sequence: sequence, causationId: nil, idempotencyKey: nil, simulated: nil)
        return RawMessage(
            name: E.name, routingKey: "support.\(E.name)", schemaRef: E.schemaRef, schemaVersion: 1, envelope: envelope,
            aggregate: event.aggregate, payload: try Wire.json(event), source: "sla", traceparent: nil, isReplay: false,
            body: [])
    }

    private func entered(_ ticket: UUID, _ clock: UUID, hours: Int64) -> TicketSlaStageEntered {
        TicketSlaStageEntered(
            ticketId: ticket, slaPolicyId: policy, slaPolicyVersion: 1, slaClockId: clock, stage: .resolution,
            metric: clock == self.clock ? "resolution" : "agent_work", instance: 1, enteredAt: noon,
            targetAt: noon + .seconds(hours * 3_600), targetSeconds: 3_600, priorityId: "normal")
    }

    private func breached(_ ticket: UUID) -> TicketSlaStageBreached {
        TicketSlaStageBreached(
            ticketId: ticket, slaPolicyId: policy, slaPolicyVersion: 1, slaClockId: clock, stage: .resolution,
            metric: "resolution", instance: 1, breachedAt: noon + .seconds(3_600), targetAt: noon + .seconds(3_600),
            overdueBySeconds: 0)
    }

    private func take(_ messages: [RawMessage], _ harness: Harness) async throws {
        try await harness.database.transaction(as: .admin) { tx in
            try await KeepSLAStages().handle(messages, in: tx)
        }
    }

    @Test func `lists show, sort and filter by deadline and breach, and the ticket stays as it is`() async throws {
        try await Harness.with { harness in
            let made = [try await harness.ticket(), try await harness.ticket(), try await harness.ticket()]
            let ids = made.map { UUID(text: $0.id)! }
            try await take(
                [
                    message(entered(ids[0], clock, hours: 5), 1, of: harness),
                    message(entered(ids[0], other, hours: 3), 2, of: harness),
                    message(entered(ids[1], clock, hours: 1), 1, of: harness),
                ], harness)
            func list(_ query: String) async throws -> [String] {
                try await harness.get("tickets?\(query)").data.map(\.id)
            }
            #expect(try await list("sort=slaTargetAt") == [made[1].id, made[0].id, made[2].id])
            #expect(try await list("slaTargetAt[lt]=2030-01-01T14:00:00Z") == [made[1].id])
            #expect(try await list("slaBreached=true") == [])
            try await take([message(breached(ids[1]), 2, of: harness)], harness)
            #expect(try await list("slaBreached=true") == [made[1].id])
            #expect(try await Set(list("slaBreached=false")) == [made[0].id, made[2].id])
            let shown = try await harness.get("tickets/\(made[0].id)?expand=sla").json
            #expect(shown["sla"]?.text("targetAt") == "2030-01-01T15:00:00.000Z")
            #expect(shown["sla"]?["stages"]?.arrayValue?.count == 2)
            #expect(shown["version"] == made[0]["version"])
            #expect(try await harness.get("tickets/\(made[0].id)").json["sla"] == nil)
        }
    }

    @Test func `late and repeated events change nothing`() async throws {
        try await Harness.with { harness in
            let id = UUID(text: try await harness.ticket().id)!
            let messages = [
                try message(entered(id, clock, hours: 1), 1, of: harness), try message(breached(id), 2, of: harness),
            ]
            try await take([messages[1]], harness)
            try await take([messages[0]], harness)
            try await take(messages, harness)
            let stage = try await harness.get("tickets/\(id.text)?expand=sla").json["sla"]
            #expect(stage?["breached"] == true && stage?["targetAt"] == .null)
            #expect(stage?["stages"]?.arrayValue?.first?.text("state") == "breached")
        }
    }
}
