import TestKit
import Testing

@testable import Tickets

@Suite struct HTMLSanitizerTests {
    static let cases: [(html: String, safe: String)] = [
        ("plain", "plain"),
        ("a < b && c > d", "a < b && c > d"),
        ("Jane <jane@example.com>", "Jane <jane@example.com>"),
        ("<p>Hi <b>you</b></p>", "<p>Hi <b>you</b></p>"),
        ("<P CLASS=x onclick='a()'>Hi</P>", "<p>Hi</p>"),
        ("<script>alert(1)</script>x", "x"),
        ("<SCRIPT src=//evil>alert(1)</sCript >x", "x"),
        ("<style>p{}</style><p>x</p>", "<p>x</p>"),
        ("<svg/onload=alert(1)>", ""),
        ("<x onclick=alert(1)>y</x>", "y</x>"),
        ("<a href=\"javascript:alert(1)\">x</a>", "<a>x</a>"),
        ("<a href=\" javascript:alert(1)\">x</a>", "<a>x</a>"),
        ("<a href=\"java\nscript:alert(1)\">x</a>", "<a>x</a>"),
        ("<a href=\"&#106;avascript:alert(1)\">x</a>", "<a>x</a>"),
        (
            "<a href=https://example.com/?a=1&b=2 target=_blank>x</a>",
            "<a href=\"https://example.com/?a=1&b=2\" rel=\"noopener noreferrer nofollow\">x</a>"
        ),
        ("<img src=x onerror=alert(1)>", "<img>"),
        ("<img src='cid:1' alt='\"><script>'>", "<img src=\"cid:1\" alt=\"&quot;&gt;&lt;script&gt;\">"),
        ("<!-- <script> -->x<!DOCTYPE html><?php ?>y", "xy"),
        ("<!-- open", ""),
        ("<<meta x>script>alert(1)</script>", "&lt;script>alert(1)"),
        ("<p", "&lt;p"),
        ("<p title=\"open", "&lt;p title=\"open"),
        ("</p onclick=x>", "</p>"),
        ("<iframe src=x>in</iframe>out", "out"),
        ("<body onload=x><form action=y><input>text</form>", "text"),
    ]

    @Test(arguments: cases)
    func `only what can do no harm stays`(example: (html: String, safe: String)) {
        #expect(HTMLSanitizer.sanitized(example.html) == example.safe)
    }

    @Test func `plain text is what a reader sees`() {
        #expect(
            HTMLSanitizer.plainText("<p>Hello&nbsp;<b>you</b></p><p>a &lt; b<br>c &amp;lt; d</p><script>x</script>")
                == "Hello\u{A0}you\na < b\nc &lt; d")
    }

    /// Whatever comes in: nothing that runs comes out, and a second pass finds nothing more to do.
    @Test(arguments: UInt64(0)..<400)
    func `noise stays harmless and one pass is enough`(seed: UInt64) {
        var dice = Dice(seed: seed)
        let pieces = [
            "<", ">", "</", "script", "<script>", "</script>", "svg", " onload=", "onclick=x", "\"", "'", "=", " ", "/",
            "a", " href=", "javascript:", "https://x", "img", " src=", "<p>", "<b ", "<!--", "-->", "<!", "<?", "&lt;",
            "<x>", "meta", "\n", "é",
        ]
        let html = (0..<Int.random(in: 1...25, using: &dice)).map { _ in dice.pick(pieces) }.joined()
        let once = HTMLSanitizer.sanitized(html)
        #expect(HTMLSanitizer.sanitized(once) == once, "of \(html.debugDescription)")
        #expect(!once.lowercased().contains(/<script[\s\/>]/))
        #expect(!once.lowercased().contains(/<svg[\s\/>]/))
        #expect(once.wholeMatch(of: /(?is).*<[a-z][^>]*\son[a-z]+\s*=.*/) == nil, "of \(html.debugDescription)")
    }
}
