import Contracts
import Database

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A row of a resource. Values stay in the buffer that the database sent them in until somebody asks.
public struct Record: Sendable {
    public let id: UUID
    public let tenantId: UUID
    /// 1 for rows that are never changed.
    public let version: Int64
    let projection: Projection
    let row: Row

    init(_ row: Row, _ projection: Projection) throws {
        self.row = row
        self.projection = projection
        id = try row.get(projection.idColumn)
        tenantId = try row.get(projection.tenantColumn)
        version = try projection.versionColumn.map { try row.get($0) } ?? 1
    }

    private func column(_ name: String) -> Int {
        guard let column = projection.index[name] else { preconditionFailure("a record has no field \(name)") }
        return column
    }

    /// Reads a field; nil for null. Asking for a field that the resource lacks, or as another type, is a programming
    /// error.
    public func get<T: SQLDecodable>(_ name: String, as type: T.Type = T.self) -> T? {
        do {
            return try row.get(column(name), as: T?.self)
        } catch {
            preconditionFailure("field \(name) is not read as \(T.self): \(error)")
        }
    }

    public func string(_ name: String) -> String? { get(name) }
    public func int(_ name: String) -> Int64? { get(name) }
    public func double(_ name: String) -> Double? { get(name) }
    public func bool(_ name: String) -> Bool? { get(name) }
    public func uuid(_ name: String) -> UUID? { get(name) }
    public func timestamp(_ name: String) -> Timestamp? { get(name) }
    public func strings(_ name: String) -> [String] { get(name) ?? [] }
    public func uuids(_ name: String) -> [UUID] { get(name) ?? [] }
    public func isNull(_ name: String) -> Bool { row.isNull(column(name)) }

    /// A field as GET shows it.
    public func json(_ name: String) throws -> JSON { try row.json(column(name)) }

    /// A field as the text that GET shows.
    public func jsonBytes(_ name: String) throws -> [UInt8] { try jsonBytes(column: column(name)) }

    func jsonBytes(column: Int) throws -> [UInt8] {
        var writer = JSONWriter(reservingCapacity: 64)
        try row.writeJSON(column: column, to: &writer)
        return writer.bytes
    }

    /// The entity as GET shows it.
    public func json() throws -> JSON { try JSON.parse(try bytes()) }

    /// The entity's text as GET shows it.
    public func bytes() throws -> [UInt8] {
        var writer = JSONWriter(reservingCapacity: 1_024)
        try write(to: &writer)
        return writer.bytes
    }

    /// Writes the entity as GET shows it, with what expansions add.
    func write(
        to writer: inout JSONWriter, leavingOut omitted: Set<String> = [],
        adding additions: [(name: String, bytes: [UInt8]?)] = []
    ) throws {
        writer.beginObject()
        for column in projection.shown {
            let name = projection.fields[column].name
            if !omitted.isEmpty, omitted.contains(name) { continue }
            writer.key(name)
            try row.writeJSON(column: column, to: &writer)
        }
        for (name, bytes) in additions {
            writer.key(name)
            if let bytes { writer.raw(bytes) } else { writer.null() }
        }
        writer.endObject()
    }

    /// What differs from an earlier state of the row, in what GET shows.
    func changes(since before: Record) throws -> [Mutation.FieldChange] {
        var changes: [Mutation.FieldChange] = []
        for column in projection.shown {
            guard !Self.isSame(row, before.row, column) else { continue }
            changes.append(
                Mutation.FieldChange(
                    name: projection.fields[column].name, previous: try before.jsonBytes(column: column),
                    new: try jsonBytes(column: column)))
        }
        return changes
    }

    private static func isSame(_ left: Row, _ right: Row, _ column: Int) -> Bool {
        withExtendedLifetime((left, right)) {
            switch (left[column].bytes, right[column].bytes) {
            case (nil, nil): true
            case (let left?, let right?): left.elementsEqual(right)
            default: false
            }
        }
    }

    /// Whether a field already has a value. Nobody knows of one that only `expand=` shows: it was not read.
    func has(_ value: SQLValue, in name: String) throws -> Bool {
        guard let column = projection.index[name] else { return false }
        if case .json(let wanted) = value {
            return row.isNull(column) ? wanted == .null : try row.json(column) == wanted
        }
        var writer = JSONWriter(reservingCapacity: 64)
        value.write(to: &writer)
        return try jsonBytes(column: column) == writer.bytes
    }

    /// When the row was last changed, where that is kept.
    var lastChange: Timestamp? { projection.index["updatedAt"] == nil ? nil : timestamp("updatedAt") }

    /// The parent's version, where the row was read for a write.
    var parentVersion: Int64? {
        guard let column = projection.parentVersionColumn else { return nil }
        do {
            return try row.get(column, as: Int64?.self)
        } catch {
            return nil
        }
    }
}
