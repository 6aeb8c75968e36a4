import Contracts
import HTTPTypes

/// One operation of a service's API: how it is reached, who may use it, what it takes, and what it does. Mounting,
/// checking and documentation are all made from this value.
///
/// ```swift
/// Route(.post, "tickets/{ticketId}/close", permission: "tickets.update", summary: "Close a ticket",
///     body: .fields([.text("reason", 0...500)], required: false),
///     answers: [.entity("Ticket")]) { call in
///     try await call.write { op in … }
/// }
/// ```
///
/// A path parameter whose name is `id` or ends in `Id` is a UUID; anything else there is a 404. Every other one is
/// text.
public struct Route: Sendable {
    public typealias Handler = @Sendable (Call) async throws -> Answer

    /// Where a route is mounted, and thereby which rows it sees.
    public enum Mount: Sendable, Hashable, CaseIterable {
        /// `/v1/tenants/{tenantId}/…`: the rows of one tenant, for its own callers and for platform administrators.
        case tenant
        /// `/v1/admin/…`: the rows of all tenants, for platform administrators.
        case admin
        /// `/v1/…`: without tenant.
        case platform
        /// `/…`: probes and documents.
        case root
    }

    /// Who may use a route.
    public enum Access: Sendable, Hashable {
        /// Whoever holds the permission.
        case permission(String)
        /// Whoever holds one of them. What the weaker ones allow, the handler or a resource's `visible` decides.
        case anyPermission([String])
        /// Whoever is authenticated.
        case caller
        case platformAdmin
        /// Everybody.
        case open
    }

    public var method: HTTPRequest.Method
    /// Without a leading slash: `tickets/{ticketId}/status`.
    public var path: String
    public var mounts: Set<Mount>
    public var access: Access
    /// One line for the documentation.
    public var summary: String
    public var description: String?
    /// The heading under which the documentation lists it; by default the path's first segment.
    public var tag: String?
    public var parameters: [Parameter]
    public var body: Body
    public var answers: [AnswerSpec]
    /// Unique in the service; by default made of method and path.
    public var operationId: String?
    public var handler: Handler

    public init(
        _ method: HTTPRequest.Method, _ path: String, on mounts: Set<Mount> = [.tenant, .admin], access: Access,
        summary: String, description: String? = nil, tag: String? = nil, parameters: [Parameter] = [],
        body: Body = .none, answers: [AnswerSpec] = [AnswerSpec(.ok, "Done.")], operationId: String? = nil,
        handler: @escaping Handler
    ) {
        self.method = method
        self.path = path
        self.mounts = mounts
        self.access = access
        self.summary = summary
        self.description = description
        self.tag = tag
        self.parameters = parameters
        self.body = body
        self.answers = answers
        self.operationId = operationId
        self.handler = handler
    }

    /// A route for holders of a permission.
    public init(
        _ method: HTTPRequest.Method, _ path: String, on mounts: Set<Mount> = [.tenant, .admin], permission: String,
        summary: String, description: String? = nil, tag: String? = nil, parameters: [Parameter] = [],
        body: Body = .none, answers: [AnswerSpec] = [AnswerSpec(.ok, "Done.")], operationId: String? = nil,
        handler: @escaping Handler
    ) {
        self.init(
            method, path, on: mounts, access: .permission(permission), summary: summary, description: description,
            tag: tag, parameters: parameters, body: body, answers: answers, operationId: operationId, handler: handler)
    }
}

extension Route {
    /// The path with its mount's prefix.
    func fullPath(on mount: Mount) -> String { Self.fullPath(path, on: mount) }

    static func fullPath(_ path: String, on mount: Mount) -> String {
        let rest = path.isEmpty ? "" : "/" + path
        return switch mount {
        case .tenant: "/v1/tenants/{tenantId}" + rest
        case .admin: "/v1/admin" + rest
        case .platform: "/v1" + rest
        case .root: rest
        }
    }

    /// The names of the path's parameters, in order.
    static func parameterNames(in path: String) -> [String] {
        path.split(separator: "/").filter { $0.hasPrefix("{") }.map { String($0.dropFirst().dropLast()) }
    }

