import Contracts
import Database

/// Which columns a statement selects, and how they are shown. Shared by all records that it reads.
final class Projection: Sendable {
    let fields: [Field]
    let index: [String: Int]
    /// The columns that GET shows, in order.
    let shown: [Int]
    /// `t."id", t."tenant_id", …`
    let sql: SQL
    let idColumn: Int
    let tenantColumn: Int
    let versionColumn: Int?
    let parentVersionColumn: Int?

    init(_ fields: [Field], parentVersion: SQL? = nil) {
        self.fields = fields
        index = Dictionary(uniqueKeysWithValues: fields.enumerated().map { ($1.name, $0) })
        shown = fields.indices.filter { !fields[$0].isHidden }
        guard let id = index["id"], let tenant = index["tenantId"] else { preconditionFailure("a row needs its ids") }
        idColumn = id
        tenantColumn = tenant
        versionColumn = index["version"]
        let columns = SQL.joined(fields.map { Self.reference($0) + " AS \(identifier: $0.name)" })
        sql = parentVersion.map { columns + ", " + $0 } ?? columns
        parentVersionColumn = parentVersion == nil ? nil : fields.count
    }

    /// A field's value over the row `t`.
    static func reference(_ field: Field) -> SQL {
        field.expression.map { SQL(unsafe: "(\($0))") } ?? "t.\(identifier: field.column)"
    }
}

/// A resource's declaration, worked out once: its fields in the order in which they are shown, its statements' fixed
/// parts, its parameters.
final class Layout: Sendable {
    let entity: String
    let table: SQL
    let parent: Parent?
    let softDelete: Bool
    let stamps: ResourceStamps
    let audited: Bool
    /// `cannedResponseId`
    let idField: String
    let expansions: [Expansion]
    /// The contracts of the generic events; empty where there are none.
    let contracts: [MutationAction: EventContract]
    let fields: [Field]
    let byName: [String: Field]
    /// What a caller may give.
    let validator: FieldValidator
    /// What reads select.
    let base: Projection
    /// What writes read: with the parent's version.
    let written: Projection
    let defaults: [(name: String, value: SQLValue)]
    let sorts: [String: SortKey]
    let sortNames: [String]
    let defaultSort: [SortOrder]
    let filters: [Filter]
    let listParameters: [Parameter]
    let getParameters: [Parameter]
    let expandableInGet: [String]
    let expandableInList: [String]

    init<R: Resource>(_ resource: R) {
        entity = resource.entity
        table = "\(identifier: resource.table)"
        parent = resource.parent
        softDelete = resource.softDelete
        stamps = resource.stamps
        audited = resource.audited
        idField = Name.camelCase(resource.entity) + "Id"
        expansions = resource.expansions
        fields = Self.allFields(of: resource, parent: parent)
        byName = Dictionary(fields.map { ($0.name, $0) }) { _, _ in
            preconditionFailure("\(resource.entity) declares a field twice")
        }
        validator = FieldValidator(fields)
        let plain = fields.filter { $0.expand == nil }
        base = Projection(plain)
        if let parent, parent.hasVersion {
            let parentVersion: SQL = """
                (SELECT p.version FROM \(identifier: parent.table) AS p \
                WHERE p.tenant_id = t.tenant_id AND p.id = t.\(identifier: parent.column)) AS parent_version
                """
            written = Projection(plain, parentVersion: parentVersion)
        } else {
            written = base
        }
        defaults = fields.compactMap { field in
            guard let value = field.defaultValue, value != .null else { return nil }
            guard case .success(let bound) = field.kind.read(value) else {
                preconditionFailure("the default of \(resource.entity).\(field.name) is not acceptable")
            }
            return (field.name, bound)
        }
        let ownSorts = fields.filter(\.isSortable).map {
            SortKey($0.name, $0.kind, by: Projection.reference($0), nullable: $0.isNullable)
        }
        let allSorts = [SortKey("id", .uuid, by: "t.id")] + ownSorts + resource.sorts
        sorts = Dictionary(allSorts.map { ($0.name, $0) }) { _, custom in custom }
        sortNames = allSorts.map(\.name)
        guard let order = SortOrder.parse(resource.defaultSort, among: sorts) else {
            preconditionFailure("the default sort of \(resource.entity) is not one of its sort keys")
        }
        defaultSort = order
        filters = resource.filters
        let expandFields = Self.unique(fields.compactMap(\.expand))
        expandableInGet = Self.unique(expandFields + expansions.map(\.name))
        expandableInList = Self.unique(expandFields + expansions.filter(\.inLists).map(\.name))
        listParameters = Self.listParameters(
            fields: fields, filters: resource.filters, sorts: sortNames, expand: expandableInList)
        precondition(
            Set(listParameters.map(\.name)).count == listParameters.count,
            "\(resource.entity): a filter has the name of another parameter")
        let asOf = Parameter("asOf", .timestamp, "As it stood then, rebuilt from its audit.")
        getParameters = Self.expandParameters(expandableInGet) + (resource.keepsHistory ? [asOf] : [])
        var contracts: [MutationAction: EventContract] = [:]
        if case .generic = resource.events {
            for action in GenericEvents.actions(of: resource) {
                contracts[action] = GenericEvents.contract(
                    action, entity: entity, idField: idField, parent: parent, fields: fields)
            }
        }
        self.contracts = contracts
    }

