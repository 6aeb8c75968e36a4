// The system's tz database: its zones by name, and which version it is.

import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A directory of TZif files. A zone is read once and kept.
public final class ZoneDatabase: Sendable {
    /// Where `TZDIR` says, else where Linux and macOS keep it.
    public static let system = ZoneDatabase(
        directory: getenv("TZDIR").map { String(cString: $0) } ?? "/usr/share/zoneinfo")

    /// A file of the database is at most a few kilobytes.
    private static let fileBytesMax = 1 << 20
    private static let nameLengthMax = 64
    /// Files that are no zones of the database: this machine's own, and those that count leap seconds.
    private static let excluded: Set = ["localtime", "posixrules", "Factory", "right", "posix"]

    private let directory: String
    private let zones = Mutex<[String: Zone]>([:])

    public init(directory: String) { self.directory = directory }

    /// A zone by its IANA name, `Europe/Berlin`.
    public func zone(named name: String) throws(ZoneError) -> Zone {
        if let known = zones.withLock({ $0[name] }) { return known }
        guard Self.isPlausible(name), let bytes = Self.contents(of: "\(directory)/\(name)", bytesMax: Self.fileBytesMax)
        else { throw .unknown(String(name.prefix(Self.nameLengthMax))) }
        guard bytes.starts(with: "TZif".utf8) else { throw .unknown(name) }
        let zone = try ZoneFile.zone(named: name, in: bytes)
        zones.withLock { $0[name] = zone }
        return zone
    }

    /// The database's version, `2026a`; nil where the system does not say.
    public var version: String? {
        if let bytes = Self.contents(of: "\(directory)/+VERSION", bytesMax: 64) {
            let text = String(decoding: bytes, as: UTF8.self).prefix { !$0.isWhitespace }
            if !text.isEmpty { return String(text) }
        }
        let mark = "# version "
        guard let bytes = Self.contents(of: "\(directory)/tzdata.zi", bytesMax: Self.fileBytesMax),
            let line = bytes.split(separator: UInt8(ascii: "\n"), maxSplits: 1).first
        else { return nil }
        let text = String(decoding: line, as: UTF8.self)
        return text.hasPrefix(mark) ? String(text.dropFirst(mark.count).prefix { !$0.isWhitespace }) : nil
    }

    /// The names of all zones and their aliases, sorted; empty where the system does not list them.
    public var names: [String] {
        guard let bytes = Self.contents(of: "\(directory)/tzdata.zi", bytesMax: Self.fileBytesMax) else { return [] }
        var names: [String] = []
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count > 1, words[0] == "Z" { names.append(String(words[1])) }
            if words.count > 2, words[0] == "L" { names.append(String(words[2])) }
        }
        return names.filter(Self.isPlausible).sorted()
    }

    /// Letters, digits, `_`, `-`, `+` in parts between slashes: never a path out of the directory.
    private static func isPlausible(_ name: String) -> Bool {
        guard (1...nameLengthMax).contains(name.utf8.count) else { return false }
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        guard let first = parts.first, !excluded.contains(String(first)) else { return false }
        return parts.allSatisfy { part in
            guard let first = part.utf8.first, isLetter(first) else { return false }
            return part.utf8.allSatisfy { byte in
                isLetter(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                    || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "+")
            }
        }
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }

    /// A regular file's bytes; nil where there is none, or a larger one.
    private static func contents(of path: String, bytesMax: Int) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size <= bytesMax else {
            return nil
        }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { return nil }
            if count == 0 { return bytes }
            bytes += buffer[0..<count]
            guard bytes.count <= bytesMax else { return nil }
        }
    }
}
