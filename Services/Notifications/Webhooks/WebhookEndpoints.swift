// Where a tenant wants its events sent.

import Contracts
import Database
import Messaging
import Outbound
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// An address that events are sent to. Its secret and the values of its headers are never shown again.
struct WebhookEndpoints: Resource {
    let path = "webhook_endpoints"
    let entity = "webhook_endpoint"
    let summary = "Addresses that a tenant's events are sent to, signed by the Standard Webhooks specification."
    let permissions = ResourcePermissions(read: "settings.read", write: "settings.write")
    /// Creating has a route of its own, which shows the secret.
    let operations: ResourceOperations = [.list, .get, .update, .delete]
    let events = ResourceEvents.typed(contracts)
    let client: OutboundClient
    /// Has the events come from the first endpoint on; nil where they come by another way.
    var demand: Demand?

    let fields: [Field] = [
        .text("url", 1...OutboundURL.lengthMax).required.example("https://example.com/webhooks")
            .described("An https:// address that the Internet can reach. Redirects are not followed."),
        .text("description", 0...500),
        .strings("events", each: 1...255, count: 1...50).defaults(to: ["#"]).example(["ticket.*", "sla.#"])
            .described("Patterns of event names: `*` is one word, `#` any number."),
        .boolean("enabled").defaults(to: true).filterable,
        .integer("concurrency", 1...50).defaults(to: 4)
            .described("Requests under way at once. Those of one ticket are always one after the other."),
        .strings("headerNames", each: 1...100, count: 0...20).readOnly
            .described("The headers that are sent beside our own; PUT …/headers sets them."),
        .text("publicKey", 1...200).readOnly.notNull.described("For signatures of version v1a (Ed25519)."),
        .timestamp("secretRotatedAt").readOnly.notNull,
        .timestamp("disabledAt").readOnly,
        .choice("disabledReason", DisabledReason.self).readOnly.filterable,
    ]

    enum DisabledReason: String, CaseIterable {
        /// Somebody did.
        case byHand = "by_hand"
        /// It answered 410.
        case gone
        /// It failed for days.
        case failing
    }

    var expansions: [Expansion] {
        [
            Expansion(
                "health", "How it has been doing.",
                schema: [
                    "type": ["object", "null"],
                    "properties": [
                        "failingSince": ["type": ["string", "null"], "format": "date-time"],
                        "lastSuccessAt": ["type": ["string", "null"], "format": "date-time"],
                        "lastFailureAt": ["type": ["string", "null"], "format": "date-time"],
                        "waiting": ["type": "integer", "description": "Deliveries that are not done."],
                    ],
                ], inLists: true, load: Self.health)
        ]
    }

    @Sendable private static func health(_ input: ExpansionInput) async throws -> [UUID: [UInt8]] {
        let rows = try await input.tx.query(
            """
            SELECT h.endpoint_id, h.failing_since, h.last_success_at, h.last_failure_at, (
                SELECT count(*) FROM webhook_deliveries AS d
                WHERE d.tenant_id = h.tenant_id AND d.webhook_endpoint_id = h.endpoint_id AND d.status = 'pending'
            )
            FROM webhook_health AS h WHERE h.tenant_id = ANY(\(input.tenantIds)) AND h.endpoint_id = ANY(\(input.ids))
            """)
        var health: [UUID: [UInt8]] = [:]
        for row in rows {
            let (id, failing, success, failure, waiting) = try row.decode(
                (UUID, Timestamp?, Timestamp?, Timestamp?, Int64).self)
            let json: JSON = [
                "failingSince": failing.map { .timestamp($0) } ?? .null,
                "lastSuccessAt": success.map { .timestamp($0) } ?? .null,
                "lastFailureAt": failure.map { .timestamp($0) } ?? .null, "waiting": .int(waiting),
            ]
            health[id] = json.serialized()
        }
        return health
    }

    // MARK: Rules

    func willCreate(_ draft: inout Draft, _ op: Operation) async throws {
        try check(draft)
        if draft.values.bool("enabled") == false { markDisabled(&draft, .byHand, op.now) }
        do {
            try await demand?.arise(in: op.tx)
        } catch is BrokerUnavailable {
            throw Problem.unavailable("No events can be subscribed to at present.")
        }
    }

