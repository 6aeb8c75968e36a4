// knowledge: articles that answer questions before they become tickets.
//
// Owns      the schema `knowledge`: categories, sections, articles with revisions, pictures and feedback, what is read and
//           looked for; and copies of tickets, users, organizations and agents.
// Emits     kb_category.*, kb_section.*, kb_article.created/updated/deleted/restored/published/archived/linked,
//           kb_article_revision.created, kb_article_feedback.created, kb_image.*
// Listens   to ticket, user, organization and agent events, for its copies; to agents' answers, which articles may be made of.

import Crypto
import Database
import Messaging
import Projections
import ServiceKit
import ServiceLifecycle
import Web

public struct KnowledgeService: Microservice {
    public static let name = "knowledge"
    public static let summary = "Articles that answer questions before they become tickets."
    public static let migrations: [Migration] = [
        Projection.migration(version: 100, [.tickets(of: name), .users(of: name)]), .knowledge,
        Projection.migration(version: 102, [organizations]), .helpCenter, Projection.migration(version: 104, [agents]),
        .readers, .boundedSearch, .phraseSearch, .answers, .shortColumns, .consecutivePairs, .pairsBesideWords, .images,
    ]
    public static let resources: [any Resource] =
        [Categories(), Sections(), Articles(), Images(), Revisions(), Feedback(), Links()]
        + projections.map { ProjectionResource($0) }

    private static let projections: [Projection] = [.tickets(of: name), .users(of: name), organizations, agents]
    private static let organizations = Projection(
        service: name, entity: "organization", table: "organizations", fields: [.text("name"), .text("slug")])
    /// Who may read the articles of which groups.
    private static let agents = Projection(
        service: name, entity: "agent", table: "agents", fields: [.uuid("userId").filterable, .texts("groupIds")])
    private let database: Database
    private let rebuild: ProjectionRebuild
    private let counts: ReaderCounts
    private let answersKept: Duration
    private let help: HelpCenter

    /// Where readers find the gateway.
    private static let helpSetting = "HELP_CENTER_URL"
    private static let answersSetting = "KNOWLEDGE_ANSWER_DAYS"

    public static let settings: [Setting] = [
        .url(
            helpSetting, schemes: ["http", "https"], default: "http://127.0.0.1:8080",
            "Where the gateway is reached by readers of the help center; for links that must be whole."),
        .integer(
            answersSetting, 1...3_650, default: 90,
            "Days for which agents' answers to tickets are kept for articles that are made of them."),
    ]

    public init(_ platform: Platform) {
        self.init(
            database: platform.database, helpURL: platform.settings.text(Self.helpSetting),
            secret: platform.settings.text("INTERNAL_CONTEXT_KEY"),
            answersKept: .seconds(86_400 * platform.settings.integer(Self.answersSetting)))
    }

    init(
        database: Database, helpURL: String = "http://help.example", secret: String = "",
        answersKept: Duration = .seconds(86_400 * 90)
    ) {
        self.database = database
        self.answersKept = answersKept
        rebuild = ProjectionRebuild(service: Self.name, database: database, projections: Self.projections)
        counts = ReaderCounts(database: database)
        var baseURL = helpURL
        while baseURL.last == "/" { baseURL.removeLast() }
        help = HelpCenter(
            database: database, counts: counts, baseURL: baseURL,
            visitorKey: SymmetricKey(data: SHA256.hash(data: Array("help center visitors\n\(secret)".utf8))))
    }

    public var routes: [Route] {
        ArticleRoutes.all + AnswerRoutes.all + Revisions.routes + SearchRoutes(counts: counts).all + AnalyticsRoutes.all
            + ImageRoutes.all + help.routes + rebuild.routes
    }
    public var handlers: [MessageHandler] {
        Self.projections.map { MessageHandler($0) } + [MessageHandler(KeepAnswers())]
    }
    public var jobs: [any Service] {
        [
            counts, ScheduledPublishing(database: database), WordCensus(database: database),
            Deflection(database: database), ForgetAnswers(database: database, kept: answersKept),
        ]
    }
}
