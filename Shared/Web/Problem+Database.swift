import Contracts
import Database

extension Problem {
    /// What a database error means for the caller, or nil where it is our own fault. Nothing of the statement, of row
    /// data or of constraints gets out; a field is named by its JSON key.
    init?(_ error: DatabaseError, fields: [Field] = []) {
        let name = error.field
        let place = Fault.Place.pointer(name.map { "/" + $0 } ?? "")
        switch error.kind {
        case .unique:
            let detail = name.map { "Another row has this \($0) already." } ?? "Another row has these values already."
            self = .conflict(detail, code: "not_unique", errors: [Fault(place, "not_unique", detail)])
        case .foreignKey:
            let detail =
                name.map { "\($0) refers to what is not there, or is still referred to." }
                ?? "It refers to what is not there, or is still referred to."
            self = .conflict(detail, code: "unknown_reference", errors: [Fault(place, "unknown_reference", detail)])
        case .check:
            self = .invalid([
                Fault(place, "not_allowed", "The value is not allowed.", allowed: Self.allowed(name, fields))
            ])
        case .notNull:
            self = .invalid([Fault(place, "required", "It must not be null.")])
        case .invalidText, .outOfRange:
            self = .invalid([Fault(place, "not_storable", "A value can't be stored.")])
        case .serialization, .deadlock:
            self = .unavailable("Others changed the same rows at the same moment; repeat the request.")
        case .timeout:
            self = .unavailable("The database took too long.", retryAfterSeconds: 2)
        case .poolExhausted:
            self = .unavailable("Too much is asked for at once.")
        case .connection(outcomeUnknown: true):
            self = .unavailable(
                "The connection to the database broke at the end: the change may have been made or not. "
                    + "A repetition under an Idempotency-Key is safe.")
        case .connection, .cancelled:
            self = .unavailable("The database is not available.", retryAfterSeconds: 2)
        case .other(let state) where error.isTransient || state.hasPrefix("57"):
            self = .unavailable("The database is not available.", retryAfterSeconds: 2)
        case .other, .permission, .decoding, .misuse:
            return nil
        }
    }

    private static func allowed(_ name: String?, _ fields: [Field]) -> [String]? {
        guard let field = fields.first(where: { $0.name == name }), case .choice(let values) = field.kind else {
            return nil
        }
        return values
    }
}
