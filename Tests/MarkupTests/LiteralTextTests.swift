import Testing

@testable import Markup

@Suite("What only looks like markup is text")
struct LiteralTextTests {
    @Test(
        "texts that nobody takes for HTML stay byte for byte",
        arguments: [
            "", "plain", "a < b && c > d", "Jane <jane@example.com>", "I <3 you", "</3", "List<String> & Map<Int, T>",
            "if x <y and z", "see <https://example.com/a?b=c&d>", "use <your-name> and </your-name>", "<p",
            "&amp; &lt;",
            "<p title=\"open", "a\r\n\tb  c", "<don't>", "<<", "<", "x<", "<_>", "<:x>",
            "Jane <mailto:jane@example.com>",
        ])
    func plain(text: String) {
        #expect(HTMLSanitizer.sanitizeIfMarkup(text, from: .message) == text)
    }

    @Test(
        "in HTML they are shown",
        arguments: [
            ("<b>Jane</b> <jane@example.com>", "<b>Jane</b> &lt;jane@example.com&gt;"),
            ("<p>List<String> of <T></p>", "<p>List&lt;String&gt; of &lt;T&gt;</p>"),
            ("<p>x <y and z</p>", "<p>x &lt;y and z</p>"), ("<p><x a=1>y</x></p>", "<p>y</p>"),
            ("<p><o:p>y</o:p></p>", "<p>y</p>"), ("<o:p a=\"1\">y</o:p>", "y"), ("<x:script>y</x:script>", "y"),
            ("<p title=\"<x>\">y</p>", "<p title=\"&lt;x&gt;\">y</p>"),
            ("<p>a<!-- <x> -->b</p>", "<p>ab</p>"), ("<div><center>y</center></div>", "<div>y</div>"),
        ])
    func shown(html: String, safe: String) {
        #expect(HTMLSanitizer.sanitizeIfMarkup(html, from: .message) == safe)
    }

    @Test("a message's addresses say all of themselves")
    func addresses() {
        let html = "<p><a href=\"/out\">a</a><a href=\"//x.example\">b</a><img src=\"cid:1\"><img src=\"x\"></p>"
        #expect(
            HTMLSanitizer.sanitize(html, from: .message).html
                == "<p><a>a</a><a>b</a><img alt=\"\" src=\"cid:1\" loading=\"lazy\"><img alt=\"\" loading=\"lazy\"></p>"
        )
        #expect(HTMLSanitizer.sanitize(html).html.contains("href=\"/out\""))
        #expect(!HTMLSanitizer.sanitize(html).html.contains("cid:"))
    }

    @Test("plain text keeps what is preformatted")
    func verbatim() {
        let html = "<p>a   b</p>\n<pre>\n  if x {\n\n    y\n  }\n</pre><p>c&nbsp;d</p><ul><li>e<li>f</ul>"
        #expect(HTMLSanitizer.sanitize(html).text == "a b\n  if x {\n\n    y\n  }\nc d\ne\nf")
    }
}
