import Search
import Testing

@Suite("What is typed into a search box")
struct SearchQueryTests {
    typealias Term = SearchQuery.Term

    @Test(
        "is read as web searches are",
        arguments: [
            ("reset password", [[Term.word("reset")], [.word("password")]], []),
            ("\"reset password\" vpn", [[.phrase("reset password")], [.word("vpn")]], []),
            ("vpn -windows -\"old mac\"", [[.word("vpn")]], [.word("windows"), .phrase("old mac")]),
            ("pass* x", [[.prefix("pass")], [.word("x")]], []),
            ("mac OR windows vpn", [[.word("mac"), .word("windows")], [.word("vpn")]], []),
            ("OR", [], []), ("OR a OR", [[.word("a")]], []), ("a OR OR b", [[.word("a"), .word("b")]], []),
            ("-", [[.word("-")]], []), ("--x", [[.word("--x")]], []), ("a -", [[.word("a")], [.word("-")]], []),
            ("*", [[.word("*")]], []), ("\"", [], []), ("\"\"", [], []), ("\"open", [[.phrase("open")]], []),
            ("a\"b\"c", [[.word("a")], [.phrase("b")], [.word("c")]], []), ("", [], []), (" \t\n", [], []),
            ("e-mail", [[.word("e-mail")]], []), ("-\"\" a", [[.word("a")]], []),
        ] as [(String, [[Term]], [Term])])
    func reading(text: String, wanted: [[Term]], unwanted: [Term]) {
        let query = SearchQuery(text)
        #expect(query.wanted == wanted)
        #expect(query.unwanted == unwanted)
    }

    @Test("may be incomplete while somebody types")
    func typing() {
        #expect(
            SearchQuery("reset pass", isBeginning: true).wanted == [
                [.word("reset")], [.word("pass"), .prefix("pass")],
            ])
        #expect(SearchQuery("reset ", isBeginning: true).wanted == [[.word("reset")]])
        #expect(SearchQuery("reset pass", isBeginning: true).text == "reset pass")
    }

    @Test("is bounded")
    func bounded() {
        let query = SearchQuery(String(repeating: "a ", count: 100_000))
        #expect(query.wanted.count == SearchQuery.termsMax)
    }

    @Test("is written as it would be typed", arguments: ["a b", "\"a b\" c*", "a OR b c -d -\"e f\""])
    func writing(text: String) { #expect(SearchQuery(text).text == text) }

    @Test("has other words put in")
    func replacing() {
        #expect(SearchQuery("resst \"resst\" vpn").replacing(["resst": "reset"]).text == "reset \"resst\" vpn")
    }
}
