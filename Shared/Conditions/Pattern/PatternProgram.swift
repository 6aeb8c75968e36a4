// The nondeterministic automaton of a regular expression.

struct PatternProgram: Sendable {
    enum Step: Sendable {
        /// A character of this set, then the next step.
        case set(Int)
        case split(Int, Int)
        case jump(Int)
        case assertion(PatternAssertion)
        case match
    }

    private(set) var steps: [Step] = []
    private var sets: [ScalarSet] = []
    private var setNumbers: [ScalarSet: Int] = [:]
    /// Characters that no step tells apart are one class.
    private(set) var classes = CharacterClasses(sets: [])
    /// By set and class: whether the class is in the set.
    private(set) var membership: [[Bool]] = []

    init(_ node: PatternNode, options: PatternOptions) throws(PatternFault) {
        try emit(node)
        try append(.match)
        // What the assertions look at must be told apart as well.
        let asksForWords = steps.contains { step in
            if case .assertion(.wordBoundary) = step { return true }
            if case .assertion(.noWordBoundary) = step { return true }
            return false
        }
        let words = asksForWords ? ScalarSet.words : ScalarSet()
        classes = CharacterClasses(sets: [ScalarSet.lineEnds, words] + sets)
        membership = sets.indices.map { classes.members(ofSet: $0 + 2) }
    }

    /// What stands before or after a position.
    enum Neighbour: UInt8, Sendable {
        case none, word, lineEnd, other
    }

    func neighbour(ofClass number: Int) -> Neighbour {
        classes.isMember(number, ofSet: 0) ? .lineEnd : classes.isMember(number, ofSet: 1) ? .word : .other
    }

    private mutating func append(_ step: Step) throws(PatternFault) {
        guard steps.count < Pattern.programMax else {
            throw PatternFault(
                "too_complex", at: nil, "The regular expression is too large when its repetitions are written out.")
        }
        steps.append(step)
    }

    private mutating func emit(_ node: PatternNode) throws(PatternFault) {
        switch node {
        case .empty:
            break
        case .set(let set):
            let number = setNumbers[set] ?? sets.count
            if number == sets.count {
                sets.append(set)
                setNumbers[set] = number
            }
            try append(.set(number))
        case .assertion(let assertion):
            try append(.assertion(assertion))
        case .sequence(let parts):
            for part in parts { try emit(part) }
        case .choice(let branches):
            var jumps: [Int] = []
            for branch in branches.dropLast() {
                let split = steps.count
                try append(.split(split + 1, 0))
                try emit(branch)
                jumps.append(steps.count)
                try append(.jump(0))
                steps[split] = .split(split + 1, steps.count)
            }
            if let last = branches.last { try emit(last) }
            for jump in jumps { steps[jump] = .jump(steps.count) }
        case .repetition(let part, let min, let max):
            for _ in 0..<min { try emit(part) }
            if let max {
                var splits: [Int] = []
                for _ in min..<max {
                    splits.append(steps.count)
                    try append(.split(0, 0))
                    try emit(part)
                }
                for split in splits { steps[split] = .split(split + 1, steps.count) }
            } else {
                let split = steps.count
                try append(.split(0, 0))
                try emit(part)
                try append(.jump(split))
                steps[split] = .split(split + 1, steps.count)
            }
        }
    }
}

/// A partition of all characters, coarse enough for tables and fine enough for the sets it was made of.
struct CharacterClasses: Sendable {
    /// The first character of each interval, ascending, and the class of the interval.
    private var starts: [UInt32] = [0]
    private var numbers: [UInt16] = [0]
    /// For the characters below 128.
    private(set) var ascii = [UInt16](repeating: 0, count: 128)
    /// By class: the sets that its characters are in.
    private var memberships: [Set<Int>] = [[]]

    var count: Int { memberships.count }

    init(sets: [ScalarSet]) {
        var changes: [UInt32: [(set: Int, enters: Bool)]] = [0: []]
        for (number, set) in sets.enumerated() {
            for range in set.ranges {
                changes[range.lowerBound, default: []].append((number, true))
                changes[range.upperBound + 1, default: []].append((number, false))
            }
        }
        starts = changes.keys.sorted()
        numbers = []
        memberships = []
        var known: [Set<Int>: UInt16] = [:]
        var present: Set<Int> = []
        for start in starts {
            let here = changes[start] ?? []
            for change in here where !change.enters { present.remove(change.set) }
            for change in here where change.enters { present.insert(change.set) }
            let number = known[present] ?? UInt16(memberships.count)
            if known[present] == nil {
                known[present] = number
                memberships.append(present)
            }
            numbers.append(number)
        }
        for scalar in 0..<128 { ascii[scalar] = UInt16(find(UInt32(scalar))) }
    }

    func find(_ scalar: UInt32) -> Int {
        var (low, high) = (0, starts.count)
        while high - low > 1 {
            let middle = (low + high) / 2
            if starts[middle] <= scalar { low = middle } else { high = middle }
        }
        return Int(numbers[low])
    }

    func isMember(_ number: Int, ofSet set: Int) -> Bool { memberships[number].contains(set) }
    func members(ofSet set: Int) -> [Bool] { memberships.map { $0.contains(set) } }
}
