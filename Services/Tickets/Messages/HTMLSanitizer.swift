// HTML that came from outside, reduced to what can do no harm where it is shown: elements and attributes from a list,
// everything rebuilt, nothing passed through because it looked unknown. Text without tags comes out byte for byte.

/// Makes HTML from outside safe to show.
public enum HTMLSanitizer {
    /// The safe part of the text. Applying it again changes nothing.
    public static func sanitized(_ html: String) -> String {
        guard html.utf8.contains(UInt8(ascii: "<")) else { return html }
        var scanner = Scanner(bytes: Array(html.utf8))
        scanner.run()
        return String(decoding: scanner.output, as: UTF8.self)
    }

    /// What a reader of the HTML sees, as plain text: for search and for readers that show no HTML.
    public static func plainText(_ html: String) -> String {
        var text = ""
        var isInTag = false
        var tag = ""
        for character in sanitized(html) {
            if isInTag {
                if character == ">" {
                    isInTag = false
                    let name = tag.lowercased().prefix { $0.isLetter || $0.isNumber || $0 == "/" }
                    if breaks.contains(String(name)), text.last != "\n", !text.isEmpty { text += "\n" }
                } else {
                    tag.append(character)
                }
            } else if character == "<" {
                isInTag = true
                tag = ""
            } else {
                text.append(character)
            }
        }
        for (entity, character) in entities { text = text.replacing(entity, with: character) }
        while text.last?.isWhitespace == true { text.removeLast() }
        return text
    }

    private static let breaks: Set<String> = [
        "br", "/p", "/div", "/li", "/tr", "/h1", "/h2", "/h3", "/h4", "/h5", "/h6", "/blockquote", "/pre", "hr",
    ]

    /// The ampersand last, so that `&amp;lt;` becomes `&lt;` and no more.
    private static let entities: [(String, String)] = [
        ("&nbsp;", "\u{A0}"), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&"),
    ]

    /// Elements that stay, with the attributes they may keep beside `title`, `dir` and `lang`.
    static let allowed: [String: Set<String>] = [
        "a": ["href"], "abbr": [], "b": [], "blockquote": [], "br": [], "code": [], "dd": [], "del": [], "div": [],
        "dl": [], "dt": [], "em": [], "h1": [], "h2": [], "h3": [], "h4": [], "h5": [], "h6": [], "hr": [], "i": [],
        "img": ["src", "alt", "width", "height"], "ins": [], "kbd": [], "li": [], "ol": ["start"], "p": [], "pre": [],
        "q": [], "s": [], "samp": [], "small": [], "span": [], "strong": [], "sub": [], "sup": [], "table": [],
        "tbody": [], "td": ["colspan", "rowspan"], "tfoot": [], "th": ["colspan", "rowspan"], "thead": [], "tr": [],
        "u": [], "ul": [], "var": [],
    ]

    /// Elements that go with all that is in them.
    static let dropped: Set<String> = [
        "script", "style", "iframe", "object", "embed", "applet", "noscript", "noembed", "noframes", "template",
        "textarea", "title", "xmp", "plaintext", "svg", "math", "select", "frameset", "audio", "video", "canvas",
    ]

    private static let schemes: [String: [String]] = [
        "href": ["http:", "https:", "mailto:", "tel:"], "src": ["http:", "https:", "cid:"],
    ]

    /// Whether a link or source leads nowhere bad: only absolute addresses of known schemes do.
    static func isSafe(address: [UInt8], attribute: String) -> Bool {
        guard let schemes = schemes[attribute] else { return false }
        // Browsers ignore control characters and white space within a scheme; an address with any of them is refused.
        guard !address.contains(where: { $0 <= 0x20 || $0 == 0x7F }) else { return false }
        let text = String(decoding: address, as: UTF8.self).lowercased()
        return schemes.contains { text.hasPrefix($0) }
    }
}

private struct Scanner {
    let bytes: [UInt8]
    var position = 0
    var output: [UInt8] = []

    init(bytes: [UInt8]) {
        self.bytes = bytes
        output.reserveCapacity(bytes.count)
    }

