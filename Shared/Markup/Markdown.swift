import CMarkGFM
import Synchronization

/// Markdown as GitHub writes it: CommonMark 0.29 with tables, strikethrough, autolinks and task lists.
public enum Markdown {
    /// Renders a text, whose raw HTML counts as far as ``HTMLPolicy`` allows it.
    public static func render(_ source: String) -> RichText { HTMLSanitizer.sanitize(html(of: source)) }

    /// cmark's tables of extensions are the process's, and are filled once.
    private static let extensions: [String] = {
        cmark_gfm_core_extensions_ensure_registered()
        return ["table", "strikethrough", "autolink", "tasklist"]
    }()

    /// While it parses, cmark notes in a table of the process's which characters the extensions look for, and takes them out
    /// again at the end: of two that parse at once, one may see them go.
    private static let parsing = Mutex(())

    /// What cmark makes of it: not safe to show.
    private static func html(of source: String) -> String { parsing.withLock { _ in rendered(source) } }

    private static func rendered(_ source: String) -> String {
        let options = CMARK_OPT_UNSAFE | CMARK_OPT_VALIDATE_UTF8
        guard let parser = cmark_parser_new(options) else { return "" }
        defer { cmark_parser_free(parser) }
        for name in extensions {
            if let found = cmark_find_syntax_extension(name) { cmark_parser_attach_syntax_extension(parser, found) }
        }
        var source = source
        source.withUTF8 { buffer in
            buffer.withMemoryRebound(to: CChar.self) { cmark_parser_feed(parser, $0.baseAddress, $0.count) }
        }
        guard let document = cmark_parser_finish(parser) else { return "" }
        defer { cmark_node_free(document) }
        guard let html = cmark_render_html(document, options, cmark_parser_get_syntax_extensions(parser)) else {
            return ""
        }
        defer { cmark_get_default_mem_allocator().pointee.free(html) }
        return String(cString: html)
    }
}
