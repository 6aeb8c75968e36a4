// What conditions can speak about: a service declares its fields once, and gets validation, evaluation and the editors'
// schema from the declaration.

/// The fields that conditions of one kind may use.
///
/// ```swift
/// let vocabulary = Vocabulary([
///     .text("ticket.subject"),
///     .choice("ticket.priority", ["low", "normal", "high", "urgent"]).ordered,
///     .texts("ticket.tags"),
///     .id("ticket.groupId"),
///     .timestamp("ticket.createdAt"),
///     .open("ticket.customFields"),
/// ])
/// ```
public struct Vocabulary: Sendable {
    public let fields: [ConditionField]
    private let slots: [String: Int]
    /// The fields whose members are not known beforehand, such as custom fields.
    private let openSlots: [Int]
    /// By source: the fields that an entity of that source fills, and under which key of it.
    let members: [String: [(slot: Int, key: String)]]

    public init(_ fields: [ConditionField]) {
        self.fields = fields
        slots = Dictionary(fields.enumerated().map { ($1.name, $0) }) { first, _ in first }
        precondition(slots.count == fields.count, "a vocabulary declares a field twice")
        openSlots = fields.indices.filter { fields[$0].type == .open }
        var members: [String: [(slot: Int, key: String)]] = [:]
        for (slot, field) in fields.enumerated() { members[field.source, default: []].append((slot, field.key)) }
        self.members = members
    }

    /// Both together.
    public static func + (left: Vocabulary, right: [ConditionField]) -> Vocabulary {
        Vocabulary(left.fields + right)
    }

    /// The field that a condition names, and for `ticket.customFields.plan` the member `plan`.
    func find(_ name: String) -> FieldReference? {
        if let slot = slots[name] {
            return fields[slot].type == .open ? nil : FieldReference(slot: slot, member: nil)
        }
        for slot in openSlots {
            let prefix = fields[slot].name + "."
            guard name.hasPrefix(prefix), name.utf8.count > prefix.utf8.count else { continue }
            return FieldReference(slot: slot, member: String(name.dropFirst(prefix.count)))
        }
        return nil
    }

    func slot(of name: String) -> Int? { slots[name] }
}

/// Where a condition finds its value.
struct FieldReference: Sendable, Hashable {
    var slot: Int
    /// The key inside of an open field.
    var member: String?
}

/// One field of a vocabulary.
public struct ConditionField: Sendable {
    /// As conditions write it: `ticket.priority`.
    public let name: String
    public let type: ConditionType
    /// The values that it can have, where they are few and known.
    public private(set) var allowed: [String]?
    /// Whether the allowed values stand in ascending order, so that they can be compared.
    public private(set) var isOrdered = false
    /// What it says, for editors.
    public private(set) var summary: String?

    private init(_ name: String, _ type: ConditionType, allowed: [String]? = nil) {
        self.name = name
        self.type = type
        self.allowed = allowed
    }

    /// Words; comparisons ignore case.
    public static func text(_ name: String) -> ConditionField { ConditionField(name, .text) }
    /// One of a few values.
    public static func choice(_ name: String, _ allowed: [String]) -> ConditionField {
        ConditionField(name, .choice, allowed: allowed)
    }
    public static func number(_ name: String) -> ConditionField { ConditionField(name, .number) }
    public static func boolean(_ name: String) -> ConditionField { ConditionField(name, .boolean) }
    public static func id(_ name: String) -> ConditionField { ConditionField(name, .id) }
    public static func timestamp(_ name: String) -> ConditionField { ConditionField(name, .timestamp) }
    /// A time on the clock, `08:30`.
    public static func timeOfDay(_ name: String) -> ConditionField { ConditionField(name, .timeOfDay) }
    /// A set of words, such as tags.
    public static func texts(_ name: String, _ allowed: [String]? = nil) -> ConditionField {
        ConditionField(name, .texts, allowed: allowed)
    }
    public static func ids(_ name: String) -> ConditionField { ConditionField(name, .ids) }
    /// An object whose members conditions name: `ticket.customFields.plan`. The type is the value's own.
    public static func open(_ name: String) -> ConditionField { ConditionField(name, .open) }

    /// The allowed values are in ascending order: `gt`, `between` and so on can be used.
    public var ordered: ConditionField {
        var field = self
        field.isOrdered = true
        return field
    }

    public func described(_ summary: String) -> ConditionField {
        var field = self
        field.summary = summary
        return field
    }

    /// Whose field it is: `ticket` of `ticket.priority`.
    public var source: String { String(name.split(separator: ".").first ?? "") }
    /// Its key there.
    var key: String { String(name.dropFirst(source.count + 1)) }

    /// The operators that make sense for it.
    public var operators: [ConditionOperator] { ConditionOperator.allCases.filter { $0.applies(to: self) } }
}

/// The type of a field.
public enum ConditionType: String, Sendable, CaseIterable {
    case text, choice, number, boolean, id, timestamp
    case timeOfDay = "time_of_day"
    case texts, ids, open
}

/// What a condition does with a field. The raw value is what a document says.
public enum ConditionOperator: String, Sendable, CaseIterable {
    case eq, neq
    case isIn = "in"
    case notIn = "not_in"
    case gt, gte, lt, lte, between
    case contains
    case notContains = "not_contains"
    case startsWith = "starts_with"
    case endsWith = "ends_with"
    case matches, exists, changed
    case withinBusinessHours = "within_business_hours"

    func applies(to field: ConditionField) -> Bool {
        switch self {
        case .exists, .changed: true
        case .eq, .neq: field.type != .texts && field.type != .ids
        case .isIn, .notIn: ![.boolean, .timestamp, .timeOfDay].contains(field.type)
        case .gt, .gte, .lt, .lte, .between:
            field.isOrdered || [.number, .timestamp, .timeOfDay, .open].contains(field.type)
        case .contains, .notContains: [.text, .texts, .ids, .open].contains(field.type)
        case .startsWith, .endsWith, .matches: [.text, .open].contains(field.type)
        case .withinBusinessHours: field.type == .timestamp
        }
    }

    /// Whether it says the opposite of another one. A field without value satisfies these.
    var isNegation: Bool { [.neq, .notIn, .notContains].contains(self) }
}

/// The bounds on a condition's document.
public enum ConditionLimits {
    /// Groups inside of groups.
    public static let depthMax = 5
    /// Leaves of one document.
    public static let leavesMax = 200
    /// Values of one `in`.
    public static let valuesMax = 1000
    /// Bytes of one value.
    public static let valueBytesMax = 1000
    /// Bytes of a text that are looked at.
    public static let textBytesMax = 65_536
}
