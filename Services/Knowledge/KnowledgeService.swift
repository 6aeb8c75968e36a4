// knowledge: Articles that answer questions before they become tickets.
//
// Owns      the schema `knowledge`; so far its copies of tickets and users.
// Emits     nothing yet.
// Listens   to ticket and user events, for its copies.

import Database
import Messaging
import Projections
import ServiceKit
import Web

public struct KnowledgeService: Microservice {
    public static let name = "knowledge"
    public static let summary = "Articles that answer questions before they become tickets."
    public static let migrations: [Migration] = [Projection.migration(version: 100, projections)]

    private static let projections: [Projection] = [.tickets(of: name), .users(of: name)]
    private let rebuild: ProjectionRebuild

    public init(_ platform: Platform) {
        rebuild = ProjectionRebuild(
            service: Self.name, database: platform.database, projections: Self.projections)
    }

    public var resources: [any Resource] { Self.projections.map { ProjectionResource($0) } }
    public var routes: [Route] { rebuild.routes }
    public var handlers: [MessageHandler] { Self.projections.map { MessageHandler($0) } }
}
