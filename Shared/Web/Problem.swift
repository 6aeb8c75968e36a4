import Contracts
import HTTPTypes

/// What is wrong with a request, as RFC 9457 `application/problem+json`. Handlers throw it; the responder writes it.
///
/// `code` is the slug at the end of `type`: it is stable and meant for programs, `detail` is meant for people.
public struct Problem: Error, Sendable {
    public var status: HTTPResponse.Status
    public var code: String
    public var title: String
    public var detail: String?
    /// Every fault of the request at once, so that a client never repairs them one round trip at a time.
    public var errors: [Fault]
    public var headers: HTTPFields
    /// Further members of the document, such as `allowed` for a state machine's targets.
    public var members: JSONObject

    public init(
        _ status: HTTPResponse.Status, code: String, title: String, detail: String? = nil, errors: [Fault] = [],
        headers: HTTPFields = [:], members: JSONObject = [:]
    ) {
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
        self.errors = errors
        self.headers = headers
        self.members = members
    }

    /// The media type of the document.
    public static let mediaType = "application/problem+json"

    /// The `type` member: a URN, because the service has no page of its own for each kind of problem.
    public var type: String { "urn:deskwire:problem:\(code)" }

    /// Whether it is what the request carries that is refused.
    var isAboutContent: Bool { [400, 412, 413, 415, 422].contains(status.code) }

    /// The document's bytes. `instance` is the request's path.
    public func bytes(instance: String, requestId: String) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("type")
        writer.string(type)
        writer.key("title")
        writer.string(title)
        writer.key("status")
        writer.int(Int64(status.code))
        if let detail {
            writer.key("detail")
            writer.string(detail)
        }
        writer.key("instance")
        writer.string(instance)
        writer.key("requestId")
        writer.string(requestId)
        for (key, value) in members {
            writer.key(key)
            writer.value(value)
        }
        if !errors.isEmpty {
            writer.key("errors")
            writer.beginArray()
            for fault in errors { fault.write(to: &writer) }
            writer.endArray()
        }
        writer.endObject()
        return writer.bytes
    }
}

/// One fault of a request: where it is, a stable code, and a sentence.
public struct Fault: Sendable, Hashable {
    /// Where the fault is.
    public enum Place: Sendable, Hashable {
        /// A JSON pointer into the body.
        case pointer(String)
        /// A query or path parameter.
        case parameter(String)
        case header(String)
    }

    public var place: Place
    public var code: String
    public var detail: String
    /// The values that would have been accepted, where there are few enough to list.
    public var allowed: [String]?

    public init(_ place: Place, _ code: String, _ detail: String, allowed: [String]? = nil) {
        self.place = place
        self.code = code
        self.detail = detail
        self.allowed = allowed
    }

    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        switch place {
        case .pointer(let pointer):
            writer.key("pointer")
            writer.string(pointer)
        case .parameter(let name):
            writer.key("parameter")
            writer.string(name)
        case .header(let name):
            writer.key("header")
            writer.string(name)
        }
        writer.key("code")
        writer.string(code)
        writer.key("detail")
        writer.string(detail)
        if let allowed {
            writer.key("allowed")
            writer.beginArray()
            for value in allowed { writer.string(value) }
            writer.endArray()
        }
        writer.endObject()
    }
}

/// The problems every service uses. A detail says what the caller can do about it.
extension Problem {
    /// 400: the request can't be understood.
    public static func badRequest(_ detail: String? = nil, errors: [Fault] = []) -> Problem {
        Problem(.badRequest, code: "bad_request", title: "The request is malformed", detail: detail, errors: errors)
    }

    /// 422: understood, but its values are not acceptable.
    public static func invalid(_ errors: [Fault], detail: String? = nil) -> Problem {
        Problem(
            .unprocessableContent, code: "invalid", title: "Some values are not acceptable", detail: detail,
            errors: errors)
    }

    /// 401: who is calling is not known.
    public static func unauthorized(_ detail: String) -> Problem {
        Problem(
            .unauthorized, code: "unauthorized", title: "Authentication is needed", detail: detail,
            headers: [.wwwAuthenticate: "Bearer"])
    }

    /// 403: known, but not allowed.
    public static func forbidden(_ detail: String) -> Problem {
        Problem(.forbidden, code: "forbidden", title: "Not allowed", detail: detail)
    }

    /// 403 for want of a permission, which is named.
    public static func forbidden(permission: String) -> Problem {
        var problem = Problem.forbidden("The permission \(permission) is needed.")
        problem.members["permission"] = .string(permission)
        return problem
    }

    /// 404: also for rows of another tenant, whose existence is not revealed.
    public static func notFound(_ detail: String? = nil) -> Problem {
        Problem(.notFound, code: "not_found", title: "Not found", detail: detail)
    }

    /// 405 with the methods that are served here.
    public static func methodNotAllowed(allow: [String]) -> Problem {
        var problem = Problem(
            .methodNotAllowed, code: "method_not_allowed", title: "This method is not served here",
            headers: [.allow: allow.joined(separator: ", ")])
        problem.members["allowed"] = .array(allow.map { .string($0) })
        return problem
    }

    /// 409: the request conflicts with the present state.
    public static func conflict(
        _ detail: String, code: String = "conflict", errors: [Fault] = [], allowed: [String]? = nil
    ) -> Problem {
        var problem = Problem(
            .conflict, code: code, title: "The request conflicts with the present state", detail: detail,
            errors: errors)
        if let allowed { problem.members["allowed"] = .array(allowed.map { .string($0) }) }
        return problem
    }

    /// 412: If-Match names another version than the present one.
    public static func preconditionFailed(present version: Int64) -> Problem {
        Problem(
            .preconditionFailed, code: "precondition_failed", title: "The entity has changed",
            detail: "The present version is \(version); read it again and repeat the change.",
            errors: [Fault(.header("If-Match"), "mismatch", "It does not name the present version.")],
            headers: [.eTag: "\"\(version)\""])
    }

    /// 413.
    public static func contentTooLarge(maxBytes: Int) -> Problem {
        Problem(
            .contentTooLarge, code: "content_too_large", title: "The body is too large",
            detail: "At most \(maxBytes) bytes are accepted here.")
    }

    /// 415 with the types that are accepted.
    public static func unsupportedMediaType(accepted: [String]) -> Problem {
        var problem = Problem(
            .unsupportedMediaType, code: "unsupported_media_type", title: "The body's media type is not accepted",
            detail: "Accepted here: \(accepted.joined(separator: ", ")).",
            errors: [Fault(.header("Content-Type"), "unsupported", "Not accepted here.", allowed: accepted)])
        problem.headers[.accept] = accepted.joined(separator: ", ")
        return problem
    }

    /// 429.
    public static func tooManyRequests(_ detail: String, retryAfterSeconds: Int) -> Problem {
        Problem(
            .tooManyRequests, code: "too_many_requests", title: "Too many requests", detail: detail,
            headers: [.retryAfter: String(retryAfterSeconds)])
    }

    /// 503: worth repeating after a while.
    public static func unavailable(_ detail: String, retryAfterSeconds: Int = 1) -> Problem {
        Problem(
            .serviceUnavailable, code: "unavailable", title: "Not available at the moment", detail: detail,
            headers: [.retryAfter: String(retryAfterSeconds)])
    }

    /// 500: our fault. The cause is in the log under the request's id, never in the answer.
    public static let internalError = Problem(
        .internalServerError, code: "internal_error", title: "The service failed",
        detail: "The failure is in the service's log under this requestId.")
}
