import CLibPQ
import Glibc

/// A blocking session that takes several statements in one text and answers in text: for migrations and test set-up.
/// Use it on a `BlockingThread`.
package final class PlainSession {
    private let pg: OpaquePointer

    /// Connects to where a URL says.
    package convenience init(url: String) throws(DatabaseError) {
        try self.init([("dbname", url), ("connect_timeout", "5"), ("client_encoding", "UTF8")])
    }

    init(_ parameters: [(String, String)]) throws(DatabaseError) {
        pg = try Connection.connect(parameters)
    }

    deinit { PQfinish(pg) }

    /// Runs any number of statements; several without `BEGIN` are one transaction.
    package func execute(_ sql: String) throws(DatabaseError) {
        PQclear(try checked(PQexec(pg, sql)))
    }

    /// Runs one statement and reads its rows.
    package func rows(_ sql: String, _ values: [String] = []) throws(DatabaseError) -> [[String?]] {
        let arguments = CStrings(values)
        let result = try checked(PQexecParams(pg, sql, Int32(values.count), nil, arguments.pointers, nil, nil, 0))
        defer { PQclear(result) }
        return (0..<PQntuples(result)).map { row in
            (0..<PQnfields(result)).map { column in
                PQgetisnull(result, row, column) == 1 ? nil : String(cString: PQgetvalue(result, row, column))
            }
        }
    }

    /// Whether a transaction is open and sound.
    package var isInTransaction: Bool { PQtransactionStatus(pg) == PQTRANS_INTRANS }

    private func checked(_ result: OpaquePointer?) throws(DatabaseError) -> OpaquePointer {
        switch PQresultStatus(result) {
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY:
            if let result { return result }
        default: break
        }
        defer { PQclear(result) }
        throw result.flatMap { DatabaseError($0) }
            ?? DatabaseError(.connection(outcomeUnknown: true), String(cString: PQerrorMessage(pg)))
    }
}

extension DatabaseError {
    /// The error that a result reports; nil if it is not the server's but a lost connection.
    init?(_ result: OpaquePointer) {
        func detail(_ code: Character) -> String? {
            PQresultErrorField(result, Int32(code.asciiValue ?? 0)).map { String(cString: $0) }
        }
        guard let sqlState = detail("C") else { return nil }
        self.init(Self.kind(sqlState: sqlState), detail("M") ?? "", sqlState: sqlState)
        constraint = detail("n")
        table = detail("t")
        column = detail("c")
        field = Self.field(constraint: constraint, table: table, column: column)
        endsSession = detail("V") == "FATAL" || detail("V") == "PANIC"
        if detail("R") == "RevalidateCachedQuery" {
            kind = .serialization
            isStaleStatement = true
        }
    }
}

/// Strings for C: an array of pointers with a NULL at its end.
final class CStrings {
    let pointers: [UnsafePointer<CChar>?]

    init(_ strings: [String]) {
        pointers = strings.map { UnsafePointer(strdup($0)) } + [nil]
    }

    deinit {
        for pointer in pointers { free(UnsafeMutablePointer(mutating: pointer)) }
    }
}