    func willUpdate(_ draft: inout Draft, _ op: Operation) async throws {
        try check(draft)
        guard let enabled = draft.values.bool("enabled"), enabled != draft.before?.bool("enabled") else { return }
        if enabled {
            draft.values["disabledAt"] = .null
            draft.values["disabledReason"] = .null
            op.tx.enqueue(
                """
                UPDATE webhook_health SET failing_since = NULL
                WHERE tenant_id = \(op.tenantId) AND endpoint_id = \(draft.id)
                """)
        } else if !draft.values.contains("disabledReason") {
            markDisabled(&draft, .byHand, op.now)
        }
    }

    private func markDisabled(_ draft: inout Draft, _ reason: DisabledReason, _ now: Timestamp) {
        draft.values.set("disabledAt", now)
        draft.values.set("disabledReason", reason.rawValue)
    }

    private func check(_ draft: Draft) throws {
        var faults: [Fault] = []
        if let text = draft.values.string("url") {
            do throws(OutboundError) {
                try client.check(try OutboundURL(text))
            } catch {
                faults.append(Fault(.pointer("/url"), error.reason, error.hint))
            }
        }
        for (index, pattern) in (draft.values.strings("events") ?? []).enumerated()
        where TopicPattern(checking: pattern) == nil {
            faults.append(
                Fault(
                    .pointer("/events/\(index)"), "bad_format",
                    "It must be a pattern such as ticket.created or ticket.*"))
        }
        if !faults.isEmpty { throw Problem.invalid(faults) }
    }

    // MARK: Events

    private static let exampleId = UUID(text: "0197a3b0-0000-7000-8000-000000000130") ?? UUID()
    private static let lifecycle = EventContract.lifecycle(
        of: "webhook_endpoint", category: "Webhooks", owner: "notifications", snapshot: ["type": "object"],
        exampleSnapshot: [
            "id": .uuid(exampleId), "url": "https://example.com/webhooks", "events": ["ticket.*"], "enabled": true,
        ])
    private static let disabled = EventContract(
        name: "webhook_endpoint.disabled",
        summary: "A webhook endpoint is sent nothing any more, because it does not work.",
        category: "Webhooks", owner: "notifications", status: .emitted,
        fields: JSONSchema.object(
            properties: [
                "webhookEndpointId": JSONSchema.uuid, "url": JSONSchema.string(),
                "reason": ["enum": [.string(DisabledReason.gone.rawValue), .string(DisabledReason.failing.rawValue)]],
                "failingSince": ["type": ["string", "null"], "format": "date-time"],
            ], required: ["webhookEndpointId", "url", "reason"]),
        exampleFields: [
            "webhookEndpointId": .uuid(exampleId), "url": "https://example.com/webhooks", "reason": "failing",
            "failingSince": "2026-01-01T00:00:00.000Z",
        ])
    static let contracts = lifecycle + [disabled]

    func announcement(of mutation: Mutation) throws -> Announcement? {
        let verb =
            switch mutation.action {
            case .create, .restore: "created"
            case .update: "updated"
            case .delete: "deleted"
            }
        guard let contract = Self.lifecycle.first(where: { $0.name == "webhook_endpoint.\(verb)" }) else { return nil }
        var fields: JSONObject = ["webhookEndpointId": .uuid(mutation.record.id)]
        if mutation.action == .update {
            fields["updatedFields"] = .array(mutation.updatedFields.map { .string($0) })
            var changes = JSONObject()
            for change in mutation.changes {
                changes[change.name] = ["previous": try JSON.parse(change.previous), "new": try JSON.parse(change.new)]
            }
            fields["changes"] = .object(changes)
        } else {
            fields["snapshot"] = try mutation.record.json()
        }
        return .fields(contract, fields)
    }

    /// Sends it nothing any more, and says so.
    static func disable(
        _ id: UUID, because reason: DisabledReason, failingSince: Timestamp?, in op: Operation,
        _ store: ResourceStore<WebhookEndpoints>
    ) async throws {
        guard let record = try await store.find(id, in: op.tx, tenantId: op.tenantId, forUpdate: true),
            record.bool("enabled") == true
        else { return }
        let fields: JSONObject = [
            "webhookEndpointId": .uuid(id), "url": .string(record.string("url") ?? ""),
            "reason": .string(reason.rawValue),
            "failingSince": failingSince.map { .timestamp($0) } ?? .null,
        ]
        _ = try await store.update(
            record, changes: ["enabled": false, "disabledAt": op.now, "disabledReason": reason.rawValue], in: op,
            events: [.fields(disabled, fields)])
    }
}
