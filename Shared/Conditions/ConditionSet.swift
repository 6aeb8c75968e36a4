// Many conditions over the same facts: a question that several of them ask is answered once.

/// Conditions in an order that matters, such as the rules of a tenant by priority.
public struct ConditionSet: Sendable {
    private let leaves: [ConditionLeaf]
    private let roots: [ConditionNode]

    /// All of one vocabulary.
    public init(_ conditions: [Condition]) {
        var leaves: [ConditionLeaf] = []
        var numbers: [ConditionLeaf.Key: Int] = [:]
        roots = conditions.map { condition in
            let renumbering = condition.leaves.map { leaf -> Int in
                if let number = numbers[leaf.key] { return number }
                numbers[leaf.key] = leaves.count
                leaves.append(leaf)
                return leaves.count - 1
            }
            return condition.root.renumbered(renumbering)
        }
        self.leaves = leaves
    }

    public var count: Int { roots.count }

    /// The first condition that holds.
    public func first(for facts: Facts) -> Int? {
        let answers = LeafAnswers(leaves, facts)
        return roots.firstIndex { $0.holds(answers) }
    }

    /// All conditions that hold, in their order.
    public func all(for facts: Facts) -> [Int] {
        let answers = LeafAnswers(leaves, facts)
        return roots.indices.filter { roots[$0].holds(answers) }
    }
}

/// What leaves answer about one state of facts, each asked once at most. A class, because it is handed down to a thousand
/// conditions in a row: what is known is not copied for any of them.
final class LeafAnswers {
    private let leaves: [ConditionLeaf]
    private let facts: Facts
    private var known: [Bool?]

    init(_ leaves: [ConditionLeaf], _ facts: Facts) {
        self.leaves = leaves
        self.facts = facts
        known = Array(repeating: nil, count: leaves.count)
    }

    subscript(position: Int) -> Bool {
        if let answer = known[position] { return answer }
        let answer = leaves[position].holds(for: facts)
        known[position] = answer
        return answer
    }
}
