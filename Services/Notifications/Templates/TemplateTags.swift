// Which variables a template names: read before it is saved, so that nothing unknown is ever sent.

/// Reads the tags of a Mustache template (mustache(5)): variables, sections, inverted sections and comments. What else the
/// language has (partials, other delimiters, blocks, pragmas, functions) is not for templates that tenants write.
struct TemplateTags: Sendable {
    /// What is wrong with a template.
    struct Fault: Error, Sendable, Hashable {
        let code: String
        let detail: String
    }

    private static let depthMax = 10
    private static let tagsMax = 500

    /// Checks a template against the variables that it may name.
    /// - Parameter isHTML: Values are escaped there: a tag that would not is refused.
    static func faults(in template: String, variables: [String], isHTML: Bool) -> [Fault] {
        var reader = TemplateTags(variables: Set(variables), isHTML: isHTML)
        reader.read(template)
        return reader.faults
    }

    private let variables: Set<String>
    /// What sections can name beside them: `items` of `items.subject`.
    private let prefixes: Set<String>
    private let isHTML: Bool
    private var sections: [String] = []
    private var count = 0
    private var faults: [Fault] = []

    private init(variables: Set<String>, isHTML: Bool) {
        self.variables = variables
        self.isHTML = isHTML
        prefixes = Set(variables.compactMap { name in name.lastIndex(of: ".").map { String(name[..<$0]) } })
    }

    private mutating func read(_ template: String) {
        var rest = Substring(template)
        while let open = rest.firstRange(of: "{{") {
            count += 1
            guard count <= Self.tagsMax else {
                return fault("too_long", "A template has at most \(Self.tagsMax) tags.")
            }
            rest = rest[open.upperBound...]
            let isTriple = rest.first == "{"
            guard let close = rest.firstRange(of: isTriple ? "}}}" : "}}") else {
                return fault("syntax", "A tag is not closed.")
            }
            let tag = rest[rest.startIndex..<close.lowerBound]
            rest = rest[close.upperBound...]
            take(isTriple ? "&" + tag.dropFirst() : String(tag))
        }
        if let open = sections.last { fault("syntax", "The section \(open) is not closed.") }
    }

    private mutating func take(_ tag: String) {
        guard let kind = tag.first else { return fault("syntax", "A tag is empty.") }
        let name = Self.trimmed("#^/&!><$=%".contains(kind) ? tag.dropFirst() : Substring(tag))
        switch kind {
        case "!": break
        case "#", "^":
            guard sections.count < Self.depthMax else {
                return fault("too_deep", "Sections are nested at most \(Self.depthMax) deep.")
            }
            check(name, isSection: true)
            sections.append(resolved(name) ?? name)
            opened.append(name)
        case "/":
            guard opened.last == name else { return fault("syntax", "\(Self.shown(name)) is closed and not open.") }
            opened.removeLast()
            sections.removeLast()
        case "&":
            if isHTML { return fault("unescaped", "In HTML every value is escaped: write {{\(Self.shown(name))}}.") }
            check(name, isSection: false)
        case ">", "<", "$", "=", "%": fault("syntax", "Tags that begin with \(kind) can't be used here.")
        default: check(name, isSection: false)
        }
    }

    /// The sections' names as they were written.
    private var opened: [String] = []

    private mutating func check(_ name: String, isSection: Bool) {
        if name == ".", !sections.isEmpty { return }
        guard !name.isEmpty, resolved(name) != nil || isSection && prefixes.contains(name) else {
            return fault("unknown_variable", "There is no variable \(Self.shown(name)).")
        }
    }

    /// The variable that a name stands for where it is written: in a section also what is in it.
    private func resolved(_ name: String) -> String? {
        for section in sections.reversed() where variables.contains("\(section).\(name)") {
            return "\(section).\(name)"
        }
        return variables.contains(name) ? name : nil
    }

    private mutating func fault(_ code: String, _ detail: String) {
        let fault = Fault(code: code, detail: detail)
        if !faults.contains(fault) { faults.append(fault) }
    }

    private static func shown(_ name: String) -> String { String(name.prefix(80)) }

    private static func trimmed(_ text: Substring) -> String {
        let end = text.lastIndex { !$0.isWhitespace }
        guard let end, let start = text.firstIndex(where: { !$0.isWhitespace }) else { return "" }
        return String(text[start...end])
    }
}
