import Contracts
import Database
import HTTPTypes
import Messaging
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Lets an integrator see what a subscriber does with an event, without making the thing happen: the event is checked
/// against its published schema and, unless it is a dry run, published with `simulated: true`.
struct SimulateRoute: Sendable {
    let directory: RouteDirectory

    var route: Route {
        Route(
            .post, "events/simulate", on: [.tenant], permission: "events.simulate", summary: "Try an event out",
            description: """
                Fills in the envelope, checks the whole against the registered schema (a 400 has every issue) and \
                publishes it marked as simulated; with dryRun it only answers what would be published.
                """,
            body: .json(Self.bodySchema),
            answers: [
                AnswerSpec(.ok, "What would be published.", schema: ["type": "object"]),
                AnswerSpec(.accepted, "What was published.", schema: ["type": "object"]),
            ], operationId: "simulateEvent"
        ) { call in
            let body = try call.body()
            let entry = try contract(body)
            let isDryRun = body["dryRun"]?.boolValue ?? false
            guard let tenantId = call.tenantId, let own = body["payload"]?.objectValue else { throw Problem.notFound() }
            let eventId = UUID.v7()
            let fields = Self.fields(of: own)
            let payload = Self.payload(fields, eventId, tenantId, call)
            try Self.check(payload, against: entry["jsonSchema"] ?? .object([:]))
            let shown: JSON = [
                "event": entry["event"] ?? .null, "routingKey": entry["routingKey"] ?? .null,
                "schema": entry["schema"] ?? .null, "dryRun": .bool(isDryRun), "payload": .object(payload),
            ]
            guard !isDryRun else { return .json(shown) }
            return try await call.write { op in
                try op.tx.publish(try Self.draft(entry, fields, tenantId, op))
                return .json(shown, status: .accepted)
            }
        }
    }

    private static let bodySchema: JSON = [
        "type": "object",
        "properties": [
            "event": ["type": "string", "minLength": 1, "maxLength": 200],
            "version": ["type": "integer", "minimum": 1],
            "payload": ["type": "object"],
            "dryRun": ["type": "boolean"],
        ],
        "required": ["event", "payload"],
        "additionalProperties": false,
    ]

    private func contract(_ body: JSON) throws -> JSON {
        let name = body["event"]?.stringValue ?? ""
        let entries = EventCatalogList.entries(of: directory.snapshot.asyncAPIDocument)
            .filter { $0["event"]?.stringValue == name }
        let wanted = body["version"]?.intValue.map { ".v\($0)" }
        let entry = entries.last { entry in wanted.map { entry["schema"]?.stringValue?.hasSuffix($0) == true } ?? true }
        guard let entry else {
            throw Problem.badRequest(errors: [
                Fault(.pointer("/event"), "unknown_event", "There is no such event, see /v1/event_catalog.")
            ])
        }
        return entry
    }

    /// What the gateway fills in, whatever the client wrote there.
    private static let envelope: Set<String> = [
        "eventId", "tenantId", "occurredAt", "actorType", "actorUserId", "actorContactId", "version", "sequence",
        "causationId", "idempotencyKey", "simulated",
    ]

    private static func fields(of payload: JSONObject) -> JSONObject {
        JSONObject(payload.filter { !envelope.contains($0.key) }.map { ($0.key, $0.value) })
    }

    private static func payload(_ fields: JSONObject, _ eventId: UUID, _ tenantId: UUID, _ call: Call) -> JSONObject {
        var payload: JSONObject = [
            "eventId": .uuid(eventId), "tenantId": .uuid(tenantId), "occurredAt": .timestamp(call.now),
            "actorType": .string(call.caller.actor.type.rawValue),
        ]
        payload["actorUserId"] = call.caller.actor.userId.map { .uuid($0) }
        payload["causationId"] = .string(call.requestId)
        payload["simulated"] = true
        payload["version"] = 1
        payload["sequence"] = 1
        for (key, value) in fields { payload[key] = value }
        return payload
    }

    private static func check(_ payload: JSONObject, against schema: JSON) throws {
        let issues = JSONSchema.validate(.object(payload), against: schema)
        guard !issues.isEmpty else { return }
        throw Problem.badRequest(
            "The payload does not meet the event's schema.",
            errors: issues.map { Fault(.pointer("/payload" + $0.pointer), $0.code, $0.detail) })
    }

    /// A simulated event belongs to an aggregate of its own, so that it takes no number in the sequence of a real one.
    private static func draft(
        _ entry: JSON, _ fields: JSONObject, _ tenantId: UUID, _ op: Operation
    ) throws -> EventDraft {
        let name = entry["event"]?.stringValue ?? ""
        let schemaRef = entry["schema"]?.stringValue ?? ""
        let contract = EventContract(
            name: name, version: schemaRef.split(separator: ".").last.flatMap { Int($0.dropFirst()) } ?? 1,
            summary: "", category: "", owner: "", status: .emitted, schema: .null, example: .null)
        let ids = fields.filter { $0.key.hasSuffix("Id") }.compactMap(\.value.stringValue).joined(separator: " ")
        let aggregate = Aggregate(
            type: contract.object, id: UUID(derivedFrom: "simulated \(tenantId.text) \(contract.object) \(ids)"))
        return EventDraft(
            contract: contract, aggregate: aggregate, fields: fields, version: 1, actor: op.actor, occurredAt: op.now,
            causationId: op.requestId, tenantId: tenantId, isSimulated: true)
    }
}
