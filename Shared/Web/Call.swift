import Contracts
import Database
import HTTPTypes
import Hummingbird
import Messaging

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A request that was routed, authenticated, authorized and checked: what a handler works from.
public struct Call: Sendable {
    public let request: Request
    public let caller: Caller
    /// The rows that this request may see.
    public let scope: Scope
    /// The tenant of the path; in an admin request, the one that `tenantId=` names, if it does.
    public let tenantId: UUID?
    public let requestId: String
    /// The request's query, typed.
    public let arguments: Arguments
    /// One instant for the whole request.
    public let now: Timestamp
    public let database: Database

    let mounted: MountedRoute
    let path: Substring
    let query: Query
    /// The values of the path's parameters, in order.
    let pathValues: [String]
    var bodyBytes: [UInt8] = []
    var json: JSON?
    /// The body's fields, where the route declares them.
    public internal(set) var values = Values()

    public var headers: HTTPFields { request.headers }

    /// The parsed JSON body. A 422 where the route accepts none and none came.
    public func body() throws(Problem) -> JSON {
        guard let json else { throw .badRequest("A JSON body is needed.") }
        return json
    }

    /// The body of a route that declares `.bytes`; empty where none came.
    public var bytes: [UInt8] { bodyBytes }

    /// The body as it arrives, for routes that declare `.stream`; beyond the declared size it ends with a 413.
    public var stream: LimitedBody {
        LimitedBody(body: request.body, bytesMax: mounted.route.body.bytesMax ?? .max)
    }

    /// A path parameter as text.
    public func parameter(_ name: String) throws(Problem) -> String {
        guard let index = mounted.parameterNames.firstIndex(of: name) else {
            preconditionFailure("\(mounted.path) has no parameter \(name)")
        }
        return pathValues[index]
    }

    /// A path parameter that is an id. The router has seen to it that it is one.
    public func id(_ name: String) throws(Problem) -> UUID {
        guard let id = UUID(text: try parameter(name)) else { throw .notFound() }
        return id
    }

    /// The request's If-Match.
    var precondition: Precondition { Precondition(ifMatch: headers[.ifMatch]) }

    /// Where a row of this route's collection is found: for Location headers.
    public func location(_ suffix: String) -> String { "\(path)/\(suffix)" }
}

// MARK: - Transactions

extension Call {
    /// Runs a read-only transaction over the rows that the request may see.
    /// - Parameter once: `body` queries once; then the transaction costs no more than that.
    public func read<R: Sendable>(once: Bool = false, _ body: (Transaction) async throws -> R) async throws -> R {
        if once { return try await database.lookup(as: scope, body) }
        return try await database.transaction(as: scope, readOnly: true, body)
    }

    /// Runs the request's write: one transaction, with its Idempotency-Key honoured in the same transaction, and what
    /// it publishes attributed to the request.
    ///
    /// The key is claimed together with the first statement and the answer is kept together with the COMMIT, so a key
    /// costs no round trip of its own.
    public func write(_ body: (Operation) async throws -> Answer) async throws -> Answer {
        let claim = try IdempotencyClaim(self)
        let context = MessagingContext(
            tenantId: tenantId, actor: caller.actor, causationId: requestId, idempotencyKey: claim?.key)
        do {
            return try await MessagingContext.$current.withValue(context) {
                try await database.transaction(as: scope) { tx in
                    if let claim { tx.enqueue(claim.claiming) }
                    let answer = try await body(Operation(tx: tx, call: self))
                    if let claim { tx.enqueue(try claim.keeping(answer)) }
                    return answer
                }
            }
        } catch let error as DatabaseError {
            guard let claim, let refusal = IdempotencyClaim.Refusal(error) else { throw error }
            return try await claim.answer(refusal, in: database, scope: scope)
        }
    }
}
