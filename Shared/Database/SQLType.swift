/// A PostgreSQL type by its object id (the built-in ids are fixed for ever; see pg_type.dat).
public struct SQLType: Sendable, Hashable {
    /// The id in `pg_type`; 0 lets the server infer the type.
    public let oid: UInt32

    init(_ oid: UInt32) {
        self.oid = oid
    }

    /// Whatever the server infers from the context.
    public static let unspecified = SQLType(0)
    public static let bool = SQLType(16)
    public static let bytea = SQLType(17)
    public static let int2 = SQLType(21)
    public static let int4 = SQLType(23)
    public static let int8 = SQLType(20)
    public static let float8 = SQLType(701)
    public static let text = SQLType(25)
    public static let uuid = SQLType(2950)
    public static let timestamptz = SQLType(1184)
    public static let date = SQLType(1082)
    public static let jsonb = SQLType(3802)

    /// The type of an array of these.
    var array: SQLType {
        switch self {
        case .bool: SQLType(1000)
        case .bytea: SQLType(1001)
        case .int2: SQLType(1005)
        case .int4: SQLType(1007)
        case .int8: SQLType(1016)
        case .float8: SQLType(1022)
        case .text: SQLType(1009)
        case .uuid: SQLType(2951)
        case .timestamptz: SQLType(1185)
        case .date: SQLType(1182)
        case .jsonb: SQLType(3807)
        default: .unspecified
        }
    }

    /// How the server sends values of the type in binary. Types created by users are enumerations and text look-alikes
    /// (citext) here, whose binary form is their text.
    enum Form: UInt8, Sendable {
        case bool, int2, int4, int8, unsigned4, unsigned8, float4, float8, numeric
        case text, json, jsonb, uuid, timestamptz, timestamp, date, bytea, void, array, unsupported
    }

    private static let firstUserDefined: UInt32 = 16384

    var form: Form {
        switch oid {
        case 16: .bool
        case 17: .bytea
        case 18, 19, 25, 705, 1042, 1043: .text
        case 20: .int8
        case 21: .int2
        case 23: .int4
        case 26, 28, 2205, 2206: .unsigned4
        case 114: .json
        case 700: .float4
        case 701: .float8
        case 1082: .date
        case 1114: .timestamp
        case 1184: .timestamptz
        case 1700: .numeric
        case 2278: .void
        case 2950: .uuid
        case 3802: .jsonb
        case 5069: .unsigned8
        case 199, 1000, 1001, 1002, 1003, 1005, 1007, 1009, 1014, 1015, 1016, 1021, 1022, 1028, 1115, 1182, 1183, 1185,
            1231, 2951, 3807:
            .array
        default: oid >= Self.firstUserDefined ? .text : .unsupported
        }
    }
}
