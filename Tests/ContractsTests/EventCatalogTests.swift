import Contracts
import Foundation
import Testing

@Suite struct EventCatalogTests {
    static let contracts = EventCatalog.all

    @Test func hasEveryEvent() {
        #expect(EventCatalog.types.count == Self.contracts.count)
        #expect(Self.contracts.count >= 153)
        #expect(Set(Self.contracts.map(\.schemaRef)).count == Self.contracts.count)
        #expect(Set(Self.contracts.map(\.alias)).count == Set(Self.contracts.map(\.name)).count)
    }

    @Test func findsAContractByName() throws {
        let contract = try #require(EventCatalog.contract(named: "ticket_sla_stage.breached"))
        #expect(contract.alias == "TICKET_SLA_STAGE_BREACHED")
        #expect(contract.schemaRef == "payload.TicketSlaStageBreached.v1")
        #expect(contract.object == "ticket_sla_stage")
        #expect(EventCatalog.contract(named: "ticket.created", version: 1)?.status == .emitted)
        #expect(EventCatalog.contract(named: "ticket.created", version: 99) == nil)
        #expect(EventCatalog.contract(named: "ticket.exploded") == nil)
    }

    @Test func aNameDeclaredTwiceTraps() async {
        await #expect(processExitsWith: .failure) {
            _ = EventCatalog.all(adding: [TicketCreated.contract])
        }
    }

    @Test func otherContractsJoinTheCatalogue() {
        let more = EventContract.lifecycle(
            of: "canned_response", category: "Tickets", owner: "tickets",
            snapshot: JSONSchema.object(properties: ["id": JSONSchema.uuid, "name": JSONSchema.string()]),
            exampleSnapshot: ["id": .uuid(UUID()), "name": "Hello"], isRestorable: true)
        #expect(more.map(\.name) == ["created", "updated", "deleted", "restored"].map { "canned_response.\($0)" })
        for contract in more { #expect(JSONSchema.validate(contract.example, against: contract.schema).isEmpty) }
        #expect(more[0].schema.value(at: "/properties/cannedResponseId") != nil)
        #expect(more[0].schema.value(at: "/properties/sequence/minimum") == 1)
        #expect(EventCatalog.all(adding: more).count == Self.contracts.count + 4)
    }

    @Test(arguments: contracts)
    func namesFollowTheRules(contract: EventContract) throws {
        #expect(contract.name.wholeMatch(of: /[a-z]+(_[a-z]+)*\.[a-z]+(_[a-z]+)*/) != nil)
        #expect(contract.summary.hasSuffix("."))
        #expect(contract.summary.first?.isUppercase == true)
        for name in try #require(contract.schema["properties"]?.objectValue).keys {
            #expect(name.wholeMatch(of: /[a-z]+([A-Z][a-z]*)*/) != nil, "\(contract.name): \(name)")
        }
        #expect(
            EventContract.lifecycleActions.contains(contract.action) == (contract.snapshotIsDeclared)
                || contract.isNestedRow)
    }

    // MARK: Examples

    @Test(arguments: contracts)
    func theExampleIsValid(contract: EventContract) {
        #expect(JSONSchema.validate(contract.example, against: contract.schema) == [])
    }

    @Test(arguments: contracts)
    func theExampleShowsEveryField(contract: EventContract) throws {
        let declared = try #require(contract.schema["properties"]?.objectValue).keys
        let shown = try #require(contract.example.objectValue).keys
        #expect(Set(declared).subtracting(shown).subtracting(["actorContactId", "simulated"]) == [])
        #expect(Set(shown).subtracting(declared) == [])
    }

    @Test func everyEventSurvivesTheWire() throws {
        for type in EventCatalog.types { try survivesTheWire(type) }
    }

    private func survivesTheWire<E: Event>(_ type: E.Type) throws {
        let actors: [Actor?] = [nil, .system, .user(UUID()), .contact(UUID()), .apiKey(UUID())]
        for (position, actor) in actors.enumerated() {
            let envelope = EventEnvelope(
                eventId: .v7(), tenantId: UUID(), occurredAt: .now, actor: actor, version: 2,
                sequence: Int64(position + 1), causationId: position == 0 ? nil : "req-1",
                idempotencyKey: position == 1 ? "k" : nil, simulated: position == 2 ? true : nil)
            let message = Message(envelope: envelope, event: E.example)
            let bytes = try Wire.encode(message)
            #expect(try Wire.decode(Message<E>.self, from: bytes) == message)
            #expect(try Wire.encode(Wire.decode(Message<E>.self, from: bytes)) == bytes)
            #expect(try JSONDecoder().decode(Message<E>.self, from: Data(bytes)) == message)
            #expect(envelope.actor == actor)

            let parts = try envelope.payloadParts(fields: E.example)
            #expect(parts.head + Array("\(position + 1)".utf8) + parts.tail == bytes)
            #expect(JSONSchema.validate(try JSON.parse(bytes), against: E.contract.schema) == [])
        }
        #expect(E.example.aggregate.type.isEmpty == false)
    }

    @Test func anEventWithoutFieldsHasAPayload() throws {
        let envelope = EventEnvelope(eventId: .v7(), tenantId: UUID(), occurredAt: .now, version: 1, sequence: 5)
        let parts = envelope.payloadParts(encodedFields: Array("{}".utf8))
        #expect(try JSON.parse(parts.head + Array("5".utf8) + parts.tail) == Wire.json(envelope))
    }

    // MARK: Schemas

    /// Each required member missing, each member of another type, each closed list left: always refused, at its place.
    @Test(arguments: contracts)
    func theSchemaRefusesDamagedExamples(contract: EventContract) throws {
        let required = (contract.schema["required"]?.arrayValue ?? []).compactMap(\.stringValue)
        #expect(required.starts(with: ["eventId", "tenantId", "occurredAt", "version", "sequence"]))
        for name in required {
            let issues = JSONSchema.validate(
                contract.example.replacing("/\(name)", with: nil), against: contract.schema)
            #expect(issues.map { "\($0.pointer) \($0.code)" } == ["/\(name) required"])
        }
        for (name, schema) in try #require(contract.schema["properties"]?.objectValue) {
            guard let type = schema["type"] else { continue }
            func codes(_ value: JSON) -> [String] {
                JSONSchema.validate(contract.example.replacing("/\(name)", with: value), against: contract.schema)
                    .map { "\($0.pointer) \($0.code)" }
            }
            #expect(codes(type == "object" ? "x" : [:]) == ["/\(name) wrong_type"])
            #expect(codes(.null) == ["/\(name) wrong_type"])
            if schema["enum"] != nil { #expect(codes("no such value") == ["/\(name) not_allowed"]) }
            if schema["format"] != nil { #expect(codes("x") == ["/\(name) invalid_format"]) }
        }
    }

    /// The schema says what the codec does: what one refuses, the other refuses.
    @Test func schemaAndCodecAgree() throws {
        for type in EventCatalog.types { try agree(type) }
    }

    private func agree<E: Event>(_ type: E.Type) throws {
        let contract = E.contract
        let wrong: [JSON] = [.null, true, 7, 1.5, "x", [], [:], ["a": 1], [[:]], "2026-01-31", "12.50"]
        for name in try #require(contract.schema["properties"]?.objectValue).keys {
            for value in wrong {
                // An optional member may be null for a reader that is lenient; we never write that.
                if value.isNull { continue }
                // Bounds are the schema's alone.
                if name == "sequence" || name == "version" { continue }
                let damaged = contract.example.replacing("/\(name)", with: value)
                let isValid = JSONSchema.validate(damaged, against: contract.schema).isEmpty
                let decodes = (try? Wire.decode(Message<E>.self, from: damaged)) != nil
                #expect(isValid == decodes, "\(contract.name)/\(name) = \(value)")
            }
        }
    }
}

extension EventContract: CustomTestStringConvertible {
    public var testDescription: String { "\(name) v\(version)" }

    static let lifecycleActions: Set<String> = ["created", "deleted", "restored"]

    var action: String { String(name.drop { $0 != "." }.dropFirst()) }
    var snapshotIsDeclared: Bool { schema.value(at: "/properties/snapshot") != nil }
    var isNestedRow: Bool { owner == "tickets" && object != "ticket" }
}
