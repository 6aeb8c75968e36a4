/// The statements prepared on one connection, by text and parameter types; the least recently used make room.
struct StatementCache {
    struct Key: Hashable {
        let text: String
        let types: [SQLType]
    }

    final class Statement {
        let key: Key
        let name: String
        /// Known after the first execution. The server refuses to execute a statement whose columns have changed.
        var columns: Columns?
        fileprivate(set) var lastUse = 0

        fileprivate init(key: Key, name: String) {
            self.key = key
            self.name = name
        }
    }

    let limit: Int
    private var statements: [Key: Statement] = [:]
    private var uses = 0
    private var created = 0

    init(limit: Int) {
        self.limit = limit
    }

    var count: Int { statements.count }

    /// The statement of a key; `isNew` if it has to be prepared.
    mutating func statement(_ key: Key) -> (statement: Statement, isNew: Bool) {
        uses += 1
        if let statement = statements[key] {
            statement.lastUse = uses
            return (statement, false)
        }
        created += 1
        let statement = Statement(key: key, name: "s\(created)")
        statement.lastUse = uses
        statements[key] = statement
        return (statement, true)
    }

    /// Forgets a statement that could not be prepared.
    mutating func remove(_ statement: Statement) {
        statements[statement.key] = nil
    }

    /// Drops what is over the limit, with some room to spare, and gives back the names to deallocate.
    mutating func trim() -> [String] {
        guard statements.count > limit else { return [] }
        let oldest = statements.values.sorted { $0.lastUse < $1.lastUse }.prefix(statements.count - limit * 3 / 4)
        for statement in oldest { statements[statement.key] = nil }
        return oldest.map(\.name)
    }
}
