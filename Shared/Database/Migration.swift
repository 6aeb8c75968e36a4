/// A step in the history of a schema. Once it has been applied anywhere it never changes.
public struct Migration: Sendable, Hashable {
    /// Below 100 what every service has, from 100 on a service's own. Each of the two series is applied in order.
    public let version: Int
    public let name: String
    public let sql: String

    /// A step that runs `sql`, any number of statements, in a transaction of its own.
    public init(version: Int, name: String, sql: String) {
        self.version = version
        self.name = name
        self.sql = sql
    }

    /// FNV-1a of the text: it is to notice an edit, not an attack.
    var checksum: String {
        let hash = sql.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01b3 }
        return String(hash, radix: 16)
    }

    var isPlatform: Bool { version < 100 }
}

/// Why a schema is not migrated.
public enum MigrationError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Two migrations of the program have the same version.
    case duplicate(version: Int)
    /// A migration reads differently from when it was applied.
    case changed(version: Int)
    /// The database has a migration that the program does not know: the program is older than the schema.
    case unknown(version: Int)
    /// A migration would have had to run before one that was applied already.
    case outOfOrder(version: Int)
    /// A migration failed; it left nothing behind.
    case failed(version: Int, name: String, reason: String)

    public var description: String {
        switch self {
        case .duplicate(let version): "there are two migrations of version \(version)"
        case .changed(let version): "migration \(version) was changed after it had been applied"
        case .unknown(let version): "the schema has migration \(version), which this program does not know"
        case .outOfOrder(let version): "migration \(version) is older than one that was applied already"
        case .failed(let version, let name, let reason): "migration \(version) (\(name)) failed: \(reason)"
        }
    }
}

extension Migration {
    /// What the database remembers of an applied migration.
    struct Record: Hashable {
        let version: Int
        let checksum: String
    }

    /// Which migrations are to be applied, in order, given those that were.
    static func plan(_ known: [Migration], applied: [Record]) throws(MigrationError) -> [Migration] {
        let ordered = known.sorted { $0.version < $1.version }
        for (one, next) in zip(ordered, ordered.dropFirst()) where one.version == next.version {
            throw .duplicate(version: one.version)
        }
        for record in applied.sorted(by: { $0.version < $1.version }) {
            guard let migration = ordered.first(where: { $0.version == record.version }) else {
                throw .unknown(version: record.version)
            }
            if migration.checksum != record.checksum { throw .changed(version: record.version) }
        }
        let done = Set(applied.map(\.version))
        let pending = ordered.filter { !done.contains($0.version) }
        for migration in pending {
            let later = ordered.last { $0.isPlatform == migration.isPlatform && done.contains($0.version) }
            if let later, later.version > migration.version { throw .outOfOrder(version: migration.version) }
        }
        return pending
    }
}
