import Contracts

/// One OpenAPI 3.1 document out of those of all services. Where two services give the same component name to different
/// things, both are kept: the later one is renamed `<Service>_<Name>` and every reference to it follows.
enum MergedOpenAPI {
    static func document(of services: [(name: String, document: JSON)], title: String, version: String) -> JSON {
        var paths = JSONObject()
        var components: [String: JSONObject] = [:]
        var kinds: [String] = []
        var tags: [(name: String, tag: JSON)] = []
        for (service, document) in services {
            let renamed = renamings(of: document, against: components, service: service)
            let document = renamed.isEmpty ? document : rename(document, renamed)
            for (kind, members) in document["components"]?.objectValue ?? [:] {
                guard let members = members.objectValue else { continue }
                if components[kind] == nil { kinds.append(kind) }
                for (name, value) in members {
                    components[kind, default: [:]][name] = value
                }
            }
            for (template, item) in document["paths"]?.objectValue ?? [:] where template.hasPrefix("/") {
                guard let item = item.objectValue else { continue }
                paths[template] = .object(merge(paths[template]?.objectValue ?? [:], with: withEdgeAnswers(item)))
            }
            for tag in document["tags"]?.arrayValue ?? [] {
                guard let name = tag["name"]?.stringValue, !tags.contains(where: { $0.name == name }) else { continue }
                tags.append((name, tag))
            }
        }
        var merged: JSONObject = [
            "openapi": "3.1.0",
            "info": [
                "title": .string(title), "version": .string(version),
                "description": """
                Every route of the platform, put together from the documents of its services. \
                Errors are RFC 9457 problems; lists are paged by cursor; every POST accepts an Idempotency-Key.
                """,
                "license": ["name": "Apache 2.0", "identifier": "Apache-2.0"],
            ],
            "servers": [["url": "/"]],
            "security": [["bearer": []]],
        ]
        if !tags.isEmpty { merged["tags"] = .array(tags.map(\.tag)) }
        merged["paths"] = .object(sorted(paths))
        components["securitySchemes", default: [:]]["bearer"] = [
            "type": "http", "scheme": "bearer",
            "description": "An API key (`dw_live_…`) or an access token (EdDSA JWT).",
        ]
        for (status, description) in edgeAnswers {
            components["responses", default: [:]]["Edge\(status)"] = [
                "description": .string(description),
                "content": ["application/problem+json": ["schema": ["$ref": "#/components/schemas/Problem"]]],
            ]
        }
        for kind in ["responses", "securitySchemes"] where !kinds.contains(kind) { kinds.append(kind) }
        var all = JSONObject()
        for kind in kinds { all[kind] = .object(sorted(components[kind] ?? [:])) }
        merged["components"] = .object(all)
        return .object(merged)
    }

    /// What the edge itself may answer to any request, beside what the service documents.
    private static let edgeAnswers: [(status: String, description: String)] = [
        ("400", "The request is malformed; every fault is named."),
        ("404", "There is no such thing, or it is another organization's."),
        ("408", "The request took too long to arrive."), ("413", "The body is too large."),
        ("414", "The path or query is too long."), ("429", "Too many requests; see Retry-After."),
        ("431", "Too many or too large header fields."), ("500", "The platform failed."),
        ("502", "The service broke off."), ("503", "Not available at the moment; see Retry-After."),
        ("504", "The service took too long."),
    ]

    private static func withEdgeAnswers(_ item: JSONObject) -> JSONObject {
        var item = item
        for method in RouteReader.methods {
            guard let operation = item[method], var answers = operation["responses"]?.objectValue else { continue }
            for (status, _) in edgeAnswers where !answers.contains(status) {
                answers[status] = ["$ref": .string("#/components/responses/Edge\(status)")]
            }
            item[method]?["responses"] = .object(answers)
        }
        return item
    }

    /// The first service to document a method of a path keeps it, as in the route table.
    private static func merge(_ present: JSONObject, with added: JSONObject) -> JSONObject {
        var merged = present
        for (key, value) in added where merged[key] == nil { merged[key] = value }
        return merged
    }

    private static func sorted(_ object: JSONObject) -> JSONObject {
        JSONObject(object.map { ($0.key, $0.value) }.sorted { $0.0 < $1.0 })
    }

    /// References that must change: from `#/components/schemas/Page` to `#/components/schemas/Tickets_Page`.
    private static func renamings(
        of document: JSON, against known: [String: JSONObject], service: String
    ) -> [String: String] {
        var renamings: [String: String] = [:]
        let prefix = service.prefix(1).uppercased() + service.dropFirst()
        for (kind, members) in document["components"]?.objectValue ?? [:] where kind != "securitySchemes" {
            for (name, value) in members.objectValue ?? [:] {
                guard let present = known[kind]?[name], present != value else { continue }
                renamings["#/components/\(kind)/\(name)"] = "#/components/\(kind)/\(prefix)_\(name)"
            }
        }
        return renamings
    }

    private static func rename(_ document: JSON, _ renamings: [String: String]) -> JSON {
        var renamed = rewriteReferences(in: document, renamings)
        guard var components = renamed["components"]?.objectValue else { return renamed }
        for (kind, members) in components {
            var moved = JSONObject()
            for (name, value) in members.objectValue ?? [:] {
                let target = renamings["#/components/\(kind)/\(name)"]?.split(separator: "/").last.map(String.init)
                moved[target ?? name] = value
            }
            components[kind] = .object(moved)
        }
        renamed["components"] = .object(components)
        return renamed
    }

    private static func rewriteReferences(in value: JSON, _ renamings: [String: String]) -> JSON {
        switch value {
        case .array(let elements):
            return .array(elements.map { rewriteReferences(in: $0, renamings) })
        case .object(let object):
            var rewritten = JSONObject()
            for (key, member) in object {
                if key == "$ref", let target = member.stringValue, let renamed = renamings[target] {
                    rewritten[key] = .string(renamed)
                } else {
                    rewritten[key] = rewriteReferences(in: member, renamings)
                }
            }
            return .object(rewritten)
        default:
            return value
        }
    }
}
