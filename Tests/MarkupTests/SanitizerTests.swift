import Testing

@testable import Markup

/// A reader of HTML as strict as possible: what the sanitizer writes has to pass it.
struct StrictReader {
    enum Fault: Error { case tag(String), unbalanced(String), loose(Character) }

    /// The names of the elements; throws unless all tags are written out, allowed and balanced, with allowed attributes.
    static func elements(of html: String) throws -> [String] {
        var names: [String] = []
        var open: [String] = []
        var rest = Substring(html)
        while let character = rest.first {
            if character == ">" { throw Fault.loose(">") }
            guard character == "<" else {
                rest.removeFirst()
                continue
            }
            guard let end = rest.firstIndex(of: ">") else { throw Fault.loose("<") }
            let tag = rest[..<rest.index(after: end)]
            rest = rest[rest.index(after: end)...]
            if let name = tag.wholeMatch(of: /<\/([a-z0-9]+)>/)?.1 {
                guard open.popLast() == String(name) else { throw Fault.unbalanced(String(tag)) }
                continue
            }
            guard let match = tag.wholeMatch(of: /<([a-z0-9]+)((?: [a-z]+(?:="[^"<>]*")?)*)>/),
                let rules = HTMLPolicy.elements[String(match.1)]
            else { throw Fault.tag(String(tag)) }
            for attribute in match.2.matches(of: #/ ([a-z]+)(?:="([^"<>]*)")?/#) {
                let name = String(attribute.1)
                let isOurs = ["rel", "loading", "disabled"].contains(name)
                guard isOurs || rules[name] != nil || HTMLPolicy.globalAttributes[name] != nil else {
                    throw Fault.tag(String(tag))
                }
                if ["href", "src", "cite"].contains(name), let value = attribute.2 {
                    guard value.prefixMatch(of: /(?:https?:|mailto:|tel:|[^:]*$|[^:]*[\/?#])/) != nil else {
                        throw Fault.tag(String(tag))
                    }
                }
            }
            names.append(String(match.1))
            if !HTMLPolicy.void.contains(String(match.1)) { open.append(String(match.1)) }
        }
        if let last = open.last { throw Fault.unbalanced(last) }
        return names
    }
}

@Suite("HTML that anybody wrote is safe to show")
struct SanitizerTests {
    /// Ways to run a script, or to leave the place that the text is shown in.
    static let attacks = [
        "<script>alert(1)</script>", "<SCRIPT SRC=http://x.example/x.js></SCRIPT>", "<scr<script>ipt>alert(1)</script>",
        "<img src=x onerror=alert(1)>", "<img src=x oneonerrorrror=alert(1)>",
        "<IMG \"\"\"><SCRIPT>alert(1)</SCRIPT>\">",
        "<img src=\"javascript:alert(1)\">", "<img src=jav&#x09;ascript:alert(1)>", "<svg onload=alert(1)>",
        "<svg><script>alert(1)</script></svg>", "<svg/onload=alert(1)//",
        "<svg><a xlink:href=\"javascript:alert(1)\">x",
        "<math><mi//xlink:href=\"data:x,<script>alert(1)</script>\">", "<a href=\"javascript:alert(1)\">x</a>",
        "<a href=\" \u{1}javascript:alert(1)\">x</a>", "<a href=\"java\nscript:alert(1)\">x</a>",
        "<a href=\"&#106;&#97;vascript&colon;alert(1)\">x</a>", "<a href=\"JaVaScRiPt:alert(1)\">x</a>",
        "<a href=\"vbscript:msgbox(1)\">x</a>", "<a href=\"data:text/html,<script>alert(1)</script>\">x</a>",
        "<a href=x onclick=alert(1)>x</a>", "<a href=\"x\" style=\"background:url(javascript:alert(1))\">x</a>",
        "<div style=\"position:fixed;inset:0\">x</div>", "<iframe src=javascript:alert(1)></iframe>",
        "<iframe srcdoc='<script>alert(1)</script>'></iframe>", "<object data=javascript:alert(1)>",
        "<embed src=javascript:alert(1)>", "<base href=\"https://x.example/\">",
        "<link rel=stylesheet href=//x.example>",
        "<meta http-equiv=refresh content=\"0;url=javascript:alert(1)\">", "<form action=javascript:alert(1)><button>x",
        "<button formaction=javascript:alert(1)>x</button>", "<input autofocus onfocus=alert(1)>",
        "<input type=image src=x onerror=alert(1)>", "<details open ontoggle=alert(1)>x</details>",
        "<video><source onerror=alert(1)></video>", "<audio src=x onerror=alert(1)>", "<body onload=alert(1)>",
        "<marquee onstart=alert(1)>x</marquee>", "<style>@import 'javascript:alert(1)';</style>",
        "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
        "<textarea></textarea><script>alert(1)</script>",
        "<title></title><img src=x onerror=alert(1)>", "<xmp></xmp><img src=x onerror=alert(1)>",
        "<template><script>alert(1)</script></template>", "<!--><img src=x onerror=alert(1)>-->",
        "<!--[if gte IE 4]><script>alert(1)</script><![endif]-->", "<![CDATA[><script>alert(1)</script>]]>",
        "<?xml version=\"1.0\"?><script>alert(1)</script>", "<p title='\"><script>alert(1)</script>'>x</p>",
        "<p title=\"&quot;&gt;&lt;img src=x onerror=alert(1)&gt;\">x</p>", "<a href='x\" onmouseover=\"alert(1)'>x</a>",
        "<img alt='\"><script>alert(1)</script>' src=x>", "<a title=\"</a><script>alert(1)</script>\" href=x>x</a>",
        "<table background=javascript:alert(1)><tr><td>x",
        "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
        "<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
        "<svg></p><style><a id=\"</style><img src=1 onerror=alert(1)>\">", "<p id=getElementById name=cookie>x</p>",
        "<a href=\"//x.example\\@y\">x</a>", "\u{0}<scr\u{0}ipt>alert(1)</scr\u{0}ipt>", "<x onclick=alert(1)>x</x>",
        "<a href=\"https://x.example/\" target=_blank>x</a>", "<p>\u{2028}<script\u{2028}>alert(1)</script>",
        "<%00script>alert(1)</%00script>", "<img src=`x` onerror=alert(1)>", "<<script>alert(1);//<</script>",
        "&lt;script&gt;alert(1)&lt;/script&gt;", "<div><p><div><a><a href=javascript:alert(1)><b><table><a>x",
    ]

    @Test("attacks", arguments: attacks)
    func attack(_ html: String) throws {
        for rich in [HTMLSanitizer.sanitize(html), Markdown.render(html), Markdown.render("> * " + html)] {
            _ = try StrictReader.elements(of: rich.html)
            _ = try StrictReader.elements(of: HTMLSanitizer.sanitize(rich.html).html)
        }
    }

    @Test("says where links lead and pictures are, as far as they are left")
    func addresses() {
        let text = """
            [a](/a?b=1&c=2) ![p](https://p.example/p.png) [![in](/in)](/out) <img src="javascript:alert(1)"> [x](javascript:x)
            <svg><image href="/gone"></svg> https://auto.example
            """
        let addresses = Markdown.render(text).addresses
        #expect(
            addresses == ["/a?b=1&c=2", "https://p.example/p.png", "/out", "/in", "https://auto.example"],
            "\(addresses)")
    }

    @Test(
        "in Markdown's own words",
        arguments: [
            "[x](javascript:alert(1))", "[x](<java\tscript:alert(1)>)", "![x](javascript:alert(1))",
            "<javascript:alert(1)>",
            "[x]: javascript:alert(1)\n\n[x]", "[x](data:text/html;base64,PHNjcmlwdD4=)",
            "[x](&#x6A;avascript:alert(1))",
            "[a](https://x.example \"title\\\" onmouseover=alert(1)\")", "```\" onmouseover=alert(1)\nx\n```",
            "www.x.example\"onmouseover=alert(1)", "[x](vbscript:x)", "![\"onerror=alert(1)](x)",
            "[<img src=x onerror=1>](x)",
        ])
    func markdown(_ source: String) throws {
        _ = try StrictReader.elements(of: Markdown.render(source).html)
    }

    @Test("random pieces of HTML, put together at random", arguments: UInt64(0)..<40)
    func fuzz(seed: UInt64) throws {
        var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
        func next(_ bound: Int) -> Int {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return Int(state % UInt64(bound))
        }
        let pieces = [
            "<", ">", "/", "\"", "'", "=", " ", "a", "p", "td", "table", "svg", "math", "style", "script", "img", "src",
            "href", "onerror", "javascript:", "&lt;", "&#x3c;", "&", ";", "<!--", "-->", "<![CDATA[", "]]>", "\n",
            "\u{0}",
            "é", "\u{202E}", "<p>", "</p>", "<a href=", "<b", "<input type=checkbox", "```", "[x](", ")", "`", "title",
            "x",
        ]
        for _ in 0..<50 {
            let html = (0..<next(40)).map { _ in pieces[next(pieces.count)] }.joined()
            let rich = HTMLSanitizer.sanitize(html)
            _ = try StrictReader.elements(of: rich.html)
            _ = try StrictReader.elements(of: HTMLSanitizer.sanitize(rich.html).html)
            _ = try StrictReader.elements(of: Markdown.render(html).html)
            let once = HTMLSanitizer.sanitizeIfMarkup(html, from: .message)
            #expect(!once.lowercased().contains(/<(?:script|svg)[\s\/>]/), "\(html.debugDescription)")
        }
    }

    @Test("what is deep or long ends soon")
    func bounded() throws {
        for piece in [
            "<div>", "<table><tr><td>", "<a href=x>", "> ", "* ", "[", "![](", "**", "`", "<!--", "&", "\\", "_a_",
        ] {
            let text = String(repeating: piece, count: 20_000 / piece.utf8.count)
            _ = try StrictReader.elements(of: HTMLSanitizer.sanitize(text).html)
            _ = try StrictReader.elements(of: Markdown.render(text).html)
        }
    }
}

@Suite("Markdown keeps what its writer meant")
struct MarkdownTests {
    @Test(
        "rendered",
        arguments: [
            ("# Reset *your* password", "<h1>Reset <em>your</em> password</h1>", "Reset your password"),
            ("1. one\n2. two", "<ol><li>one</li><li>two</li></ol>", "one\ntwo"),
            ("a  \nb", "<p>a<br>b</p>", "a\nb"),
            ("`a < b` & \"c\"", "<p><code>a &lt; b</code> &amp; &quot;c&quot;</p>", "a < b & \"c\""),
            ("~~old~~ **new**", "<p><del>old</del> <strong>new</strong></p>", "old new"),
            (
                "[docs](https://x.example/a?b=1&c=2 \"T\")",
                "<p><a href=\"https://x.example/a?b=1&amp;c=2\" title=\"T\" rel=\"nofollow noopener noreferrer\">docs</a></p>",
                "docs"
            ),
            ("![chart](/files/1.png)", "<p><img alt=\"chart\" src=\"/files/1.png\" loading=\"lazy\"></p>", "chart"),
            ("- [x] done", "<ul><li><input checked disabled type=\"checkbox\"> done</li></ul>", "done"),
            ("```swift\nlet a = 1\n```", "<pre><code class=\"language-swift\">let a = 1</code></pre>", "let a = 1"),
            (
                "|a|b|\n|-|:-:|\n|1|2|",
                "<table><thead><tr><th>a</th><th align=\"center\">b</th></tr></thead><tbody><tr><td>1</td><td align=\"center\">2</td></tr></tbody></table>",
                "a\nb\n1\n2"
            ),
            ("H<sub>2</sub>O <kbd>Ctrl</kbd>", "<p>H<sub>2</sub>O <kbd>Ctrl</kbd></p>", "H2O Ctrl"),
            ("日本語 と emoji 🎉", "<p>日本語 と emoji 🎉</p>", "日本語 と emoji 🎉"),
            (
                "<details><summary>More</summary>\n\ntext\n\n</details>",
                "<details><summary>More</summary><p>text</p></details>", "More\ntext"
            ),
        ])
    func rendered(source: String, html: String, text: String) {
        let rich = Markdown.render(source)
        #expect(rich.html.replacing("\n", with: "") == html)
        #expect(rich.text == text)
    }
}
