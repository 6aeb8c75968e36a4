// Reads TZif files, the compiled form of the tz database (RFC 9636).

/// Why a zone could not be read.
public enum ZoneError: Error, Sendable, Hashable, CustomStringConvertible {
    /// No zone has this name.
    case unknown(String)
    /// The database's file of the zone is not what it should be.
    case damaged(String, String)

    public var description: String {
        switch self {
        case .unknown(let name): "\(name) is no time zone of the tz database"
        case .damaged(let name, let fault): "the tz database's file of \(name) can't be read: \(fault)"
        }
    }
}

enum ZoneFile {
    /// Reads a file's bytes. What follows its table by rule is written out up to ``Zone/lastYear``.
    static func zone(named name: String, in bytes: [UInt8]) throws(ZoneError) -> Zone {
        var reader = Reader(name: name, bytes: bytes)
        var header = try reader.header()
        var timeSize = 4
        if header.version >= 2 {
            // The first block is for readers that know only 32 bits.
            reader.skip(header.blockSize(timeSize: 4))
            header = try reader.header()
            timeSize = 8
        }
        guard header.leapCount == 0 else { throw .damaged(name, "it counts leap seconds") }
        let (transitions, offsets) = try reader.block(header, timeSize: timeSize)
        let rule = header.version >= 2 ? try reader.footer() : nil
        return extended(name, transitions, offsets, by: rule)
    }

    private static func extended(
        _ name: String, _ transitions: [Int], _ offsets: [Int], by rule: PosixRule?
    ) -> Zone {
        var (transitions, offsets) = (transitions, offsets)
        guard let rule else { return Zone(name: name, transitions: transitions, offsets: offsets) }
        let last = transitions.last ?? .min
        if rule.daylight == nil {
            if transitions.isEmpty { offsets = [rule.standardOffset] }
            return Zone(name: name, transitions: transitions, offsets: offsets)
        }
        let firstYear = max(1_900, transitions.isEmpty ? 0 : Day(number: last.floorDivided(by: 86_400)).year)
        guard firstYear <= Zone.lastYear else { return Zone(name: name, transitions: transitions, offsets: offsets) }
        let coming = (firstYear...Zone.lastYear).flatMap { rule.transitions(in: $0) }.sorted { $0.at < $1.at }
        for (index, change) in coming.enumerated() where change.at > last {
            // Two changes at one instant are none: daylight-saving time all year.
            if index + 1 < coming.count, coming[index + 1].at == change.at { continue }
            guard change.offset != offsets[offsets.count - 1] else { continue }
            transitions.append(change.at)
            offsets.append(change.offset)
        }
        return Zone(name: name, transitions: transitions, offsets: offsets)
    }
}

private struct Reader {
    let name: String
    let bytes: [UInt8]
    private var at = 0

    init(name: String, bytes: [UInt8]) {
        self.name = name
        self.bytes = bytes
    }

    struct Header {
        var version: Int
        var isUTCCount: Int
        var isStandardCount: Int
        var leapCount: Int
        var timeCount: Int
        var typeCount: Int
        var characterCount: Int

        func blockSize(timeSize: Int) -> Int {
            timeCount * (timeSize + 1) + typeCount * 6 + characterCount + leapCount * (timeSize + 4) + isStandardCount
                + isUTCCount
        }
    }

    mutating func skip(_ count: Int) { at += count }

    /// A big-endian number.
    private mutating func number(_ size: Int) throws(ZoneError) -> Int {
        guard at + size <= bytes.count else { throw .damaged(name, "it ends too early") }
        var value: UInt64 = 0
        for byte in bytes[at..<at + size] { value = value << 8 | UInt64(byte) }
        at += size
        return size == 4 ? Int(Int32(truncatingIfNeeded: value)) : Int(Int64(bitPattern: value))
    }

    private mutating func byte() throws(ZoneError) -> Int {
        guard at < bytes.count else { throw .damaged(name, "it ends too early") }
        defer { at += 1 }
        return Int(bytes[at])
    }

    mutating func header() throws(ZoneError) -> Header {
        guard at + 44 <= bytes.count, bytes[at..<at + 4].elementsEqual("TZif".utf8) else {
            throw .damaged(name, "it is no TZif file")
        }
        let version = bytes[at + 4] == 0 ? 1 : Int(bytes[at + 4]) - Int(UInt8(ascii: "0"))
        at += 20
        var counts: [Int] = []
        for _ in 0..<6 {
            let count = try number(4)
            guard count >= 0, count <= bytes.count else { throw .damaged(name, "a count is impossible") }
            counts.append(count)
        }
        return Header(
            version: version, isUTCCount: counts[0], isStandardCount: counts[1], leapCount: counts[2],
            timeCount: counts[3], typeCount: counts[4], characterCount: counts[5])
    }

    mutating func block(_ header: Header, timeSize: Int) throws(ZoneError) -> (transitions: [Int], offsets: [Int]) {
        var times: [Int] = []
        for _ in 0..<header.timeCount { times.append(try number(timeSize)) }
        var types: [Int] = []
        for _ in 0..<header.timeCount { types.append(try byte()) }
        var typeOffsets: [Int] = []
        for _ in 0..<header.typeCount {
            let offset = try number(4)
            guard abs(offset) < 129_600 else { throw .damaged(name, "an offset is impossible") }
            typeOffsets.append(offset)
            at += 2
        }
        at += header.characterCount + header.leapCount * (timeSize + 4) + header.isStandardCount + header.isUTCCount
        guard let first = typeOffsets.first else { throw .damaged(name, "it has no offset") }
        var transitions: [Int] = []
        var offsets = [first]
        for (time, type) in zip(times, types) {
            guard type < typeOffsets.count, time > transitions.last ?? .min else {
                throw .damaged(name, "its transitions are in disorder")
            }
            // Some change the name of the time only.
            guard typeOffsets[type] != offsets[offsets.count - 1] else { continue }
            transitions.append(time)
            offsets.append(typeOffsets[type])
        }
        return (transitions, offsets)
    }

    /// The rule between two newlines; nil where the file has none.
    mutating func footer() throws(ZoneError) -> PosixRule? {
        guard at < bytes.count, bytes[at] == UInt8(ascii: "\n"),
            let end = bytes[(at + 1)...].firstIndex(of: UInt8(ascii: "\n"))
        else { throw .damaged(name, "it has no footer") }
        let text = String(decoding: bytes[at + 1..<end], as: UTF8.self)
        guard !text.isEmpty else { return nil }
        guard let rule = PosixRule(text) else { throw .damaged(name, "its rule \(text) is none") }
        return rule
    }
}
