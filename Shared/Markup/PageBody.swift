/// A text's safe HTML as the body of a page of its own: its headings stand below the page's, one level after the other, and
/// can be led to; what is wider than a phone scrolls by itself, by keyboard too; and boxes of task lists have names.
public struct PageBody: Sendable {
    /// What a screen reader calls things that have no words of their own.
    public struct Names: Sendable {
        let table: String
        let done: String
        let open: String

        /// - Parameters:
        ///   - done: a task whose box is ticked.
        ///   - open: a task whose box is not.
        public init(table: String, done: String, open: String) {
            self.table = table
            self.done = done
            self.open = open
        }
    }

    /// Begins ids, so that no heading takes one of the page's own.
    static let idPrefix = "section-"

    /// - Parameters:
    ///   - html: as ``HTMLSanitizer`` writes it: tags in lower case, no `<` and no `>` but those of tags.
    ///   - level: of the heading that the text stands below.
    public static func html(_ html: String, below level: Int, names: Names) -> String {
        var body = PageBody(base: level, names: names)
        body.read(Substring(html))
        return body.output
    }

    private let base: Int
    private let names: Names
    private var output = ""
    /// The levels, as they were written, of the headings that the present place is below.
    private var outline: [Int] = []
    /// The present levels of the headings that are not closed yet.
    private var open: [Int] = []
    private var ids: Set<String> = []

    private init(base: Int, names: Names) {
        self.base = base
        self.names = names
    }

    private mutating func read(_ html: Substring) {
        var rest = html
        // By bytes: a sign and a mark that combines with it are one character.
        while let start = rest.utf8.firstIndex(of: UInt8(ascii: "<")),
            let end = rest[start...].utf8.firstIndex(of: UInt8(ascii: ">"))
        {
            let after = rest.utf8.index(after: end)
            output += rest[..<start]
            let tag = rest[start..<after]
            rest = rest[after...]
            write(tag, before: rest)
        }
        output += rest
    }

    private mutating func write(_ tag: Substring, before rest: Substring) {
        let name = tag.dropFirst().prefix { $0 != " " && $0 != ">" }
        switch name {
        case "h1", "h2", "h3", "h4", "h5", "h6":
            let written = name.last?.wholeNumberValue ?? 1
            while let above = outline.last, above >= written { outline.removeLast() }
            outline.append(written)
            let level = min(base + outline.count, 6)
            open.append(level)
            output += "<h\(level)"
            if let id = id(ofHeading: rest.part(before: "</\(name)>")) { output += " id=\"\(id)\"" }
            output += tag.dropFirst(1 + name.count)
        case "/h1", "/h2", "/h3", "/h4", "/h5", "/h6": output += "</h\(open.popLast() ?? base)>"
        case "table":
            output +=
                "<div class=\"scroll\" role=\"group\" tabindex=\"0\" aria-label=\"\(escaped(names.table))\">\(tag)"
        case "/table": output += "\(tag)</div>"
        case "pre": output += "<pre tabindex=\"0\"\(tag.dropFirst(4))"
        case "input":
            let label = tag.contains(" checked") ? names.done : names.open
            output += "<input aria-label=\"\(escaped(label))\"\(tag.dropFirst(6))"
        case "a": output += tag.replacing(" href=\"#", with: " href=\"#\(Self.idPrefix)", maxReplacements: 1)
        default: output += tag
        }
    }

    /// As GitHub makes them: the words in lower case with hyphens between; a number where it is taken. Nil without words.
    private mutating func id(ofHeading html: Substring) -> String? {
        var words = ""
        var isTag = false
        for scalar in html.unicodeScalars {
            switch scalar {
            case "<": isTag = true
            case ">": isTag = false
            default: if !isTag { words.unicodeScalars.append(scalar) }
            }
        }
        for entity in ["&lt;", "&gt;", "&quot;", "&#39;", "&amp;"] { words = words.replacing(entity, with: "") }
        var slug = ""
        for character in words.lowercased() {
            if character.isLetter || character.isNumber || character == "-" || character == "_" {
                slug.append(character)
            } else if character == " " {
                slug.append("-")
            }
        }
        guard !slug.isEmpty else { return nil }
        var id = Self.idPrefix + slug
        var number = 1
        while !ids.insert(id).inserted {
            id = "\(Self.idPrefix)\(slug)-\(number)"
            number += 1
        }
        return id
    }

    private func escaped(_ text: String) -> String { HTMLSanitizer.escape(text) }
}

extension Substring {
    /// What stands before a text; all where it is missing.
    fileprivate func part(before text: String) -> Substring {
        self[..<(utf8.firstRange(of: text.utf8)?.lowerBound ?? endIndex)]
    }
}
