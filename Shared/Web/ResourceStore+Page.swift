import Contracts
import Database

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What a list request asks for.
struct PageRequest {
    var conditions: [SQL] = []
    var order: [SortOrder]
    var limit: Int64
    var offset: Int64 = 0
    var cursor: Cursor?
    /// What cursors of this list are bound to.
    var binding: [UInt8]
    var includesTotal = false
    var expand: [String] = []
}

/// A page as it is answered.
struct Page {
    /// `{"data": […], "page": {…}}`
    var bytes: [UInt8]
    var next: String?
}

extension ResourceStore {
    /// Reads a list request, or reports everything that is wrong with it.
    func pageRequest(
        _ arguments: Arguments, place: String, caller: Caller, now: Timestamp
    ) throws -> PageRequest {
        var faults: [Fault] = []
        var order = layout.defaultSort
        if let sort = arguments.string("sort") {
            if let parsed = SortOrder.parse(sort, among: layout.sorts) {
                order = parsed
            } else {
                faults.append(
                    Fault(
                        .parameter("sort"), "unknown_value", "It names a sort key that there is not, or one twice.",
                        allowed: layout.sortNames))
            }
        }
        // The id makes the order total; it goes the way of the key before it, which lets one index serve both.
        if !order.contains(where: { $0.key.name == "id" }), let id = layout.sorts["id"] {
            order.append(SortOrder(key: id, isDescending: order.last?.isDescending ?? true))
        }
        var request = PageRequest(
            order: order, limit: arguments.int("limit") ?? Layout.limitDefault,
            binding: binding(arguments, order: order, place: place))
        request.offset = arguments.int("offset") ?? 0
        request.includesTotal = arguments.bool("includeTotal") ?? false
        request.expand = arguments.strings("expand")
        if let text = arguments.string("cursor") {
            if arguments.contains("offset") {
                faults.append(Fault(.parameter("offset"), "conflicting", "Give a cursor or an offset, not both."))
            }
            do throws(Cursor.Refusal) {
                let cursor = try Cursor(text, boundTo: request.binding)
                guard cursor.fits(order.map(\.key)) else { throw .malformed }
                request.cursor = cursor
            } catch {
                let detail =
                    switch error {
                    case .malformed: "It is not a cursor that this service has made."
                    case .foreign: "It was made for a list with other filters or another order."
                    }
                faults.append(Fault(.parameter("cursor"), "bad_cursor", detail))
            }
        }
        for argument in arguments.all {
            do throws(Problem) {
                if let condition = try condition(argument, caller: caller, now: now) {
                    request.conditions.append(condition)
                }
            } catch {
                if error.errors.isEmpty { throw error }
                faults += error.errors
            }
        }
        if !faults.isEmpty { throw Problem.badRequest("The query has faults.", errors: faults) }
        return request
    }

    /// Everything that decides which rows a list has and in which order.
    private func binding(_ arguments: Arguments, order: [SortOrder], place: String) -> [UInt8] {
        let loose: Set<String> = ["cursor", "limit", "offset", "includeTotal", "sort", "expand"]
        let filters = arguments.all.filter { !loose.contains($0.name) }
            .map { "\($0.name)\u{1}\($0.comparison.rawValue)\u{1}\($0.texts.joined(separator: ","))" }.sorted()
        return Cursor.binding(([place] + order.map(\.spelling) + filters).joined(separator: "\u{2}"))
    }

    private func condition(
        _ argument: Argument, caller: Caller, now: Timestamp
    ) throws(Problem) -> SQL? {
        if let filter = layout.filters.first(where: { $0.parameter.accepts(argument.name) }) {
            do {
                return try filter.condition(FilterInput(argument: argument, caller: caller, now: now))
            } catch let problem as Problem {
                throw problem
            } catch {
                throw .badRequest(errors: [Fault(.parameter(argument.name), "bad_value", "It can't be filtered so.")])
            }
        }
        if argument.name == "q", let text = argument.values.first, case .text(let words) = text {
            return search(words)
        }
        guard let field = layout.byName[argument.name], field.isFilterable || field.isRangeFilterable else {
            return nil
        }
        return Self.condition(argument, on: field)
    }

    private static func condition(_ argument: Argument, on field: Field) -> SQL {
        let column = Projection.reference(field)
        if argument.comparison != .equal, let value = argument.values.first {
            return "\(column) \(argument.comparison.sql) \(value)"
        }
        var condition = SQL.empty
        if let first = argument.values.first {
            if field.kind.isArray {
                condition = "\(column) && \(.array(first.type, argument.values))"
            } else if argument.values.count == 1 {
                condition = "\(column) = \(first)"
            } else {
                condition = "\(column) = ANY(\(.array(first.type, argument.values)))"
            }
        }
        guard argument.includesNull else { return condition }
        return condition.isEmpty ? "\(column) IS NULL" : "(\(condition) OR \(column) IS NULL)"
    }

