// knowledge: articles that answer questions before they become tickets.
//
// Owns      the schema `knowledge`: categories, sections, articles with revisions and feedback, what is read and looked for;
//           and copies of tickets and users.
// Emits     kb_category.*, kb_section.*, kb_article.created/updated/deleted/restored/published/archived/linked,
//           kb_article_revision.created, kb_article_feedback.created
// Listens   to ticket and user events, for its copies.

import Database
import Messaging
import Projections
import ServiceKit
import ServiceLifecycle
import Web

public struct KnowledgeService: Microservice {
    public static let name = "knowledge"
    public static let summary = "Articles that answer questions before they become tickets."
    public static let migrations: [Migration] = [Projection.migration(version: 100, projections), .knowledge]
    public static let resources: [any Resource] =
        [Categories(), Sections(), Articles(), Revisions(), Feedback(), Links()]
        + projections.map { ProjectionResource($0) }

    private static let projections: [Projection] = [.tickets(of: name), .users(of: name)]
    private let database: Database
    private let rebuild: ProjectionRebuild
    private let counts: ReaderCounts

    public init(_ platform: Platform) { self.init(database: platform.database) }

    init(database: Database) {
        self.database = database
        rebuild = ProjectionRebuild(service: Self.name, database: database, projections: Self.projections)
        counts = ReaderCounts(database: database)
    }

    public var routes: [Route] {
        ArticleRoutes.all + Revisions.routes + SearchRoutes(counts: counts).all + rebuild.routes
    }
    public var handlers: [MessageHandler] { Self.projections.map { MessageHandler($0) } }
    public var jobs: [any Service] {
        [counts, ScheduledPublishing(database: database), WordCensus(database: database)]
    }
}
