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
        var answers = Answers(leaves, facts)
        for (position, root) in roots.enumerated() where answers.holds(root) { return position }
        return nil
    }

    /// All conditions that hold, in their order.
    public func all(for facts: Facts) -> [Int] {
        var answers = Answers(leaves, facts)
        return roots.indices.filter { answers.holds(roots[$0]) }
    }

    private struct Answers {
        let leaves: [ConditionLeaf]
        let facts: Facts
        /// 0 not asked yet, 1 no, 2 yes.
        var known: [UInt8]

        init(_ leaves: [ConditionLeaf], _ facts: Facts) {
            self.leaves = leaves
            self.facts = facts
            known = Array(repeating: 0, count: leaves.count)
        }

        mutating func holds(_ root: ConditionNode) -> Bool {
            root.holds { position in
                if known[position] == 0 { known[position] = leaves[position].holds(for: facts) ? 2 : 1 }
                return known[position] == 2
            }
        }
    }
}
