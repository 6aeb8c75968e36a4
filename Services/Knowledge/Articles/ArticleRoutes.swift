// What is done with an article as a whole.
import Contracts
import Database
import HTTPTypes
import ServiceLifecycle
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

enum ArticleRoutes {
    static let all: [Route] = [
        step(.submit, "Hand the article in for review"),
        step(
            .publish, "Let the article's readers find it",
            fields: [.timestamp("publishAt").described("Then rather than now.")]),
        step(.unpublish, "Make the article a draft again; also takes back when it was to be published"),
        step(.archive, "Keep the article, out of its readers' sight"),
    ]

    private static func step(_ step: ArticleStatus.Step, _ summary: String, fields: [Field] = []) -> Route {
        Route(
            .post, "kb_articles/{kbArticleId}/\(step.rawValue)", permission: "knowledge.write", summary: summary,
            tag: "kb_articles", body: .fields(fields, required: false), answers: [.entity("KbArticle")],
            operationId: "\(step.rawValue)KbArticle"
        ) { call in
            try await call.write { op in
                let article = try await Articles.store.loadForChange(try call.id("kbArticleId"), in: op)
                let op = op.on(article)
                let publishAt = call.values.timestamp("publishAt").flatMap { $0 > op.now ? $0 : nil }
                return try .article(await take(step, article, publishAt: publishAt, op))
            }
        }
    }

    /// Takes the step, or plans it; one that leads to where the article is already changes nothing.
    static func take(_ step: ArticleStatus.Step, _ article: Record, publishAt: Timestamp? = nil, _ op: Operation)
        async throws -> Record
    {
        let status = article.string("status").flatMap(ArticleStatus.init(rawValue:)) ?? .draft
        guard status == step.target || status.steps.contains(step) else {
            throw Problem.conflict(
                "An article that is \(status.rawValue) can't be \(step.target.rawValue) next.",
                code: "invalid_transition",
                allowed: status.steps.map(\.target.rawValue))
        }
        var changes = Values()
        changes["publishAt"] = publishAt.map { .timestamp($0) } ?? .null
        guard publishAt == nil else { return try await Articles.store.update(article, changes: changes, in: op) }
        changes.set("status", step.target.rawValue)
        changes["archivedAt"] = step == .archive ? .timestamp(op.now) : .null
        if step == .publish, article.isNull("publishedAt") { changes.set("publishedAt", op.now) }
        let events = status == step.target ? [] : try announcements(of: step, article, op)
        return try await Articles.store.update(article, changes: changes, in: op, events: events)
    }

    private static func announcements(of step: ArticleStatus.Step, _ article: Record, _ op: Operation) throws
        -> [Announcement]
    {
        let title = article.string("title") ?? ""
        switch step {
        case .publish:
            return [
                .event(
                    KbArticlePublished(
                        kbArticleId: article.id, title: title, slug: article.string("slug") ?? "",
                        locale: article.string("locale") ?? "", visibility: article.string("visibility") ?? "",
                        revision: Int(article.int("revision") ?? 1), publishedAt: op.now))
            ]
        case .archive: return [.event(KbArticleArchived(kbArticleId: article.id, title: title, archivedAt: op.now))]
        case .submit, .unpublish: return []
        }
    }
}

/// Publishes articles whose time has come.
struct ScheduledPublishing: Service {
    let database: Database
    var interval = Duration.seconds(2)

    func run() async throws {
        try await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                while try await publishDue(at: .now) > 0 {}
                try await Task.sleep(for: interval)
            }
        }
    }

    /// Publishes the articles that are due, a few at a time; several processes share them. Answers how many there were.
    func publishDue(at now: Timestamp) async throws -> Int {
        try await database.transaction(as: .admin) { tx in
            // Few have such a time, if any, however many articles there are.
            tx.planForManyKeys()
            let rows = try await tx.query(
                """
                SELECT tenant_id, id FROM kb_articles WHERE publish_at <= \(now) AND deleted_at IS NULL
                ORDER BY publish_at LIMIT 20 FOR UPDATE SKIP LOCKED
                """)
            for row in rows {
                let (tenantId, id) = try row.decode((UUID, UUID).self)
                let op = Operation(tx: tx, tenantId: tenantId, now: now)
                let article = try await Articles.store.load(id, in: op, forUpdate: true)
                _ = try await ArticleRoutes.take(.publish, article, op)
            }
            return rows.count
        }
    }
}
