import AMQP
import Contracts
import Database

/// Thrown by a handler: not now, and no failure. The message, and later ones of its aggregate, wait; attempts don't count.
public struct Snooze: Error, Sendable, Hashable {
    public var duration: Duration

    public init(for duration: Duration) {
        self.duration = duration
    }
}

/// Thrown by a handler: the message is of no use to it and is done with. Its effects so far are rolled back.
public struct Discard: Error, Sendable, Hashable {
    public var reason: String

    public init(_ reason: String) {
        self.reason = reason
    }
}

/// Thrown by a handler: trying again can't help. The message becomes a dead letter at once.
public struct PermanentFailure: Error, Sendable, CustomStringConvertible {
    public var reason: String
    public var underlying: (any Error)?

    public init(_ reason: String, underlying: (any Error)? = nil) {
        self.reason = reason
        self.underlying = underlying
    }

    public var description: String {
        underlying.map { "\(reason): \($0)" } ?? reason
    }
}

/// Why a message is a dead letter; the value of the header `dead-letter-reason`.
public enum DeadLetterReason: String, Sendable, CaseIterable {
    /// The body is not the JSON object that an event is.
    case undecodable
    /// The body is no event of the kind that its name says.
    case badSchema = "bad_schema"
    /// An event of a version that the service does not know.
    case unsupportedVersion = "unsupported_version"
    case oversized
    /// A handler said that trying again can't help.
    case permanentFailure = "permanent_failure"
    /// The last attempt failed.
    case retriesExhausted = "retries_exhausted"
    /// The broker gave up: no consumer survived the message.
    case deliveryLimit = "delivery_limit"
}

/// A message that no handler can take, found before or while it is decoded.
struct PoisonMessage: Error, Sendable, Hashable, CustomStringConvertible {
    var reason: DeadLetterReason
    var detail: String

    var description: String { "\(reason.rawValue): \(detail)" }
}

/// What is to be done about an error that came out of a handler's transaction.
enum FailureVerdict: Sendable, Equatable {
    case snooze(Duration)
    case discard(String)
    case deadLetter(DeadLetterReason, detail: String)
    case retry(detail: String)
    /// The message is not at fault: the database or the broker is away, or we are stopping. Nothing counts as an attempt.
    case infrastructure(detail: String)

    init(_ error: any Error) {
        switch error {
        case let snooze as Snooze:
            self = .snooze(snooze.duration)
        case let discard as Discard:
            self = .discard(discard.reason)
        case let failure as PermanentFailure:
            self = .deadLetter(.permanentFailure, detail: Self.detail(failure))
        case let poison as PoisonMessage:
            self = .deadLetter(poison.reason, detail: poison.detail)
        case let error as DatabaseError:
            self = Self.isInfrastructure(error) ? .infrastructure(detail: "\(error)") : .retry(detail: "\(error)")
        case is CancellationError:
            self = .infrastructure(detail: "cancelled")
        default:
            self = .retry(detail: Self.detail(error))
        }
    }

    /// Whether the database, rather than what was asked of it, is the cause.
    private static func isInfrastructure(_ error: DatabaseError) -> Bool {
        switch error.kind {
        case .connection, .poolExhausted, .cancelled: true
        case .other(let state): state.hasPrefix("53") || state.hasPrefix("58") || state == "25006"
        default: false
        }
    }

    /// An error's words for a header: bounded.
    private static func detail(_ error: any Error) -> String {
        String("\(error)".prefix(500))
    }
}
