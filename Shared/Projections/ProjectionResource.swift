// Serves a projection to readers.

import Contracts
import Database
import Web

/// The rows of a projection, read-only, under `<service>/<table>`: the entity's own service owns the plain path.
public struct ProjectionResource: Resource {
    private let projection: Projection

    public init(_ projection: Projection) {
        self.projection = projection
    }

    public var path: String { "\(projection.service)/\(projection.table)" }
    public var entity: String { "\(projection.service)_\(projection.entity)" }
    public var table: String { projection.table }
    public var summary: String { "What \(projection.service) knows of \(projection.table), from their events." }
    public var permissions: ResourcePermissions {
        ResourcePermissions(read: "\(projection.table).read", write: "\(projection.table).write")
    }
    public var operations: ResourceOperations { .readOnly }
    public var stamps: ResourceStamps { [.version, .createdAt, .updatedAt] }

    public var fields: [Field] {
        let stamped: Set = ["version", "createdAt", "updatedAt"]
        return projection.fields.filter { !$0.isHidden && !stamped.contains($0.name) }.map(ProjectionResource.field)
    }

    /// An entity of which only later changes have come is not whole; a deleted one is gone.
    public func visible(to caller: Caller) -> SQL? {
        "t.created_at IS NOT NULL AND t.deleted_at IS NULL"
    }

    private static func field(_ projected: ProjectedField) -> Field {
        var field: Field =
            switch projected.kind {
            case .text: .text(projected.name)
            case .integer: .integer(projected.name)
            case .uuid: .uuid(projected.name)
            case .timestamp: .timestamp(projected.name)
            case .texts: .strings(projected.name)
            case .json: .json(projected.name, [:])
            }
        field = field.readOnly.nullable
        if projected.isFilterable { field = field.filterable }
        return projected.isSortable ? field.sortable : field
    }
}
