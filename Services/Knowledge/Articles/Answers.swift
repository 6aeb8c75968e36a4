// Articles that begin as what an agent answered to a ticket.
import Contracts
import Database
import HTTPTypes
import Messaging
import ServiceLifecycle
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What agents answer to customers, kept here for as long as somebody is likely to make an article of it.
struct KeepAnswers: BatchEventHandler {
    let name = "keep_answers"
    let patterns = [TicketMessageAdded.name]
    /// An answer never changes.
    let isRepeatable = true

    func concerned(with messages: [RawMessage], in tx: Transaction) async throws -> [Bool] {
        messages.map { Self.text($0) != nil }
    }

    func handle(_ messages: [RawMessage], in tx: Transaction) async throws {
        let answers = messages.compactMap { message in
            Self.text(message).flatMap { text in
                message.payload["messageId"]?.uuidValue.map { (id: $0, message: message, text: text) }
            }
        }
        tx.enqueue(
            """
            INSERT INTO ticket_answers (tenant_id, ticket_id, message_id, created_at, body)
            SELECT * FROM unnest(\(answers.map(\.message.envelope.tenantId)), \(answers.map(\.message.aggregate.id)),
                \(answers.map(\.id)), \(answers.map(\.message.envelope.occurredAt)), \(answers.map(\.text)))
            ON CONFLICT DO NOTHING
            """)
    }

    /// What an agent said to the customer; nil for everything else that is said.
    private static func text(_ message: RawMessage) -> String? {
        let said = message.payload["snapshot"]
        guard said?["authorType"] == "agent", said?["isPublic"] == true, let text = said?["bodyText"]?.stringValue,
            !text.isEmpty
        else { return nil }
        return text
    }
}

/// Forgets answers that are older than anybody makes articles of.
struct ForgetAnswers: Service {
    let database: Database
    let kept: Duration
    var interval = Duration.seconds(3_600)

    func run() async throws {
        try await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                try await forget(at: .now)
                try await Task.sleep(for: interval)
            }
        }
    }

    func forget(at now: Timestamp) async throws {
        try await database.transaction(as: .admin, timeout: .seconds(60)) { tx in
            tx.enqueue("DELETE FROM ticket_answers WHERE created_at < \(now - kept)")
        }
    }
}

enum AnswerRoutes {
    static let all = [
        Route(
            .post, "kb_articles/from_answer", permission: "knowledge.write",
            summary: "Begin an article with an agent's answer to a ticket",
            description: """
                A draft with the answer's text, linked with the ticket that it was written from. Whoever makes it may read \
                tickets. Answers are known here a moment after they are given, and for some time \
                (`KNOWLEDGE_ANSWER_DAYS`).
                """,
            tag: "kb_articles",
            body: .fields([
                .uuid("ticketId").required, .uuid("messageId").required, .uuid("sectionId").required,
                .text("title", 1...300).described("By default the ticket's subject."),
                .text("locale", 2...35).defaults(to: "en"),
                .choice("visibility", ArticleVisibility.self).defaults(to: "public"), .uuids("groupIds"),
            ]),
            answers: [.entity("KbArticle", .created)], operationId: "createKbArticleFromAnswer"
        ) { call in
            guard call.caller.may("tickets.read") else { throw Problem.forbidden(permission: "tickets.read") }
            return try await call.write { op in
                var values = call.values
                let answer = try await answer(to: values.uuid("ticketId"), values.uuid("messageId"), op)
                values.remove("ticketId")
                values.remove("messageId")
                if values.string("title") == nil { values.set("title", answer.subject) }
                values.set("body", answer.text)
                let article = try await Articles.store.create(values, in: op)
                _ = try await Links.store.create(
                    ["ticketId": answer.ticketId, "kind": KbArticleLinked.Kind.writtenFrom.rawValue],
                    parentId: article.id, in: op)
                let location = call.location(article.id.text).replacing("/from_answer/", with: "/")
                return .json(
                    bytes: try article.bytes(), status: .created,
                    headers: [.eTag: "\"\(article.version)\"", .location: location])
            }
        }
    ]

    private struct Answer {
        var ticketId: UUID
        var subject: String
        var text: String
    }

    /// An answer to a ticket that is there; a 422 without one.
    private static func answer(to ticketId: UUID?, _ messageId: UUID?, _ op: Operation) async throws -> Answer {
        let row = try await op.tx.first(
            """
            SELECT t.id, coalesce(t.subject, ''), a.body FROM ticket_answers AS a
            JOIN tickets AS t ON t.tenant_id = a.tenant_id AND t.id = a.ticket_id
            WHERE a.tenant_id = \(op.tenantId) AND a.ticket_id = \(ticketId) AND a.message_id = \(messageId)
                AND t.deleted_at IS NULL
            """)
        guard let row else {
            throw Problem.invalid([
                Fault(.pointer("/messageId"), "unknown", "The ticket has no such answer of an agent, or it is too old.")
            ])
        }
        let (id, subject, text) = try row.decode((UUID, String, String).self)
        return Answer(ticketId: id, subject: subject, text: text)
    }
}
