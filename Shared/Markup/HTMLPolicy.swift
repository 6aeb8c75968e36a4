/// What user-written HTML may contain: an allow-list of elements and attributes, in the manner of the W3C's draft for an
/// HTML Sanitizer API. What is not named here does not get through.
enum HTMLPolicy {
    /// Elements that are kept, with the attributes that each may have beside the global ones.
    static let elements: [String: [String: Rule]] = [
        "a": ["href": .link], "abbr": [:], "b": [:], "bdi": [:], "bdo": [:], "blockquote": ["cite": .link], "br": [:],
        "caption": [:], "cite": [:], "code": ["class": .language], "col": ["span": .number], "colgroup": [:], "dd": [:],
        "del": [:], "details": ["open": .flag], "dfn": [:], "div": [:], "dl": [:], "dt": [:], "em": [:],
        "figcaption": [:], "figure": [:], "h1": [:], "h2": [:], "h3": [:], "h4": [:], "h5": [:], "h6": [:], "hr": [:],
        "i": [:], "img": ["src": .resource, "alt": .text, "width": .number, "height": .number],
        "input": ["checked": .flag, "disabled": .flag, "type": .only("checkbox")], "ins": [:], "kbd": [:], "li": [:],
        "mark": [:], "ol": ["start": .number, "reversed": .flag], "p": [:], "pre": [:], "q": [:], "rp": [:], "rt": [:],
        "ruby": [:], "s": [:], "samp": [:], "small": [:], "span": [:], "strong": [:], "sub": [:], "summary": [:],
        "sup": [:], "table": [:], "tbody": [:], "td": cell, "tfoot": [:], "th": cell, "thead": [:], "tr": [:], "u": [:],
        "ul": [:], "var": [:], "wbr": [:],
    ]

    private static let cell: [String: Rule] = [
        "align": .oneOf(["left", "right", "center"]), "colspan": .number, "rowspan": .number,
        "scope": .oneOf(["row", "col", "rowgroup", "colgroup"]),
    ]

    static let globalAttributes: [String: Rule] = [
        "title": .text, "lang": .tag, "dir": .oneOf(["ltr", "rtl", "auto"]),
    ]

    /// Elements that go with all they contain: what they contain is not text.
    static let dropped: Set<String> = [
        "applet", "audio", "base", "canvas", "embed", "frame", "frameset", "head", "iframe", "link", "math", "meta",
        "noembed", "noframes", "noscript", "object", "option", "param", "plaintext", "portal", "script", "select",
        "source", "style", "svg", "template", "textarea", "title", "track", "video", "xmp",
    ]

    /// Elements that go and leave what they contain. Any other name is none of HTML: `<your name>` is text, whoever wrote it.
    static let unwrapped: Set<String> = [
        "acronym", "address", "area", "article", "aside", "basefont", "bgsound", "big", "blink", "body", "button",
        "center", "command", "content", "data", "datalist", "dialog", "dir", "fieldset", "font", "footer", "form",
        "header", "hgroup", "html", "image", "isindex", "keygen", "label", "legend", "listing", "main", "map",
        "marquee", "menu", "menuitem", "meter", "multicol", "nav", "nextid", "nobr", "optgroup", "output", "picture",
        "progress", "rb", "rtc", "search", "section", "selectedcontent", "shadow", "slot", "spacer", "strike", "time",
        "tt",
        // Of SVG and MathML, whose beginning may be missing.
        "animate", "animatemotion", "animatetransform", "annotation", "annotation-xml", "circle", "defs", "desc",
        "ellipse", "feimage", "filter", "foreignobject", "g", "handler", "line", "listener", "maction", "malignmark",
        "mglyph", "mi", "mn", "mo", "mpath", "mrow", "ms", "mstyle", "mtext", "path", "pattern", "polygon", "polyline",
        "rect", "semantics", "set", "stop", "switch", "symbol", "text", "textpath", "tspan", "use",
    ]

