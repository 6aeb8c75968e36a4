// What every service answers beside its own: probes, metrics, the log level.

import Contracts
import HTTPTypes
import Logging
import Web

/// The routes of operation.
struct OperationRoutes {
    let service: String
    let health: Health
    let metrics: MetricsRegistry
    let sink: LogSink

    var all: [Route] { [live, ready, scrape, readLevel, changeLevel] }

    private var live: Route {
        Route(
            .get, "health/live", on: [.root], access: .open, summary: "Whether the process is up.", tag: "operation"
        ) { _ in Answer.json(["status": "up"]) }
    }

    private var ready: Route {
        Route(
            .get, "health/ready", on: [.root], access: .open, summary: "Whether the service can work, check by check.",
            tag: "operation",
            answers: [AnswerSpec(.ok, "Ready."), AnswerSpec(.serviceUnavailable, "Not ready, and why.")]
        ) { _ in
            let report = await health.report()
            return Answer.json(bytes: report.json, status: report.isReady ? .ok : .serviceUnavailable)
        }
    }

    private var scrape: Route {
        Route(
            .get, "metrics", on: [.root], access: .open, summary: "Metrics as Prometheus text.", tag: "operation",
            answers: [AnswerSpec(.ok, "The metrics.", mediaType: "text/plain")]
        ) { _ in Answer.content(.bytes(await metrics.render()), type: PrometheusText.contentType) }
    }

    private static let levels = Logger.Level.allCases.map(\.rawValue)

    private static let levelSchema: JSON = [
        "type": "object", "properties": ["level": ["type": "string", "enum": .array(levels.map { .string($0) })]],
        "required": ["level"],
    ]

    private var readLevel: Route {
        Route(
            .get, "\(service)/log_level", on: [.admin], access: .platformAdmin,
            summary: "The least level that is logged.",
            tag: "operation", answers: [AnswerSpec(.ok, "The level.", schema: OperationRoutes.levelSchema)]
        ) { _ in Answer.json(["level": .string(sink.level.rawValue)]) }
    }

    private var changeLevel: Route {
        Route(
            .patch, "\(service)/log_level", on: [.admin], access: .platformAdmin,
            summary: "Change the least level that is logged, of this process, until it ends or gets SIGHUP.",
            tag: "operation", body: .fields([.choice("level", OperationRoutes.levels).required]),
            answers: [AnswerSpec(.ok, "The level.", schema: OperationRoutes.levelSchema)]
        ) { call in
            guard let level = call.values.string("level").flatMap(Logger.Level.init(rawValue:)) else {
                throw Problem.badRequest("A level is needed.")
            }
            Logger.current.notice(
                "log level changed",
                metadata: ["log.level": .string(level.rawValue), "user": .string(call.caller.displayName)])
            sink.level = level
            return Answer.json(["level": .string(level.rawValue)])
        }
    }
}
