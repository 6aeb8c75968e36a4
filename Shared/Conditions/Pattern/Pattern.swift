// Regular expressions whose cost grows with the text and never explodes.

import Synchronization

/// A regular expression that is searched for anywhere in a text, in time linear in the text.
///
/// Literals, `.`, classes (`[a-z]`, `[^…]`, `\d \w \s \D \W \S`), anchors (`^`, `$`, `\b`, `\B`), groups, `|`, and
/// `* + ? {m} {m,} {m,n}`; `(?i)` at the start ignores case, `(?s)` lets `.` match line ends, `(?m)` lets `^` and `$`
/// match at them. Back references and look-around are refused: no linear time is known for them. `\w`, `\s` and `\b` know
/// Unicode; `\d` is 0 to 9.
///
/// The pattern becomes a nondeterministic automaton over Unicode scalars, of which the deterministic one is built as
/// texts need it, within a bounded memory. Patterns are bounded too, so that one position of a text costs at most a
/// pass over a program of ``programMax`` steps.
public final class Pattern: Sendable {
    /// The pattern's length.
    public static let bytesMax = 500
    /// The steps of its automaton; `(a{1000}){1000}` needs too many.
    public static let programMax = 2000
    /// Groups inside of groups.
    static let depthMax = 50
    /// The largest count in braces.
    static let repeatMax = 1000

    public let text: String
    private let program: PatternProgram
    private let automaton: Mutex<PatternAutomaton>

    /// Throws what is wrong with the pattern, and where.
    public init(_ text: String) throws(PatternFault) {
        guard text.utf8.count <= Pattern.bytesMax else {
            throw PatternFault("too_long", at: nil, "A regular expression has at most \(Pattern.bytesMax) bytes.")
        }
        var parser = PatternParser(text)
        let node = try parser.parse()
        self.text = text
        program = try PatternProgram(node, options: parser.options)
        automaton = Mutex(PatternAutomaton(program))
    }

    /// Whether it occurs in the text.
    public func matches(_ text: String) -> Bool { matches(Array(text.utf8)) }

    /// Whether it occurs in the text, given as UTF-8.
    public func matches(_ text: [UInt8]) -> Bool {
        let known = automaton.withLockIfAvailable { automaton in
            text.withUnsafeBufferPointer { automaton.search($0) }
        }
        if let known { return known }
        // Another thread is using the automaton: this one makes its own rather than wait.
        var own = PatternAutomaton(program)
        return text.withUnsafeBufferPointer { own.search($0) }
    }
}

/// What is wrong with a regular expression.
public struct PatternFault: Error, Sendable, Hashable {
    /// `bad_pattern`, `unsupported_pattern`, `too_long` or `too_complex`.
    public let code: String
    /// The character, from 0, at which it was noticed.
    public let offset: Int?
    public let detail: String

    init(_ code: String, at offset: Int?, _ detail: String) {
        self.code = code
        self.offset = offset
        self.detail = offset.map { "\(detail) (at character \($0))" } ?? detail
    }
}
