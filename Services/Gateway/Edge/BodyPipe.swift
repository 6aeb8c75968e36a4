import NIOCore
import Synchronization

/// Hands the parts of a request body from the task that reads the client to the one that writes to the service, one
/// part at a time: a slow service slows the client down, nothing piles up in between.
///
/// The client's body may be read by one task only, and only while its handler runs. With the pipe in between, the
/// reading task belongs to the handler, which ends it before it returns, however the call to the service ends.
final class BodyPipe: AsyncSequence, Sendable {
    typealias Element = ByteBuffer

    private struct State {
        var part: ByteBuffer?
        var ending: Result<Void, any Error>?
        var isCancelled = false
        var reader: CheckedContinuation<ByteBuffer?, any Error>?
        var writer: CheckedContinuation<Bool, Never>?
    }

    private let state = Mutex(State())

    /// Offers a part and returns when it has been taken; false when nobody wants more.
    func send(_ part: ByteBuffer) async -> Bool {
        await withTaskCancellationHandler {
            await withCheckedContinuation { (writer: CheckedContinuation<Bool, Never>) in
                let action: SendAction = state.withLock { state in
                    if state.isCancelled || state.ending != nil { return .refuse }
                    if let reader = state.reader {
                        state.reader = nil
                        return .hand(to: reader)
                    }
                    state.part = part
                    state.writer = writer
                    return .wait
                }
                switch action {
                case .refuse: writer.resume(returning: false)
                case .wait: break
                case .hand(let reader):
                    reader.resume(returning: part)
                    writer.resume(returning: true)
                }
            }
        } onCancel: {
            cancel()
        }
    }

    private enum SendAction {
        case refuse
        case wait
        case hand(to: CheckedContinuation<ByteBuffer?, any Error>)
    }

    /// Says that the body is complete, or why it can't be completed.
    func finish(_ ending: Result<Void, any Error> = .success(())) {
        let reader: CheckedContinuation<ByteBuffer?, any Error>? = state.withLock { state in
            guard state.ending == nil else { return nil }
            state.ending = ending
            guard state.part == nil else { return nil }
            defer { state.reader = nil }
            return state.reader
        }
        reader?.resume(with: ending.map { nil })
    }

    /// Nobody reads any more.
    func cancel() {
        let (reader, writer) = state.withLock { state in
            state.isCancelled = true
            state.part = nil
            defer { (state.reader, state.writer) = (nil, nil) }
            return (state.reader, state.writer)
        }
        reader?.resume(throwing: CancellationError())
        writer?.resume(returning: false)
    }

    struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate let pipe: BodyPipe

        mutating func next() async throws -> ByteBuffer? { try await pipe.receive() }
    }

    func makeAsyncIterator() -> AsyncIterator { AsyncIterator(pipe: self) }

    private func receive() async throws -> ByteBuffer? {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (reader: CheckedContinuation<ByteBuffer?, any Error>) in
                var taken: CheckedContinuation<Bool, Never>?
                let ready: Result<ByteBuffer?, any Error>? = state.withLock { state in
                    if state.isCancelled { return .failure(CancellationError()) }
                    if let part = state.part {
                        (state.part, taken, state.writer) = (nil, state.writer, nil)
                        return .success(part)
                    }
                    if let ending = state.ending { return ending.map { nil } }
                    state.reader = reader
                    return nil
                }
                if let ready { reader.resume(with: ready) }
                taken?.resume(returning: true)
            }
        } onCancel: {
            cancel()
        }
    }
}
