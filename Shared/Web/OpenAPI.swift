import Contracts
import HTTPTypes

/// The OpenAPI 3.1 document of a service, made of the same declarations that mount its routes.
enum OpenAPI {
    static func document(
        service: String, title: String, version: String, routes: [MountedRoute],
        components: [(name: String, schema: JSON)]
    ) -> JSON {
        var paths = JSONObject()
        var operationIds: Set<String> = []
        for mounted in routes.sorted(by: { ($0.path, $0.route.method.rawValue) < ($1.path, $1.route.method.rawValue) })
        {
            var item = paths[mounted.path]?.objectValue ?? [:]
            let id = operationId(mounted)
            precondition(operationIds.insert(id).inserted, "the operation \(id) is declared twice")
            item[mounted.route.method.rawValue.lowercased()] = operation(mounted, id: id)
            paths[mounted.path] = .object(item)
        }
        var schemas: JSONObject = ["Problem": problem, "Page": page]
        for (name, schema) in components { schemas[name] = schema }
        let info: JSON = [
            "title": .string(title), "version": .string(version),
            "description": .string("The interface of the \(service) service."),
        ]
        let schemes: JSON = [
            "bearer": [
                "type": "http", "scheme": "bearer", "description": "An access token, or an API key (dw_live_…).",
            ]
        ]
        return [
            "openapi": "3.1.0",
            "info": info,
            "servers": [["url": "/"]],
            "security": [["bearer": []]],
            "paths": .object(paths),
            "components": [
                "schemas": .object(schemas), "responses": .object(responses), "parameters": .object(headers),
                "securitySchemes": schemes,
            ],
            "x-service": .string(service),
        ]
    }

    // MARK: Operations

    private static func operationId(_ mounted: MountedRoute) -> String {
        let prefix =
            switch mounted.mount {
            case .admin: "admin"
            case .tenant, .platform, .root: ""
            }
        let id = mounted.route.operationId ?? derivedId(mounted.route)
        return prefix.isEmpty ? id : prefix + id.prefix(1).uppercased() + id.dropFirst()
    }

    /// `post tickets/{ticketId}/close` → `postTicketsByTicketIdClose`
    private static func derivedId(_ route: Route) -> String {
        var id = route.method.rawValue.lowercased()
        for segment in route.path.split(separator: "/") {
            let isParameter = segment.hasPrefix("{")
            let words = segment.split { !($0.isLetter || $0.isNumber) }
            id += isParameter ? "By" : ""
            id += words.map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
        }
        return id
    }

    private static func operation(_ mounted: MountedRoute, id: String) -> JSON {
        let route = mounted.route
        var operation: JSONObject = ["operationId": .string(id), "summary": .string(route.summary)]
        if let description = route.description { operation["description"] = .string(description) }
        let tag = route.tag ?? route.path.split(separator: "/").first { !$0.hasPrefix("{") }.map(String.init)
        operation["tags"] = [.string(tag ?? "service")]
        switch route.access {
        case .open: operation["security"] = []
        case .permission(let permission):
            operation["x-permission"] = .string(mounted.mount == .admin ? platformAdmin : permission)
        case .anyPermission(let permissions):
            operation["x-permission"] = .string(
                mounted.mount == .admin ? platformAdmin : permissions.joined(separator: " or "))
        case .platformAdmin: operation["x-permission"] = .string(platformAdmin)
        case .caller:
            if mounted.mount == .admin { operation["x-permission"] = .string(platformAdmin) }
        }
        let parameters = parameters(mounted)
        if !parameters.isEmpty { operation["parameters"] = .array(parameters) }
        if let body = requestBody(route.body) { operation["requestBody"] = body }
        operation["responses"] = .object(answers(mounted))
        if let bytesMax = route.body.bytesMax { operation["x-body-bytes-max"] = .int(Int64(bytesMax)) }
        return .object(operation)
    }

    private static let platformAdmin = "platform_admin"

