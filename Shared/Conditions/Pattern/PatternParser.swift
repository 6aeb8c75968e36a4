// A regular expression's text, taken apart.

/// A piece of a regular expression.
indirect enum PatternNode {
    case empty
    case set(ScalarSet)
    case assertion(PatternAssertion)
    case sequence([PatternNode])
    case choice([PatternNode])
    /// At least so often; without an upper bound where `max` is nil.
    case repetition(PatternNode, min: Int, max: Int?)
}

enum PatternAssertion: UInt8, Sendable {
    case textStart, textEnd, lineStart, lineEnd, wordBoundary, noWordBoundary
}

struct PatternOptions: Sendable {
    var ignoresCase = false
    var dotMatchesLineEnds = false
    var anchorsMatchLines = false
}

struct PatternParser {
    private(set) var options = PatternOptions()
    private let scalars: [Unicode.Scalar]
    private var position = 0
    private var depth = 0

    init(_ text: String) {
        scalars = Array(text.unicodeScalars)
    }

    mutating func parse() throws(PatternFault) -> PatternNode {
        try parseOptions()
        let node = try parseChoice()
        guard position == scalars.count else { throw fault("There is a ) without its (") }
        return node
    }

    private func fault(_ detail: String, code: String = "bad_pattern") -> PatternFault {
        PatternFault(code, at: position, detail)
    }

