// Trying a draft policy: at once for some tickets, in the background for many.

import BusinessTime
import Conditions
import Contracts
import Database
import HTTPTypes
import Logging
import ServiceLifecycle
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The trials of draft policies, with their progress.
struct Simulations: Resource {
    static let store: ResourceStore<Simulations> = ResourceStore(Simulations())

    let path = "sla_simulations"
    let entity = "sla_simulation"
    let component = "SLASimulation"
    let summary = "Trials of draft policies over past tickets."
    let operations: ResourceOperations = .readOnly
    let permissions = ResourcePermissions("sla")
    let stamps: ResourceStamps = .all
    let fields: [Field] = [
        .choice("status", ["running", "completed"]).notNull.readOnly.filterable,
        .json("draft").notNull.readOnly,
        .timestamp("fromAt").notNull.readOnly,
        .timestamp("toAt").notNull.readOnly,
        .integer("totalTickets", 0...Int64.max).notNull.readOnly,
        .integer("processedTickets", 0...Int64.max).notNull.readOnly,
        .json("result").notNull.readOnly.described("Per metric, as it was and as it would have been; so far."),
        .uuid("lastTicketId").hidden,
    ]
}

struct SimulationRoutes {
    let runner: SimulationRunner

    /// More tickets than this are tried in the background.
    private static let ticketsAtOnce = 1_000

    var route: Route {
        let draft: [Field] = [
            .json("targets").required, .json("conditions").defaults(to: [:]), .uuid("calendarId"),
            Field("pausingStatuses", .strings(each: 1...50, count: 0...5))
                .defaults(to: ["on_hold", "waiting_for_response"]),
            .timestamp("from").required.described("Tickets created from here on."),
            .timestamp("to").required.described("Tickets created before."),
            .json("filter").defaults(to: [:]).described("Only tickets for which this condition holds."),
        ]
        return Route(
            .post, "sla/simulate", on: [.tenant], permission: "sla.write",
            summary: "Try a draft policy over past tickets", tag: "sla", body: .fields(draft),
            answers: [
                AnswerSpec(.ok, "What it would have been, per metric, beside what was.", schema: ["type": "object"]),
                AnswerSpec(
                    .accepted, "Tried in the background; the simulation shows how far.",
                    schema: ["$ref": "#/components/schemas/SLASimulation"]),
            ], operationId: "simulateSLAPolicy"
        ) { call in
            guard let tenant = call.tenantId else { throw Problem.notFound() }
            let from = call.values.timestamp("from") ?? call.now
            let to = call.values.timestamp("to") ?? call.now
            let document = try Self.document(call, from: from, to: to)
            let total = try await call.read { tx in
                try await tx.first(
                    """
                    SELECT count(*) FROM sla_tickets
                    WHERE tenant_id = \(tenant) AND created_at >= \(from) AND created_at < \(to)
                    """)?.get(0, as: Int64.self) ?? 0
            }
            return try await call.write { op in
                let calendar = try await SimulationRunner.calendar(document, tenant, in: op.tx)
                guard total <= Self.ticketsAtOnce else {
                    let values: Values = [
                        "status": "running", "draft": JSON.object(document), "fromAt": from, "toAt": to,
                        "totalTickets": total, "processedTickets": 0, "result": Simulation().json,
                    ]
                    let record = try await Simulations.store.create(values, in: op)
                    return Answer.json(bytes: try record.bytes(), status: .accepted)
                        .with(.location, "/v1/tenants/\(tenant.text)/sla_simulations/\(record.id.text)")
                }
                var simulation = Simulation()
                _ = try await runner.run(
                    &simulation, SimulationDraft(document, calendar: calendar), tenant: tenant, from: from, to: to,
                    after: nil, limit: Self.ticketsAtOnce, in: op.tx)
                return .json(simulation.json)
            }
        }
    }

    /// The draft, checked like a policy.
    private static func document(_ call: Call, from: Timestamp, to: Timestamp) throws -> JSONObject {
        var document: JSONObject = [:]
        for name in ["targets", "conditions", "filter"] { document[name] = call.values.json(name) ?? [:] }
        document["calendarId"] = call.values.uuid("calendarId").map { .uuid($0) } ?? .null
        document["pausingStatuses"] = .array((call.values.strings("pausingStatuses") ?? []).map { .string($0) })
        var faults = PolicyDocument(document).faults
        do throws(ConditionFaults) {
            _ = try Condition(document["filter"] ?? [:], over: .slaPolicies, at: "/filter")
        } catch {
            faults += error.faults.map { Fault(.pointer($0.pointer), $0.code, $0.detail, allowed: $0.allowed) }
        }
        if from >= to { faults.append(Fault(.pointer("/to"), "before_from", "It is after from.")) }
        if !faults.isEmpty { throw Problem.invalid(faults) }
        return document
    }
}

