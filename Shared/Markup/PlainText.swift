/// What is left of a document when nobody looks at its markup: runs of blanks are one blank and empty lines go, but in
/// preformatted text, which stays as it is.
struct PlainText {
    private var done: [String] = []
    private var open = ""
    private var verbatimDepth = 0

    mutating func add(_ text: String) { open += text }

    mutating func beginVerbatim() {
        if verbatimDepth == 0 { flush() }
        verbatimDepth += 1
    }

    mutating func endVerbatim() {
        if verbatimDepth == 1 { flush() }
        verbatimDepth -= 1
    }

    var tidied: String {
        var whole = self
        whole.flush()
        return whole.done.joined(separator: "\n")
    }

    private mutating func flush() {
        let text = verbatimDepth > 0 ? Self.withoutOuterLineBreaks(open) : Self.tidy(open)
        if !text.isEmpty { done.append(text) }
        open = ""
    }

    private static func tidy(_ text: String) -> String {
        text.split(whereSeparator: \.isNewline)
            .map { line in line.split(whereSeparator: \.isWhitespace).joined(separator: " ") }
            .filter { !$0.isEmpty }
            .joined(separator: "\n")
    }

    private static func withoutOuterLineBreaks(_ text: String) -> String {
        var rest = Substring(text)
        while let first = rest.first, first.isNewline { rest.removeFirst() }
        while let last = rest.last, last.isWhitespace { rest.removeLast() }
        return String(rest)
    }
}
