/// What went wrong in the database, said so that a caller can act on it.
///
/// `description` never contains row data or SQL, so it may be logged; what the server said may, see `serverMessage`.
public struct DatabaseError: Error, Sendable, CustomStringConvertible {
    /// What a caller can tell apart.
    public enum Kind: Sendable, Hashable {
        /// A unique (or exclusion) constraint: the value is taken.
        case unique
        /// A check constraint: the value is not allowed.
        case check
        /// A foreign key: what is referred to is not there, or is still referred to.
        case foreignKey
        /// A required value is missing.
        case notNull
        /// Concurrent transactions (or a migration under a prepared statement) could not be put in an order; the
        /// transaction may be tried again.
        case serialization
        /// Like `serialization`, between locks.
        case deadlock
        /// A statement, a lock or the server's answer took too long; nothing was committed.
        case timeout
        /// The Swift task was cancelled; nothing was committed.
        case cancelled
        /// No connection became free in time: the process does more at once than its pool allows.
        case poolExhausted
        /// The server is not there, or went away. With `outcomeUnknown` it went away after it was asked to commit: the
        /// transaction may have happened or not, so look before you repeat it.
        case connection(outcomeUnknown: Bool)
        /// Text that PostgreSQL can't store or read as the wanted type: NUL, a malformed uuid, date …
        case invalidText
        /// A number, text or time beyond what the column takes.
        case outOfRange
        /// The role may not do this; also a row written for another tenant.
        case permission
        /// A result does not have the shape that the code asked for.
        case decoding
        /// The database's transaction or connection was used wrongly.
        case misuse
        /// Anything else, by PostgreSQL's five characters.
        case other(sqlState: String)
    }

    public internal(set) var kind: Kind
    /// The five characters of PostgreSQL's error code, if the server reported it.
    public var sqlState: String?
    /// The violated constraint.
    public var constraint: String?
    /// The table of that constraint.
    public var table: String?
    /// The column, where the server names one.
    public var column: String?
    /// The key of the JSON field at fault, by the registered names or the convention `<table>_<field>_<kind>`.
    public var field: String?
    /// What the server or the library said. It may contain values and SQL: for the developer's log, never for a client.
    public var serverMessage: String

    /// The server ended the session with it.
    var endsSession = false
    /// A migration changed what a prepared statement returns.
    var isStaleStatement = false

    /// An error of a kind.
    public init(_ kind: Kind, _ message: String = "", sqlState: String? = nil) {
        self.kind = kind
        self.sqlState = sqlState
        serverMessage = message
    }

    /// Whether concurrent transactions got in each other's way.
    var isConflict: Bool { kind == .serialization || kind == .deadlock }

    /// Whether the same transaction may well succeed when it is tried again a little later. Not so where its outcome is
    /// unknown: then it may have succeeded already.
    public var isTransient: Bool {
        switch kind {
        case .serialization, .deadlock, .timeout, .poolExhausted, .connection(outcomeUnknown: false): true
        case .other(let state): state.hasPrefix("53")
        default: false
        }
    }

    public var description: String {
        var text = "database error: \(kind)"
        if let sqlState { text += ", SQLSTATE \(sqlState)" }
        if let constraint { text += ", constraint \(constraint)" }
        if let table { text += ", table \(table)" }
        if let column { text += ", column \(column)" }
        return text
    }
}

extension DatabaseError {
    /// The kind that an SQLSTATE stands for.
    static func kind(sqlState: String) -> Kind {
        switch sqlState {
        case "23505", "23P01": .unique
        case "23514": .check
        case "23503": .foreignKey
        case "23502": .notNull
        case "40001": .serialization
        case "40P01": .deadlock
        case "57014", "55P03", "25P03": .timeout
        case "42501": .permission
        case "22P02", "22P05", "22021", "22007": .invalidText
        case "22001", "22003", "22008": .outOfRange
        case "57P01", "57P02", "57P03", "53300": .connection(outcomeUnknown: false)
        case _ where sqlState.hasPrefix("08"): .connection(outcomeUnknown: false)
        default: .other(sqlState: sqlState)
        }
    }

    /// The session was ended because its transaction did nothing for too long.
    static let idleInTransaction = "25P03"

    /// `tickets_external_id_key` of table `tickets` is `externalId`.
    static func field(constraint: String?, table: String?, column: String?) -> String? {
        if let column { return camelCase(column) }
        guard let constraint, let table, constraint.hasPrefix(table + "_") else { return nil }
        let name = constraint.dropFirst(table.count + 1)
        for suffix in ["_key", "_check", "_fkey", "_excl", "_idx"] where name.hasSuffix(suffix) {
            return camelCase(String(name.dropLast(suffix.count)))
        }
        return nil
    }

    private static func camelCase(_ name: String) -> String {
        let words = name.split(separator: "_")
        return words.dropFirst().reduce(into: words.first.map(String.init) ?? "") { text, word in
            text += word.prefix(1).uppercased() + word.dropFirst()
        }
    }
}