    static func isIdentifier(_ parameter: String) -> Bool { parameter == "id" || parameter.hasSuffix("Id") }
}

/// What a route takes as a body.
public struct Body: Sendable {
    enum Form: Sendable {
        case none
        /// JSON, collected and parsed before the handler runs.
        case json(Check)
        /// Bytes, collected before the handler runs.
        case bytes
        /// Bytes that the handler reads as they come.
        case stream
    }

    enum Check: Sendable {
        /// The handler checks it.
        case own
        case schema
        case fields([Field])
    }

    let form: Form
    public let isRequired: Bool
    /// 413 beyond it; nil means the service's limit.
    public let bytesMax: Int?
    public let mediaTypes: [String]
    /// A JSON Schema, or a `$ref` to one among the service's components.
    public let schema: JSON?
    let example: JSON?

    public static let json = "application/json"
    public static let mergePatch = "application/merge-patch+json"

    init(
        form: Form, isRequired: Bool, bytesMax: Int? = nil, mediaTypes: [String] = [], schema: JSON? = nil,
        example: JSON? = nil
    ) {
        self.form = form
        self.isRequired = isRequired
        self.bytesMax = bytesMax
        self.mediaTypes = mediaTypes
        self.schema = schema
        self.example = example
    }

    var isTaken: Bool {
        if case .none = form { false } else { true }
    }

    /// A body is not looked at.
    public static let none = Body(form: .none, isRequired: false)

    /// A JSON object with these fields and no others; ``Call/values`` has them checked and typed. Without
    /// `required`, a request without a body is one with an empty object.
    public static func fields(_ fields: [Field], required: Bool = true) -> Body {
        Body(
            form: .json(.fields(fields)), isRequired: required, mediaTypes: [json],
            schema: FieldSchema.input(fields), example: FieldSchema.inputExample(fields))
    }

    /// JSON that meets a JSON Schema; every issue is reported as a fault.
    public static func json(_ schema: JSON, required: Bool = true, example: JSON? = nil, bytesMax: Int? = nil) -> Body {
        Body(
            form: .json(.schema), isRequired: required, bytesMax: bytesMax, mediaTypes: [json], schema: schema,
            example: example)
    }

    /// Bytes of these media types, which the handler finds whole in ``Call/bytes``. Not for more than memory has to spare for
    /// each of the requests at once.
    public static func bytes(_ mediaTypes: [String], bytesMax: Int) -> Body {
        Body(form: .bytes, isRequired: true, bytesMax: bytesMax, mediaTypes: mediaTypes)
    }

    /// Bytes of these media types, which the handler reads from ``Call/stream``.
    public static func stream(_ mediaTypes: [String], bytesMax: Int) -> Body {
        Body(form: .stream, isRequired: true, bytesMax: bytesMax, mediaTypes: mediaTypes)
    }

    /// JSON that the handler checks.
    static func own(schema: JSON, example: JSON, mediaTypes: [String] = [json]) -> Body {
        Body(form: .json(.own), isRequired: true, mediaTypes: mediaTypes, schema: schema, example: example)
    }
}

/// An answer as the documentation describes it. Problems are documented by themselves.
public struct AnswerSpec: Sendable {
    public var status: HTTPResponse.Status
    public var summary: String
    public var schema: JSON?
    public var mediaType: String
    public var example: JSON?

    public init(
        _ status: HTTPResponse.Status, _ summary: String, schema: JSON? = nil,
        mediaType: String = "application/json", example: JSON? = nil
    ) {
        self.status = status
        self.summary = summary
        self.schema = schema
        self.mediaType = mediaType
        self.example = example
    }

    /// The entity, by its component's name: `Ticket`.
    public static func entity(_ component: String, _ status: HTTPResponse.Status = .ok) -> AnswerSpec {
        AnswerSpec(status, "The \(component) after it.", schema: ["$ref": .string("#/components/schemas/\(component)")])
    }

    public static let noContent = AnswerSpec(.noContent, "Done; there is nothing to show.")
}