    /// Whether browsers know an element of that name, in lower case.
    static func isElement(_ name: String) -> Bool {
        elements[name] != nil || dropped.contains(name) || unwrapped.contains(name)
    }

    static let void: Set<String> = ["br", "col", "hr", "img", "input", "wbr"]

    /// Elements after which a reader sees a new line.
    static let blocks: Set<String> = [
        "blockquote", "br", "caption", "dd", "details", "div", "dl", "dt", "figcaption", "figure", "h1", "h2", "h3",
        "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "summary", "table", "td", "th", "tr", "ul",
    ]

    /// What an attribute's value has to be.
    enum Rule: Sendable {
        case text
        case flag
        case number
        case tag
        case language
        /// Followed when the reader wants it.
        case link
        /// Fetched when the page is shown.
        case resource
        case only(String)
        case oneOf(Set<String>)

        /// The value as it may stand in a page; nil where it may not.
        func accepted(_ value: String, from origin: HTMLSanitizer.Origin) -> String? {
            switch self {
            case .text: value
            case .flag: ""
            case .number: (1...5).contains(value.utf8.count) && value.utf8.allSatisfy(\.isDigit) ? value : nil
            case .tag:
                value.utf8.count <= 35 && value.utf8.allSatisfy { $0.isLetterOrDigit || $0 == 0x2D } ? value : nil
            case .language: Self.isLanguage(value) ? value : nil
            case .link: URLPolicy.accepted(value, schemes: ["http", "https", "mailto", "tel"], from: origin)
            case .resource:
                URLPolicy.accepted(
                    value, schemes: origin == .message ? ["http", "https", "cid"] : ["http", "https"], from: origin)
            case .only(let wanted): value.lowercased() == wanted ? wanted : nil
            case .oneOf(let wanted): wanted.contains(value.lowercased()) ? value.lowercased() : nil
            }
        }

        /// `language-swift`, as CommonMark's info strings become.
        private static func isLanguage(_ value: String) -> Bool {
            let prefix = "language-"
            return value.hasPrefix(prefix) && value.utf8.count <= 50
                && value.utf8.dropFirst(prefix.utf8.count).allSatisfy {
                    $0.isLetterOrDigit || "+-#_.".utf8.contains($0)
                }
        }
    }
}

/// Which addresses may stand in a page.
enum URLPolicy {
    /// The address as browsers read it (WHATWG URL: blanks at the ends and line breaks anywhere do not count); nil where
    /// its scheme is none of these, or where it has other control characters. A relative one is accepted of what was
    /// written for the site; of what came from elsewhere it would lead to wherever it is shown.
    static func accepted(_ address: String, schemes: Set<String>, from origin: HTMLSanitizer.Origin) -> String? {
        var bytes = Array(address.utf8)
        while let last = bytes.last, last <= 0x20 { bytes.removeLast() }
        bytes = Array(bytes.drop { $0 <= 0x20 })
        bytes.removeAll { $0 == 0x09 || $0 == 0x0A || $0 == 0x0D }
        guard bytes.count <= 2_048, bytes.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else { return nil }
        let text = String(decoding: bytes, as: UTF8.self)
        // A colon before any of these is a scheme's, or is meant to be taken for one.
        let head = text.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        guard let colon = head.firstIndex(of: ":") else { return origin == .site ? text : nil }
        return schemes.contains(head[..<colon].lowercased()) ? text : nil
    }
}

extension UInt8 {
    var isDigit: Bool { (0x30...0x39).contains(self) }
    var isLetterOrDigit: Bool { isDigit || (0x41...0x5A).contains(self) || (0x61...0x7A).contains(self) }
}

/// Addresses that somebody gave, fit for a page's links.
public enum SafeAddress {
    /// The address as it may stand in a link; nil where following it could run something.
    public static func link(_ address: String) -> String? { HTMLPolicy.Rule.link.accepted(address, from: .site) }
}
