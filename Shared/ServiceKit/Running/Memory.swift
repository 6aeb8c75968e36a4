// What the process holds beyond what it uses.

#if canImport(Glibc)
    import Glibc
#endif

/// The process's memory. The Glibc module leaves out malloc.h, so its functions are looked up.
public enum Memory {
    /// `M_ARENA_MAX`
    private static let arenaMax: Int32 = -8

    /// glibc gives each thread a heap of its own by default, and each keeps what it once needed.
    static func limitArenas(to count: Int32) {
        #if canImport(Glibc)
            typealias Mallopt = @convention(c) (Int32, Int32) -> Int32
            guard let symbol = dlsym(nil, "mallopt") else { return }
            _ = unsafeBitCast(symbol, to: Mallopt.self)(arenaMax, count)
        #endif
    }

    /// Gives back to the system what the heap has free: after work that needs much more than it leaves behind.
    public static func giveBack() {
        #if canImport(Glibc)
            typealias MallocTrim = @convention(c) (Int) -> Int32
            guard let symbol = dlsym(nil, "malloc_trim") else { return }
            _ = unsafeBitCast(symbol, to: MallocTrim.self)(0)
        #endif
    }

    /// Lets go of the program's code as it lies in memory; what is still used comes back from the file's cache when it is
    /// run. A start runs through much that is never run again, such as the search for conformances.
    static func forgetStart() {
        #if canImport(Glibc)
            var path = [CChar](repeating: 0, count: Int(PATH_MAX))
            let length = readlink("/proc/self/exe", &path, path.count)
            guard length > 0, let maps = try? SettingsFile.read("/proc/self/maps") else { return }
            let executable = String(decoding: path.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self)
            for pages in codePages(in: String(decoding: maps, as: UTF8.self), of: executable) {
                madvise(UnsafeMutableRawPointer(bitPattern: pages.lowerBound), pages.count, MADV_DONTNEED)
            }
        #endif
    }

    /// Where a file's code is, by the kernel's list of a process's mappings. Nothing can have been written there, so nothing
    /// is lost.
    static func codePages(in maps: String, of executable: String) -> [Range<UInt>] {
        maps.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: " ", maxSplits: 2)
            guard fields.count == 3, fields[1] == "r-xp", fields[2].hasSuffix(" " + executable) else { return nil }
            let ends = fields[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
            return ends.count == 2 && ends[0] < ends[1] ? ends[0]..<ends[1] : nil
        }
    }
}