    private static func parameters(_ mounted: MountedRoute) -> [JSON] {
        var parameters: [JSON] = mounted.parameterNames.map { name in
            [
                "name": .string(name), "in": "path", "required": true,
                "schema": Route.isIdentifier(name) ? JSONSchema.uuid : JSONSchema.string(minLength: 1),
            ]
        }
        for parameter in mounted.parameters { parameters += query(parameter) }
        switch mounted.route.method {
        case .post: parameters.append(ref("parameters", "IdempotencyKey"))
        case .patch, .delete: parameters.append(ref("parameters", "IfMatch"))
        default: break
        }
        return parameters
    }

    private static func query(_ parameter: Parameter) -> [JSON] {
        var described: [JSON] = []
        func add(_ name: String, _ schema: JSON, _ summary: String?, list: Bool) {
            var entry: JSONObject = ["name": .string(name), "in": "query", "schema": schema]
            if let summary { entry["description"] = .string(summary) }
            if parameter.isRequired { entry["required"] = true }
            if list {
                entry["style"] = "form"
                entry["explode"] = false
            }
            described.append(.object(entry))
        }
        // A prefix stands for any number of names, which OpenAPI has no word for; `<name>` shows where it goes.
        let name = parameter.isPrefix ? parameter.name + "<name>" : parameter.name
        let schema = parameter.kind.querySchema(nullable: parameter.acceptsNull)
        if !parameter.isRangeOnly {
            let whole =
                parameter.isList ? JSONSchema.array(of: schema, minItems: 1, maxItems: Parameter.valuesMax) : schema
            add(name, whole, parameter.summary, list: parameter.isList)
        }
        if parameter.hasRange {
            let bound = parameter.kind.querySchema(nullable: false)
            for comparison in Comparison.ranges { add("\(name)[\(comparison.rawValue)]", bound, nil, list: false) }
        }
        return described
    }

    private static func requestBody(_ body: Body) -> JSON? {
        guard !body.mediaTypes.isEmpty else { return nil }
        var content = JSONObject()
        for type in body.mediaTypes {
            var entry = JSONObject()
            entry["schema"] = body.schema ?? [:]
            if let example = body.example { entry["example"] = example }
            content[type] = .object(entry)
        }
        return ["required": .bool(body.isRequired), "content": .object(content)]
    }

    // MARK: Answers

    private static func answers(_ mounted: MountedRoute) -> JSONObject {
        let route = mounted.route
        var answers = JSONObject()
        for spec in route.answers {
            var answer: JSONObject = ["description": .string(spec.summary)]
            if let headers = headers(of: spec, mounted) { answer["headers"] = headers }
            if let schema = spec.schema {
                var content: JSONObject = ["schema": schema]
                if let example = spec.example { content["example"] = example }
                // A status may come with one media type or another.
                var contents = answers[String(spec.status.code)]?["content"]?.objectValue ?? [:]
                contents[spec.mediaType] = .object(content)
                answer["content"] = .object(contents)
            }
            answers[String(spec.status.code)] = .object(answer)
        }
        for status in problemStatuses(mounted) where !answers.contains(status) {
            answers[status] = ref("responses", "Problem\(status)")
        }
        return answers
    }

    private static func headers(of spec: AnswerSpec, _ mounted: MountedRoute) -> JSON? {
        var headers = JSONObject()
        if spec.status == .created { headers["Location"] = ["schema": JSONSchema.string()] }
        let isEntity = spec.schema?["$ref"]?.stringValue.map { !$0.hasSuffix("Page") } ?? false
        if isEntity { headers["ETag"] = ["schema": JSONSchema.string()] }
        return headers.isEmpty ? nil : .object(headers)
    }

