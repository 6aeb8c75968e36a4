// What the process itself uses, under the names that Prometheus's own libraries give it.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

enum ProcessMetrics {
    static let startTimeSeconds: Double = {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return Double(now.tv_sec) + Double(now.tv_nsec) / 1e9
    }()

    static func samples() -> [MetricSample] {
        var samples = [
            MetricSample(
                "process_start_time_seconds", help: "Start of the process, in seconds since 1970.", startTimeSeconds)
        ]
        if let (resident, virtual) = memoryBytes() {
            samples.append(MetricSample("process_resident_memory_bytes", help: "Resident memory.", resident))
            samples.append(MetricSample("process_virtual_memory_bytes", help: "Virtual memory.", virtual))
        }
        if let count = entries(of: "/proc/self/fd") {
            samples.append(MetricSample("process_open_fds", help: "Open file descriptors.", Double(count)))
        }
        if let count = entries(of: "/proc/self/task") {
            samples.append(MetricSample("process_threads", help: "Threads.", Double(count)))
        }
        var limit = rlimit()
        #if canImport(Glibc)
            let gotLimit = getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        #else
            let gotLimit = getrlimit(RLIMIT_NOFILE, &limit)
        #endif
        if gotLimit == 0 {
            samples.append(MetricSample("process_max_fds", help: "Most file descriptors.", Double(limit.rlim_cur)))
        }
        var used = timespec()
        if clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) == 0 {
            samples.append(
                MetricSample(
                    "process_cpu_seconds_total", .counter, help: "Processor time used.",
                    Double(used.tv_sec) + Double(used.tv_nsec) / 1e9))
        }
        return samples
    }

    private static func memoryBytes() -> (resident: Double, virtual: Double)? {
        guard let content = try? SettingsFile.read("/proc/self/statm") else { return nil }
        let fields = content.split(separator: UInt8(ascii: " ")).prefix(2).compactMap {
            Double(String(decoding: $0, as: UTF8.self))
        }
        guard fields.count == 2 else { return nil }
        let page = Double(sysconf(Int32(_SC_PAGESIZE)))
        return (fields[1] * page, fields[0] * page)
    }

    private static func entries(of path: String) -> Int? {
        guard let directory = opendir(path) else { return nil }
        defer { closedir(directory) }
        var count = 0
        while readdir(directory) != nil { count += 1 }
        return count - 2
    }
}
