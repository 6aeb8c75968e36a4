/// The AsyncAPI 3.0 document of the events that we publish.
public enum AsyncAPI {
    /// Where the exchange is to be found.
    public struct Server: Sendable, Hashable {
        public var name: String
        /// `host:port`
        public var host: String
        /// `amqp` or `amqps`
        public var `protocol`: String
        public var description: String

        public init(name: String, host: String, protocol: String = "amqp", description: String) {
            self.name = name
            self.host = host
            self.protocol = `protocol`
            self.description = description
        }
    }

    /// One channel per event (its address is the routing key), one message per version of it.
    ///
    /// Payload schemas use keywords that mean the same in JSON Schema 2020-12 and in AsyncAPI's own schema object (a
    /// superset of draft 07), so they stand here without a `schemaFormat`, which few tools understand for 2020-12.
    public static func document(
        contracts: [EventContract], exchange: String, title: String = "Deskwire events", version: String = "1.0.0",
        servers: [Server] = []
    ) -> JSON {
        var channels = JSONObject()
        var operations = JSONObject()
        var messages = JSONObject()
        var schemas = JSONObject()
        for contract in contracts {
            let key = messageKey(contract)
            messages[key] = message(contract, key: key)
            var schema = contract.schema
            schema["$schema"] = nil
            schemas[contract.schemaRef] = schema

            var channel = channels[contract.name] ?? self.channel(contract, exchange: exchange, servers: servers)
            var own = channel["messages"] ?? [:]
            own[key] = JSONSchema.ref("#/components/messages/\(key)")
            channel["messages"] = own
            channels[contract.name] = channel

            let name = "send.\(contract.name)"
            var operation = operations[name] ?? self.operation(contract)
            let refs = operation["messages"]?.arrayValue ?? []
            let ref = JSONSchema.ref("#/channels/\(contract.name)/messages/\(key)")
            operation["messages"] = .array(refs + [ref])
            operations[name] = operation
        }
        var document: JSONObject = [
            "asyncapi": "3.0.0",
            "info": [
                "title": .string(title), "version": .string(version),
                "description": .string(
                    """
                    Every fact is published once to the durable topic exchange "\(exchange)" with the routing key \
                    "\(exchange).<object>.<action>". Delivery is at least once, in order per aggregate: drop an \
                    eventId that you have seen. Ignore keys that you do not know.
                    """),
            ],
            "defaultContentType": "application/json",
        ]
        if !servers.isEmpty { document["servers"] = .object(JSONObject(servers.map { ($0.name, server($0)) })) }
        document["channels"] = .object(channels)
        document["operations"] = .object(operations)
        document["components"] = [
            "messages": .object(messages), "schemas": .object(schemas), "messageTraits": ["event": trait],
        ]
        return .object(document)
    }

    private static func server(_ server: Server) -> JSON {
        [
            "host": .string(server.host), "protocol": .string(server.protocol), "protocolVersion": "0.9.1",
            "description": .string(server.description),
        ]
    }

    /// `TicketCreated.v1`
    private static func messageKey(_ contract: EventContract) -> String {
        String(contract.schemaRef.dropFirst("payload.".count))
    }

    private static func channel(_ contract: EventContract, exchange: String, servers: [Server]) -> JSON {
        let exchangeBinding: JSON = [
            "name": .string(exchange), "type": "topic", "durable": true, "autoDelete": false, "vhost": "/",
        ]
        return [
            "address": .string("\(exchange).\(contract.name)"),
            "summary": .string(contract.summary),
            "messages": [:],
            "servers": .array(servers.map { JSONSchema.ref("#/servers/\($0.name)") }),
            "bindings": ["amqp": ["is": "routingKey", "exchange": exchangeBinding, "bindingVersion": "0.3.0"]],
        ]
    }

    private static func operation(_ contract: EventContract) -> JSON {
        [
            "action": "send",
            "channel": JSONSchema.ref("#/channels/\(contract.name)"),
            "summary": .string(contract.summary),
            "tags": [["name": .string(contract.category)], ["name": .string(contract.owner)]],
            "bindings": ["amqp": ["deliveryMode": 2, "mandatory": false, "bindingVersion": "0.3.0"]],
            "x-status": .string(contract.status.rawValue),
        ]
    }

    private static func message(_ contract: EventContract, key: String) -> JSON {
        [
            "name": .string(contract.alias),
            "title": .string(key),
            "summary": .string(contract.summary),
            "contentType": "application/json",
            "payload": JSONSchema.ref("#/components/schemas/\(contract.schemaRef)"),
            "traits": [JSONSchema.ref("#/components/messageTraits/event")],
            "bindings": ["amqp": ["messageType": .string(contract.schemaRef), "bindingVersion": "0.3.0"]],
            "examples": [["name": .string(contract.name), "payload": contract.example]],
            "x-status": .string(contract.status.rawValue),
        ]
    }

    /// What every message carries beside its payload.
    private static let trait: JSON = {
        let integer = JSONSchema.integer(minimum: 1)
        let properties: JSONObject = [
            "cloudEvents_specversion": ["type": "string", "const": "1.0"],
            "cloudEvents_id": JSONSchema.described(JSONSchema.uuid, "The eventId."),
            "cloudEvents_source": JSONSchema.string(),
            "cloudEvents_type": JSONSchema.string(),
            "cloudEvents_time": JSONSchema.timestamp,
            "tenant-id": JSONSchema.uuid,
            "aggregate-id": JSONSchema.described(JSONSchema.uuid, "Order holds among messages that share it."),
            "aggregate-version": integer,
            "aggregate-sequence": integer,
            "traceparent": JSONSchema.described(JSONSchema.string(), "W3C trace context."),
        ]
        let required = [
            "cloudEvents_specversion", "cloudEvents_id", "cloudEvents_source", "cloudEvents_type", "tenant-id",
            "aggregate-id", "aggregate-version", "aggregate-sequence",
        ]
        return ["headers": JSONSchema.object(properties: properties, required: required)]
    }()
}
