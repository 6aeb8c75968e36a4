// One comparison of one field.

import Contracts

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// A class: handing one on copies a reference and not its fields.
final class ConditionLeaf: Sendable {
    let field: String
    let op: ConditionOperator
    /// As it was written; null where the document has none.
    let value: JSON
    let reference: FieldReference
    let test: ConditionTest

    init(field: String, op: ConditionOperator, value: JSON, reference: FieldReference, test: ConditionTest) {
        self.field = field
        self.op = op
        self.value = value
        self.reference = reference
        self.test = test
    }

    /// The same question, whichever condition asks it.
    struct Key: Hashable {
        var field: String
        var op: ConditionOperator
        var value: JSON
    }
    var key: Key { Key(field: field, op: op, value: value) }

    func holds(for facts: Facts) -> Bool {
        let outcome: Bool
        switch test {
        case .value(let test):
            outcome = test.holds(for: facts.value(of: reference))
        case .exists(let expected):
            outcome = (facts.value(of: reference) != .absent) == expected
        case .changed(let expected):
            outcome = (facts.previous(of: reference) != nil) == expected
        case .transition(let from, let to):
            guard let previous = facts.previous(of: reference) else { return false }
            outcome =
                (from?.holds(for: previous) ?? true) && (to?.holds(for: facts.value(of: reference)) ?? true)
        case .withinBusinessHours(let calendarId):
            guard case .instant(let instant) = facts.value(of: reference) else { return false }
            return facts.businessHours?(calendarId, Timestamp(microseconds: instant)) ?? false
        }
        return outcome != op.isNegation
    }
}

/// What a leaf asks.
enum ConditionTest: Sendable {
    case value(ValueTest)
    case exists(Bool)
    case changed(Bool)
    /// It changed, from this, to that.
    case transition(from: ValueTest?, to: ValueTest?)
    case withinBusinessHours(UUID?)
}

/// What is asked of one value. Texts are bytes in lower case.
enum ValueTest: Sendable {
    case absent
    case equals(Literal)
    case isOneOf(texts: Set<[UInt8]>, numbers: Set<Double>)
    case compares(Comparison, Literal)
    case between(Literal, Literal)
    case contains([UInt8])
    case startsWith([UInt8])
    case endsWith([UInt8])
    case matches(Pattern)

    func holds(for value: FactValue) -> Bool {
        switch self {
        case .absent:
            return value == .absent
        case .equals(let literal):
            return literal.order(of: value) == .same
        case .isOneOf(let texts, let numbers):
            switch value {
            case .text(let text), .ranked(let text, _): return texts.contains(text.folded)
            case .number(let number): return numbers.contains(number)
            case .texts(let items): return items.contains { texts.contains($0.folded) }
            default: return false
            }
        case .compares(let comparison, let literal):
            return literal.order(of: value).map(comparison.accepts) ?? false
        case .between(let low, let high):
            guard let fromLow = low.order(of: value), let fromHigh = high.order(of: value) else { return false }
            if case .minute(let from) = low, case .minute(let to) = high, from > to {
                return fromLow != .less || fromHigh != .greater  // across midnight
            }
            return fromLow != .less && fromHigh != .greater
        case .contains(let part):
            switch value {
            case .text(let text): return ValueTest.contains(text.folded, part)
            case .texts(let items): return items.contains { $0.folded == part }
            default: return false
            }
        case .startsWith(let part):
            guard case .text(let text) = value else { return false }
            return text.folded.starts(with: part)
        case .endsWith(let part):
            guard case .text(let text) = value, text.folded.count >= part.count else { return false }
            return text.folded[(text.folded.count - part.count)...].elementsEqual(part)
        case .matches(let pattern):
            guard case .text(let text) = value else { return false }
            return pattern.matches(text.bytes)
        }
    }

    /// Looks for the first byte, then compares the rest.
    private static func contains(_ text: [UInt8], _ part: [UInt8]) -> Bool {
        guard let first = part.first else { return true }
        return text.withUnsafeBytes { text in
            part.withUnsafeBytes { part in
                guard var place = text.baseAddress, let needle = part.baseAddress else { return false }
                var places = text.count - part.count + 1
                while places > 0, let found = memchr(place, Int32(first), places) {
                    if memcmp(found, needle, part.count) == 0 { return true }
                    places -= UnsafeRawPointer(found) - place + 1
                    place = UnsafeRawPointer(found) + 1
                }
                return false
            }
        }
    }
}

enum Comparison: Sendable {
    case gt, gte, lt, lte

    func accepts(_ order: Literal.Order) -> Bool {
        switch self {
        case .gt: order == .greater
        case .gte: order != .less
        case .lt: order == .less
        case .lte: order != .greater
        }
    }
}

/// A value of a document in the form in which it is compared.
enum Literal: Sendable, Hashable {
    case bool(Bool)
    case number(Double)
    case instant(Int64)
    case minute(Int)
    case text([UInt8])
    case rank(Int)

    enum Order { case less, same, greater }

    /// How a value stands to this; nil where the two can't be compared.
    func order(of value: FactValue) -> Order? {
        switch (self, value) {
        case (.bool(let own), .bool(let other)): other == own ? .same : nil
        case (.number(let own), .number(let other)): Literal.order(other, own)
        case (.instant(let own), .instant(let other)): Literal.order(other, own)
        case (.minute(let own), .minute(let other)): Literal.order(other, own)
        case (.rank(let own), .ranked(_, let other)): other < 0 ? nil : Literal.order(other, own)
        case (.text(let own), .text(let other)), (.text(let own), .ranked(let other, _)):
            other.folded == own ? .same : (other.folded.lexicographicallyPrecedes(own) ? .less : .greater)
        default: nil
        }
    }

    private static func order<T: Comparable>(_ value: T, _ own: T) -> Order {
        value == own ? .same : (value < own ? .less : .greater)
    }
}
