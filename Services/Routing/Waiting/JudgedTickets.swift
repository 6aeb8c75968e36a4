// Tickets with where the rules put them: worked out while nobody waits for the tenant's lock.
import Contracts
import Database

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

struct JudgedTickets {
    let tickets: [TicketView]
    private let changes: [UUID: JSONObject]
    private let placements: [UUID: Placement]
    private let revision: Int64

    /// Reads tickets whose rows this transaction has written, so that nobody else changes them until it ends, or under the
    /// tenant's lock; and judges those that nobody holds.
    ///
    /// - Parameter changes: by ticket, what the event at hand says has changed.
    init(_ ids: [UUID], changes: [UUID: JSONObject], at desk: Desk) async throws {
        tickets = ids.isEmpty ? [] : try await desk.tickets(ids)
        self.changes = changes
        revision = desk.book.revision
        var placements: [UUID: Placement] = [:]
        for ticket in tickets where ticket.isActive && ticket.assigneeUserId == nil {
            placements[ticket.id] = desk.place(ticket, changes: changes[ticket.id] ?? [:])
        }
        self.placements = placements
    }

    /// By the rules that hold now: should they have changed since the ticket was judged, it is judged again.
    func placement(of ticket: TicketView, at desk: Desk) -> Placement {
        if desk.book.revision == revision, let placement = placements[ticket.id] { return placement }
        return desk.place(ticket, changes: changes[ticket.id] ?? [:])
    }
}
