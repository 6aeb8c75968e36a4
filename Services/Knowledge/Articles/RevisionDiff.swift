import Contracts

/// What changed between two texts, line by line: the lines of both in order, each kept, added or removed (Myers 1986, as the
/// standard library's `difference` has it).
enum RevisionDiff {
    enum Mark: String, Sendable, CaseIterable {
        case kept, added, removed
    }

    struct Line: Sendable, Hashable {
        var mark: Mark
        var text: String

        var json: JSON { ["change": .string(mark.rawValue), "text": .string(text)] }
    }

    /// Texts with more lines are compared as wholes: the time grows with lines times changes.
    static let linesMax = 5_000

    static func lines(from old: String, to new: String) -> [Line] {
        let before = old.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        let after = new.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        guard before.count <= linesMax, after.count <= linesMax else {
            return old == new
                ? after.map { Line(mark: .kept, text: $0) }
                : before.map { Line(mark: .removed, text: $0) } + after.map { Line(mark: .added, text: $0) }
        }
        let difference = after.difference(from: before)
        var removed: Set<Int> = []
        var added: Set<Int> = []
        for change in difference {
            switch change {
            case .remove(let offset, _, _): removed.insert(offset)
            case .insert(let offset, _, _): added.insert(offset)
            }
        }
        var lines: [Line] = []
        var (left, right) = (0, 0)
        while left < before.count || right < after.count {
            if left < before.count, removed.contains(left) {
                lines.append(Line(mark: .removed, text: before[left]))
                left += 1
            } else if right < after.count, added.contains(right) {
                lines.append(Line(mark: .added, text: after[right]))
                right += 1
            } else {
                lines.append(Line(mark: .kept, text: after[right]))
                left += 1
                right += 1
            }
        }
        return lines
    }
}
