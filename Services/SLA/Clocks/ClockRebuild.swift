// Makes clocks anew from what tickets went through.

import Contracts
import Database
import HTTPTypes
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// `POST /v1/admin/sla/clocks/rebuild`: for rows that somebody damaged, or after a fault in how clocks are counted was mended.
/// Everything a row says follows from the ticket's history, so it is written anew; what was told already is not told again.
struct ClockRebuild {
    let database: Database
    let terms: TermsStore

    /// Tickets of one transaction, and of one request.
    private static let batch = 200
    private static let ticketsMax = 5_000

    struct Progress: Equatable {
        var tickets = 0
        /// Clocks that were not as they should have been.
        var corrected = 0
        /// The last ticket, if there are more.
        var next: UUID?
    }

    private static let schema: JSON = [
        "type": "object", "required": ["tickets", "corrected", "next"],
        "properties": [
            "tickets": ["type": "integer"], "corrected": ["type": "integer"],
            "next": ["type": ["string", "null"], "format": "uuid"],
        ],
    ]

    var route: Route {
        Route(
            .post, "sla/clocks/rebuild", on: [.admin], access: .platformAdmin,
            summary: "Make the clocks of a tenant anew from its tickets' histories",
            description: """
                Rows that differ from what the history says are corrected; nothing is told a second time. A request rebuilds \
                up to \(Self.ticketsMax) tickets: repeat it with `after` set to the answer's `next` until that is null.
                """, tag: "operation",
            body: .fields([
                .uuid("tenantId").required, .uuid("ticketId").described("Only this ticket."),
                .uuid("after").described("Go on after this ticket."),
            ]),
            answers: [AnswerSpec(.ok, "How many tickets, and how many clocks were corrected.", schema: Self.schema)],
            operationId: "rebuildSLAClocks"
        ) { call in
            guard let tenant = call.values.uuid("tenantId") else { throw Problem.notFound() }
            var progress = Progress(next: call.values.uuid("after"))
            if let ticket = call.values.uuid("ticketId") {
                progress = try await rebuild([ticket], of: tenant, at: call.now)
                if progress.tickets == 0 { throw Problem.notFound("No clock was ever set for such a ticket.") }
            } else {
                repeat {
                    try await rebuildMore(&progress, of: tenant, at: call.now)
                } while progress.next != nil && progress.tickets < Self.ticketsMax
            }
            return .json([
                "tickets": .int(Int64(progress.tickets)), "corrected": .int(Int64(progress.corrected)),
                "next": progress.next.map { .uuid($0) } ?? .null,
            ])
        }
    }

    private func rebuildMore(_ progress: inout Progress, of tenant: UUID, at now: Timestamp) async throws {
        let last = progress.next ?? UUID.none
        let ids = try await database.transaction(as: .tenant(tenant), readOnly: true) { tx in
            try await tx.query(
                """
                SELECT ticket_id FROM sla_tickets WHERE tenant_id = \(tenant) AND ticket_id > \(last)
                ORDER BY ticket_id LIMIT \(Self.batch)
                """
            ).map { try $0.get(0, as: UUID.self) }
        }
        let done = try await rebuild(ids, of: tenant, at: now)
        progress.tickets += done.tickets
        progress.corrected += done.corrected
        progress.next = ids.count == Self.batch ? ids.last : nil
    }

    /// Rebuilds some tickets in one transaction.
    func rebuild(_ ids: [UUID], of tenant: UUID, at now: Timestamp) async throws -> Progress {
        guard !ids.isEmpty else { return Progress() }
        return try await database.transaction(as: .tenant(tenant)) { tx in
            let held = try await terms.hold([tenant], in: tx)
            let keys = ids.map { TicketKey(tenantId: tenant, ticketId: $0) }
            let tickets = try await ClockKeeper.lock(keys, in: tx)
            let before = try await Self.rows(ids, tenant, in: tx)
            try await ClockKeeper.refold(keys, terms: held, asOf: now, anew: true, in: tx)
            let after = try await Self.rows(ids, tenant, in: tx)
            let corrected = Set(before.keys).union(after.keys).count { before[$0] != after[$0] }
            return Progress(tickets: tickets, corrected: corrected)
        }
    }

    /// What the rows say, but for when and how often they were written.
    private static func rows(_ ids: [UUID], _ tenant: UUID, in tx: Transaction) async throws -> [UUID: String] {
        let rows = try await tx.query(
            """
            SELECT id, (to_jsonb(c) - 'version' - 'created_at' - 'updated_at')::text FROM sla_clocks AS c
            WHERE tenant_id = \(tenant) AND ticket_id = ANY(\(ids))
            """)
        var texts: [UUID: String] = [:]
        for row in rows {
            let (id, text) = try row.decode((UUID, String).self)
            texts[id] = text
        }
        return texts
    }
}
