import Foundation
import Testing

@testable import Conditions

@Suite struct PatternTests {
    @Test(arguments: [
        ("vpn", "the vpn is down", true), ("^vpn", "the vpn", false), ("^the", "the vpn", true),
        ("vpn$", "the vpn", true),
        ("a.c", "abc", true), ("a.c", "a\nc", false), ("(?s)a.c", "a\nc", true), ("(?m)^b$", "a\nb\nc", true),
        ("^b$", "a\nb\nc", false), ("[^0-9]+", "42", false), (#"\d{3}-\d{4}"#, "call 555-1234", true),
        (#"\bvpn\b"#, "my vpn, please", true), (#"\bvpn\b"#, "myvpn", false), (#"\Bvpn"#, "myvpn", true),
        ("(?i)straße", "STRAßE", true), ("(?i)[ä-ü]rger", "ÄRGER", true), (#"^\w+$"#, "Größe", true),
        (#"\s"#, "a\u{a0}b", true),
        ("(foo|bar)+baz", "xfoobarbazx", true), ("a{2,3}b", "ab", false), ("a{0}b", "b", true), ("", "", true),
        (#"\u00e9"#, "caf\u{e9}", true), (#"[\]\-a]"#, "-", true), ("[]a]", "]", true), ("x*", "", true),
        ("^$", "", true),
        ("(a*)*b", "aaac", false), ("(a|a?)+$", "aaaa", true), ("👍{2}", "👍👍", true), (#"a\.b"#, "a.b", true),
        (#"[\d_]x"#, "7x", true), (#"[^\w]"#, "abc", false),
    ]) func finds(pattern: String, text: String, found: Bool) throws {
        #expect(try Pattern(pattern).matches(text) == found)
    }

    @Test(arguments: [
        ("(", "bad_pattern"), (")", "bad_pattern"), ("[a", "bad_pattern"), ("*a", "bad_pattern"),
        ("a**", "bad_pattern"),
        ("a{3,2}", "bad_pattern"), ("a{", "bad_pattern"), ("\\", "bad_pattern"), ("[z-a]", "bad_pattern"),
        (#"(a)\1"#, "unsupported_pattern"), ("(?=a)", "unsupported_pattern"), ("(?<n>a)", "unsupported_pattern"),
        ("a++", "unsupported_pattern"), (#"\p{L}"#, "unsupported_pattern"), ("[[:alpha:]]", "unsupported_pattern"),
        ("a{1001}", "too_complex"), ("((a{1000}){1000}){1000}", "too_complex"), ("(a{100}){100}", "too_complex"),
        (String(repeating: "(", count: 60) + String(repeating: ")", count: 60), "too_complex"),
        (String(repeating: "a", count: 501), "too_long"), ("(((((((a?){30}){30}){30}){30}){30}){30})", "too_complex"),
    ]) func refuses(pattern: String, code: String) {
        let fault = #expect(throws: PatternFault.self) { try Pattern(pattern) }
        #expect(fault?.code == code)
    }

    /// The patterns that bring down backtracking engines: the same work for each character, however the text goes on.
    @Test(arguments: ["(a+)+$", "^(a|a)*$", "(a|aa)+$", "(.*a){20}$", "(x+x+)+y", "^(a?){300}a{300}$", "([a-z]+)*!"])
    func bombsCostLinearTime(pattern: String) throws {
        let program = try Pattern(pattern)
        let text = String(repeating: "a", count: 20_000) + "b"
        let isFound = program.matches(text)
        #expect(!isFound)
    }

    /// Texts that keep making new states stay within the tables' bound.
    @Test func tablesAreBounded() throws {
        let pattern = try Pattern("(a|b)*a(a|b){12}c")
        var random = Random(seed: 7)
        let text = String((0..<50_000).map { _ in random.next(2) == 0 ? "a" : "b" })
        let (before, after) = (
            pattern.matches(text), pattern.matches(text + "a" + String(repeating: "b", count: 12) + "c")
        )
        #expect(!before && after)
    }

    /// Against Foundation's engine, over random patterns of what both mean alike.
    @Test(arguments: 0..<20) func agreesWithFoundation(seed: Int) throws {
        var random = Random(seed: UInt64(seed))
        for _ in 0..<100 {
            let pattern = random.pattern(depth: 3)
            let own = try Pattern(pattern)
            let other = try NSRegularExpression(pattern: pattern)
            for _ in 0..<8 {
                let text = String((0..<random.next(10)).map { _ in "abc1 \n".randomElement(using: &random)! })
                let expected = other.firstMatch(in: text, range: NSRange(text.startIndex..., in: text)) != nil
                // Foundation's $ also matches before a last line end.
                if pattern.contains("$") && text.hasSuffix("\n") { continue }
                #expect(own.matches(text) == expected, "/\(pattern)/ in \(text.debugDescription)")
            }
        }
    }

    /// Any text is a pattern or is refused; nothing crashes.
    @Test(arguments: 0..<10) func anyPatternIsTakenOrRefused(seed: Int) {
        var random = Random(seed: UInt64(seed))
        let alphabet = Array("abz019()[]{}|*+?.^$\\-,:=!<>ÄßdwsbBDWnux\n ")
        for _ in 0..<500 {
            let pattern = String((0..<random.next(25)).map { _ in alphabet[random.next(alphabet.count)] })
            guard let own = try? Pattern(pattern) else { continue }
            _ = own.matches("abc 019 Äß\n")
        }
    }

    @Test func oneAutomatonServesManyThreads() async throws {
        let pattern = try Pattern("(ab|ba)+c")
        await withTaskGroup(of: Bool.self) { group in
            for task in 0..<16 {
                group.addTask {
                    (0..<200).allSatisfy { round in
                        pattern.matches(String(repeating: "ab", count: 1 + (task + round) % 9) + "c")
                            && !pattern.matches(String(repeating: "ab", count: 1 + round % 9))
                    }
                }
            }
            for await outcome in group { #expect(outcome) }
        }
    }
}

/// Random numbers that come again with the same seed.
struct Random: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// Below the bound.
    mutating func next(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }

    mutating func pick<T>(_ values: [T]) -> T { values[next(values.count)] }

    mutating func pattern(depth: Int) -> String {
        switch depth == 0 ? next(5) : next(12) {
        case 0: return "a"
        case 1: return "b"
        case 2: return pick([".", "[ab]", "[^a]", "\\d", "\\w", "\\s", "[a-c1]"])
        case 3: return pick(["c", "1", " "])
        case 4: return pick(["\\b", "^", "$", "a", "b"])
        case 5, 6: return pattern(depth: depth - 1) + pattern(depth: depth - 1)
        case 7: return "(?:" + pattern(depth: depth - 1) + "|" + pattern(depth: depth - 1) + ")"
        case 8: return "(" + pattern(depth: depth - 1) + ")" + pick(["*", "+", "?"])
        case 9: return "(" + pattern(depth: depth - 1) + ")" + pick(["{2}", "{1,3}", "{0,2}", "{2,}"])
        case 10: return "[bc]" + pick(["*", "+?", "??"])
        default: return pattern(depth: depth - 1) + pattern(depth: depth - 1)
        }
    }
}
