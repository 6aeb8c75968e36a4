// The history of an article's text.
import Contracts
import Database
import HTTPTypes
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What an article has said, one row for every change of its text; never changed.
struct Revisions: Resource {
    static let store: ResourceStore<Revisions> = ResourceStore(Revisions())
    /// The article's fields that a revision keeps.
    static let fields = ["title", "summary", "body"]

    let path = "revisions"
    let entity = "kb_article_revision"
    let table = "kb_article_revisions"
    let summary = "What an article has said, one row for every change of its text."
    let parent: Parent? = .of(Articles())
    let operations: ResourceOperations = .readOnly
    let stamps: ResourceStamps = [.createdAt, .createdBy]
    let events = ResourceEvents.generic
    let permissions = ResourcePermissions(read: "knowledge.read_drafts", write: "knowledge.write")
    let defaultSort = "-number"
    let fields: [Field] = [
        .integer("number").notNull.filterable.rangeFilterable.sortable,
        .text("title", 1...300).notNull,
        .text("summary", 0...1_000),
        .text("body", 0...Articles.bodyLengthMax).notNull,
        .text("note", 0...500),
    ]

    /// Keeps what the article says now.
    static func keep(_ article: Record, _ op: Operation) async throws {
        var values: Values = [
            "number": article.int("revision") ?? 1, "title": article.string("title") ?? "",
            "body": article.string("body") ?? "",
        ]
        values["summary"] = article.string("summary").map { .text($0) } ?? .null
        values["note"] = op.arguments.string("note").map { .text($0) } ?? .null
        _ = try await store.create(values, parentId: article.id, in: op.on(tenant: article.tenantId))
    }

    static let routes: [Route] = [
        Route(
            .post, "kb_articles/{kbArticleId}/revisions/{number}/restore", permission: "knowledge.write",
            summary: "Make an earlier text the present one", description: "As a new revision; nothing is lost.",
            tag: "kb_articles", answers: [.entity("KbArticle")], operationId: "restoreKbArticleRevision"
        ) { call in
            try await call.write { op in
                let article = try await Articles.store.loadForChange(try call.id("kbArticleId"), in: op)
                let op = op.on(article)
                let revision = try await find(try number(call, "number"), of: article, op.tx)
                var changes = Values()
                for field in fields { changes[field] = revision.string(field).map { .text($0) } ?? .null }
                return try .article(await Articles.store.update(article, changes: changes, in: op))
            }
        },
        Route(
            .get, "kb_articles/{kbArticleId}/revisions/{number}/diff", permission: "knowledge.read_drafts",
            summary: "What changed from one revision to another", tag: "kb_articles",
            parameters: [Parameter("from", .integer(1...Int64(Int32.max)), "By default the one before.")],
            answers: [AnswerSpec(.ok, "The lines of both, in order.", schema: diffSchema)],
            operationId: "diffKbArticleRevisions"
        ) { call in
            let new = try number(call, "number")
            let old = call.arguments.int("from") ?? new - 1
            let (before, after) = try await call.read { tx in
                let article = try await Articles.store.find(
                    try call.id("kbArticleId"), in: tx, tenantId: call.tenantId, caller: call.caller)
                guard let article else { throw Problem.notFound("There is no such kb_article.") }
                let before = old == 0 ? nil : try await find(old, of: article, tx)
                return (before, try await find(new, of: article, tx))
            }
            var members: JSONObject = ["from": .int(old), "to": .int(new)]
            for field in fields {
                let lines = RevisionDiff.lines(from: before?.string(field) ?? "", to: after.string(field) ?? "")
                members[field] = .array(lines.map(\.json))
            }
            return .json(.object(members))
        },
    ]

    private static let diffSchema: JSON = {
        let lines: JSON = [
            "type": "array",
            "items": [
                "type": "object", "required": ["change", "text"],
                "properties": [
                    "change": ["enum": .array(RevisionDiff.Mark.allCases.map { .string($0.rawValue) })],
                    "text": ["type": "string"],
                ],
            ],
        ]
        return [
            "type": "object", "required": ["from", "to", "title", "summary", "body"],
            "properties": [
                "from": ["type": "integer"], "to": ["type": "integer"], "title": lines, "summary": lines, "body": lines,
            ],
        ]
    }()

    private static func number(_ call: Call, _ name: String) throws(Problem) -> Int64 {
        guard let number = Int64(try call.parameter(name)), (1...Int64(Int32.max)).contains(number) else {
            throw .notFound("There is no such kb_article_revision.")
        }
        return number
    }

    private static func find(_ number: Int64, of article: Record, _ tx: Transaction) async throws -> Record {
        let found = try await store.select(
            "t.kb_article_id = \(article.id) AND t.number = \(number)", in: tx, tenantId: article.tenantId
        ).first
        guard let found else { throw Problem.notFound("There is no such kb_article_revision.") }
        return found
    }
}

extension Answer {
    /// An article after a write.
    static func article(_ article: Record) throws -> Answer {
        .json(bytes: try article.bytes(), headers: [.eTag: "\"\(article.version)\""])
    }
}
