import Foundation
import Mail
import TestKit
import Testing

@Suite struct AddressTests {
    @Test(arguments: [
        ("ada@example.com", "ada", "example.com"), ("Ada.Lovelace+tag@Example.COM", "Ada.Lovelace+tag", "example.com"),
        ("\"ada lovelace\"@example.com", "ada lovelace", "example.com"),
        (#""a\"b\\c"@example.com"#, #"a"b\c"#, "example.com"), ("\"ada\"@example.com", "ada", "example.com"),
        ("!#$%&'*+-/=?^_`{|}~@example.com", "!#$%&'*+-/=?^_`{|}~", "example.com"),
        ("root@localhost", "root", "localhost"),
        ("用户@例子.example", "用户", "例子.example"), ("ada@xn--bcher-kva.example", "ada", "xn--bcher-kva.example"),
        (String(repeating: "a", count: 64) + "@example.com", String(repeating: "a", count: 64), "example.com"),
    ]) func taken(text: String, local: String, domain: String) throws {
        let address = try EmailAddress(text)
        #expect(address.localPart == local)
        #expect(address.domain == domain)
        #expect(try EmailAddress(address.text) == address)
    }

    @Test(arguments: [
        ("", "empty"), ("ada", "bad_format"), ("@example.com", "bad_format"), ("ada@", "empty"),
        ("a@b@c.example", "bad_format"),
        (".ada@example.com", "bad_format"), ("ada.@example.com", "bad_format"), ("a..b@example.com", "bad_format"),
        ("ada lovelace@example.com", "bad_format"), ("ada@exa mple.com", "bad_format"),
        ("ada@-a.example", "bad_format"),
        ("ada@a-.example", "bad_format"), ("ada@a..example", "bad_format"), ("ada@example.com.", "bad_format"),
        ("ada@127.0.0.1", "bad_format"), ("ada@[127.0.0.1]", "bad_format"), ("<ada@example.com>", "bad_format"),
        ("ada@example.com\r\nRCPT TO:<evil@example.com>", "bad_format"), ("ada\r\n@example.com", "bad_format"),
        ("\"ada\r\n\"@example.com", "control_character"), ("\"a\u{202e}b\"@example.com", "control_character"),
        ("\"ada@example.com", "bad_format"), ("\"\"@example.com", "bad_format"),
        ("a\u{200b}b@example.com", "bad_format"),
        ("a\u{a0}b@example.com", "bad_format"), ("ada@exam_ple.com", "bad_format"), ("ada@example.com>", "bad_format"),
        (String(repeating: "a", count: 65) + "@example.com", "too_long"),
        ("ada@" + String(repeating: "a", count: 64) + ".example", "too_long"),
        ("ada@" + String(repeating: "a.", count: 200) + "example", "too_long"),
        ("ada@" + String(repeating: "ü", count: 60) + ".example", "too_long"),
    ]) func refused(text: String, code: String) {
        #expect { try EmailAddress(text) } throws: { ($0 as? MailFault)?.code == code }
    }

    /// Samples of RFC 3492, section 7.1, and domains that exist.
    @Test(
        arguments: [
            ("bücher.example", "xn--bcher-kva.example"), ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
            ("пример.испытание", "xn--e1afmkfd.xn--80akhbyknj4f"), ("ليهمابتكلموشعربي؟".filter { $0 != "؟" }, nil),
            ("παράδειγμα.δοκιμή", "xn--hxajbheg2az3al.xn--jxalpdlp"), ("他们为什么不说中文", "xn--ihqwcrb4cv8a8dqg056pqjye"),
            ("pročprostěnemluvíčesky", "xn--proprostnemluvesky-uyb24dma41a"), ("example.com", "example.com"),
            ("BÜCHER.example", "xn--bcher-kva.example"), ("3年b組金八先生", "xn--3b-ww4c5e180e575a65lsy2b"),
        ] as [(String, String?)]) func domainsAsDNSHasThem(text: String, ascii: String?) throws
    {
        let domain = try DomainName(text)
        if let ascii { #expect(domain.ascii == ascii) }
        #expect(try DomainName(domain.ascii).ascii == domain.ascii)
    }

    @Test(arguments: [
        ("ada@example.com", [("", "ada@example.com")]), ("Ada <ada@example.com>", [("Ada", "ada@example.com")]),
        (
            "\"Lovelace, Ada\" <ada@example.com>, bob@example.com",
            [("Lovelace, Ada", "ada@example.com"), ("", "bob@example.com")]
        ),
        (
            "Team: a@example.com, B <b@example.com>;, c@example.com",
            [("", "a@example.com"), ("B", "b@example.com"), ("", "c@example.com")]
        ),
        ("(note) Ada (the \\) first (really)) <ada@example.com> (end)", [("Ada", "ada@example.com")]),
        ("undisclosed-recipients:;", []), ("", []), (",,", []),
        ("\"odd one\"@example.com", [("", "\"odd one\"@example.com")]),
    ]) func lists(text: String, expected: [(String, String)]) throws {
        let found = try Mailbox.list(text)
        #expect(found.map { $0.name ?? "" } == expected.map(\.0))
        #expect(found.map(\.address.text) == expected.map(\.1))
    }

    @Test(arguments: [
        "\"open", "(open", "<ada@example.com", "a@example.com b@example.com", "<a@example.com> <b@example.com>",
    ])
    func badLists(text: String) {
        #expect(throws: MailFault.self) { try Mailbox.list(text) }
    }

    @Test(arguments: [
        ("<a@b>", ["<a@b>"]), ("<a@b> <c@d>\t(x) <e@f>", ["<a@b>", "<c@d>", "<e@f>"]), ("a@b", []),
        ("x> <a@b>", ["<a@b>"]),
        ("<a b@c> <d@e>", ["<d@e>"]), ("<<a@b>>", ["<a@b>"]), ("", []),
    ]) func messageIds(text: String, ids: [String]) {
        #expect(MessageID.list(text).map(\.text) == ids)
    }

    /// Whatever is thrown at the readers, they answer; and what they take, they write so that it reads the same.
    @Test(arguments: 0..<20) func anyTextIsTakenOrRefused(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let pieces = [
            "@", "\"", "<", ">", "(", ")", ",", ":", ";", ".", "\\", " ", "a", "example.com", "ü", "\r\n", "-", "漢",
        ]
        var taken = 0
        for _ in 0..<2_000 {
            var text = ""
            for _ in 0..<Int.random(in: 0...12, using: &random) {
                text += Bool.random(using: &random) ? pieces.randomElement(using: &random)! : random.text(maxLength: 2)
            }
            for candidate in [text, "a\(text)@example.com", "a@\(text)", "\"\(text)\"@example.com"] {
                guard let address = try? EmailAddress(candidate) else { continue }
                taken += 1
                #expect(try EmailAddress(address.text) == address)
                #expect(!address.text.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7F })
                #expect(try Mailbox.list("<\(address.text)>").map(\.address) == [address])
            }
            _ = try? Mailbox.list(text)
            _ = MessageID.list(text)
        }
        #expect(taken > 100)
    }
}
