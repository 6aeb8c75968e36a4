import CLibXML2

/// Makes HTML that anybody wrote safe to show: parses it with libxml2, keeps what ``HTMLPolicy`` allows, and writes it anew.
///
/// Nothing of the input is copied as it stands: tags are written from the policy's names, and text and values are escaped.
/// What comes out has no element whose content a browser reads otherwise than as markup (`style`, `svg`, `noscript` …), so
/// that it means the same to any parser.
public enum HTMLSanitizer {
    /// Deeper elements lose their tags and keep their text.
    static let depthMax = 100

    /// Where HTML was written, which says what its relative addresses mean.
    public enum Origin: Sendable {
        /// For the site that shows it: they lead somewhere in it.
        case site
        /// Elsewhere: they mean nothing. Pictures may be those that came along (`cid:`, RFC 2392).
        case message
    }

    /// libxml2's own tables are the process's, and are filled once.
    private static let isReady: Void = xmlInitParser()

    public static func sanitize(_ html: String, from origin: Origin = .site) -> RichText {
        parsed(LiteralText.escaped(html).bytes, from: origin)
    }

    /// The safe part of what somebody sent without saying whether it is HTML. Where browsers see no markup in it, it stays
    /// byte for byte: `a < b`, `Jane <jane@example.com>`. Applying it again changes nothing, unless elements were nested as
    /// HTML forbids.
    public static func sanitizeIfMarkup(_ text: String, from origin: Origin) -> String {
        let source = LiteralText.escaped(text)
        return source.hasMarkup ? parsed(source.bytes, from: origin).html : text
    }

    private static func parsed(_ content: [UInt8], from origin: Origin) -> RichText {
        _ = isReady
        // Without a body that begins before it, a text's beginning would be made a paragraph.
        let bytes = content.isEmpty ? [] : Array("<body>".utf8) + content
        guard !bytes.isEmpty else { return RichText(html: "", text: "") }
        let options =
            Int32(HTML_PARSE_RECOVER.rawValue) | Int32(HTML_PARSE_NOERROR.rawValue)
            | Int32(HTML_PARSE_NOWARNING.rawValue) | Int32(HTML_PARSE_NONET.rawValue)
            | Int32(HTML_PARSE_NODEFDTD.rawValue)
        let document = bytes.withUnsafeBytes { buffer in
            htmlReadMemory(
                buffer.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(clamping: buffer.count), nil, "UTF-8",
                options)
        }
        guard let document else { return RichText(html: "", text: "") }
        defer { xmlFreeDoc(document) }
        var writer = Writer(origin: origin)
        if let root = xmlDocGetRootElement(document) { writer.write(root) }
        return RichText(html: writer.html, text: writer.text.tidied, addresses: writer.addresses)
    }

    /// Text with what HTML reserves escaped, for content and for values in double quotes.
    public static func escape(_ text: some StringProtocol) -> String {
        var escaped = ""
        escaped.reserveCapacity(text.utf8.count)
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

    private struct Writer {
        let origin: Origin
        var html = ""
        var text = PlainText()
        var addresses: [String] = []

        init(origin: Origin) { self.origin = origin }

        /// Elements that were entered; nil for those without a tag.
        private var open: [String?] = []

        /// Walks the tree without recursion: a document may be nested as deeply as it is long.
        mutating func write(_ root: xmlNodePtr) {
            var node = root
            while true {
                if enter(node) {
                    if let child = node.pointee.children {
                        node = child
                        continue
                    }
                    leave()
                }
                while node.pointee.next == nil || node == root {
                    guard node != root, let parent = node.pointee.parent else { return }
                    leave()
                    node = parent
                }
                guard let next = node.pointee.next else { return }
                node = next
            }
        }

        /// Whether the node is an element whose children are wanted.
        private mutating func enter(_ node: xmlNodePtr) -> Bool {
            switch node.pointee.type {
            case XML_TEXT_NODE:
                let content = Self.string(node.pointee.content)
                html += escape(content)
                text.add(content)
                return false
            case XML_ELEMENT_NODE:
                let name = Self.string(node.pointee.name).lowercased()
                if HTMLPolicy.dropped.contains(name) { return false }
                guard let rules = HTMLPolicy.elements[name], open.count < HTMLSanitizer.depthMax else {
                    open.append(nil)
                    return true
                }
                var attributes = attributes(of: node, rules)
                // An input is a task list's box, or nothing.
                if name == "input", attributes["type"] == nil { return false }
                if name == "input" { attributes["disabled"] = "" }
                // A picture that its writer gave no words is passed over, instead of its address being read out.
                if name == "img", attributes["alt"] == nil { attributes["alt"] = "" }
                if HTMLPolicy.blocks.contains(name) { text.add("\n") }
                if name == "pre" { text.beginVerbatim() }
                if let address = attributes["href"] ?? attributes["src"] { addresses.append(address) }
                html += "<\(name)"
                for (attribute, value) in attributes.sorted(by: { $0.key < $1.key }) {
                    html += value.isEmpty && attribute != "alt" ? " \(attribute)" : " \(attribute)=\"\(escape(value))\""
                }
                if name == "a", attributes["href"] != nil { html += " rel=\"nofollow noopener noreferrer\"" }
                if name == "img" { html += " loading=\"lazy\"" }
                html += ">"
                if name == "img", let alternative = attributes["alt"] { text.add(alternative) }
                if HTMLPolicy.void.contains(name) {
                    // libxml2 knows `wbr` for no void element, and puts what follows into it.
                    open.append(nil)
                    return true
                }
                open.append(name)
                return true
            default:
                return false
            }
        }

        private mutating func leave() {
            guard let tag = open.popLast() ?? nil else { return }
            html += "</\(tag)>"
            if tag == "pre" { text.endVerbatim() }
            if HTMLPolicy.blocks.contains(tag) { text.add("\n") }
        }

        private func attributes(of node: xmlNodePtr, _ rules: [String: HTMLPolicy.Rule]) -> [String: String] {
            var attributes: [String: String] = [:]
            var attribute = node.pointee.properties
            while let current = attribute {
                defer { attribute = current.pointee.next }
                let name = Self.string(current.pointee.name).lowercased()
                guard let rule = rules[name] ?? HTMLPolicy.globalAttributes[name] else { continue }
                let content = xmlNodeListGetString(node.pointee.doc, current.pointee.children, 1)
                defer { deskwire_xml_free(content) }
                attributes[name] = rule.accepted(Self.string(content), from: origin)
            }
            return attributes
        }

        private static func string(_ pointer: UnsafePointer<xmlChar>?) -> String {
            pointer.map { String(cString: $0) } ?? ""
        }
    }
}
