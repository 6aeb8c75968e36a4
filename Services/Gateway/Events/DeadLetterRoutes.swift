import Contracts
import HTTPTypes
import Messaging
import ServiceKit
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What services have given up, over all services: look, send back, drop.
struct DeadLetterRoutes: Sendable {
    static let limitDefault = 100
    static let limitMax = 1000

    let services: [String]
    let platform: Platform

    var all: [Route] { [list, show, requeue, drop] }

    private func letters(of service: String) throws -> DeadLetters {
        guard services.contains(service) else { throw Problem.notFound("There is no such service.") }
        return DeadLetters(service: service, topology: platform.topology, amqp: platform.amqp)
    }

    /// Runs something with the broker; a 503 where it is away.
    private func withBroker<R>(_ body: () async throws -> R) async throws -> R {
        do {
            return try await body()
        } catch let problem as Problem {
            throw problem
        } catch {
            throw Problem.unavailable("The broker does not answer at the moment.")
        }
    }

    private var list: Route {
        Route(
            .get, "dead_letters", on: [.admin], access: .platformAdmin, summary: "Messages that services gave up",
            parameters: [
                Parameter("service", .text(length: 1...64, format: nil), "Only this service's."),
                Parameter("limit", .integer(1...Int64(Self.limitMax)), "Of each service, the oldest."),
            ],
            answers: [AnswerSpec(.ok, "The dead letters.", schema: Self.pageSchema)], operationId: "listDeadLetters"
        ) { call in
            let wanted = call.arguments.string("service").map { [$0] } ?? services
            let limit = Int(call.arguments.int("limit") ?? Int64(Self.limitDefault))
            return try await withBroker {
                var rows: [JSON] = []
                var total = 0
                for service in wanted {
                    let letters = try letters(of: service)
                    let listed = try await letters.list(limit: limit)
                    rows += listed.map { Self.row($0, whole: false) }
                    // The queue counts late: what somebody has just looked at may not be in its number yet.
                    total += listed.count < limit ? listed.count : max(limit, try await letters.count())
                }
                return .json([
                    "data": .array(rows),
                    "page": ["next": .null, "hasMore": .bool(rows.count < total), "total": .int(Int64(total))],
                ])
            }
        }
    }

    private var show: Route {
        Route(
            .get, "dead_letters/{service}/{eventId}", on: [.admin], access: .platformAdmin,
            summary: "A dead letter with its payload and headers",
            answers: [AnswerSpec(.ok, "One per handler that gave the event up.", schema: Self.pageSchema)],
            operationId: "showDeadLetter"
        ) { call in
            try await withBroker {
                let letters = try letters(of: try call.parameter("service"))
                let found = try await letters.show(try call.id("eventId"))
                guard !found.isEmpty else { throw Problem.notFound("There is no such dead letter.") }
                return .json([
                    "data": .array(found.map { Self.row($0, whole: true) }), "page": ["next": .null, "hasMore": false],
                ])
            }
        }
    }

    private var requeue: Route {
        Route(
            .post, "dead_letters/{service}/{eventId}/requeue", on: [.admin], access: .platformAdmin,
            summary: "Give a dead letter back to its service",
            answers: [AnswerSpec(.ok, "How many were requeued.", schema: Self.countSchema("requeued"))],
            operationId: "requeueDeadLetter"
        ) { call in
            try await withBroker {
                let letters = try letters(of: try call.parameter("service"))
                let count = try await letters.requeue(.event(try call.id("eventId")))
                guard count > 0 else { throw Problem.notFound("There is no such dead letter.") }
                return .json(["requeued": .int(Int64(count))])
            }
        }
    }

    private var drop: Route {
        Route(
            .delete, "dead_letters/{service}/{eventId}", on: [.admin], access: .platformAdmin,
            summary: "Delete a dead letter for good", answers: [.noContent], operationId: "dropDeadLetter"
        ) { call in
            try await withBroker {
                let letters = try letters(of: try call.parameter("service"))
                guard try await letters.drop(.event(try call.id("eventId"))) > 0 else {
                    throw Problem.notFound("There is no such dead letter.")
                }
                return .noContent
            }
        }
    }

    private static func row(_ letter: DeadLetter, whole: Bool) -> JSON {
        var row: JSONObject = [
            "service": .string(letter.service), "reason": .string(letter.reason), "detail": .string(letter.detail),
            "attempts": .int(Int64(letter.attempts)), "routingKey": .string(letter.routingKey),
        ]
        row["eventId"] = letter.eventId.map { .uuid($0) }
        row["tenantId"] = letter.tenantId.map { .uuid($0) }
        row["name"] = letter.name.map { .string($0) }
        row["aggregateId"] = letter.aggregateId.map { .uuid($0) }
        row["sequence"] = letter.sequence.map { .int($0) }
        row["handler"] = letter.handler.map { .string($0) }
        row["deadLetteredAt"] = letter.deadLetteredAt.map { .timestamp($0) }
        if whole {
            row["payload"] = letter.payload ?? .null
            row["headers"] = .object(
                JSONObject(letter.headers.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) }))
        }
        return .object(row)
    }

    private static let pageSchema: JSON = [
        "type": "object",
        "properties": ["data": ["type": "array", "items": ["type": "object"]], "page": ["type": "object"]],
        "required": ["data", "page"],
    ]

    private static func countSchema(_ name: String) -> JSON {
        ["type": "object", "properties": .object([name: ["type": "integer"]]), "required": [.string(name)]]
    }
}
