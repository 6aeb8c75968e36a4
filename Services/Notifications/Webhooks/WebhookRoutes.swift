// What is done with endpoints and deliveries beyond reading and changing them.

import Contracts
import Database
import HTTPTypes
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

struct WebhookRoutes: Sendable {
    let endpoints: ResourceStore<WebhookEndpoints>
    let deliveries = ResourceStore(WebhookDeliveries())
    let secrets: WebhookSecrets
    let bell: Bell

    private static let permission = "settings.write"
    private static let endpoint = "webhook_endpoints/{webhookEndpointId}"
    private static let tag = "webhook_endpoints"

    var all: [Route] {
        [create(on: .tenant), create(on: .admin), rotate, setHeaders, test, replay, redeliver]
    }

    // MARK: Secrets

    private func create(on mount: Route.Mount) -> Route {
        let settable = endpoints.resource.fields.filter { !$0.isReadOnly && !$0.isHidden }
        return Route(
            .post, "webhook_endpoints", on: [mount], permission: Self.permission, summary: "Create a webhook endpoint",
            description:
                "The answer has the secret that signs its webhooks. It is shown this once, also under an Idempotency-Key.",
            body: .fields(mount == .admin ? [.uuid("tenantId").required] + settable : settable),
            answers: [AnswerSpec(.created, "The new endpoint, with its secret.", schema: Self.shown(.created))],
            operationId: "createWebhookEndpoint"
        ) { call in
            let (secret, pair) = (WebhookKey.random(), WebhookKey.randomPair())
            let answer = try await call.write { op in
                var values = call.values
                let op = op.on(tenant: call.tenantId ?? values.uuid("tenantId") ?? op.tenantId)
                values.remove("tenantId")
                values.set("publicKey", pair.text)
                values.set("secretRotatedAt", op.now)
                let record = try await endpoints.create(values, in: op)
                op.tx.enqueue(
                    "INSERT INTO webhook_health (tenant_id, endpoint_id) VALUES (\(record.tenantId), \(record.id))")
                try secrets.rotate(
                    record.id, tenantId: record.tenantId, to: [secret, pair], overlap: .zero, now: op.now, in: op.tx)
                return .json(
                    bytes: try record.bytes(), status: .created,
                    headers: [.eTag: "\"\(record.version)\"", .location: call.location(record.id.text)])
            }
            return try Self.showing(secret, in: answer)
        }
    }

    private var rotate: Route {
        Route(
            .post, "\(Self.endpoint)/rotate_secret", permission: Self.permission,
            summary: "Give an endpoint a new secret and a new key pair",
            description: """
                Until the former ones end, webhooks are signed with both, so that a receiver can change over. \
                The answer has the new secret; it is shown this once.
                """, tag: Self.tag,
            body: .fields(
                [
                    .integer("overlapHours", 0...168).defaults(to: 24).described(
                        "How long the former ones are used, too.")
                ], required: false),
            answers: [AnswerSpec(.ok, "The endpoint, with its new secret.", schema: Self.shown(.ok))],
            operationId: "rotateWebhookEndpointSecret"
        ) { call in
            let (secret, pair) = (WebhookKey.random(), WebhookKey.randomPair())
            let answer = try await call.write { op in
                let record = try await endpoints.loadForChange(try call.id("webhookEndpointId"), in: op)
                let op = op.on(record)
                let overlap = Duration.seconds(3_600 * (call.values.int("overlapHours") ?? 24))
                try secrets.rotate(
                    record.id, tenantId: record.tenantId, to: [secret, pair], overlap: overlap, now: op.now, in: op.tx)
                return try .endpoint(
                    await endpoints.update(
                        record, changes: ["publicKey": pair.text, "secretRotatedAt": op.now], in: op))
            }
            return try Self.showing(secret, in: answer)
        }
    }

    /// Added behind the transaction, so that the answer that is kept for an Idempotency-Key lacks it.
    private static func showing(_ secret: WebhookKey, in answer: Answer) throws -> Answer {
        guard answer.headers[.idempotencyReplayed] == nil, case .bytes(let bytes) = answer.content else {
            return answer
        }
        var answer = answer
        var shown = try JSON.parse(bytes)
        shown["secret"] = .string(secret.text)
        answer.content = .bytes(shown.serialized())
        return answer
    }

