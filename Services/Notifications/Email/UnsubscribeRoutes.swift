// How somebody gets no more mail: one click, or a page with a button.

import Contracts
import Crypto
import Database
import HTTPTypes
import Markup
import Messaging
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Makes the links that unsubscribe.
struct UnsubscribeLinks: Sendable {
    /// Where the gateway is reached, without a slash at the end.
    let baseURL: String
    /// The first makes links, all are believed.
    let keys: [SymmetricKey]

    /// Nil where there is no key.
    func url(for message: OutboundMessage) -> String? {
        guard let key = keys.first else { return nil }
        let token = UnsubscribeToken(tenantId: message.tenantId, deliveryId: message.id, address: message.address)
        return "\(baseURL)/v1/unsubscribe/\(token.text(key: key))"
    }
}

/// The public routes behind the links. GET changes nothing: programs that look at links in mail must not unsubscribe anybody
/// (RFC 8058, section 1). POST needs no login and no cookie, and can be repeated.
struct UnsubscribeRoutes: Sendable {
    let database: Database
    let keys: [SymmetricKey]

    private static let page = AnswerSpec(
        .ok, "A page that says so.", schema: ["type": "string"], mediaType: "text/html")
    private static let missing = AnswerSpec(
        .notFound, "The link is none of ours.", schema: ["$ref": "#/components/schemas/Problem"],
        mediaType: Problem.mediaType)

    var all: [Route] {
        [
            Route(
                .get, "unsubscribe/{token}", on: [.platform], access: .open,
                summary: "A page that asks whether to get no more mail", tag: "unsubscribe",
                answers: [Self.page, Self.missing], operationId: "showUnsubscribe"
            ) { call in
                let token = try token(of: call)
                return Self.html(
                    title: "Unsubscribe",
                    """
                    <p>No more notifications to <strong>\(HTMLSanitizer.escape(token.address))</strong>?</p>
                    <form method="post"><input type="hidden" name="List-Unsubscribe" value="One-Click">
                    <button type="submit">Unsubscribe</button></form>
                    """)
            },
            Route(
                .post, "unsubscribe/{token}", on: [.platform], access: .open,
                summary: "Get no more mail: what List-Unsubscribe-Post asks for (RFC 8058)", tag: "unsubscribe",
                body: .bytes(["application/x-www-form-urlencoded", "multipart/form-data"], bytesMax: 1_000),
                answers: [Self.page, Self.missing], operationId: "unsubscribe"
            ) { call in
                let token = try token(of: call)
                let form = String(decoding: call.bytes, as: UTF8.self)
                guard form.contains("List-Unsubscribe"), form.contains("One-Click") else {
                    throw Problem.badRequest("The form says List-Unsubscribe=One-Click.")
                }
                try await unsubscribe(token, call)
                return Self.html(
                    title: "Unsubscribed",
                    "<p>There will be no more notifications to <strong>\(HTMLSanitizer.escape(token.address))</strong>.</p>"
                )
            },
        ]
    }

    private func token(of call: Call) throws -> UnsubscribeToken {
        let text = try call.parameter("token")
        guard let token = keys.lazy.compactMap({ UnsubscribeToken(text, key: $0) }).first else {
            throw Problem.notFound("There is no such link.")
        }
        return token
    }

    private func unsubscribe(_ token: UnsubscribeToken, _ call: Call) async throws {
        try await database.transaction(as: .tenant(token.tenantId)) { tx in
            let op = Operation(
                tx: tx, tenantId: token.tenantId, actorName: "recipient", now: call.now, requestId: call.requestId)
            let isNew = try await EmailReports.record(
                EmailReports.Report(
                    kind: .unsubscribe, deliveryId: token.deliveryId, address: token.address, detail: nil), op)
            guard isNew else { return }
            try await Suppressions.suppress(token.address, on: "email", .unsubscribed, detail: nil, op)
            try tx.publish(
                EmailUnsubscribed(
                    recipientEmail: token.address, unsubscribedAt: call.now, source: "link",
                    messageId: token.deliveryId),
                version: EmailReports.version, actor: .system, occurredAt: call.now, tenantId: token.tenantId)
        }
    }

    private static func html(title: String, _ body: String) -> Answer {
        let page = """
            <!DOCTYPE html>
            <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
            <meta name="robots" content="noindex"><title>\(title)</title></head>
            <body><main><h1>\(title)</h1>
            \(body)
            </main></body></html>
            """
        return .content(.bytes(Array(page.utf8)), type: "text/html; charset=utf-8").with(.cacheControl, "no-store")
    }
}
