/// SQL as a value: text with bound values inside.
///
/// ```swift
/// let open: SQL = "status = \("open")"
/// let sql: SQL = "SELECT id, subject FROM tickets WHERE tenant_id = \(tenantId) AND \(open)"
/// ```
///
/// Every interpolated value becomes a bind parameter; an interpolated `SQL` is spliced in, its binds included. The
/// placeholders are numbered when the statement is sent, so fragments nest and repeat freely. Text that is neither a
/// literal nor a bind enters only as a quoted `\(identifier:)` or through the conspicuous `SQL(unsafe:)`.
public struct SQL: Sendable, ExpressibleByStringInterpolation, CustomDebugStringConvertible {
    enum Element: Sendable {
        case text(String)
        case bind(SQLValue, SQLType)
    }

    var elements: [Element] = []

    /// SQL of a literal.
    public init(stringLiteral text: String) {
        self.init(unsafe: text)
    }

    /// SQL of an interpolated literal.
    public init(stringInterpolation: StringInterpolation) {
        elements = stringInterpolation.elements
    }

    /// SQL of text made at run time. Never pass anything that came from outside the program.
    public init(unsafe text: String) {
        if !text.isEmpty { elements = [.text(text)] }
    }

    /// Nothing at all: the neutral element of `+` and `joined`.
    public static let empty = SQL(unsafe: "")

    /// Whether there is no text and no bind.
    public var isEmpty: Bool { elements.isEmpty }

    /// The fragments, one after the other, `separator` between them.
    public static func joined(_ fragments: some Sequence<SQL>, separator: SQL = ", ") -> SQL {
        var result = SQL.empty
        var isFirst = true
        for fragment in fragments {
            if !isFirst { result.elements += separator.elements }
            result.elements += fragment.elements
            isFirst = false
        }
        return result
    }

    /// Two fragments as one.
    public static func + (left: SQL, right: SQL) -> SQL {
        var result = left
        result += right
        return result
    }

    /// Appends a fragment.
    public static func += (left: inout SQL, right: SQL) {
        left.elements += right.elements
    }

    /// The statement as it reads, every bound value hidden.
    public var debugDescription: String {
        elements.reduce(into: "") { text, element in
            switch element {
            case .text(let part): text += part
            case .bind: text += "****"
            }
        }
    }

    /// The text with `$1`, `$2` … in place of the binds, the binds, and the types that they are sent as.
    func rendered() -> (text: String, values: [SQLValue], types: [SQLType]) {
        var text = ""
        var values: [SQLValue] = []
        var types: [SQLType] = []
        for element in elements {
            switch element {
            case .text(let part):
                text += part
            case .bind(let value, let type):
                values.append(value)
                types.append(type)
                text += "$"
                text += String(values.count)
            }
        }
        return (text, values, types)
    }
}

extension SQL {
    /// What an SQL literal may contain.
    public struct StringInterpolation: StringInterpolationProtocol {
        var elements: [Element] = []

        /// Starts an empty literal.
        public init(literalCapacity: Int, interpolationCount: Int) {
            elements.reserveCapacity(2 * interpolationCount + 1)
        }

        /// Literal text.
        public mutating func appendLiteral(_ text: String) {
            if !text.isEmpty { elements.append(.text(text)) }
        }

        /// A value, bound.
        public mutating func appendInterpolation<Value: SQLBindable>(_ value: Value) {
            elements.append(.bind(value.sqlValue, Value.sqlType))
        }

        /// A value or NULL, bound as the same type.
        public mutating func appendInterpolation<Value: SQLBindable>(_ value: Value?) {
            elements.append(.bind(value.sqlValue, Value.sqlType))
        }

        /// A value whose type is known at run time only, bound.
        public mutating func appendInterpolation(_ value: SQLValue) {
            elements.append(.bind(value, value.type))
        }

        /// A fragment, spliced in.
        public mutating func appendInterpolation(_ fragment: SQL) {
            elements += fragment.elements
        }

        /// The name of a table, column, role …, quoted.
        public mutating func appendInterpolation(identifier name: String) {
            elements.append(.text(SQL.quoted(identifier: name)))
        }

        /// Text known at compile time.
        public mutating func appendInterpolation(raw text: StaticString) {
            elements.append(.text("\(text)"))
        }
    }

    /// `name` as a quoted identifier.
    static func quoted(identifier name: String) -> String {
        precondition(!name.isEmpty && !name.utf8.contains(0), "an SQL identifier is not empty and has no NUL")
        var quoted = "\""
        for character in name.unicodeScalars {
            if character == "\"" { quoted += "\"" }
            quoted.unicodeScalars.append(character)
        }
        return quoted + "\""
    }
}