    private static func shown(_ status: HTTPResponse.Status) -> JSON {
        [
            "allOf": [
                ["$ref": "#/components/schemas/WebhookEndpoint"],
                ["type": "object", "properties": ["secret": ["type": "string", "description": "`whsec_…`"]]],
            ]
        ]
    }

    // MARK: Headers

    private var setHeaders: Route {
        Route(
            .put, "\(Self.endpoint)/headers", permission: Self.permission,
            summary: "Set the headers that an endpoint is sent beside our own",
            description: "In place of those that it has. Their values are not shown again.", tag: Self.tag,
            body: .json(
                [
                    "type": "object", "maxProperties": 20,
                    "additionalProperties": ["type": "string", "maxLength": 1_000],
                ], example: ["X-Api-Key": "s3cr3t"]),
            answers: [.entity("WebhookEndpoint")], operationId: "setWebhookEndpointHeaders"
        ) { call in
            let headers = try call.body().objectValue ?? [:]
            let faults = WebhookHeaders.faults(in: headers)
            if !faults.isEmpty { throw Problem.invalid(faults) }
            return try await call.write { op in
                let record = try await endpoints.loadForChange(try call.id("webhookEndpointId"), in: op)
                let op = op.on(record)
                try secrets.setHeaders(headers, of: record.id, tenantId: record.tenantId, now: op.now, in: op.tx)
                return try .endpoint(
                    await endpoints.update(
                        record, changes: ["headerNames": headers.keys], in: op, touching: true))
            }
        }
    }

    // MARK: Sending

    private var test: Route {
        Route(
            .post, "\(Self.endpoint)/test", permission: Self.permission,
            summary: "Send an endpoint an event that has not happened",
            description: "Of the type `webhook_endpoint.tested`, to this endpoint alone. The answer is its delivery.",
            tag: Self.tag, answers: [.entity("WebhookDelivery", .accepted)], operationId: "testWebhookEndpoint"
        ) { call in
            try await call.write { op in
                let record = try await enabled(try call.id("webhookEndpointId"), op)
                let op = op.on(tenant: record.tenantId)
                let new = try await keepTest(for: record, op)
                try await WebhookQueue.add([new], at: op.now, in: op.tx)
                op.tx.afterCommit { [bell] in bell.ring() }
                let made = try await deliveries.select(
                    "t.webhook_endpoint_id = \(record.id) AND t.event_id = \(new.eventId)", in: op.tx,
                    tenantId: record.tenantId)
                guard let delivery = made.first else { throw Problem.internalError }
                return .json(bytes: try delivery.bytes(), status: .accepted)
            }
        }
    }

    private func keepTest(for endpoint: Record, _ op: Operation) async throws -> WebhookQueue.New {
        let envelope = EventEnvelope(
            eventId: .v7(), tenantId: endpoint.tenantId, occurredAt: op.now, actor: op.actor, version: 1, sequence: 1,
            causationId: op.requestId, simulated: true)
        let own: JSON = ["webhookEndpointId": .uuid(endpoint.id)]
        let parts = envelope.payloadParts(encodedFields: own.serialized())
        let payload = String(decoding: parts.head + Array("1".utf8) + parts.tail, as: UTF8.self)
        let new = WebhookQueue.New(
            tenantId: endpoint.tenantId, endpointId: endpoint.id, eventId: envelope.eventId,
            eventName: "webhook_endpoint.tested", aggregateId: envelope.eventId, sequence: 1)
        try await op.tx.execute(
            """
            INSERT INTO webhook_events (tenant_id, event_id, name, schema_ref, aggregate_id, sequence, occurred_at, payload)
            VALUES (\(new.tenantId), \(new.eventId), \(new.eventName), 'payload.WebhookEndpointTested.v1',
                \(new.aggregateId), 1, \(op.now), \(payload))
            """)
        return new
    }

    private var replay: Route {
        Route(
            .post, "\(Self.endpoint)/replay", permission: Self.permission,
            summary: "Send an endpoint the events of a time again",
            description: """
                Those that match its patterns, that happened in the time and are still kept: those that have not arrived, or all. \
                Each ticket's in order. At most 10000; the answer says where to go on.
                """, tag: Self.tag,
            body: .fields([
                .timestamp("since").required, .timestamp("until").described("By default now."),
                .boolean("all").defaults(to: false).described("Also those that have arrived."),
            ]),
            answers: [AnswerSpec(.accepted, "How many will be sent.", schema: Self.replayed)],
            operationId: "replayWebhookEndpoint"
        ) { call in
            try await call.write { op in
                let record = try await enabled(try call.id("webhookEndpointId"), op)
                let op = op.on(tenant: record.tenantId)
                let span = WebhookReplay(
                    endpointId: record.id, tenantId: record.tenantId, patterns: record.strings("events"),
                    since: call.values.timestamp("since") ?? op.now, until: call.values.timestamp("until") ?? op.now,
                    includesDelivered: call.values.bool("all") ?? false)
                let (count, next) = try await span.run(at: op.now, in: op.tx)
                op.tx.afterCommit { [bell] in bell.ring() }
                return .json(
                    ["replayed": .int(Int64(count)), "next": next.map { .timestamp($0) } ?? .null], status: .accepted)
            }
        }
    }

