// Words with values put into them.

import Mustache
import Synchronization

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A template of one channel and language.
struct TemplateText: Sendable, Hashable {
    var id: UUID?
    var subject: String
    var text: String
    var html: String?
}

/// What a template shows. Text by dotted name; lists of such by name. A name without a value is not there, so that a section
/// of it is left out.
struct TemplateValues: Sendable {
    private(set) var texts: [String: String] = [:]
    private(set) var lists: [String: [[String: String]]] = [:]

    subscript(name: String) -> String? {
        get { texts[name] }
        set { texts[name] = newValue.flatMap { $0.isEmpty ? nil : $0 } }
    }

    mutating func set(_ name: String, to list: [[String: String]]) { lists[name] = list }

    /// Nested as Mustache looks names up.
    fileprivate var context: [String: Any] {
        var context: [String: Any] = [:]
        for (name, text) in texts {
            let parts = name.split(separator: ".", maxSplits: 1).map(String.init)
            if parts.count == 2 {
                var inner = context[parts[0]] as? [String: Any] ?? [:]
                inner[parts[1]] = text
                context[parts[0]] = inner
            } else {
                context[name] = text
            }
        }
        for (name, list) in lists { context[name] = list }
        return context
    }
}

/// A rendered message.
struct RenderedText: Sendable, Hashable {
    var subject: String
    var text: String
    var html: String?
}

enum Renderer {
    private static let subjectLengthMax = 500
    private static let textLengthMax = 65_536
    private static let cacheMax = 2_000
    private static let cache = Mutex<[String: MustacheTemplate]>([:])

    /// Puts the values into the words: as they are into text, escaped into HTML. A subject is one line.
    static func render(_ template: TemplateText, _ values: TemplateValues) -> RenderedText {
        let context = values.context
        return RenderedText(
            subject: oneLine(fill(template.subject, context, isHTML: false)),
            text: String(fill(template.text, context, isHTML: false).unicodeScalars.prefix(textLengthMax)),
            html: template.html.map { fill($0, context, isHTML: true) })
    }

    /// Whether the template engine takes it.
    static func isWellFormed(_ template: String) -> Bool { (try? compiled(template, isHTML: true)) != nil }

    private static func fill(_ template: String, _ context: [String: Any], isHTML: Bool) -> String {
        guard let compiled = try? compiled(template, isHTML: isHTML) else { return "" }
        return compiled.render(context)
    }

    private static func compiled(_ template: String, isHTML: Bool) throws -> MustacheTemplate {
        let source = "{{% CONTENT_TYPE:\(isHTML ? "HTML" : "TEXT")}}\(template)"
        if let known = cache.withLock({ $0[source] }) { return known }
        let made = try MustacheTemplate(string: source)
        cache.withLock { cache in
            if cache.count >= cacheMax { cache.removeAll() }
            cache[source] = made
        }
        return made
    }

    /// Nothing in a value begins another line: a subject becomes a header field (RFC 5322, section 2.2).
    private static func oneLine(_ text: String) -> String {
        let scalars = text.unicodeScalars.map { scalar -> Unicode.Scalar in
            switch scalar.properties.generalCategory {
            case .control, .lineSeparator, .paragraphSeparator: " "
            default: scalar
            }
        }
        return String(String.UnicodeScalarView(scalars.prefix(subjectLengthMax)))
    }

    /// HTML that shows a text as it is, for messages whose template has no HTML of its own.
    static func html(showing text: String) -> String {
        var html = "<!DOCTYPE html>\n<html><body style=\"font-family:sans-serif\">"
        for paragraph in text.split(separator: "\n\n", omittingEmptySubsequences: true) {
            html +=
                "<p>"
                + escaped(paragraph).split(separator: "\n", omittingEmptySubsequences: false)
                .joined(separator: "<br>\n") + "</p>\n"
        }
        return html + "</body></html>\n"
    }

    private static func escaped(_ text: Substring) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "'": escaped += "&#39;"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}
