import Contracts

/// Reads a service's OpenAPI document as routes of the gateway. A resource added to a service is thus public as soon
/// as the service documents it; nothing here knows a single path.
enum RouteReader {
    static let methods = ["get", "put", "post", "patch", "delete"]
    /// Only paths below these are public; a service's own probes and documents are not.
    static let prefix = "/v1/"

    /// The routes of a document. `Problems` in it (an odd path, an odd limit) leave out what they touch.
    static func routes(of document: JSON, service: String) -> [PublicRoute] {
        guard let paths = document["paths"]?.objectValue else { return [] }
        let secured = document["security"]?.arrayValue.map { !$0.isEmpty } ?? true
        var routes: [PublicRoute] = []
        for (template, item) in paths where isPublic(template) {
            for method in methods {
                guard let operation = item[method], operation.objectValue != nil else { continue }
                let requirement = operation["security"]?.arrayValue
                routes.append(
                    PublicRoute(
                        service: service, method: method.uppercased(), template: template,
                        isPublic: requirement.map { $0.isEmpty || $0.contains(.object([:])) } ?? !secured,
                        bodyLimitBytes: (operation["x-body-bytes-max"]?.intValue).flatMap { $0 > 0 ? Int($0) : nil },
                        timeout: (operation["x-timeout-ms"]?.intValue).flatMap { $0 > 0 ? .milliseconds($0) : nil },
                        isStream: answersStream(operation)))
            }
        }
        return routes
    }

    private static func isPublic(_ template: String) -> Bool {
        template.hasPrefix(prefix) && template.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "?") }
    }

    private static func answersStream(_ operation: JSON) -> Bool {
        guard let answers = operation["responses"]?.objectValue else { return false }
        return answers.contains { _, answer in answer["content"]?["text/event-stream"] != nil }
    }
}