/// Does simulations, a stretch of tickets per transaction. Whoever finds one that nobody works at goes on with it.
struct SimulationRunner: Service {
    let database: Database
    let terms: TermsStore

    private static let batch = 500
    private static let idlePause = Duration.milliseconds(500)
    private static let logger = Logger(label: "sla.simulations")

    func run() async throws {
        while !Task.isCancelled, !Task.isShuttingDownGracefully {
            do {
                if try await runNext() { continue }
            } catch {
                Self.logger.warning("simulations wait", metadata: ["error": "\(error)"])
            }
            try? await cancelWhenGracefulShutdown { try await Task.sleep(for: Self.idlePause) }
        }
    }

    /// Does a stretch of the oldest simulation that nobody works at; false when there is none.
    func runNext() async throws -> Bool {
        try await database.transaction(as: .admin, timeout: .seconds(60)) { tx in
            let row = try await tx.first(
                """
                SELECT tenant_id, id, draft, from_at, to_at, result, last_ticket_id FROM sla_simulations
                WHERE status = 'running' ORDER BY created_at LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
                """)
            guard let row else { return false }
            let (tenant, id, draft, from, to, result, last) = try row.decode(
                (UUID, UUID, JSON, Timestamp, Timestamp, JSON, UUID?).self)
            let document = draft.objectValue ?? [:]
            let calendar = try await Self.calendar(document, tenant, in: tx)
            var simulation = Simulation(result)
            let done = try await run(
                &simulation, SimulationDraft(document, calendar: calendar), tenant: tenant, from: from, to: to,
                after: last, limit: Self.batch, in: tx)
            let status = done.count < Self.batch ? "completed" : "running"
            try await tx.execute(
                """
                UPDATE sla_simulations SET status = \(status), result = \(simulation.json), version = version + 1,
                    processed_tickets = processed_tickets + \(Int64(done.count)),
                    last_ticket_id = COALESCE(\(done.last), last_ticket_id), updated_at = \(Timestamp.now)
                WHERE tenant_id = \(tenant) AND id = \(id)
                """)
            return true
        }
    }

    /// Tries the draft over the next tickets; answers which they were.
    func run(
        _ simulation: inout Simulation, _ draft: SimulationDraft, tenant: UUID, from: Timestamp, to: Timestamp,
        after last: UUID?, limit: Int, in tx: Transaction
    ) async throws -> [UUID] {
        let rows = try await tx.query(
            """
            SELECT ticket_id FROM sla_tickets
            WHERE tenant_id = \(tenant) AND created_at >= \(from) AND created_at < \(to)
                AND ticket_id > \(last ?? UUID.none)
            ORDER BY ticket_id LIMIT \(limit)
            """)
        let ids = try rows.map { try $0.get(0, as: UUID.self) }
        let keys = ids.map { TicketKey(tenantId: tenant, ticketId: $0) }
        let actual = try await terms.read([tenant], in: tx)[tenant] ?? .none
        let facts = try await ClockKeeper.facts(of: keys, in: tx)
        let now = Timestamp.now
        for key in keys {
            simulation.add(
                facts[key] ?? [], actual: actual, draft: draft.terms, filter: draft.filter, asOf: now)
        }
        return ids
    }

    /// The draft's calendar as it is now.
    static func calendar(
        _ document: JSONObject, _ tenant: UUID, in tx: Transaction
    ) async throws -> (id: UUID, hours: WorkingHours)? {
        guard let id = document["calendarId"]?.uuidValue else { return nil }
        guard let record = try await BusinessCalendars.store.find(id, in: tx, tenantId: tenant),
            let hours = CalendarShelf.shared.hours(try BusinessCalendars.document(record))
        else {
            throw Problem.invalid([Fault(.pointer("/calendarId"), "unknown_calendar", "There is no such calendar.")])
        }
        return (id, hours)
    }
}
