/// All that is known about one version of an event, as a value: made from an `Event` type, or by hand for the events of a
/// plain resource.
public struct EventContract: Sendable, Hashable {
    public var name: String
    public var version: Int
    public var summary: String
    public var category: String
    public var owner: String
    public var status: EventStatus
    /// JSON Schema 2020-12 of the whole payload, envelope included.
    public var schema: JSON
    /// A whole payload.
    public var example: JSON

    public init(
        name: String, version: Int = 1, summary: String, category: String, owner: String, status: EventStatus,
        schema: JSON, example: JSON
    ) {
        self.name = name
        self.version = version
        self.summary = summary
        self.category = category
        self.owner = owner
        self.status = status
        self.schema = schema
        self.example = example
    }

    /// `TICKET_CREATED`
    public var alias: String { Self.alias(of: name) }

    /// `payload.TicketCreated.v1`: names the schema in messages and documents.
    public var schemaRef: String { Self.schemaRef(of: name, version: version) }

    /// The object part of the name: `ticket`.
    public var object: String { String(name.prefix { $0 != "." }) }

    public static func alias(of name: String) -> String {
        String(name.map { $0 == "." ? "_" : $0 }).uppercased()
    }

    public static func schemaRef(of name: String, version: Int) -> String {
        let words = name.split { $0 == "." || $0 == "_" }
        return "payload.\(words.map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()).v\(version)"
    }
}

extension Event {
    /// The routing key beside the exchange's name goes before it; see `Topology`.
    public static var schemaRef: String { EventContract.schemaRef(of: name, version: version) }
}