    private static func allFields<R: Resource>(of resource: R, parent: Parent?) -> [Field] {
        let stamps = resource.stamps
        var all: [Field] = [
            Field.uuid("id").readOnly.notNull.filterable.described("Ordered by time."),
            Field.uuid("tenantId").readOnly.notNull,
        ]
        if let parent {
            all.append(Field.uuid(parent.field).column(parent.column).readOnly.notNull)
        }
        all += resource.fields
        let declared = Set(resource.fields.map(\.name))
        if stamps.contains(.version) {
            all.append(
                Field.integer("version", 1...Int64.max).readOnly.notNull
                    .described("Counts the changes; also the ETag.").example(1))
        }
        if stamps.contains(.createdBy) { all.append(Field.uuid("createdBy").readOnly.filterable) }
        if stamps.contains(.updatedBy) { all.append(Field.uuid("updatedBy").readOnly) }
        if stamps.contains(.createdAt) {
            all.append(Field.timestamp("createdAt").readOnly.notNull.rangeFilterable.sortable)
        }
        if stamps.contains(.updatedAt) {
            all.append(Field.timestamp("updatedAt").readOnly.notNull.rangeFilterable.sortable)
        }
        if resource.softDelete {
            if !declared.contains("deletedAt") { all.append(Field.timestamp("deletedAt").hidden) }
            if !declared.contains("deletedBy") { all.append(Field.uuid("deletedBy").hidden) }
        }
        return all
    }

    private static func unique(_ names: [String]) -> [String] {
        names.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    }

    static let limitDefault: Int64 = 50
    static let limitMax: Int64 = 200
    static let offsetMax: Int64 = 1_000_000
    static let searchLengthMax = 200

    private static func listParameters(
        fields: [Field], filters: [Filter], sorts: [String], expand: [String]
    ) -> [Parameter] {
        var parameters: [Parameter] = [
            Parameter("limit", .integer(1...limitMax), "How many rows, \(limitDefault) if not said."),
            Parameter(
                "cursor", .text(length: 1...Cursor.charactersMax, format: nil), "`page.next` of the page before."),
            Parameter("offset", .integer(0...offsetMax), "Rows to skip, instead of a cursor."),
            Parameter("includeTotal", .boolean, "Counts all rows into `page.total`."),
            Parameter(
                "sort", .text(length: 1...200, format: nil),
                "Sort keys with commas between, `-` for descending: \(sorts.joined(separator: ", "))."),
        ]
        if fields.contains(where: \.isSearchable) {
            parameters.append(
                Parameter("q", .text(length: 1...searchLengthMax, format: nil), "Text that the row contains."))
        }
        for field in fields where !field.isHidden && (field.isFilterable || field.isRangeFilterable) {
            var parameter = Parameter(field.name, field.kind, field.summary)
            if field.isFilterable {
                parameter = parameter.list
                if field.isNullable, !field.kind.isText { parameter = parameter.nullable }
                if field.isRangeFilterable { parameter = parameter.range }
            } else {
                parameter = parameter.rangeOnly
            }
            parameters.append(parameter)
        }
        return parameters + filters.map(\.parameter) + expandParameters(expand)
    }

    private static func expandParameters(_ names: [String]) -> [Parameter] {
        names.isEmpty ? [] : [Parameter("expand", .choice(names), "What to show beside the entity itself.").list]
    }

    /// The projection with the fields that these `expand` names add.
    func projection(expanding names: [String]) -> Projection {
        if names.isEmpty { return base }
        let wanted = fields.filter { field in field.expand.map { names.contains($0) } ?? true }
        return wanted.count == base.fields.count ? base : Projection(wanted)
    }
}

/// A sort key with its direction.
struct SortOrder: Sendable {
    let key: SortKey
    let isDescending: Bool

    /// `-updatedAt,number`; nil when a key is unknown or repeated.
    static func parse(_ text: String, among keys: [String: SortKey]) -> [SortOrder]? {
        var orders: [SortOrder] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let isDescending = part.hasPrefix("-")
            guard let key = keys[String(isDescending ? part.dropFirst() : part)] else { return nil }
            guard !orders.contains(where: { $0.key.name == key.name }) else { return nil }
            orders.append(SortOrder(key: key, isDescending: isDescending))
        }
        return orders
    }

    /// The key as `sort=` spells it.
    var spelling: String { (isDescending ? "-" : "") + key.name }
}
