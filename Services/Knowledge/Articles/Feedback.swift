// What readers say about an article, and what it helped with.
import Contracts
import Database
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Whether an article helped: one word from each person about each revision.
struct Feedback: Resource {
    let path = "feedback"
    let entity = "kb_article_feedback"
    let table = "kb_article_feedback"
    let component = "KbArticleFeedback"
    let summary = "Whether an article helped; one from each person about each revision."
    let parent: Parent? = .of(Articles(), locked: true)
    let operations: ResourceOperations = .appendOnly
    let permissions = ResourcePermissions(
        read: "knowledge.read_drafts", create: "knowledge.read", update: "knowledge.write", delete: "knowledge.write")
    let fields: [Field] = [
        .boolean("helpful").required.filterable,
        .text("comment", 0...2_000),
        .integer("revision").readOnly.notNull.filterable,
        .text("person", 1...100).hidden.notNull,
    ]

    func willCreate(_ draft: inout Draft, _ op: Operation) async throws {
        draft.values.set("revision", draft.parent?.int("revision") ?? 1)
        if !draft.values.contains("person") {
            draft.values.set("person", op.actorId.map { "user:\($0.text)" } ?? "request:\(op.requestId)")
        }
    }
}

/// Which tickets an article has to do with.
struct Links: Resource {
    static let store: ResourceStore<Links> = ResourceStore(Links())

    let path = "links"
    let entity = "kb_article_link"
    let table = "kb_article_links"
    let summary = "Which tickets an article solved, was suggested for, or was written from."
    let parent: Parent? = .of(Articles())
    let operations: ResourceOperations = [.list, .get, .create, .delete]
    let stamps: ResourceStamps = [.createdAt, .createdBy]
    let permissions = ResourcePermissions(
        read: "knowledge.read_drafts", create: "tickets.update", update: "tickets.update", delete: "tickets.update")
    let events = ResourceEvents.typed([KbArticleLinked.contract])
    let fields: [Field] = [
        .uuid("ticketId").required.filterable,
        .choice("kind", KbArticleLinked.Kind.self).defaults(to: "solved").filterable,
    ]

    func announcement(of mutation: Mutation) throws -> Announcement? {
        guard mutation.action == .create, let ticketId = mutation.record.uuid("ticketId"),
            let kind = mutation.record.string("kind").flatMap(KbArticleLinked.Kind.init(rawValue:))
        else { return nil }
        return .event(
            KbArticleLinked(
                kbArticleId: mutation.aggregate.id, ticketId: ticketId, kind: kind,
                linkedAt: mutation.record.timestamp("createdAt") ?? .now))
    }
}

/// How an article does with its readers.
enum ArticleFigures {
    static let expansion = Expansion(
        "figures", "Views, visitors, visits, votes and score.",
        schema: [
            "type": "object",
            "required": ["views", "visitors", "visits", "deflectedVisits", "helpful", "notHelpful", "score"],
            "properties": [
                "views": ["type": "integer"],
                "visitors": ["type": "integer", "description": "Each person counts once a day."],
                "visits": [
                    "type": "integer",
                    "description":
                        "Days on which a signed-in customer read it, once it is known whether a ticket followed.",
                ],
                "deflectedVisits": ["type": "integer", "description": "Those that no ticket followed."],
                "helpful": ["type": "integer"], "notHelpful": ["type": "integer"],
                "score": [
                    "type": ["number", "null"],
                    "description":
                        "Lower bound of the 95 % confidence interval of the share of helpful votes (Wilson).",
                ],
            ],
        ], inLists: true
    ) { input in
        let rows = try await input.tx.query(
            """
            SELECT a.id, coalesce(d.views, 0)::bigint, coalesce(d.visitors, 0)::bigint, coalesce(d.visits, 0)::bigint,
                coalesce(d.deflected, 0)::bigint, f.helpful, f.votes - f.helpful
            FROM unnest(\(input.ids)) AS a (id)
            LEFT JOIN LATERAL (
                SELECT sum(views) AS views, sum(visitors) AS visitors, sum(visits) AS visits,
                    sum(deflected_visits) AS deflected
                FROM kb_article_days
                WHERE tenant_id = ANY(\(input.tenantIds)) AND article_id = a.id
            ) AS d ON true
            CROSS JOIN LATERAL (
                SELECT count(*) FILTER (WHERE helpful) AS helpful, count(*) AS votes FROM kb_article_feedback
                WHERE tenant_id = ANY(\(input.tenantIds)) AND kb_article_id = a.id
            ) AS f
            """)
        var figures: [UUID: [UInt8]] = [:]
        for row in rows {
            let (id, views, visitors, visits, deflected, helpful, notHelpful) = try row.decode(
                (UUID, Int64, Int64, Int64, Int64, Int64, Int64).self)
            let score = ArticleScore.lowerBound(helpful: helpful, notHelpful: notHelpful)
            let json: JSON = [
                "views": .int(views), "visitors": .int(visitors), "visits": .int(visits),
                "deflectedVisits": .int(deflected), "helpful": .int(helpful), "notHelpful": .int(notHelpful),
                "score": score.map { .double(($0 * 10_000).rounded() / 10_000) } ?? .null,
            ]
            figures[id] = json.serialized()
        }
        return figures
    }
}
