import Foundation
import Testing

@testable import Markup

@Suite("A text as the body of a page")
struct PageBodyTests {
    private func page(_ markdown: String) -> String {
        PageBody.html(
            Markdown.render(markdown).html, below: 1, names: .init(table: "Table", done: "Done", open: "\"Open\"")
        ).replacing("\n", with: "")
    }

    @Test(
        "headings stand below the page's, one level after the other",
        arguments: [
            ("# A\n## B\n# C", [2, 3, 2]), ("## A\n### B\n## C", [2, 3, 2]), ("### A\n# B", [2, 2]),
            ("# A\n#### B\n### C\n###### D", [2, 3, 3, 4]), ("#### A", [2]),
            ("# A\n## A\n### A\n#### A\n##### A\n###### A", [2, 3, 4, 5, 6, 6]),
            ("<h1>a<h3>b</h3></h1>", [2, 3]), ("<h2>\u{301}a</h2>\u{301}<h5>b</h5>", [2, 3]),
        ])
    func headings(markdown: String, levels: [Int]) {
        let html = page(markdown)
        #expect(html.matches(of: /<h([1-6])/).map { Int($0.1) } == levels, "\(html)")
        #expect(html.matches(of: /<\/h([1-6])/).compactMap { Int($0.1) }.sorted() == levels.sorted(), "\(html)")
    }

    @Test(
        "headings can be led to",
        arguments: [
            ("# Reset *your* password!\n[to](#reset-your-password)", "section-reset-your-password"),
            ("# A & B < \"C\"\n[to](#a--b--c)", "section-a--b--c"),
            ("# Übung\n# Übung\n[to](#übung-1)", "section-übung-1"),
        ])
    func anchors(markdown: String, id: String) throws {
        let html = page(markdown)
        #expect(html.contains(" id=\"\(id)\">"), "\(html)")
        let target = try #require(html.firstMatch(of: /href="#([^"]*)"/)).1
        #expect(target.removingPercentEncoding == id, "\(html)")
    }

    @Test("other links, and headings without words, stay")
    func unchanged() {
        #expect(page("[a](https://x.example/#b)").contains("href=\"https://x.example/#b\""))
        #expect(page("# !") == "<h2>!</h2>")
        #expect(page("*a* > b") == "<p><em>a</em> &gt; b</p>")
    }

    @Test("what is wide scrolls by itself, and boxes have names")
    func scrolling() {
        #expect(
            page("|a|\n|-|\n|1|").hasPrefix(
                "<div class=\"scroll\" role=\"group\" tabindex=\"0\" aria-label=\"Table\"><table>"))
        #expect(page("|a|\n|-|\n|1|").hasSuffix("</table></div>"))
        #expect(page("```\nx\n```") == "<pre tabindex=\"0\"><code>x</code></pre>")
        let tasks = page("- [x] a\n- [ ] b")
        #expect(tasks.contains("<input aria-label=\"Done\" checked disabled type=\"checkbox\">"), "\(tasks)")
        #expect(tasks.contains("<input aria-label=\"&quot;Open&quot;\" disabled type=\"checkbox\">"), "\(tasks)")
    }
}
