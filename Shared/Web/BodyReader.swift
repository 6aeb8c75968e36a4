import Contracts
import HTTPTypes
import Hummingbird
import NIOCore

/// Collects and checks a request's body as its route declares it.
struct BodyReader {
    let limits: ServiceAPI.Limits

    struct Result {
        var bytes: [UInt8] = []
        var json: JSON?
        var values = Values()
    }

    func read(_ request: Request, _ body: Body) async throws -> Result {
        switch body.form {
        case .none:
            return Result()
        case .bytes:
            try checkMediaType(request, body)
            let bytesMax = body.bytesMax ?? limits.bodyBytes
            try checkLength(request, bytesMax: bytesMax)
            return Result(bytes: try await collect(request, bytesMax: bytesMax))
        case .stream:
            try checkMediaType(request, body)
            try checkLength(request, bytesMax: body.bytesMax ?? limits.bodyBytes)
            return Result()
        case .json(let check):
            let bytesMax = body.bytesMax ?? limits.bodyBytes
            try checkLength(request, bytesMax: bytesMax)
            let bytes = try await collect(request, bytesMax: bytesMax)
            if bytes.isEmpty, !body.isRequired { return try result(bytes, [:], body, check) }
            try checkMediaType(request, body)
            guard !bytes.isEmpty else { throw Problem.badRequest("A JSON body is needed.") }
            return try result(bytes, try parse(bytes, bytesMax: bytesMax), body, check)
        }
    }

    private func result(_ bytes: [UInt8], _ json: JSON, _ body: Body, _ check: Body.Check) throws -> Result {
        var result = Result(bytes: bytes, json: json)
        switch check {
        case .own:
            break
        case .fields(let fields):
            result.values = try FieldValidator(fields).validate(json, for: .creation)
            for field in fields where !result.values.contains(field.name) {
                guard let value = field.defaultValue, case .success(let bound) = field.kind.read(value) else {
                    continue
                }
                result.values[field.name] = bound
            }
        case .schema:
            guard let schema = body.schema else { break }
            let issues = JSONSchema.validate(json, against: schema)
            if !issues.isEmpty {
                throw Problem.invalid(issues.map { Fault(.pointer($0.pointer), $0.code, $0.detail) })
            }
        }
        return result
    }

    private func checkLength(_ request: Request, bytesMax: Int) throws(Problem) {
        guard let length = request.headers[.contentLength].flatMap({ Int($0) }), length > bytesMax else { return }
        throw .contentTooLarge(maxBytes: bytesMax)
    }

    private func collect(_ request: Request, bytesMax: Int) async throws -> [UInt8] {
        var bytes: [UInt8] = []
        for try await part in request.body {
            guard bytes.count + part.readableBytes <= bytesMax else {
                throw Problem.contentTooLarge(maxBytes: bytesMax)
            }
            bytes.append(contentsOf: part.readableBytesView)
        }
        return bytes
    }

    /// The type, and a charset that is UTF-8 if there is one.
    private func checkMediaType(_ request: Request, _ body: Body) throws(Problem) {
        let parts = (request.headers[.contentType] ?? "").split(separator: ";").map { $0.trimming().lowercased() }
        let charsets = parts.dropFirst().filter { $0.hasPrefix("charset=") }
        let isUTF8 = charsets.allSatisfy { $0 == "charset=utf-8" || $0 == "charset=\"utf-8\"" }
        guard let type = parts.first, body.mediaTypes.contains(type), isUTF8 else {
            var problem = Problem.unsupportedMediaType(accepted: body.mediaTypes)
            if request.method == .patch { problem.headers[.acceptPatch] = body.mediaTypes.joined(separator: ", ") }
            throw problem
        }
    }

    private func parse(_ bytes: [UInt8], bytesMax: Int) throws(Problem) -> JSON {
        do throws(JSONParseError) {
            return try JSON.parse(bytes, limits: JSONLimits(maxBytes: bytesMax, maxDepth: limits.bodyDepth))
        } catch {
            throw .badRequest(
                "The body is not JSON that is accepted: \(error)",
                errors: [Fault(.pointer(error.pointer), error.code.rawValue, error.detail)])
        }
    }
}

/// A streamed body that ends with a 413 when it grows beyond its route's limit.
public struct LimitedBody: AsyncSequence, Sendable {
    public typealias Element = ByteBuffer
    let body: RequestBody
    let bytesMax: Int

    public struct AsyncIterator: AsyncIteratorProtocol {
        var iterator: RequestBody.AsyncIterator
        var bytesLeft: Int
        let bytesMax: Int

        public mutating func next() async throws -> ByteBuffer? { try await next(isolation: nil) }

        public mutating func next(
            isolation actor: isolated (any _Concurrency.Actor)?
        ) async throws(any Error) -> ByteBuffer? {
            guard let part = try await iterator.next(isolation: actor) else { return nil }
            bytesLeft -= part.readableBytes
            guard bytesLeft >= 0 else { throw Problem.contentTooLarge(maxBytes: bytesMax) }
            return part
        }
    }

    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(iterator: body.makeAsyncIterator(), bytesLeft: bytesMax, bytesMax: bytesMax)
    }
}