    private func search(_ words: String) -> SQL {
        var pattern = "%"
        for character in words {
            if character == "%" || character == "_" || character == "\\" { pattern += "\\" }
            pattern.append(character)
        }
        pattern += "%"
        let conditions = layout.fields.filter(\.isSearchable).map { field -> SQL in
            "\(Projection.reference(field)) ILIKE \(pattern)"
        }
        return "(\(SQL.joined(conditions, separator: " OR ")))"
    }

    // MARK: Running

    /// Reads a page, in one round trip (and one for each expansion that is asked for).
    func page(
        _ request: PageRequest, in tx: Transaction, tenantId: UUID?, parentId: UUID?, caller: Caller, now: Timestamp
    ) async throws -> Page {
        let projection = layout.projection(expanding: request.expand)
        var statements = [pageStatement(request, projection, tenantId: tenantId, parentId: parentId, caller: caller)]
        if let parent = layout.parent, let parentId {
            statements.append(parentStatement(parent, parentId, tenantId: tenantId, caller: caller))
        }
        if request.includesTotal {
            let conditions = rowConditions(request, tenantId: tenantId, parentId: parentId, caller: caller)
            statements.append("SELECT count(*) FROM \(layout.table) AS t\(Self.whereClause(conditions))")
        }
        var results = try await tx.batch(statements)
        let total = request.includesTotal ? try results.removeLast().first?.get(0, as: Int64.self) : nil
        if layout.parent != nil, parentId != nil, results.removeLast().isEmpty {
            throw Problem.notFound("There is no such \(layout.parent?.entity ?? "parent").")
        }
        let rows = results.removeLast()
        let hasMore = rows.count > Int(request.limit)
        let shown = rows.prefix(Int(request.limit))
        var next: String?
        if hasMore, let last = shown.last {
            next = try cursor(after: last, request, projection).text(boundTo: request.binding)
        }
        let bytes = try await write(
            shown, projection, expand: request.expand, in: tx, caller: caller, now: now, next: next, total: total)
        return Page(bytes: bytes, next: next)
    }

    private func write(
        _ rows: ArraySlice<Row>, _ projection: Projection, expand: [String], in tx: Transaction, caller: Caller,
        now: Timestamp, next: String?, total: Int64?
    ) async throws -> [UInt8] {
        let expansions = layout.expansions.filter { expand.contains($0.name) }
        let records = expansions.isEmpty ? [] : try rows.map { try Record($0, projection) }
        var added: [[UUID: [UInt8]]] = []
        for expansion in expansions {
            added.append(
                try await expansion.load(ExpansionInput(tx: tx, records: records, caller: caller, now: now)))
        }
        var writer = JSONWriter(reservingCapacity: 256 + rows.count * 768)
        writer.beginObject()
        writer.key("data")
        writer.beginArray()
        if expansions.isEmpty {
            for row in rows {
                writer.beginObject()
                for column in projection.shown {
                    writer.key(projection.fields[column].name)
                    try row.writeJSON(column: column, to: &writer)
                }
                writer.endObject()
            }
        } else {
            for record in records {
                let additions = zip(expansions, added).map { (name: $0.name, bytes: $1[record.id]) }
                try record.write(to: &writer, adding: additions)
            }
        }
        writer.endArray()
        writer.key("page")
        writer.beginObject()
        writer.key("next")
        if let next { writer.string(next) } else { writer.null() }
        writer.key("hasMore")
        writer.bool(next != nil)
        if let total {
            writer.key("total")
            writer.int(total)
        }
        writer.endObject()
        writer.endObject()
        return writer.bytes
    }

    func rowConditions(
        _ request: PageRequest, tenantId: UUID?, parentId: UUID?, caller: Caller
    ) -> [SQL] {
        var conditions: [SQL] = []
        if let tenantId { conditions.append("t.tenant_id = \(tenantId)") }
        if let parent = layout.parent, let parentId {
            conditions.append("t.\(identifier: parent.column) = \(parentId)")
        }
        if layout.softDelete { conditions.append("t.deleted_at IS NULL") }
        if let visible = resource.visible(to: caller) { conditions.append("(\(visible))") }
        return conditions + request.conditions
    }

    private static func whereClause(_ conditions: [SQL]) -> SQL {
        conditions.isEmpty ? .empty : " WHERE " + SQL.joined(conditions, separator: " AND ")
    }

    func pageStatement(
        _ request: PageRequest, _ projection: Projection, tenantId: UUID?, parentId: UUID?, caller: Caller
    ) -> SQL {
        var conditions = rowConditions(request, tenantId: tenantId, parentId: parentId, caller: caller)
        if let cursor = request.cursor { conditions.append(cursor.condition(request.order)) }
        var sql: SQL = "SELECT \(projection.sql)"
        for order in request.order where order.key.name != "id" { sql += ", \(order.key.expression)" }
        sql += " FROM \(layout.table) AS t"
        sql += Self.whereClause(conditions)
        sql += " ORDER BY "
        sql += SQL.joined(request.order.map { $0.key.expression + ($0.isDescending ? " DESC" : "") })
        sql += " LIMIT \(request.limit + 1)"
        if request.offset > 0 { sql += " OFFSET \(request.offset)" }
        return sql
    }

