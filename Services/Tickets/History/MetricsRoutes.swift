// Making the figures of tickets anew.
import Contracts
import Database
import HTTPTypes
import Web

enum MetricsRoutes {
    static let all: [Route] = [
        Route(
            .post, "ticket_metrics/rebuild", access: .permission("metrics.write"),
            summary: "Make the metrics of all tickets anew from their events",
            description: "In one transaction; a reader sees the old figures until it is done.", tag: "metrics",
            answers: [
                AnswerSpec(
                    .ok, "How many tickets have figures.",
                    schema: [
                        "type": "object", "properties": ["tickets": ["type": "integer"]], "required": ["tickets"],
                    ],
                    example: ["tickets": 42])
            ],
            operationId: "rebuildTicketMetrics"
        ) { call in
            guard let tenantId = call.tenantId else {
                throw Problem.badRequest(errors: [
                    Fault(.parameter("tenantId"), "required", "It says whose tickets they are.")
                ])
            }
            let count = try await call.database.transaction(as: .tenant(tenantId), timeout: .seconds(300)) { tx in
                try await MetricsTable.rebuild(tenantId, in: tx)
            }
            return .json(["tickets": .int(Int64(count))])
        }
    ]
}
