// What is known when conditions are evaluated.

import Contracts

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The values of a vocabulary's fields at one moment, and what they were before the change that is looked at.
public struct Facts: Sendable {
    /// Whether a calendar is open at an instant; nil for a calendar that is not known. A nil id means the default one.
    public typealias BusinessHours = @Sendable (_ calendarId: UUID?, _ instant: Timestamp) -> Bool?

    let vocabulary: Vocabulary
    private var values: [FactValue]
    private var openValues: [FieldReference: FactValue] = [:]
    /// Only of what changed.
    private var previous: [FieldReference: FactValue] = [:]
    let businessHours: BusinessHours?

    /// Nothing is known yet.
    public init(_ vocabulary: Vocabulary, businessHours: BusinessHours? = nil) {
        self.vocabulary = vocabulary
        values = Array(repeating: .absent, count: vocabulary.fields.count)
        self.businessHours = businessHours
    }

    /// Takes each member of the entity that the vocabulary has under `source`: of `ticket` all `ticket.*` fields.
    ///
    /// - Parameter changes: as updated events carry them, `{"priority": {"previous": "low", "new": "high"}}`.
    public mutating func set(_ source: String, to entity: JSONObject, changes: JSONObject = [:]) {
        for (slot, key) in vocabulary.members[source] ?? [] {
            assign(slot, entity[key] ?? .null)
            guard let change = changes[key] else { continue }
            noteChange(slot, previous: change["previous"] ?? .null)
        }
    }

    /// Sets one field by its name. Values of another type than the field's count as absent.
    public mutating func set(_ name: String, to value: JSON) {
        guard let slot = vocabulary.slot(of: name) else { return }
        assign(slot, value)
    }

    /// Notes that a field changed, and what it was before.
    public mutating func noteChange(of name: String, previous: JSON) {
        guard let slot = vocabulary.slot(of: name) else { return }
        noteChange(slot, previous: previous)
    }

    private mutating func assign(_ slot: Int, _ value: JSON) {
        let field = vocabulary.fields[slot]
        guard field.type == .open else {
            values[slot] = FactValue(value, as: field)
            return
        }
        for reference in openValues.keys where reference.slot == slot { openValues[reference] = nil }
        for (key, member) in value.objectValue ?? [:] {
            openValues[FieldReference(slot: slot, member: key)] = FactValue(open: member)
        }
    }

    private mutating func noteChange(_ slot: Int, previous value: JSON) {
        let field = vocabulary.fields[slot]
        guard field.type == .open else {
            previous[FieldReference(slot: slot, member: nil)] = FactValue(value, as: field)
            return
        }
        var before: [FieldReference: FactValue] = [:]
        for (key, member) in value.objectValue ?? [:] {
            before[FieldReference(slot: slot, member: key)] = FactValue(open: member)
        }
        let after = openValues.filter { $0.key.slot == slot }
        for reference in Set(before.keys).union(after.keys) {
            let was = before[reference] ?? .absent
            if was != after[reference] ?? .absent { previous[reference] = was }
        }
    }

    func value(of reference: FieldReference) -> FactValue {
        reference.member == nil ? values[reference.slot] : openValues[reference] ?? .absent
    }

    /// What the field was before the change; nil if it did not change.
    func previous(of reference: FieldReference) -> FactValue? { previous[reference] }

    /// The value of a field, as an explanation shows it.
    public func value(of name: String) -> JSON {
        vocabulary.find(name).map { value(of: $0).json } ?? .null
    }
}

/// A value in the form in which conditions compare it.
enum FactValue: Sendable, Hashable {
    case absent
    case bool(Bool)
    case number(Double)
    /// Microseconds.
    case instant(Int64)
    /// Minutes since midnight.
    case minute(Int)
    case text(FactText)
    /// A value of an ordered choice, and its place; -1 for one that is not among those allowed.
    case ranked(FactText, Int)
    case texts([FactText])

