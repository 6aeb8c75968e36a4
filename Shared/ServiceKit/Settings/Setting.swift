// One thing an operator can set. Declared once: the reader, the checks, `--print-config` and the redaction in logs all
// come from the declaration.

/// A setting: its name in the environment, its type, its default and what it means.
public struct Setting: Sendable {
    /// What a value must look like.
    public enum Kind: Sendable, Equatable {
        case text
        case integer(ClosedRange<Int>)
        case boolean
        case choice([String])
        case url(schemes: [String])
        /// Comma-separated in the environment, a sequence or comma-separated text in the file.
        case list
        /// Seconds, as a whole or decimal number.
        case seconds(ClosedRange<Double>)
        case path
    }

    /// The name of the environment variable, `DATABASE_URL`. In the file: `database_url`, or nested `database: {url:
    /// …}`.
    public let name: String
    public let kind: Kind
    /// Used when neither the environment nor the file says anything.
    public let defaultValue: String?
    /// One sentence for the operator.
    public let meaning: String
    public private(set) var isRequired = false
    public private(set) var isSecret = false
    private(set) var check: (@Sendable (String) -> String?)?

    private init(_ name: String, _ kind: Kind, _ defaultValue: String?, _ meaning: String) {
        precondition(
            !name.isEmpty && name.utf8.allSatisfy { (65...90).contains($0) || (48...57).contains($0) || $0 == 95 },
            "a setting's name is UPPER_SNAKE_CASE")
        self.name = name
        self.kind = kind
        self.defaultValue = defaultValue
        self.meaning = meaning
    }

    public static func text(_ name: String, default value: String? = nil, _ meaning: String) -> Setting {
        Setting(name, .text, value, meaning)
    }

    public static func integer(
        _ name: String, _ range: ClosedRange<Int>, default value: Int? = nil, _ meaning: String
    ) -> Setting {
        Setting(name, .integer(range), value.map { String($0) }, meaning)
    }

    public static func boolean(_ name: String, default value: Bool, _ meaning: String) -> Setting {
        Setting(name, .boolean, value ? "true" : "false", meaning)
    }

    public static func choice(
        _ name: String, _ values: [String], default value: String? = nil, _ meaning: String
    ) -> Setting {
        Setting(name, .choice(values), value, meaning)
    }

    public static func url(
        _ name: String, schemes: [String] = ["http", "https"], default value: String? = nil, _ meaning: String
    ) -> Setting {
        Setting(name, .url(schemes: schemes), value, meaning)
    }

    public static func list(_ name: String, default value: String? = nil, _ meaning: String) -> Setting {
        Setting(name, .list, value, meaning)
    }

    public static func seconds(
        _ name: String, _ range: ClosedRange<Double>, default value: Double? = nil, _ meaning: String
    ) -> Setting {
        Setting(name, .seconds(range), value.map { Setting.plain($0) }, meaning)
    }

    public static func path(_ name: String, default value: String? = nil, _ meaning: String) -> Setting {
        Setting(name, .path, value, meaning)
    }

    /// The service cannot work without it.
    public var required: Setting {
        var copy = self
        copy.isRequired = true
        return copy
    }

    /// Its value never appears in logs, messages or tables.
    public var secret: Setting {
        var copy = self
        copy.isSecret = true
        return copy
    }

    /// A further check on a well-formed value: the fault as a predicate ("must have at least 32 bytes"), or nil.
    public func checked(_ check: @escaping @Sendable (String) -> String?) -> Setting {
        var copy = self
        copy.check = check
        return copy
    }

    /// Its key in the file.
    var fileKey: String { name.lowercased() }

    /// What is wrong with a value, as a predicate, or nil. Never repeats the value.
    func fault(in value: String) -> String? {
        if value.utf8.contains(0) { return "must not contain a NUL byte" }
        let fault: String? =
            switch kind {
            case .text, .path, .list: nil
            case .integer(let range):
                Int(value).map { range.contains($0) } == true
                    ? nil : "must be a whole number from \(range.lowerBound) to \(range.upperBound)"
            case .boolean: Setting.boolean(value) == nil ? "must be true or false" : nil
            case .choice(let values):
                values.contains(value) ? nil : "must be one of \(values.joined(separator: ", "))"
            case .url(let schemes): Setting.urlFault(value, schemes)
            case .seconds(let range):
                Double(value).map { range.contains($0) } == true
                    ? nil
                    : "must be a number of seconds from \(Setting.plain(range.lowerBound)) to \(Setting.plain(range.upperBound))"
            }
        return fault ?? check?(value)
    }

    /// How the table names the type.
    var typeName: String {
        switch kind {
        case .text: "text"
        case .integer(let range): "integer, \(range.lowerBound) to \(range.upperBound)"
        case .boolean: "boolean"
        case .choice(let values): values.joined(separator: " \\| ")
        case .url(let schemes): "URL (\(schemes.joined(separator: ", ")))"
        case .list: "list, comma-separated"
        case .seconds(let range): "seconds, \(Setting.plain(range.lowerBound)) to \(Setting.plain(range.upperBound))"
        case .path: "path"
        }
    }

    static func boolean(_ text: String) -> Bool? {
        switch text.lowercased() {
        case "true", "yes", "on", "1": true
        case "false", "no", "off", "0": false
        default: nil
        }
    }

    static func list(_ text: String) -> [String] {
        text.split(separator: ",").map { $0.trimmed }.filter { !$0.isEmpty }
    }

    private static func urlFault(_ value: String, _ schemes: [String]) -> String? {
        guard let separator = value.firstRange(of: "://"), schemes.contains(String(value[..<separator.lowerBound]))
        else { return "must be a URL beginning with \(schemes.map { "\($0)://" }.joined(separator: " or "))" }
        guard separator.upperBound < value.endIndex, !value.contains(where: \.isWhitespace) else {
            return "must be a URL with a host and without spaces"
        }
        return nil
    }

    static func plain(_ number: Double) -> String {
        number == number.rounded() && abs(number) < 1e15 ? String(Int(number)) : String(number)
    }
}

extension StringProtocol {
    /// Without white space at either end.
    var trimmed: String {
        var slice = self[...]
        while let first = slice.first, first.isWhitespace { slice = slice.dropFirst() }
        while let last = slice.last, last.isWhitespace { slice = slice.dropLast() }
        return String(slice)
    }
}
