// What a change of a ticket is made for, told to the hooks that write its histories and events.
import Database
import Web

/// Why a ticket is changed. A writer that has decided by the rules attaches it to the transaction; without one, a change is
/// a plain PATCH and the rules are applied to it.
struct TicketNote: Sendable {
    /// The caller's words.
    var reason: String?
    /// What solved it, at a closing.
    var resolution: String?
    /// Whether a message is what changed it.
    var isMessage = false
    /// Who or what chose the holder.
    var assignment = AssignmentReason.manual
}

/// Why somebody got a ticket.
enum AssignmentReason: String, CaseIterable, Sendable {
    case manual, rule
    case roundRobin = "round_robin"
    case leastLoaded = "least_loaded"
    case skillBased = "skill_based"
    case sticky
    case imported = "import"
}

extension TransactionKey where Value == TicketNote {
    static var ticketNote: TransactionKey<TicketNote> { TransactionKey("tickets.note") }
}

extension ResourceStore<TicketResource> {
    /// Writes a state that the rules have allowed.
    /// - Parameter touching: raises the version even if no field of the ticket changes: something that hangs on it did.
    func write(
        _ state: TicketState, to ticket: Record, note: TicketNote = TicketNote(), touching: Bool = false,
        in op: Operation
    ) async throws -> Record {
        op.tx[.ticketNote] = note
        defer { op.tx[.ticketNote] = nil }
        return try await update(
            ticket, changes: state.changes(since: try TicketState(ticket)), in: op, touching: touching)
    }

    /// Writes states that the rules have allowed, of different tickets and for one reason.
    func write(
        _ changes: [(state: TicketState, ticket: Record, causationId: String?)], note: TicketNote, in op: Operation
    ) async throws {
        op.tx[.ticketNote] = note
        defer { op.tx[.ticketNote] = nil }
        let updates = try changes.map { state, ticket, causationId in
            (record: ticket, changes: state.changes(since: try TicketState(ticket)), causationId: causationId)
        }
        try await update(many: updates, in: op)
    }
}
