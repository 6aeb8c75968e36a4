// Where log lines go and from which level on: one per process, shared by every logger.

import Logging
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The level and the output that all of a process's loggers share. The level can change while the process runs.
public final class LogSink: Sendable {
    public let service: String
    private let levelIndex: Atomic<Int>
    private let writeLine: @Sendable ([UInt8]) -> Void

    /// - Parameter writeLine: receives one whole line, its newline included.
    public init(
        service: String, level: Logger.Level = .info,
        writeLine: @escaping @Sendable ([UInt8]) -> Void = LogSink.standardOutput
    ) {
        self.service = service
        self.levelIndex = Atomic(LogSink.levels.firstIndex(of: level) ?? 0)
        self.writeLine = writeLine
    }

    private static let levels = Logger.Level.allCases

    /// The least level that is logged, from now on.
    public var level: Logger.Level {
        get { LogSink.levels[levelIndex.load(ordering: .relaxed)] }
        set { levelIndex.store(LogSink.levels.firstIndex(of: newValue) ?? 0, ordering: .relaxed) }
    }

    func write(_ line: [UInt8]) { writeLine(line) }

    private static let outputLock = Mutex(())

    /// Writes the line to standard output, whole: lines of several threads don't mix.
    public static let standardOutput: @Sendable ([UInt8]) -> Void = { line in
        outputLock.withLock { _ in
            line.withUnsafeBytes { bytes in
                var rest = bytes[...]
                while !rest.isEmpty {
                    let count = writeToStandardOutput(rest)
                    if count > 0 { rest = rest.dropFirst(count) } else if errno != EINTR { return }
                }
            }
        }
    }
}

private func writeToStandardOutput(_ bytes: Slice<UnsafeRawBufferPointer>) -> Int {
    let buffer = UnsafeRawBufferPointer(rebasing: bytes)
    return write(STDOUT_FILENO, buffer.baseAddress, buffer.count)
}
