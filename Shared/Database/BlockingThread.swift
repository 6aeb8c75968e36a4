import Glibc

/// Threads for the few things in libpq that can only be done blocking: to connect (name resolution, TLS), to cancel, to
/// migrate. They are rare and brief; statements go through the `Reactor`.
package enum BlockingThread {
    fileprivate final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    /// Runs `body` on a thread of its own.
    package static func start(_ body: @escaping @Sendable () -> Void) {
        let argument = Unmanaged.passRetained(Body(body)).toOpaque()
        var thread = pthread_t()
        let code = pthread_create(&thread, nil, { runBody($0) }, argument)
        precondition(code == 0, "no thread could be started")
        pthread_detach(thread)
    }

    /// Runs blocking code on a thread of its own and gives its result back to the caller's.
    package static func run<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
        try await withUnsafeThrowingContinuation { continuation in
            start { continuation.resume(with: Swift.Result { try body() }) }
        }
    }
}

private func runBody(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    if let argument { Unmanaged<BlockingThread.Body>.fromOpaque(argument).takeRetainedValue().run() }
    return nil
}
