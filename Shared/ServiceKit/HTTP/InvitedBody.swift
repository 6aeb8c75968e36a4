import HTTPTypes
import Hummingbird
import HummingbirdCore
import NIOCore
import NIOHTTPTypes

/// The body of a client that waits to be told to send it (`Expect: 100-continue`): it is told when somebody wants to read.
/// A request that is refused before that costs the client nothing but its head.
struct InvitedBody: AsyncSequence, Sendable {
    typealias Element = ByteBuffer

    let body: RequestBody
    let channel: any Channel

    struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate var parts: RequestBody.AsyncIterator
        /// Until the client has been told.
        fileprivate var channel: (any Channel)?

        mutating func next() async throws -> ByteBuffer? { try await next(isolation: nil) }

        mutating func next(
            isolation actor: isolated (any _Concurrency.Actor)?
        ) async throws(any Error) -> ByteBuffer? {
            if let waiting = channel.take() {
                try await waiting.writeAndFlush(HTTPResponsePart.head(HTTPResponse(status: .continue)))
            }
            return try await parts.next(isolation: actor)
        }
    }

    func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(parts: body.makeAsyncIterator(), channel: channel)
    }
}

extension HTTPFields {
    /// Whether the client waits to be told to send the body.
    var expectsContinue: Bool { self[.expect]?.lowercased() == "100-continue" }
}
