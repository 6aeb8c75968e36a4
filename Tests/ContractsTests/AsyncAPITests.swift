import Contracts
import Testing

@Suite struct AsyncAPITests {
    static let document = AsyncAPI.document(
        contracts: EventCatalog.all, exchange: "support",
        servers: [
            AsyncAPI.Server(name: "rabbitmq", host: "rabbitmq.example.com:5671", protocol: "amqps", description: "x")
        ])

    @Test func hasTheRequiredParts() {
        let document = Self.document
        #expect(document["asyncapi"] == "3.0.0")
        #expect(document.value(at: "/info/title") == "Deskwire events")
        #expect(document.value(at: "/info/version") != nil)
        #expect(document.value(at: "/servers/rabbitmq/host") == "rabbitmq.example.com:5671")
        #expect(document.value(at: "/servers/rabbitmq/protocol") == "amqps")
        #expect(document["channels"]?.objectValue?.count == Set(EventCatalog.all.map(\.name)).count)
        #expect(document["operations"]?.objectValue?.count == document["channels"]?.objectValue?.count)
        #expect(document.value(at: "/components/messages")?.objectValue?.count == EventCatalog.all.count)
        #expect(document.value(at: "/components/schemas")?.objectValue?.count == EventCatalog.all.count)
    }

    @Test func aChannelIsARoutingKey() throws {
        let channel = try #require(Self.document.value(at: "/channels/ticket.created"))
        #expect(channel["address"] == "support.ticket.created")
        #expect(channel.value(at: "/bindings/amqp/is") == "routingKey")
        #expect(channel.value(at: "/bindings/amqp/exchange/name") == "support")
        #expect(channel.value(at: "/bindings/amqp/exchange/type") == "topic")
        let message = try #require(Self.document.value(at: "/components/messages/TicketCreated.v1"))
        #expect(message.value(at: "/bindings/amqp/messageType") == "payload.TicketCreated.v1")
        #expect(message.value(at: "/examples/0/payload/subject") == "Cannot reach the VPN")
        #expect(message["x-status"] == "emitted")
        #expect(Self.document.value(at: "/operations/send.ticket.created/action") == "send")
    }

    @Test func everyReferenceLeadsSomewhere() {
        var count = 0
        func visit(_ value: JSON) {
            switch value {
            case .array(let values): values.forEach(visit)
            case .object(let object):
                if let reference = object["$ref"]?.stringValue {
                    count += 1
                    #expect(Self.document.value(at: String(reference.dropFirst())) != nil, "\(reference)")
                }
                object.values.forEach(visit)
            default: break
            }
        }
        visit(Self.document)
        #expect(count > 5 * EventCatalog.all.count)
    }

    /// Keys of components may hold letters, digits, dots, hyphens and underscores only.
    @Test func componentKeysAreWellFormed() throws {
        for kind in ["messages", "schemas", "messageTraits"] {
            for key in try #require(Self.document.value(at: "/components/\(kind)")?.objectValue).keys {
                #expect(key.wholeMatch(of: /[a-zA-Z0-9.\-_]+/) != nil)
            }
        }
    }

    @Test func twoVersionsShareAChannel() throws {
        var second = try #require(EventCatalog.contract(named: "ticket.created"))
        second.version = 2
        let document = AsyncAPI.document(contracts: [TicketCreated.contract, second], exchange: "x")
        let channel = try #require(document.value(at: "/channels/ticket.created/messages")?.objectValue)
        #expect(channel.keys == ["TicketCreated.v1", "TicketCreated.v2"])
        #expect(document.value(at: "/operations/send.ticket.created/messages")?.arrayValue?.count == 2)
        #expect(document["servers"] == nil)
    }
}
