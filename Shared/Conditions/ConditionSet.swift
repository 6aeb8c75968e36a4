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
        var known = unknown
        return roots.firstIndex { holds($0, facts, &known) }
    }

    /// All conditions that hold, in their order.
    public func all(for facts: Facts) -> [Int] {
        var known = unknown
        return roots.indices.filter { holds(roots[$0], facts, &known) }
    }

    /// By leaf: 0 not asked yet, 1 no, 2 yes.
    private var unknown: [UInt8] { Array(repeating: 0, count: leaves.count) }

    private func holds(_ root: ConditionNode, _ facts: Facts, _ known: inout [UInt8]) -> Bool {
        root.holds { position in
            if known[position] == 0 { known[position] = leaves[position].holds(for: facts) ? 2 : 1 }
            return known[position] == 2
        }
    }
}
