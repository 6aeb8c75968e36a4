// Sets of Unicode scalars, as sorted ranges.

struct ScalarSet: Sendable, Hashable {
    /// Ascending, apart from each other.
    private(set) var ranges: [ClosedRange<UInt32>] = []

    private static let last: UInt32 = 0x10FFFF

    init() {}
    init(_ scalar: Unicode.Scalar) { ranges = [scalar.value...scalar.value] }
    init(_ ranges: [ClosedRange<UInt32>]) { for range in ranges { insert(range) } }

    mutating func insert(_ range: ClosedRange<UInt32>) {
        if let end = ranges.last, range.lowerBound > end.upperBound + 1 {
            ranges.append(range)
            return
        }
        var merged = range
        var kept: [ClosedRange<UInt32>] = []
        var isPlaced = false
        for other in ranges {
            if other.upperBound + 1 < merged.lowerBound {
                kept.append(other)
            } else if merged.upperBound + 1 < other.lowerBound {
                if !isPlaced { kept.append(merged) }
                isPlaced = true
                kept.append(other)
            } else {
                merged =
                    min(merged.lowerBound, other.lowerBound)...max(merged.upperBound, other.upperBound)
            }
        }
        if !isPlaced { kept.append(merged) }
        ranges = kept
    }

    mutating func formUnion(_ other: ScalarSet) {
        for range in other.ranges { insert(range) }
    }

    var inverted: ScalarSet {
        var result = ScalarSet()
        var next: UInt32 = 0
        for range in ranges {
            if range.lowerBound > next { result.ranges.append(next...(range.lowerBound - 1)) }
            next = range.upperBound + 1
        }
        if next <= ScalarSet.last { result.ranges.append(next...ScalarSet.last) }
        return result
    }

    func contains(_ scalar: UInt32) -> Bool {
        var (low, high) = (0, ranges.count)
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].upperBound < scalar { low = middle + 1 } else { high = middle }
        }
        return low < ranges.count && ranges[low].contains(scalar)
    }

    /// With the other case of each of its letters.
    var ignoringCase: ScalarSet {
        var result = self
        for family in ScalarSet.cases where family.contains(where: contains) {
            for scalar in family { result.insert(scalar...scalar) }
        }
        return result
    }

    // MARK: Known sets

    static let everything = ScalarSet([0...last])
    static let lineEnds = ScalarSet([0x0A...0x0D, 0x85...0x85, 0x2028...0x2029])
    static let digits = ScalarSet([0x30...0x39])
    static let spaces = matching { $0.properties.isWhitespace }
    static let words = matching { scalar in
        scalar == "_" || scalar.properties.isAlphabetic || scalar.properties.numericType == .decimal
            || scalar.properties.generalCategory == .nonspacingMark
    }

    private static func matching(_ predicate: (Unicode.Scalar) -> Bool) -> ScalarSet {
        var set = ScalarSet()
        var start: UInt32?
        // No letter, digit or space is beyond this.
        for value: UInt32 in 0...0x3FFFF {
            let isIn = Unicode.Scalar(value).map(predicate) ?? false
            if isIn, start == nil { start = value }
            if !isIn, let first = start {
                set.ranges.append(first...(value - 1))
                start = nil
            }
        }
        return set
    }

    /// Scalars that differ in case only.
    private static let cases: [[UInt32]] = {
        var families: [UInt32: [UInt32]] = [:]
        let cased: [ClosedRange<UInt32>] = [
            0x41...0x24FF, 0x2C00...0x2DFF, 0xA640...0xABFF, 0xFF21...0xFF5A, 0x10400...0x1E943,
        ]
        for range in cased {
            for value in range {
                guard let scalar = Unicode.Scalar(value), scalar.properties.isCased else { continue }
                let lower = scalar.properties.lowercaseMapping.unicodeScalars
                guard lower.count == 1, let key = lower.first?.value else { continue }
                families[key, default: []].append(value)
            }
        }
        return families.values.filter { $0.count > 1 }
    }()
}