    private func parentStatement(_ parent: Parent, _ parentId: UUID, tenantId: UUID?, caller: Caller) -> SQL {
        var sql: SQL = "SELECT 1 FROM \(identifier: parent.table) AS t WHERE t.id = \(parentId)"
        if let tenantId { sql += " AND t.tenant_id = \(tenantId)" }
        if parent.softDelete { sql += " AND t.deleted_at IS NULL" }
        if let visible = parent.visible(caller) { sql += " AND (\(visible))" }
        return sql
    }

    /// The sort keys stand behind the projection's columns, in order.
    func cursor(after row: Row, _ request: PageRequest, _ projection: Projection) throws -> Cursor {
        var keys: [Cursor.Key] = []
        var column = projection.fields.count
        for order in request.order where order.key.name != "id" {
            keys.append(try Cursor.Key(row, column, order.key.kind))
            column += 1
        }
        return Cursor(keys: keys, id: try row.get(projection.idColumn))
    }
}

extension Parameter {
    func accepts(_ name: String) -> Bool { isPrefix ? name.hasPrefix(self.name) : name == self.name }
}

// MARK: - Cursors in SQL

extension Cursor.Key {
    init(_ row: Row, _ column: Int, _ kind: Field.Kind) throws {
        if row.isNull(column) {
            self = .null
            return
        }
        switch kind {
        case .integer: self = .int(try row.get(column))
        case .number: self = .double(try row.get(column))
        case .boolean: self = .bool(try row.get(column))
        case .uuid: self = .uuid(try row.get(column))
        case .timestamp: self = .timestamp(try row.get(column))
        default: self = .text(try row.get(column))
        }
    }

    var sqlValue: SQLValue {
        switch self {
        case .null: .null
        case .bool(let value): .bool(value)
        case .int(let value): .int(value)
        case .double(let value): .double(value)
        case .text(let value): .text(value)
        case .uuid(let value): .uuid(value)
        case .timestamp(let value): .timestamp(value)
        }
    }

    fileprivate func fits(_ key: SortKey) -> Bool {
        switch (self, key.kind) {
        case (.null, _): key.isNullable
        case (.int, .integer), (.double, .number), (.bool, .boolean), (.uuid, .uuid), (.timestamp, .timestamp): true
        case (.text(let text), .date): CalendarDate(text: text) != nil
        case (.text, .text), (.text, .choice): true
        default: false
        }
    }
}

extension Cursor {
    /// Whether its keys are those of the list's order, the id apart.
    func fits(_ sortKeys: [SortKey]) -> Bool {
        let wanted = sortKeys.filter { $0.name != "id" }
        return keys.count == wanted.count && zip(keys, wanted).allSatisfy { $0.fits($1) }
    }

    /// The rows after the cursor's. Null is the largest value, as in PostgreSQL's plain orders.
    func condition(_ order: [SortOrder]) -> SQL {
        var remaining = keys[...]
        let sides = order.map { order -> (order: SortOrder, key: Key) in
            (order, order.key.name == "id" ? .uuid(id) : remaining.popFirst() ?? .null)
        }
        // One comparison of rows is what an index can follow; it needs one direction and no nulls.
        if Set(order.map(\.isDescending)).count == 1, !order.contains(where: \.key.isNullable) {
            let comparison: SQL = order[0].isDescending ? "<" : ">"
            let columns = SQL.joined(order.map(\.key.expression))
            let values = SQL.joined(sides.map { Self.bind($0.key, $0.order) })
            return "(\(columns)) \(comparison) (\(values))"
        }
        var alternatives: [SQL] = []
        for index in sides.indices {
            guard let after = Self.after(sides[index].key, sides[index].order) else { continue }
            let equal = sides[..<index].map { Self.equals($0.key, $0.order) }
            alternatives.append("(\(SQL.joined(equal + [after], separator: " AND ")))")
        }
        return "(\(SQL.joined(alternatives, separator: " OR ")))"
    }

    private static func bind(_ key: Key, _ order: SortOrder) -> SQL {
        if case .date = order.key.kind, case .text(let text) = key, let day = CalendarDate(text: text) {
            "\(day)"
        } else {
            "\(key.sqlValue)"
        }
    }

    private static func equals(_ key: Key, _ order: SortOrder) -> SQL {
        key == .null ? "\(order.key.expression) IS NULL" : "\(order.key.expression) = \(bind(key, order))"
    }

    /// Nil where nothing can come after.
    private static func after(_ key: Key, _ order: SortOrder) -> SQL? {
        let expression = order.key.expression
        switch (key, order.isDescending) {
        case (.null, false): return nil
        case (.null, true): return "\(expression) IS NOT NULL"
        case (_, true): return "\(expression) < \(bind(key, order))"
        case (_, false):
            let after: SQL = "\(expression) > \(bind(key, order))"
            return order.key.isNullable ? "(\(after) OR \(expression) IS NULL)" : after
        }
    }
}
