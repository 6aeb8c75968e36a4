// What the allocator keeps.

#if canImport(Glibc)
    import Glibc
#endif

/// The process's heap. The Glibc module leaves out malloc.h, so its functions are looked up.
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

    /// Gives back to the system what is free: after work that needs much more than it leaves behind.
    public static func giveBack() {
        #if canImport(Glibc)
            typealias MallocTrim = @convention(c) (Int) -> Int32
            guard let symbol = dlsym(nil, "malloc_trim") else { return }
            _ = unsafeBitCast(symbol, to: MallocTrim.self)(0)
        #endif
    }
}
