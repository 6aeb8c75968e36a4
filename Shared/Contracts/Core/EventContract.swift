/// All that is known about one version of an event, as a value: made from an `Event` type, or by hand for the events of
/// a plain resource.
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

    static func alias(of name: String) -> String {
        String(name.map { $0 == "." ? "_" : $0 }).uppercased()
    }

    static func schemaRef(of name: String, version: Int) -> String {
        var letters = Array("payload.".utf8)
        var startsWord = true
        for letter in name.utf8 {
            if letter == UInt8(ascii: ".") || letter == UInt8(ascii: "_") {
                startsWord = true
            } else {
                letters.append(startsWord && letter >= UInt8(ascii: "a") ? letter - 32 : letter)
                startsWord = false
            }
        }
        letters.append(contentsOf: ".v\(version)".utf8)
        return String(decoding: letters, as: UTF8.self)
    }
}

// MARK: - From a type

extension Event {
    public static var schemaRef: String { EventContract.schemaRef(of: name, version: version) }

    /// The contract as a value. Costs a walk over the type: `EventCatalog` keeps them.
    public static var contract: EventContract { EventContract(Self.self) }
}

extension EventContract {
    init<E: Event>(_ type: E.Type) {
        let fields: JSONObject
        do {
            fields = try Wire.json(E.example).objectValue ?? [:]
        } catch {
            preconditionFailure("the example of \(E.name) cannot be encoded: \(error)")
        }
        self.init(
            name: E.name, version: E.version, summary: E.summary, category: E.category, owner: E.owner,
            status: E.status, fields: JSONSchema.of(type), notes: E.notes, exampleFields: fields)
    }
}

// MARK: - By hand

extension EventContract {
    /// A contract from the schema and an example of the event's own fields; the envelope's are added.
    public init(
        name: String, version: Int = 1, summary: String, category: String, owner: String, status: EventStatus,
        fields: JSON, notes: [String: String] = [:], exampleFields: JSONObject
    ) {
        var example = Self.envelopeExample
        if name.hasSuffix(".created") {
            example["version"] = 1
            example["sequence"] = 1
        }
        for (key, value) in exampleFields { example[key] = value }
        self.init(
            name: name, version: version, summary: summary, category: category, owner: owner, status: status,
            schema: Self.payloadSchema(
                ref: Self.schemaRef(of: name, version: version), summary: summary, fields: fields, notes: notes),
            example: .object(example))
    }

    /// The contracts of a plain resource: created and deleted (and restored, where deletion is soft) with a snapshot,
    /// updated with what changed.
    ///
    /// - Parameters:
    ///   - entity: Singular snake_case; its id is the field `<entity in camelCase>Id`.
    ///   - snapshot: The schema of the entity as GET shows it.
    public static func lifecycle(
        of entity: String, category: String, owner: String, status: EventStatus = .emitted, snapshot: JSON,
        exampleSnapshot: JSONObject, isRestorable: Bool = false
    ) -> [EventContract] {
        let idField = Self.camelCase(entity) + "Id"
        let id = exampleSnapshot["id"] ?? .uuid(Example.id(entity))
        let words = entity.split(separator: "_").joined(separator: " ")
        func contract(_ action: String, _ more: JSONObject, _ example: JSONObject) -> EventContract {
            var properties: JSONObject = [idField: JSONSchema.uuid]
            for (name, schema) in more { properties[name] = schema }
            var fields: JSONObject = [idField: id]
            for (name, value) in example { fields[name] = value }
            return EventContract(
                name: "\(entity).\(action)", summary: "\(article(words)) \(words) was \(action).", category: category,
                owner: owner, status: status,
                fields: JSONSchema.object(properties: properties, required: properties.keys), exampleFields: fields)
        }
        let whole: JSONObject = ["snapshot": .object(exampleSnapshot)]
        let changed: JSON = JSONSchema.object(additionalProperties: JSONSchema.of(Change.self))
        var contracts = [
            contract("created", ["snapshot": snapshot], whole),
            contract(
                "updated", ["updatedFields": JSONSchema.array(of: JSONSchema.string()), "changes": changed],
                ["updatedFields": ["name"], "changes": ["name": ["previous": "Old name", "new": "New name"]]]),
            contract("deleted", ["snapshot": snapshot], whole),
        ]
        if isRestorable { contracts.append(contract("restored", ["snapshot": snapshot], whole)) }
        return contracts
    }

    private static func article(_ words: String) -> String {
        "aeio".contains(words.prefix(1)) ? "An" : "A"
    }

    private static func camelCase(_ name: String) -> String {
        let words = name.split(separator: "_")
        return words.prefix(1).joined() + words.dropFirst().map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
    }

    private static let envelopeExample: JSONObject = {
        guard let object = try? Wire.json(Example.envelope).objectValue else {
            preconditionFailure("the example envelope cannot be encoded")
        }
        return object
    }()

    private static let envelopeSchema: (properties: JSONObject, required: [JSON]) = {
        let schema = JSONSchema.of(EventEnvelope.self)
        var properties = schema["properties"]?.objectValue ?? [:]
        for counter in ["version", "sequence"] { properties[counter] = JSONSchema.integer(minimum: 1) }
        return (properties, schema["required"]?.arrayValue ?? [])
    }()

    private static func payloadSchema(ref: String, summary: String, fields: JSON, notes: [String: String]) -> JSON {
        var properties = envelopeSchema.properties
        for (name, member) in fields["properties"]?.objectValue ?? [:] {
            precondition(!properties.contains(name), "\(ref): \(name) belongs to the envelope")
            properties[name] = member
        }
        let required = envelopeSchema.required + (fields["required"]?.arrayValue ?? [])
        let schema: JSON = [
            "$schema": .string(JSONSchema.dialect), "title": .string(ref), "description": .string(summary),
            "type": "object", "properties": .object(properties), "required": .array(required),
        ]
        return FieldGlossary.annotate(schema, notes: notes)
    }
}