    init(_ value: JSON, as field: ConditionField) {
        self = .absent
        switch field.type {
        case .text, .id:
            if let text = value.stringValue { self = .text(FactText(text)) }
        case .choice:
            guard let text = value.stringValue else { return }
            self =
                field.isOrdered
                ? .ranked(FactText(text), field.allowed?.firstIndex(of: text) ?? -1) : .text(FactText(text))
        case .number:
            if let number = value.doubleValue { self = .number(number) }
        case .boolean:
            if let bool = value.boolValue { self = .bool(bool) }
        case .timestamp:
            if let instant = value.timestampValue { self = .instant(instant.microseconds) }
        case .timeOfDay:
            if let minute = value.stringValue.flatMap(FactValue.minute(of:)) { self = .minute(minute) }
        case .texts, .ids:
            guard let items = value.arrayValue, !items.isEmpty else { return }
            self = .texts(items.compactMap(\.stringValue).map(FactText.init))
        case .open:
            self = FactValue(open: value)
        }
    }

    /// A value whose type is its own.
    init(open value: JSON) {
        switch value {
        case .null, .object: self = .absent
        case .bool(let bool): self = .bool(bool)
        case .int(let number): self = .number(Double(number))
        case .double(let number): self = .number(number)
        case .string(let text): self = .text(FactText(text))
        case .array(let items):
            let texts = items.compactMap { $0.stringValue.map(FactText.init) }
            self = texts.isEmpty ? .absent : .texts(texts)
        }
    }

    /// `08:30`; `24:00` is the end of the day.
    static func minute(of text: String) -> Int? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy({ $0.utf8.count == 2 && $0.utf8.allSatisfy { 48...57 ~= $0 } }),
            let hour = Int(parts[0]), let minute = Int(parts[1]), minute < 60, hour < 24 || (hour == 24 && minute == 0)
        else { return nil }
        return hour * 60 + minute
    }

    /// As an explanation shows it: long texts are cut.
    var json: JSON {
        switch self {
        case .absent: return .null
        case .bool(let value): return .bool(value)
        case .number(let value): return Int64(exactly: value).map { .int($0) } ?? .double(value)
        case .instant(let microseconds): return .timestamp(Timestamp(microseconds: microseconds))
        case .minute(let minute):
            let (hours, minutes) = (minute / 60, minute % 60)
            return .string("\(hours < 10 ? "0" : "")\(hours):\(minutes < 10 ? "0" : "")\(minutes)")
        case .text(let text), .ranked(let text, _): return .string(text.shown)
        case .texts(let texts): return .array(texts.prefix(100).map { .string($0.shown) })
        }
    }
}

/// A text, and its bytes for comparing: as they are, and in lower case.
struct FactText: Sendable, Hashable {
    let bytes: [UInt8]
    let folded: [UInt8]

    init(_ text: String) {
        bytes = FactText.cut(text)
        if bytes.allSatisfy({ $0 < 0x80 && !(0x41...0x5A ~= $0) }) {
            folded = bytes
        } else {
            folded = Array(String(decoding: bytes, as: UTF8.self).lowercased().utf8)
        }
    }

    /// At most ``ConditionLimits/textBytesMax`` bytes, ending with a whole character.
    private static func cut(_ text: String) -> [UInt8] {
        var end = min(text.utf8.count, ConditionLimits.textBytesMax)
        let all = Array(text.utf8)
        while end > 0, end < all.count, all[end] & 0xC0 == 0x80 { end -= 1 }
        return Array(all[..<end])
    }

    var shown: String {
        let text = String(decoding: bytes.prefix(800), as: UTF8.self)
        return text.count > 200 ? text.prefix(200) + "…" : text
    }

    static func == (left: FactText, right: FactText) -> Bool { left.bytes == right.bytes }
    func hash(into hasher: inout Hasher) { hasher.combine(bytes) }
}
