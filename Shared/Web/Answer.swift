import Contracts
import HTTPTypes
import Hummingbird
import NIOCore

/// What a handler answers.
public struct Answer: Sendable {
    public enum Content: Sendable {
        case empty
        case bytes([UInt8])
        case buffer(ByteBuffer)
        /// Written as it is produced. Such an answer can't be kept for an Idempotency-Key.
        case stream(ResponseBody)
    }

    public var status: HTTPResponse.Status
    public var headers: HTTPFields
    public var content: Content

    public init(_ status: HTTPResponse.Status, headers: HTTPFields = [:], content: Content = .empty) {
        self.status = status
        self.headers = headers
        self.content = content
    }

    /// 204.
    public static let noContent = Answer(.noContent)

    /// JSON text.
    public static func json(
        bytes: [UInt8], status: HTTPResponse.Status = .ok, headers: HTTPFields = [:]
    ) -> Answer {
        content(.bytes(bytes), type: Body.json, status: status, headers: headers)
    }

    public static func json(_ json: JSON, status: HTTPResponse.Status = .ok, headers: HTTPFields = [:]) -> Answer {
        .json(bytes: json.serialized(), status: status, headers: headers)
    }

    /// Content of a media type.
    public static func content(
        _ content: Content, type: String, status: HTTPResponse.Status = .ok, headers: HTTPFields = [:]
    ) -> Answer {
        var headers = headers
        headers[.contentType] = type
        return Answer(status, headers: headers, content: content)
    }

    /// The same with an entity tag; for who has what it stands for, a 304 without the content (RFC 9110, section 13.1.2).
    /// - Parameter tag: a strong one, in its quotes.
    public func tagged(_ tag: String, ifNoneMatch: String?) -> Answer {
        let known = EntityTag.matches(ifNoneMatch, tag: tag) ? Answer(.notModified, headers: headers) : self
        return known.with(.eTag, tag)
    }

    /// The same with a header set.
    public func with(_ name: HTTPField.Name, _ value: String) -> Answer {
        var answer = self
        answer.headers[name] = value
        return answer
    }
}

extension Answer {
    init(_ problem: Problem, instance: String, requestId: String) {
        self = .content(
            .bytes(problem.bytes(instance: instance, requestId: requestId)), type: Problem.mediaType,
            status: problem.status, headers: problem.headers)
    }

    /// As Hummingbird writes it.
    func response(isHead: Bool) -> Response {
        let body: ResponseBody =
            switch content {
            case .empty: ResponseBody()
            case .bytes(let bytes): ResponseBody(byteBuffer: ByteBuffer(bytes: bytes))
            case .buffer(let buffer): ResponseBody(byteBuffer: buffer)
            case .stream(let body): body
            }
        var headers = headers
        StandardHeaders.add(to: &headers)
        if status.code == 204 || status.code == 304 {
            // These never have a body, nor its length.
            var response = Response(status: status, headers: headers)
            response.headers[.contentLength] = nil
            return response
        }
        let response = Response(status: status, headers: headers, body: body)
        return isHead ? response.createHeadResponse() : response
    }
}
