// Why a condition holds, or why not: leaf by leaf, with the values.

import Contracts

/// The outcome of a condition and of each of its parts. Every part was looked at, also those that could not change the
/// outcome any more.
public struct Explanation: Sendable, Hashable {
    public let outcome: Bool
    /// The parts under `all`, `any` and `none`; empty for a leaf.
    public let all: [Explanation]
    public let any: [Explanation]
    public let none: [Explanation]
    public let leaf: Leaf?

    /// One comparison and the value that it saw.
    public struct Leaf: Sendable, Hashable {
        public let field: String
        public let op: ConditionOperator
        /// What the condition asks for.
        public let value: JSON
        /// What it found; null for nothing.
        public let actual: JSON
        /// What that was before the change, where the condition asks for a change and there was one.
        public let previous: JSON?
    }

    init(leaf: Leaf, outcome: Bool) {
        self.outcome = outcome
        self.leaf = leaf
        (all, any, none) = ([], [], [])
    }

    init(all: [Explanation], any: [Explanation], none: [Explanation]) {
        outcome =
            all.allSatisfy(\.outcome) && none.allSatisfy { !$0.outcome } && (any.isEmpty || any.contains { $0.outcome })
        (self.all, self.any, self.none) = (all, any, none)
        leaf = nil
    }

    /// All leaves, in the order of the document.
    public var leaves: [Explanation] {
        leaf == nil ? (all + any + none).flatMap(\.leaves) : [self]
    }

    /// The document again, each part with its outcome and each leaf with the value it found.
    public var json: JSON {
        var object: JSONObject = ["outcome": .bool(outcome)]
        if let leaf {
            object["field"] = .string(leaf.field)
            object["operator"] = .string(leaf.op.rawValue)
            if !leaf.value.isNull { object["value"] = leaf.value }
            object["actual"] = leaf.actual
            object["previous"] = leaf.previous
        }
        if !all.isEmpty { object["all"] = .array(all.map(\.json)) }
        if !any.isEmpty { object["any"] = .array(any.map(\.json)) }
        if !none.isEmpty { object["none"] = .array(none.map(\.json)) }
        return .object(object)
    }
}

extension Condition {
    /// Evaluates with reasons. The outcome is that of ``holds(for:)``.
    public func explain(_ facts: Facts) -> Explanation {
        explain(root, facts)
    }

    private func explain(_ node: ConditionNode, _ facts: Facts) -> Explanation {
        switch node {
        case .leaf(let position):
            let leaf = leaves[position]
            let previous = leaf.op == .changed ? facts.previous(of: leaf.reference)?.json : nil
            return Explanation(
                leaf: .init(
                    field: leaf.field, op: leaf.op, value: leaf.value,
                    actual: facts.value(of: leaf.reference).json, previous: previous),
                outcome: leaf.holds(for: facts))
        case .group(let all, let any, let none):
            return Explanation(
                all: all.map { explain($0, facts) }, any: any.map { explain($0, facts) },
                none: none.map { explain($0, facts) })
        }
    }
}
