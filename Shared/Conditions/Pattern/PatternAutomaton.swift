// The deterministic automaton of a regular expression, built as texts need it.

/// States are sets of steps of the program together with what stood before the position. A transition that was taken
/// once is a table look-up afterwards. When the table outgrows its bound it is thrown away, so the worst text costs one
/// pass over the program for each of its characters, and the memory stays bounded.
struct PatternAutomaton: Sendable {
    private struct State: Hashable {
        var steps: [Int32]
        var before: PatternProgram.Neighbour
    }

    /// Entries of the tables.
    private static let sizeMax = 32_768
    private static let unknown: Int32 = -1
    private static let matched: Int32 = -2

    private let program: PatternProgram
    /// By class; the end of the text is one more class.
    private let stride: Int
    private var states: [State] = []
    private var numbers: [State: Int32] = [:]
    private var transitions: [Int32] = []
    private var size = 0
    /// How often the tables were thrown away.
    private var epoch = 0

    // Scratch space for one step.
    private var seen: [UInt32]
    private var mark: UInt32 = 0
    private var stack: [Int32] = []

    init(_ program: PatternProgram) {
        self.program = program
        stride = program.classes.count + 1
        seen = Array(repeating: 0, count: program.steps.count)
    }

    /// Whether the pattern occurs in the text. Bytes that are no UTF-8 count as some other character.
    mutating func search(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        var state = number(of: State(steps: [0], before: .none))
        var position = 0
        while position < text.count {
            let byte = text[position]
            let number: Int
            if byte < 0x80 {
                number = Int(program.classes.ascii[Int(byte)])
                position += 1
            } else {
                let (scalar, length) = PatternAutomaton.decode(text, at: position)
                number = program.classes.find(scalar)
                position += length
            }
            state = next(state, number)
            if state == PatternAutomaton.matched { return true }
        }
        return next(state, stride - 1) == PatternAutomaton.matched
    }

    private static func decode(_ text: UnsafeBufferPointer<UInt8>, at position: Int) -> (scalar: UInt32, length: Int) {
        let first = text[position]
        let length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC0 ? 2 : 1
        guard length > 1, position + length <= text.count else { return (0xFFFD, 1) }
        var scalar = UInt32(first) & (0x7F >> UInt32(length))
        for offset in 1..<length { scalar = scalar << 6 | UInt32(text[position + offset] & 0x3F) }
        return (min(scalar, 0x10FFFF), length)
    }

    private mutating func next(_ state: Int32, _ number: Int) -> Int32 {
        let known = transitions[Int(state) * stride + number]
        return known == PatternAutomaton.unknown ? build(state, number) : known
    }

    private mutating func number(of state: State) -> Int32 {
        if let number = numbers[state] { return number }
        let cost = stride + 2 * state.steps.count + 8
        if size + cost > PatternAutomaton.sizeMax, !states.isEmpty {
            states.removeAll(keepingCapacity: true)
            numbers.removeAll(keepingCapacity: true)
            transitions.removeAll(keepingCapacity: true)
            size = 0
            epoch += 1
        }
        size += cost
        let number = Int32(states.count)
        states.append(state)
        numbers[state] = number
        transitions.append(contentsOf: repeatElement(PatternAutomaton.unknown, count: stride))
        return number
    }

    /// Takes one step of the nondeterministic automaton and notes where it led.
    private mutating func build(_ number: Int32, _ character: Int) -> Int32 {
        let state = states[Int(number)]
        let isEnd = character == stride - 1
        let after: PatternProgram.Neighbour = isEnd ? .none : program.neighbour(ofClass: character)
        mark += 1
        stack.removeAll(keepingCapacity: true)
        stack.append(contentsOf: state.steps)
        var following: [Int32] = []
        while let step = stack.popLast() {
            guard seen[Int(step)] != mark else { continue }
            seen[Int(step)] = mark
            switch program.steps[Int(step)] {
            case .match:
                transitions[Int(number) * stride + character] = PatternAutomaton.matched
                return PatternAutomaton.matched
            case .set(let set):
                if !isEnd, program.membership[set][character] { following.append(step + 1) }
            case .split(let left, let right):
                stack.append(Int32(right))
                stack.append(Int32(left))
            case .jump(let target):
                stack.append(Int32(target))
            case .assertion(let assertion):
                if assertion.holds(between: state.before, and: after) { stack.append(step + 1) }
            }
        }
        following.append(0)  // It may begin at the next character as well.
        following.sort()
        let epoch = epoch
        let target = self.number(of: State(steps: following, before: after))
        // Unless the state that we came from was just thrown away with the tables.
        if self.epoch == epoch { transitions[Int(number) * stride + character] = target }
        return target
    }
}

extension PatternAssertion {
    func holds(between before: PatternProgram.Neighbour, and after: PatternProgram.Neighbour) -> Bool {
        switch self {
        case .textStart: before == .none
        case .textEnd: after == .none
        case .lineStart: before == .none || before == .lineEnd
        case .lineEnd: after == .none || after == .lineEnd
        case .wordBoundary: (before == .word) != (after == .word)
        case .noWordBoundary: (before == .word) == (after == .word)
        }
    }
}