    private static let replayed: JSON = [
        "type": "object", "required": ["replayed", "next"],
        "properties": [
            "replayed": ["type": "integer"],
            "next": [
                "type": ["string", "null"], "format": "date-time",
                "description": "`since` of the rest, if there is any.",
            ],
        ],
    ]

    private var redeliver: Route {
        Route(
            .post, "webhook_deliveries/{webhookDeliveryId}/redeliver", permission: Self.permission,
            summary: "Send a delivery again, or sooner", tag: "webhook_deliveries",
            answers: [.entity("WebhookDelivery", .accepted)], operationId: "redeliverWebhook"
        ) { call in
            try await call.write { op in
                let delivery = try await deliveries.load(try call.id("webhookDeliveryId"), in: op)
                let op = op.on(tenant: delivery.tenantId)
                if let endpointId = delivery.uuid("webhookEndpointId") { _ = try await enabled(endpointId, op) }
                _ = try await WebhookQueue.again(
                    "d.tenant_id = \(delivery.tenantId) AND d.id = \(delivery.id)", at: op.now, in: op.tx)
                op.tx.afterCommit { [bell] in bell.ring() }
                return .json(bytes: try await deliveries.load(delivery.id, in: op).bytes(), status: .accepted)
            }
        }
    }

    private func enabled(_ id: UUID, _ op: Operation) async throws -> Record {
        let record = try await endpoints.load(id, in: op)
        guard record.bool("enabled") == true else {
            throw Problem.conflict("The endpoint is disabled; enable it first.", code: "disabled")
        }
        return record
    }
}

extension Answer {
    /// An endpoint after a write.
    fileprivate static func endpoint(_ record: Record) throws -> Answer {
        .json(bytes: try record.bytes(), headers: [.eTag: "\"\(record.version)\""])
    }
}

/// The headers that a tenant may have sent beside our own.
enum WebhookHeaders {
    /// What says how a message is framed or forwarded, and what is ours.
    private static let reserved: Set<String> = [
        "host", "content-length", "content-type", "content-encoding", "transfer-encoding", "connection", "upgrade",
        "te",
        "trailer", "expect", "keep-alive", "proxy-authorization", "proxy-connection", "user-agent", "webhook-id",
        "webhook-timestamp", "webhook-signature",
    ]

    /// RFC 9110, section 5: names are tokens; values are what can be seen, with blanks inside.
    static func faults(in headers: JSONObject) -> [Fault] {
        var seen: Set<String> = []
        return headers.compactMap { name, value in
            let place = Fault.Place.pointer("/" + escaped(name))
            let lower = name.lowercased()
            guard (1...100).contains(name.utf8.count), name.utf8.allSatisfy(isTokenByte) else {
                return Fault(place, "bad_name", "A header's name has letters, digits and hyphens.")
            }
            guard !reserved.contains(lower), seen.insert(lower).inserted else {
                return Fault(place, "reserved", "This header is set already.")
            }
            let bytes = Array((value.stringValue ?? "").utf8)
            let isClean = bytes.allSatisfy { (32...126).contains($0) } && bytes.first != 32 && bytes.last != 32
            return isClean ? nil : Fault(place, "bad_value", "A header's value is ASCII text without line breaks.")
        }
    }

    private static func isTokenByte(_ byte: UInt8) -> Bool {
        (97...122).contains(byte) || (65...90).contains(byte) || (48...57).contains(byte)
            || "!#$%&'*+-.^_`|~".utf8.contains(byte)
    }

    /// As a JSON pointer has it (RFC 6901, section 3).
    private static func escaped(_ name: String) -> String {
        String(name.flatMap { $0 == "~" ? Array("~0") : $0 == "/" ? Array("~1") : [$0] })
    }
}
