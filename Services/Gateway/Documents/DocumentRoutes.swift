import Contracts
import Crypto
import HTTPTypes
import Hummingbird
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What describes the platform: documents, their reader, the event catalogue, the status.
struct DocumentRoutes: Sendable {
    let directory: RouteDirectory
    let board: StatusBoard
    let authenticator: Authenticator

    var all: [Route] { [docs, catalog, roles, status] }

    private var docs: Route {
        Route(.get, "docs", on: [.root], access: .open, summary: "A reader of the API's documents") { _ in
            var answer = Answer.content(.bytes(Array(DocsPage.html.utf8)), type: "text/html; charset=utf-8")
            answer.headers[.contentSecurityPolicy] = DocsPage.contentSecurityPolicy
            answer.headers[.cacheControl] = "no-cache"
            return answer
        }
    }

    private var catalog: Route {
        Route(
            .get, "event_catalog", on: [.platform], access: .open, summary: "Every type of event",
            description: "With its category, JSON Schema and owner, and whether it is emitted today.",
            answers: [AnswerSpec(.ok, "The event types.", schema: Self.catalogSchema)], operationId: "listEventCatalog"
        ) { _ in
            let entries = EventCatalogList.entries(of: directory.snapshot.asyncAPIDocument)
            return Answer.json([
                "data": .array(entries),
                "page": ["next": .null, "hasMore": false, "total": .int(Int64(entries.count))],
            ])
        }
    }

    private static let catalogSchema: JSON = [
        "type": "object",
        "properties": [
            "data": [
                "type": "array",
                "items": [
                    "type": "object",
                    "properties": [
                        "event": ["type": "string"], "routingKey": ["type": "string"], "alias": ["type": "string"],
                        "category": ["type": "string"], "owner": ["type": "string"], "summary": ["type": "string"],
                        "status": ["enum": ["emitted", "catalog_only"]], "schema": ["type": "string"],
                        "jsonSchema": ["type": "object"], "example": ["type": "object"],
                    ],
                ],
            ],
            "page": ["$ref": "#/components/schemas/Page"],
        ],
        "required": ["data", "page"],
    ]

    private var roles: Route {
        Route(
            .get, "roles", on: [.platform], access: .caller, summary: "The built-in roles and all permissions",
            answers: [AnswerSpec(.ok, "Roles and permissions.", schema: ["type": "object"])], operationId: "listRoles"
        ) { _ in
            let roles: [JSON] = Role.allCases.map { role in
                [
                    "name": .string(role.rawValue), "summary": .string(role.summary),
                    "permissions": .array(role.permissions.sorted().map { .string($0) }),
                ]
            }
            let permissions: [JSON] = Permission.all.map { ["name": .string($0.name), "allows": .string($0.allows)] }
            return Answer.json(["data": .array(roles), "permissions": .array(permissions)])
        }
    }

    private var status: Route {
        Route(.get, "status", on: [.root], access: .open, summary: "How the services are, as a page or as JSON") {
            call in
            let wantsPage = call.headers[.accept]?.contains("text/html") ?? false
            guard wantsPage else {
                // What waits in the services is for the platform's administrators.
                let principal = try? await authenticator.authenticate(call.headers[.authorization])
                return Answer.json(await board.document(whole: principal?.caller.platformAdmin ?? false))
                    .with(.cacheControl, "no-cache")
            }
            var answer = Answer.content(.bytes(Array(await board.page().utf8)), type: "text/html; charset=utf-8")
            let hash = Data(SHA256.hash(data: Data(StatusBoard.style.utf8))).base64EncodedString()
            answer.headers[.contentSecurityPolicy] =
                "default-src 'none'; style-src 'sha256-\(hash)'; base-uri 'none'; frame-ancestors 'none'"
            answer.headers[.cacheControl] = "no-cache"
            return answer
        }
    }
}

/// Documents that the edge answers by itself, because a service's own interface would answer with its own.
enum EdgeDocuments {
    static func answer(_ request: Request, path: String, snapshot: RouteDirectory.Snapshot) -> Response? {
        guard request.method == .get || request.method == .head else { return nil }
        let document: RouteDirectory.Document
        switch path {
        case "/openapi.json": document = snapshot.openAPI
        case "/asyncapi.json": document = snapshot.asyncAPI
        default: return nil
        }
        var headers: HTTPFields = [.contentType: "application/json", .eTag: document.etag, .cacheControl: "no-cache"]
        // Documents are for everybody's tools, from whatever page.
        headers[.accessControlAllowOrigin] = "*"
        if request.headers[.ifNoneMatch]?.contains(document.etag) == true {
            return Response(status: .notModified, headers: headers)
        }
        return Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: document.bytes))
    }
}
