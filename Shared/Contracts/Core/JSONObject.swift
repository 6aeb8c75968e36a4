/// The members of a JSON object in the order in which they were added; equality ignores that order.
///
/// Keys are the same when they are equal as Swift strings, so a letter with an accent is one key however it is composed.
public struct JSONObject: Sendable {
    fileprivate struct Member: Sendable {
        let key: String
        let mark: KeyMark
        var value: JSON
    }

    /// Up to this many members, looking through all of them beats hashing.
    private static let linearSearchMax = 64

    private var members: [Member]
    /// Position by key; empty while there are at most `linearSearchMax` members.
    private var positions: [String: Int]

    public init() {
        members = []
        positions = [:]
    }

    /// Later values of a repeated key win.
    public init(_ elements: some Sequence<(String, JSON)>) {
        self.init()
        for (key, value) in elements { self[key] = value }
    }

    public var count: Int { members.count }
    public var isEmpty: Bool { members.isEmpty }
    public var keys: [String] { members.map(\.key) }
    public var values: [JSON] { members.map(\.value) }

    /// A member's value. Setting nil removes the member; a new key goes to the end.
    public subscript(key: String) -> JSON? {
        get { position(of: key).map { members[$0].value } }
        set {
            switch (position(of: key), newValue) {
            case (let position?, let value?): members[position].value = value
            case (let position?, nil): remove(at: position)
            case (nil, let value?): append(key: key, value: value)
            case (nil, nil): break
            }
        }
    }

    public func contains(_ key: String) -> Bool { position(of: key) != nil }

    public mutating func reserveCapacity(_ count: Int) { members.reserveCapacity(count) }

    /// Adds a member unless the key is taken; false then.
    @discardableResult
    mutating func insertNew(key: String, value: JSON) -> Bool {
        guard position(of: key) == nil else { return false }
        append(key: key, value: value)
        return true
    }

    private func position(of key: String) -> Int? {
        if members.count > Self.linearSearchMax { return positions[key] }
        let mark = KeyMark(key)
        for position in members.indices where members[position].mark.mayEqual(mark) {
            if members[position].key == key { return position }
        }
        return nil
    }

    private mutating func append(key: String, value: JSON) {
        members.append(Member(key: key, mark: KeyMark(key), value: value))
        if members.count == Self.linearSearchMax + 1 {
            indexKeys()
        } else if members.count > Self.linearSearchMax {
            positions[key] = members.count - 1
        }
    }

    private mutating func remove(at position: Int) {
        members.remove(at: position)
        indexKeys()
    }

    private mutating func indexKeys() {
        positions.removeAll()
        guard members.count > Self.linearSearchMax else { return }
        for (position, member) in members.enumerated() { positions[member.key] = position }
    }
}

/// A few bits of a key, which tell most keys apart at once.
private struct KeyMark {
    /// A hash (FNV-1a) of an ASCII key. Others have 0, because what they equal is not for their bytes to say.
    private let bits: UInt32

    init(_ key: String) {
        var key = key
        bits = key.withUTF8 { bytes in
            var hash: UInt32 = 0x811C_9DC5
            var seen: UInt8 = 0
            for byte in bytes {
                hash = (hash ^ UInt32(byte)) &* 0x0100_0193
                seen |= byte
            }
            return seen < 0x80 ? hash | 1 : 0
        }
    }

    func mayEqual(_ other: KeyMark) -> Bool { bits == other.bits || bits == 0 || other.bits == 0 }
}

extension JSONObject: Sequence {
    public struct Iterator: IteratorProtocol {
        private var members: IndexingIterator<[Member]>

        fileprivate init(_ members: IndexingIterator<[Member]>) { self.members = members }

        public mutating func next() -> (key: String, value: JSON)? {
            members.next().map { ($0.key, $0.value) }
        }
    }

    public func makeIterator() -> Iterator { Iterator(members.makeIterator()) }
    public var underestimatedCount: Int { members.count }
}

extension JSONObject: Hashable {
    public static func == (left: JSONObject, right: JSONObject) -> Bool {
        guard left.count == right.count else { return false }
        return left.members.allSatisfy { right[$0.key] == $0.value }
    }

    public func hash(into hasher: inout Hasher) {
        // A sum, because order must not count.
        var sum = 0
        for member in members {
            var own = Hasher()
            own.combine(member.key)
            own.combine(member.value)
            sum &+= own.finalize()
        }
        hasher.combine(sum)
    }
}

extension JSONObject: ExpressibleByDictionaryLiteral, CustomStringConvertible {
    public init(dictionaryLiteral elements: (String, JSON)...) { self.init(elements) }
    public var description: String { JSON.object(self).text }
}

extension JSONObject: Codable {
    public init(from decoder: any Decoder) throws {
        guard case .object(let object) = try JSON(from: decoder) else {
            throw DecodingError.typeMismatch(
                JSONObject.self, .init(codingPath: decoder.codingPath, debugDescription: "must be an object"))
        }
        self = object
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: WireKey.self)
        for (key, value) in self { try container.encode(value, forKey: WireKey(stringValue: key)) }
    }
}
