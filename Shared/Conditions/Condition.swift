// The one condition language: which tickets a rule, a queue or a policy is for.

import Contracts

/// A checked condition, ready to be evaluated.
///
/// A document is a group or a leaf. A group has lists under `all`, `any` and `none`, and holds if every one of `all`, at
/// least one of `any` and not one of `none` holds; an empty document holds always. A leaf names a field, an operator and
/// a value:
///
/// ```json
/// {"all": [{"field": "ticket.priority", "operator": "in", "value": ["high", "urgent"]},
///          {"any": [{"field": "ticket.subject", "operator": "contains", "value": "vpn"},
///                   {"field": "ticket.tags", "operator": "contains", "value": "network"}]}]}
/// ```
///
/// A field without a value fails every leaf but the negative ones (`neq`, `not_in`, `not_contains`), each of which is the
/// exact opposite of its positive one. Texts are compared without regard to case, except by `matches`.
public struct Condition: Sendable {
    /// As it was written.
    public let document: JSON
    let root: ConditionNode
    let leaves: [ConditionLeaf]

    /// Holds always.
    public static let always = Condition(document: [:], root: .group(all: [], any: [], none: []), leaves: [])

    init(document: JSON, root: ConditionNode, leaves: [ConditionLeaf]) {
        self.document = document
        self.root = root
        self.leaves = leaves
    }

    /// Checks a document and makes it ready. Throws every fault of it at once.
    ///
    /// - Parameter pointer: where the document stands in what the caller sent, such as `/conditions`.
    public init(_ document: JSON, over vocabulary: Vocabulary, at pointer: String = "") throws(ConditionFaults) {
        var compiler = ConditionCompiler(vocabulary: vocabulary)
        let root = compiler.compile(document, at: pointer)
        guard compiler.faults.isEmpty else { throw ConditionFaults(faults: compiler.faults) }
        self.init(document: document, root: root, leaves: compiler.leaves)
    }

    /// The names of the fields that it looks at.
    public var fields: Set<String> { Set(leaves.map(\.field)) }

    /// Whether it holds always.
    public var isEmpty: Bool { leaves.isEmpty }

    public func holds(for facts: Facts) -> Bool {
        root.holds(LeafAnswers(leaves, facts))
    }
}

/// The tree over the leaves, which are named by their positions.
indirect enum ConditionNode: Sendable {
    case leaf(Int)
    case group(all: [ConditionNode], any: [ConditionNode], none: [ConditionNode])

    func holds(_ answers: LeafAnswers) -> Bool {
        switch self {
        case .leaf(let position):
            return answers[position]
        case .group(let all, let any, let none):
            for node in all where !node.holds(answers) { return false }
            for node in none where node.holds(answers) { return false }
            if any.isEmpty { return true }
            for node in any where node.holds(answers) { return true }
            return false
        }
    }

    func renumbered(_ number: [Int]) -> ConditionNode {
        switch self {
        case .leaf(let position): .leaf(number[position])
        case .group(let all, let any, let none):
            .group(
                all: all.map { $0.renumbered(number) }, any: any.map { $0.renumbered(number) },
                none: none.map { $0.renumbered(number) })
        }
    }
}

/// Everything that is wrong with a document.
public struct ConditionFaults: Error, Sendable, Equatable {
    public let faults: [ConditionFault]
}

/// One fault: where, what kind, and a sentence for people.
public struct ConditionFault: Sendable, Hashable {
    /// A JSON Pointer into the document.
    public let pointer: String
    /// `unknown_field`, `unknown_operator`, `wrong_type`, `too_deep` …
    public let code: String
    public let detail: String
    /// What would have been accepted, where that is a short list.
    public let allowed: [String]?

    init(_ pointer: String, _ code: String, _ detail: String, allowed: [String]? = nil) {
        self.pointer = pointer
        self.code = code
        self.detail = detail
        self.allowed = allowed
    }
}