    private static func problemStatuses(_ mounted: MountedRoute) -> [String] {
        let route = mounted.route
        var statuses = ["400"]
        if route.access != .open { statuses += ["401", "403"] }
        statuses.append("404")
        if route.method != .get { statuses.append("409") }
        if route.method == .patch || route.method == .delete || route.method == .post { statuses.append("412") }
        if !route.body.mediaTypes.isEmpty { statuses += ["413", "415"] }
        if !route.body.mediaTypes.isEmpty || route.method == .post || route.method == .delete { statuses.append("422") }
        return statuses + ["414", "429", "500", "503"]
    }

    // MARK: Components

    private static func ref(_ kind: String, _ name: String) -> JSON {
        JSONSchema.ref("#/components/\(kind)/\(name)")
    }

    private static let headers: JSONObject = [
        "IdempotencyKey": [
            "name": "Idempotency-Key", "in": "header",
            "description": "The first answer under a key is kept for 24 hours and given again to the same request.",
            "schema": JSONSchema.string(minLength: 1, maxLength: IdempotencyClaim.keyLengthMax),
        ],
        "IfMatch": [
            "name": "If-Match", "in": "header",
            "description": "The ETag that the change builds on; 412 if the entity has another one by now.",
            "schema": JSONSchema.string(),
        ],
    ]

    private static let responses: JSONObject = {
        let descriptions: [(String, String)] = [
            ("400", "The request is malformed; every fault is named."), ("401", "The caller is not known."),
            ("403", "The caller may not do this."),
            ("404", "There is no such thing, or it is another organization's."),
            ("409", "It conflicts with the present state."), ("412", "If-Match names another version."),
            ("413", "The body is too large."), ("414", "The path or query is too long."),
            ("415", "The body's media type is not accepted."),
            ("422", "Some values are not acceptable; all are named."),
            ("429", "Too many requests; see Retry-After."), ("500", "The service failed."),
            ("503", "Not available at the moment; see Retry-After."),
        ]
        var responses = JSONObject()
        for (status, description) in descriptions {
            var response: JSONObject = [
                "description": .string(description),
                "content": [Problem.mediaType: ["schema": ref("schemas", "Problem")]],
            ]
            if status == "429" || status == "503" {
                response["headers"] = ["Retry-After": ["schema": JSONSchema.integer(minimum: 0)]]
            }
            responses["Problem\(status)"] = .object(response)
        }
        return responses
    }()

    private static let page: JSON = [
        "type": "object",
        "properties": [
            "next": ["type": ["string", "null"], "description": "The cursor of the next page."],
            "hasMore": JSONSchema.boolean,
            "total": JSONSchema.described(JSONSchema.integer(minimum: 0), "With includeTotal=true."),
        ],
        "required": ["next", "hasMore"],
    ]

    private static let problem: JSON = {
        let fault = JSONSchema.object(
            properties: [
                "pointer": JSONSchema.described(JSONSchema.string(), "A JSON pointer into the body."),
                "parameter": JSONSchema.string(), "header": JSONSchema.string(), "code": JSONSchema.string(),
                "detail": JSONSchema.string(), "allowed": JSONSchema.array(of: JSONSchema.string()),
            ], required: ["code", "detail"])
        return JSONSchema.object(
            properties: [
                "type": JSONSchema.string(format: "uri-reference"), "title": JSONSchema.string(),
                "status": JSONSchema.integer(minimum: 400, maximum: 599), "detail": JSONSchema.string(),
                "instance": JSONSchema.string(), "requestId": JSONSchema.string(),
                "errors": JSONSchema.array(of: fault),
            ], required: ["type", "title", "status", "requestId"])
    }()
}

extension Field.Kind {
    /// The schema of one value in a query.
    func querySchema(nullable: Bool) -> JSON {
        let own: JSON =
            switch self {
            case .strings(let each, _): JSONSchema.string(maxLength: each.upperBound)
            case .uuids: JSONSchema.uuid
            case .text(let length, _): JSONSchema.string(minLength: length.lowerBound, maxLength: length.upperBound)
            case .json: JSONSchema.string()
            default: schema
            }
        return nullable ? ["anyOf": [own, ["const": "null"]]] : own
    }
}