    private var next: Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }

    private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard next == scalar else { return false }
        position += 1
        return true
    }

    /// `(?ism)` at the very start.
    private mutating func parseOptions() throws(PatternFault) {
        guard scalars.count > 3, scalars[0] == "(", scalars[1] == "?", "ism".unicodeScalars.contains(scalars[2]) else {
            return
        }
        position = 2
        while let scalar = next, scalar != ")" {
            switch scalar {
            case "i": options.ignoresCase = true
            case "s": options.dotMatchesLineEnds = true
            case "m": options.anchorsMatchLines = true
            default: throw fault("There are the options i, s and m", code: "unsupported_pattern")
            }
            position += 1
        }
        guard take(")") else { throw fault("A ) is missing") }
    }

    private mutating func parseChoice() throws(PatternFault) -> PatternNode {
        var branches = [try parseSequence()]
        while take("|") { branches.append(try parseSequence()) }
        return branches.count == 1 ? branches[0] : .choice(branches)
    }

    private mutating func parseSequence() throws(PatternFault) -> PatternNode {
        var parts: [PatternNode] = []
        while let scalar = next, scalar != "|", scalar != ")" {
            let atom = try parseAtom()
            parts.append(try parseRepetition(of: atom))
        }
        return parts.isEmpty ? .empty : parts.count == 1 ? parts[0] : .sequence(parts)
    }

    private mutating func parseRepetition(of atom: PatternNode) throws(PatternFault) -> PatternNode {
        let start = position
        var node = atom
        if take("*") {
            node = .repetition(atom, min: 0, max: nil)
        } else if take("+") {
            node = .repetition(atom, min: 1, max: nil)
        } else if take("?") {
            node = .repetition(atom, min: 0, max: 1)
        } else if let (min, max) = try parseBraces() {
            node = .repetition(atom, min: min, max: max)
        } else {
            return node
        }
        if case .assertion = atom, scalars[start - 1] != ")" {
            position = start
            throw fault("There is nothing to repeat")
        }
        _ = take("?")  // As few as possible: the same texts match.
        if let after = next, "*+?".unicodeScalars.contains(after) {
            throw fault(
                after == "+" ? "Possessive repetition is not supported" : "There is nothing to repeat",
                code: after == "+" ? "unsupported_pattern" : "bad_pattern")
        }
        return node
    }

    /// `{m}`, `{m,}` or `{m,n}`.
    private mutating func parseBraces() throws(PatternFault) -> (min: Int, max: Int?)? {
        guard take("{") else { return nil }
        let min = try parseCount()
        guard let min else { throw fault("A count is missing; write \\{ for the character") }
        var max: Int? = min
        if take(",") { max = try parseCount() }
        guard take("}") else { throw fault("A } is missing") }
        if let max, max < min { throw fault("The counts are in the wrong order") }
        return (min, max)
    }

    private mutating func parseCount() throws(PatternFault) -> Int? {
        var count: Int?
        while let scalar = next, "0"..."9" ~= scalar {
            count = (count ?? 0) * 10 + Int(scalar.value - 48)
            guard let so = count, so <= Pattern.repeatMax else {
                throw fault("A count is at most \(Pattern.repeatMax)", code: "too_complex")
            }
            position += 1
        }
        return count
    }

    private mutating func parseAtom() throws(PatternFault) -> PatternNode {
        guard let scalar = next else { return .empty }
        switch scalar {
        case "(":
            return try parseGroup()
        case "[":
            position += 1
            return .set(try parseClass())
        case ".":
            position += 1
            return .set(options.dotMatchesLineEnds ? .everything : .lineEnds.inverted)
        case "^":
            position += 1
            return .assertion(options.anchorsMatchLines ? .lineStart : .textStart)
        case "$":
            position += 1
            return .assertion(options.anchorsMatchLines ? .lineEnd : .textEnd)
        case "\\":
            position += 1
            return try parseEscape()
        case "*", "+", "?", "{":
            throw fault("There is nothing to repeat; write \\\(scalar) for the character")
        default:
            position += 1
            return .set(single(scalar))
        }
    }

    private mutating func parseGroup() throws(PatternFault) -> PatternNode {
        depth += 1
        guard depth <= Pattern.depthMax else {
            throw fault("Groups are nested at most \(Pattern.depthMax) deep", code: "too_complex")
        }
        position += 1
        if take("?"), !take(":") {
            throw fault(
                "Only plain groups ( ) and (?: ) are supported, and options at the start", code: "unsupported_pattern")
        }
        let node = try parseChoice()
        guard take(")") else { throw fault("A ) is missing") }
        depth -= 1
        return node
    }

    private func single(_ scalar: Unicode.Scalar) -> ScalarSet {
        let set = ScalarSet(scalar)
        return options.ignoresCase ? set.ignoringCase : set
    }

    private mutating func parseEscape() throws(PatternFault) -> PatternNode {
        guard let scalar = next else { throw fault("There is nothing after the \\") }
        switch scalar {
        case "b", "B":
            position += 1
            return .assertion(scalar == "b" ? .wordBoundary : .noWordBoundary)
        case "A", "z", "Z":
            position += 1
            return .assertion(scalar == "A" ? .textStart : .textEnd)
        case "1"..."9":
            throw fault("Back references are not supported", code: "unsupported_pattern")
        default:
            if let set = shorthand(scalar) {
                position += 1
                return .set(set)
            }
            return .set(single(try parseEscapedScalar()))
        }
    }

    private func shorthand(_ scalar: Unicode.Scalar) -> ScalarSet? {
        switch scalar {
        case "d": .digits
        case "D": ScalarSet.digits.inverted
        case "w": .words
        case "W": ScalarSet.words.inverted
        case "s": .spaces
        case "S": ScalarSet.spaces.inverted
        default: nil
        }
    }

    /// After the backslash.
    private mutating func parseEscapedScalar() throws(PatternFault) -> Unicode.Scalar {
        guard let scalar = next else { throw fault("There is nothing after the \\") }
        position += 1
        switch scalar {
        case "n": return "\n"
        case "r": return "\r"
        case "t": return "\t"
        case "f": return "\u{0C}"
        case "v": return "\u{0B}"
        case "0": return "\0"
        case "x": return try parseHex(2)
        case "u": return try parseHex(4)
        default:
            let isLetterOrDigit = scalar.isASCII && (scalar.properties.isAlphabetic || "0"..."9" ~= scalar)
            guard !isLetterOrDigit else {
                position -= 1
                throw fault("\\\(scalar) is not supported", code: "unsupported_pattern")
            }
            return scalar
        }
    }

    private mutating func parseHex(_ digits: Int) throws(PatternFault) -> Unicode.Scalar {
        var value: UInt32 = 0
        for _ in 0..<digits {
            guard let digit = next.flatMap({ Character($0).hexDigitValue }) else {
                throw fault("\(digits) hexadecimal digits are needed")
            }
            value = value << 4 | UInt32(digit)
            position += 1
        }
        guard let scalar = Unicode.Scalar(value) else { throw fault("There is no such character") }
        return scalar
    }

    /// After the opening bracket.
    private mutating func parseClass() throws(PatternFault) -> ScalarSet {
        let isInverted = take("^")
        var set = ScalarSet()
        var isFirst = true
        while true {
            guard let scalar = next else { throw fault("A ] is missing") }
            if scalar == "]" && !isFirst { break }
            isFirst = false
            if scalar == "[", position + 1 < scalars.count, ":.=".unicodeScalars.contains(scalars[position + 1]) {
                throw fault("Named classes are not supported", code: "unsupported_pattern")
            }
            guard let low = try parseClassMember(into: &set) else { continue }
            guard next == "-", position + 1 < scalars.count, scalars[position + 1] != "]" else {
                set.insert(low.value...low.value)
                continue
            }
            position += 1
            var ignored = ScalarSet()
            guard let high = try parseClassMember(into: &ignored), high.value >= low.value else {
                throw fault("The range ends before it starts")
            }
            set.insert(low.value...high.value)
        }
        position += 1
        if options.ignoresCase { set = set.ignoringCase }
        return isInverted ? set.inverted : set
    }

    /// One character, or nil where a shorthand was added to the set.
    private mutating func parseClassMember(into set: inout ScalarSet) throws(PatternFault) -> Unicode.Scalar? {
        guard let scalar = next else { throw fault("A ] is missing") }
        position += 1
        guard scalar == "\\" else { return scalar }
        guard let escaped = next else { throw fault("There is nothing after the \\") }
        if escaped == "b" {
            position += 1
            return "\u{08}"
        }
        guard let shorthand = shorthand(escaped) else { return try parseEscapedScalar() }
        position += 1
        set.formUnion(shorthand)
        return nil
    }
}
