// The terms of tenants as the database has them, remembered between transactions.

import BusinessTime
import Conditions
import Contracts
import Database
import Synchronization

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Loads terms. A transaction that folds tickets holds a tenant's terms as they are until it ends; who changes them waits for
/// it, so no fold goes by terms that are no more.
final class TermsStore: Sendable {
    /// Tenants whose terms are kept ready. Reading them again costs a few milliseconds.
    private static let tenantsMax = 2_000

    private struct Known {
        var revision: Int64
        var terms: Terms
    }

    private let known = Mutex<[UUID: Known]>([:])

    /// A tenant's lock, shared by whoever folds, exclusive for whoever changes terms.
    static func lockKey(_ tenant: SQL) -> SQL { "hashtextextended('sla terms ' || \(tenant)::text, 0)" }

    /// The terms of tenants, held for the transaction.
    func hold(_ tenants: Set<UUID>, in tx: Transaction) async throws -> [UUID: Terms] {
        let ids = tenants.sorted()
        // A statement of its own: what the next one sees begins after the locks were had.
        try await tx.execute(
            "SELECT pg_advisory_xact_lock_shared(\(Self.lockKey("t"))) FROM unnest(\(ids)) AS t")
        return try await read(ids, in: tx)
    }

    /// The same without waiting: of the tenants whose terms nobody is changing.
    func holdWhatIsFree(_ tenants: Set<UUID>, in tx: Transaction) async throws -> [UUID: Terms] {
        let free = try await tx.query(
            """
            SELECT t FROM unnest(\(Array(tenants))) AS t WHERE pg_try_advisory_xact_lock_shared(\(Self.lockKey("t")))
            """
        ).map { try $0.get(0, as: UUID.self) }
        var terms = try await read(free, in: tx)
        // A tenant that has promised nothing has no row.
        for tenant in free where terms[tenant] == nil { terms[tenant] = Terms.none }
        return terms
    }

    /// The terms as they are at the moment.
    func read(_ tenants: [UUID], in tx: Transaction) async throws -> [UUID: Terms] {
        let rows = try await tx.query(
            "SELECT tenant_id, revision FROM sla_terms WHERE tenant_id = ANY(\(tenants))")
        var terms: [UUID: Terms] = [:]
        for row in rows {
            let (tenant, revision) = try row.decode((UUID, Int64).self)
            if let known = known.withLock({ $0[tenant] }), known.revision == revision {
                terms[tenant] = known.terms
                continue
            }
            let loaded = try await Self.load(tenant, in: tx)
            known.withLock { known in
                if known.count >= Self.tenantsMax { known.removeAll() }
                known[tenant] = Known(revision: revision, terms: loaded)
            }
            terms[tenant] = loaded
        }
        return terms
    }

    /// All versions, read anew.
    static func load(_ tenant: UUID, in tx: Transaction) async throws -> Terms {
        let rows = try await tx.batch([
            """
            SELECT calendar_id, version, effective_from, document FROM business_calendar_versions
            WHERE tenant_id = \(tenant) ORDER BY calendar_id, version
            """,
            """
            SELECT policy_id, version, effective_from, moves_tickets, active, document FROM sla_policy_versions
            WHERE tenant_id = \(tenant) ORDER BY policy_id, version
            """,
        ])
        var calendars: [CalendarVersion] = []
        for row in rows[0] {
            let (id, version, from, document) = try row.decode((UUID, Int64, Timestamp, JSON).self)
            guard let hours = CalendarShelf.shared.hours(document) else { continue }
            calendars.append(CalendarVersion(calendarId: id, version: version, from: from, hours: hours))
        }
        var policies: [PolicyVersion] = []
        for row in rows[1] {
            let (id, version, from, moves, active, document) = try row.decode(
                (UUID, Int64, Timestamp, Bool, Bool, JSON).self)
            let read = PolicyDocument(document.objectValue ?? [:])
            policies.append(
                PolicyVersion(
                    policyId: id, version: version, from: from, position: document["position"]?.intValue ?? 0,
                    isActive: active, movesTickets: moves, terms: read.terms, condition: read.condition))
        }
        return Terms(policies: policies, calendars: calendars)
    }
}

/// Calendars made ready for arithmetic, by their documents: the same one is read once, whoever asks.
final class CalendarShelf: Sendable {
    static let shared = CalendarShelf()
    /// A calendar with its tables of instants takes up to a few hundred kilobytes.
    private static let calendarsMax = 256

    private let known = Mutex<[JSON: WorkingHours]>([:])

    /// Nil for a document that is no calendar, which none that was saved is.
    func hours(_ document: JSON) -> WorkingHours? { try? checked(document) }

    /// Throws what is wrong with the document.
    func checked(_ document: JSON) throws(CalendarFaults) -> WorkingHours {
        if let ready = known.withLock({ $0[document] }) { return ready }
        let hours = WorkingHours(try BusinessCalendar(document))
        known.withLock { known in
            if known.count >= Self.calendarsMax { known.removeAll() }
            known[document] = hours
        }
        return hours
    }
}