    static let less = UInt8(ascii: "<")
    static let greater = UInt8(ascii: ">")
    static let slash = UInt8(ascii: "/")

    func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) >= UInt8(ascii: "a") && (byte | 0x20) <= UInt8(ascii: "z") }
    func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (byte >= 0x09 && byte <= 0x0D) }

    mutating func run() {
        while position < bytes.count {
            let byte = bytes[position]
            guard byte == Self.less else {
                output.append(byte)
                position += 1
                continue
            }
            let next = position + 1 < bytes.count ? bytes[position + 1] : 0x20
            if isLetter(next) {
                openTag()
            } else if next == Self.slash, position + 2 < bytes.count, isLetter(bytes[position + 2]) {
                closeTag()
            } else if next == UInt8(ascii: "!") || next == UInt8(ascii: "?") || next == Self.slash {
                comment()
            } else if next == Self.less {
                // What follows may be dropped, and what follows that must not become this one's tag.
                escapeLess()
            } else {
                output.append(byte)
                position += 1
            }
        }
    }

    /// Reads a name from a position up to white space, a slash or the end of the tag.
    func name(at start: Int) -> (name: String, end: Int) {
        var end = start
        while end < bytes.count, !isSpace(bytes[end]), bytes[end] != Self.slash, bytes[end] != Self.greater {
            end += 1
        }
        return (String(decoding: bytes[start..<end], as: UTF8.self).lowercased(), end)
    }

    /// A `<` that begins a tag which never ends: it is shown, not obeyed.
    mutating func escapeLess() {
        output.append(contentsOf: "&lt;".utf8)
        position += 1
    }

    mutating func openTag() {
        let start = position
        let (name, nameEnd) = name(at: position + 1)
        guard nameEnd < bytes.count, !name.utf8.contains(Self.less) else { return escapeLess() }
        var attributes: [(name: String, value: [UInt8])] = []
        var index = nameEnd
        while true {
            while index < bytes.count, isSpace(bytes[index]) || bytes[index] == Self.slash { index += 1 }
            guard index < bytes.count else { return escapeLess() }
            if bytes[index] == Self.greater { break }
            guard let (attribute, end) = attribute(at: index) else { return escapeLess() }
            attributes.append(attribute)
            index = end
        }
        position = index + 1
        if let keeps = HTMLSanitizer.allowed[name] {
            write(name: name, attributes: attributes, keeps: keeps)
        } else if HTMLSanitizer.dropped.contains(name) {
            skip(element: name)
        } else if bytes[nameEnd] == Self.greater {
            // No element that a browser knows what to do with and nothing on it, such as <jane@example.com>.
            if !Self.known.contains(name) { output.append(contentsOf: bytes[start..<position]) }
        }
    }

    /// Elements that browsers obey and that are left out without their content being lost.
    static let known: Set<String> = [
        "html", "head", "body", "meta", "link", "base", "form", "input", "button", "option", "optgroup", "label",
        "fieldset", "legend", "frame", "param", "source", "track", "area", "map", "center", "font", "marquee", "blink",
        "basefont", "bgsound", "dialog", "details", "summary", "main", "section", "article", "header", "footer", "nav",
        "aside", "figure", "figcaption", "picture", "slot", "portal", "isindex", "keygen", "listing", "nextid",
        "image", "menu", "menuitem", "output", "progress", "meter", "ruby", "rt", "rp", "rb", "rtc", "time", "data",
        "wbr", "bdi", "bdo", "cite", "dfn", "mark", "address", "big", "strike", "tt", "nobr", "acronym", "dir",
        "hgroup", "search", "caption", "col", "colgroup", "datalist", "foreignobject", "desc", "annotation-xml",
    ]

    mutating func closeTag() {
        let start = position
        let (name, nameEnd) = name(at: position + 2)
        var index = nameEnd
        while index < bytes.count, bytes[index] != Self.greater { index += 1 }
        guard index < bytes.count, !name.utf8.contains(Self.less) else { return escapeLess() }
        position = index + 1
        if HTMLSanitizer.allowed[name] != nil {
            if name != "br", name != "hr", name != "img" {
                output.append(contentsOf: "</\(name)>".utf8)
            }
        } else if nameEnd == index, !HTMLSanitizer.dropped.contains(name), !Self.known.contains(name) {
            output.append(contentsOf: bytes[start..<position])
        }
    }

    /// Comments, declarations and processing instructions go. Browsers end all but `<!--` at the first `>`; so do we,
    /// also for `<!--`, whose rest is then text: never less is removed than a browser would hide from view.
    mutating func comment() {
        let isComment = bytes[position...].starts(with: "<!--".utf8)
        var index = position + 2
        if isComment {
            index = position + 4
            while index + 2 < bytes.count, !bytes[index...].starts(with: "-->".utf8) { index += 1 }
            position = index + 2 < bytes.count ? index + 3 : bytes.count
            return
        }
        while index < bytes.count, bytes[index] != Self.greater { index += 1 }
        position = min(index + 1, bytes.count)
    }

    /// One attribute; `nil` when the text ends within it.
    func attribute(at start: Int) -> ((name: String, value: [UInt8]), end: Int)? {
        var index = start + 1
        while index < bytes.count, !isSpace(bytes[index]), bytes[index] != Self.slash, bytes[index] != Self.greater,
            bytes[index] != UInt8(ascii: "=")
        {
            index += 1
        }
        let name = String(decoding: bytes[start..<min(index, bytes.count)], as: UTF8.self).lowercased()
        var after = index
        while after < bytes.count, isSpace(bytes[after]) { after += 1 }
        guard after < bytes.count else { return nil }
        guard bytes[after] == UInt8(ascii: "=") else { return ((name, []), index) }
        after += 1
        while after < bytes.count, isSpace(bytes[after]) { after += 1 }
        guard after < bytes.count else { return nil }
        let quote = bytes[after]
        if quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") {
            let valueStart = after + 1
            var end = valueStart
            while end < bytes.count, bytes[end] != quote { end += 1 }
            guard end < bytes.count else { return nil }
            return ((name, Array(bytes[valueStart..<end])), end + 1)
        }
        var end = after
        while end < bytes.count, !isSpace(bytes[end]), bytes[end] != Self.greater { end += 1 }
        guard end < bytes.count else { return nil }
        return ((name, Array(bytes[after..<end])), end)
    }

    mutating func write(name: String, attributes: [(name: String, value: [UInt8])], keeps: Set<String>) {
        output.append(contentsOf: "<\(name)".utf8)
        var written: Set<String> = []
        for (attribute, value) in attributes {
            guard keeps.contains(attribute) || attribute == "title" || attribute == "dir" || attribute == "lang"
            else { continue }
            if attribute == "href" || attribute == "src" {
                guard HTMLSanitizer.isSafe(address: value, attribute: attribute) else { continue }
            }
            guard written.insert(attribute).inserted else { continue }
            output.append(contentsOf: " \(attribute)=\"".utf8)
            for byte in value {
                switch byte {
                case UInt8(ascii: "\""): output.append(contentsOf: "&quot;".utf8)
                case Self.less: output.append(contentsOf: "&lt;".utf8)
                case Self.greater: output.append(contentsOf: "&gt;".utf8)
                default: output.append(byte)
                }
            }
            output.append(UInt8(ascii: "\""))
        }
        if name == "a", written.contains("href") {
            output.append(contentsOf: " rel=\"noopener noreferrer nofollow\"".utf8)
        }
        output.append(Self.greater)
    }

    /// Drops everything up to the end tag of an element, or to the end of the text.
    mutating func skip(element: String) {
        let end = Array("</\(element)".utf8)
        while position < bytes.count {
            guard bytes[position] == Self.less, position + end.count <= bytes.count,
                bytes[position..<position + end.count].elementsEqual(end, by: { ($0 | 0x20) == ($1 | 0x20) })
            else {
                position += 1
                continue
            }
            while position < bytes.count, bytes[position] != Self.greater { position += 1 }
            position = min(position + 1, bytes.count)
            return
        }
    }
}
