// Empties projections, so that a replay of the history fills them again.

import Contracts
import Database
import HTTPTypes
import Logging
import Messaging
import Web

/// `POST /v1/admin/<service>/projections/rebuild`: for a copy that somebody damaged, or that was declared after the
/// events. Then `POST /v1/admin/events/replay` of the gateway (`deskwire events replay`) sends the history to the
/// service's queue `<service>.events.0`.
///
/// Events that arrive meanwhile are no trouble: each field keeps what the latest event said, in whatever order they
/// come.
public struct ProjectionRebuild: Sendable {
    private let service: String
    private let database: Database
    private let projections: [Projection]

    public init(service: String, database: Database, projections: [Projection]) {
        self.service = service
        self.database = database
        self.projections = projections
    }

    public var routes: [Route] {
        [
            Route(
                .post, "\(service)/projections/rebuild", on: [.admin], access: .platformAdmin,
                summary: "Empty the projections, to be filled again by a replay.",
                tag: "operation", answers: [AnswerSpec(.ok, "How many rows were there.")]
            ) { _ in
                let rows = try await begin()
                return Answer.json(["deletedRows": .int(Int64(rows))])
            }
        ]
    }

    /// Deletes the rows and forgets which events were handled, together. Answers how many rows there were.
    @discardableResult
    public func begin() async throws -> Int {
        let rows = try await database.transaction(as: .admin, timeout: .seconds(60)) { tx in
            var rows = 0
            for projection in projections {
                rows += try await tx.execute("DELETE FROM \(identifier: projection.table)")
                try await MessageHandler(projection).forget(in: tx)
            }
            return rows
        }
        Logger.current.notice("projections emptied for a rebuild", metadata: ["rows": .stringConvertible(rows)])
        return rows
    }
}
