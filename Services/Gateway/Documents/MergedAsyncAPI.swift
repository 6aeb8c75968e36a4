import Contracts

/// One AsyncAPI 3.0 document out of those of all services. They describe the same exchange and mostly the same
/// catalogue; a service adds the events of resources that only it declares.
enum MergedAsyncAPI {
    static func document(of documents: [JSON], title: String) -> JSON {
        guard var merged = documents.first?.objectValue else { return .object([:]) }
        var info = merged["info"] ?? [:]
        info["title"] = .string("\(title) events")
        merged["info"] = info
        for document in documents.dropFirst() {
            for part in ["channels", "operations"] {
                merged[part] = union(merged[part], document[part])
            }
            var components = merged["components"] ?? [:]
            for (kind, members) in document["components"]?.objectValue ?? [:] {
                components[kind] = union(components[kind], members)
            }
            merged["components"] = components
        }
        return .object(merged)
    }

    private static func union(_ present: JSON?, _ added: JSON?) -> JSON? {
        guard var all = present?.objectValue else { return added }
        for (name, value) in added?.objectValue ?? [:] where all[name] == nil { all[name] = value }
        return .object(all)
    }
}

/// The list of event types behind `GET /v1/event_catalog`, read from the merged AsyncAPI document, so that it shows
/// exactly what the services declare.
enum EventCatalogList {
    static func entries(of document: JSON) -> [JSON] {
        guard let channels = document["channels"]?.objectValue else { return [] }
        let messages = document["components"]?["messages"]
        let schemas = document["components"]?["schemas"]
        var entries: [(name: String, entry: JSON)] = []
        for (name, channel) in channels {
            let tags = document["operations"]?["send.\(name)"]?["tags"]?.arrayValue?.compactMap {
                $0["name"]?.stringValue
            }
            for key in channel["messages"]?.objectValue?.keys ?? [] {
                guard let message = messages?[key] else { continue }
                let schemaRef = message["payload"]?["$ref"]?.stringValue?.split(separator: "/").last.map(String.init)
                var entry: JSONObject = [
                    "event": .string(name), "routingKey": channel["address"] ?? .null,
                    "alias": message["name"] ?? .null, "category": .string(tags?.first ?? ""),
                    "owner": .string(tags?.last ?? ""), "summary": message["summary"] ?? .null,
                    "status": message["x-status"] ?? .null,
                ]
                entry["schema"] = schemaRef.map { .string($0) } ?? .null
                entry["jsonSchema"] = schemaRef.flatMap { schemas?[$0] } ?? .null
                entry["example"] = message["examples"]?[0]?["payload"] ?? .null
                entries.append((name + "#" + key, .object(entry)))
            }
        }
        return entries.sorted { $0.name < $1.name }.map(\.entry)
    }
}
