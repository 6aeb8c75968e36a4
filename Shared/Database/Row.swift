import CLibPQ
import Contracts

/// The names and types of a result's columns; shared by all results of a prepared statement.
final class Columns: Sendable {
    let names: [String]
    let types: [SQLType]
    let forms: [SQLType.Form]
    private let indexes: [String: Int]

    init(of result: OpaquePointer) {
        let count = PQnfields(result)
        names = (0..<count).map { String(cString: PQfname(result, $0)) }
        types = (0..<count).map { SQLType(PQftype(result, $0)) }
        forms = types.map(\.form)
        indexes = Dictionary(zip(names, 0...), uniquingKeysWith: { first, _ in first })
    }

    func index(_ name: String) -> Int? { indexes[name] }
}

/// A result as libpq holds it, freed with the last row that refers to it.
///
/// Unchecked because of the pointer: nobody writes to a `PGresult` once libpq has handed it out, and reading it from
/// several threads is allowed.
final class ResultSet: @unchecked Sendable {
    let result: OpaquePointer
    let columns: Columns

    init(_ result: OpaquePointer, columns: Columns) {
        self.result = result
        self.columns = columns
    }

    deinit { PQclear(result) }

    var rows: [Row] {
        (0..<PQntuples(result)).map { Row(results: self, number: $0) }
    }

    /// The command tag, such as `COMMIT` or `UPDATE 3`.
    var tag: String { String(cString: PQcmdStatus(result)) }

    /// How many rows the statement affected; 0 for those that affect none.
    var affected: Int { Int(String(cString: PQcmdTuples(result))) ?? 0 }
}

/// A row of a result. Its values stay in the buffer that libpq received them in until somebody asks for them.
public struct Row: Sendable {
    let results: ResultSet
    let number: Int32

    /// How many columns there are.
    public var count: Int { results.columns.names.count }

    /// The columns' names, in order.
    public var names: [String] { results.columns.names }

    /// The place of a column, or nil if there is none of the name.
    public func index(of name: String) -> Int? { results.columns.index(name) }

    /// The value in a column as the server sent it.
    public subscript(column: Int) -> SQLCell {
        let index = Int32(column)
        precondition(results.columns.forms.indices.contains(column), "a row has \(count) columns, not \(column + 1)")
        guard PQgetisnull(results.result, number, index) == 0 else {
            return SQLCell(form: results.columns.forms[column], bytes: nil)
        }
        let bytes = UnsafeRawBufferPointer(
            start: PQgetvalue(results.result, number, index), count: Int(PQgetlength(results.result, number, index)))
        return SQLCell(form: results.columns.forms[column], bytes: bytes)
    }

    /// The value of the column `name`.
    public func get<Value: SQLDecodable>(_ name: String, as type: Value.Type = Value.self) throws -> Value {
        guard let column = index(of: name) else {
            throw DatabaseError(.decoding, "the result has no column \(name), only \(names.joined(separator: ", "))")
        }
        return try value(at: column)
    }

    /// The value of a column by its place.
    public func get<Value: SQLDecodable>(_ column: Int, as type: Value.Type = Value.self) throws -> Value {
        guard column < count else { throw DatabaseError(.decoding, "the result has \(count) columns only") }
        return try value(at: column)
    }

    /// The first columns, in order: `let (id, name) = try row.decode((UUID, String?).self)`.
    public func decode<each Value: SQLDecodable>(_ type: (repeat each Value).Type) throws -> (repeat each Value) {
        var column = 0
        func next<Next: SQLDecodable>(_: Next.Type) throws -> Next {
            defer { column += 1 }
            return try get(column)
        }
        return (repeat try next((each Value).self))
    }

    private func value<Value: SQLDecodable>(at column: Int) throws -> Value {
        do {
            return try Value.decode(self[column])
        } catch {
            throw fault(in: column, error)
        }
    }

    private func fault(in column: Int, _ error: DatabaseError) -> DatabaseError {
        let type = results.columns.types[column].oid
        return DatabaseError(.decoding, "column \(names[column]): \(error.serverMessage) (type \(type))")
    }

    /// Whether a column is NULL.
    public func isNull(_ column: Int) -> Bool {
        PQgetisnull(results.result, number, Int32(column)) != 0
    }

    /// Writes a column's value as JSON, straight from the received bytes.
    public func writeJSON(column: Int, to writer: inout JSONWriter) throws {
        do {
            try self[column].write(to: &writer)
        } catch {
            throw fault(in: column, error)
        }
    }

    /// A column's value as JSON.
    public func json(_ column: Int) throws -> JSON {
        var writer = JSONWriter()
        try writeJSON(column: column, to: &writer)
        do {
            return try JSON.parse(writer.bytes)
        } catch {
            throw DatabaseError(.decoding, "column \(names[column]) is not JSON that we accept")
        }
    }

    /// The value of the column `name` as JSON.
    public func json(_ name: String) throws -> JSON {
        guard let column = index(of: name) else { throw DatabaseError(.decoding, "the result has no column \(name)") }
        return try json(column)
    }
}
