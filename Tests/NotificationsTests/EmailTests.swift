import Contracts
import Database
import Foundation
import HTTPTypes
import Mail
import ServiceKit
import TestKit
import Testing
import Web

@testable import Notifications

/// A tenant whose mail goes to a sink.
private struct MailDesk: Sendable {
    let desk: NotificationsUnderTest
    let sink: SMTPSink

    static let secret = "a secret of at least thirty-two bytes"

    static func with(
        react: @escaping @Sendable (SMTPSink.Moment, Int) -> SMTPSink.Reaction = { _, _ in .usual },
        configure: @escaping @Sendable (inout DatabaseConfiguration) -> Void = { _ in },
        _ body: @escaping @Sendable (MailDesk) async throws -> Void
    ) async throws {
        try await SMTPSink.with(extensions: SMTPSink.usualExtensions + ["DSN"], react: react) { sink in
            let make: @Sendable (Database) -> NotificationsService = { database in
                let server = SMTPConfiguration(host: "127.0.0.1", port: sink.port, encryption: .none)
                let email = try! EmailFeature(
                    database: database, server: server,
                    from: Mailbox(name: "Desk", EmailAddress("desk@operator.example")),
                    returnPath: EmailAddress("bounces@operator.example"), linkURL: "https://desk.example",
                    keys: SecretKeys(secret), memory: .zero)
                return NotificationsService(
                    database: database, ticketURL: "https://desk.example/{ticketId}",
                    features: [email])
            }
            try await NotificationsUnderTest.with(make, configure: configure) { desk in
                try await body(MailDesk(desk: desk, sink: sink))
            }
        }
    }

    /// Tells an agent of as many assignments of one ticket, by mail; answers the ticket.
    @discardableResult
    func tell(_ count: Int = 1, mandatory: Bool = false) async throws -> UUID {
        let agent = UUID.v7()
        try await desk.user(agent, ["agent"], ["email": "ada@example.com", "displayName": "Ada Lovelace"])
        let ticket = try await desk.ticket()
        try await desk.give((0..<count).map { _ in desk.assigned(ticket, to: agent) })
        if mandatory {
            try await desk.database.transaction(as: .tenant(desk.tenant)) { tx in
                _ = try await tx.execute("UPDATE notifications SET is_mandatory = true")
            }
        }
        try await desk.deliver()
        return ticket
    }

    func mail(_ index: Int = 0) throws -> MIMEEntity {
        try #require(sink.messages.count > index)
        return try MIMEEntity(sink.messages[index].bytes)
    }

    /// The path of the link that unsubscribes from a mail.
    func unsubscribePath(_ index: Int = 0) throws -> String {
        let field = try #require(try mail(index).field("list-unsubscribe"))
        let url = try #require(field.split(separator: "<").last?.prefix { $0 != ">" })
        #expect(url.hasPrefix("https://desk.example/v1/unsubscribe/"))
        return String(url.dropFirst("https://desk.example".count))
    }

    func post(form: String, to path: String) async throws -> ServiceReply {
        try await desk.send(
            .post, path, bytes: Array(form.utf8), headers: [.contentType: "application/x-www-form-urlencoded"])
    }

    func report(_ message: String, to path: String = "email_reports/message") async throws -> JSON {
        let bytes = Array(message.replacing("\n", with: "\r\n").utf8)
        let operators = Caller(
            tenantId: nil, actor: .system, permissions: ["*"], platformAdmin: true, displayName: "op")
        let reply = try await desk.send(
            .post, path, bytes: bytes, as: path.hasPrefix("/v1/admin") ? operators : nil,
            headers: [.contentType: "message/rfc822"])
        try #require(reply.status == 200, "\(reply.text)")
        return reply.json
    }

    func suppressed() async throws -> [String] {
        (try await desk.ok(.get, "notification_suppressions")["data"]?.arrayValue ?? []).map {
            "\($0["address"]?.stringValue ?? "") \($0["reason"]?.stringValue ?? "")"
        }
    }

    func bounce(_ delivery: String, action: String = "failed", status: String = "5.1.1", code: String = "550") -> String
    {
        """
        Content-Type: multipart/report; report-type=delivery-status; boundary=b

        --b
        Content-Type: message/delivery-status

        Reporting-MTA: dns; mx.example.com
        Original-Envelope-Id: \(delivery)

        Final-Recipient: rfc822; ada@example.com
        Action: \(action)
        Status: \(status)
        Diagnostic-Code: smtp; \(code) \(status) said the server

        --b--
        """
    }

    func complaint(_ messageId: String) -> String {
        """
        Content-Type: multipart/report; report-type=feedback-report; boundary=b

        --b
        Content-Type: message/feedback-report

        Feedback-Type: abuse
        User-Agent: Provider/1

        --b
        Content-Type: message/rfc822

        Message-ID: \(messageId)

        --b--
        """
    }
}

@Suite struct EmailTests {
    @Test func aNotificationArrivesAsMail() async throws {
        try await MailDesk.with { mail in
            let ticket = try await mail.tell(2)
            let rows = try await mail.desk.deliveries("channel=email")
            #expect(rows.map { $0["state"] } == ["sent", "sent"])
            #expect(mail.sink.messages.count == 2)
            let ids = rows.compactMap { $0["id"]?.stringValue }
            let first = try mail.mail()
            #expect(first.field("from") == "Desk <desk@operator.example>")
            #expect(first.field("to") == "Ada Lovelace <ada@example.com>")
            #expect(first.field("subject")?.isEmpty == false)
            #expect(first.contentType == "multipart/alternative")
            #expect(first.all.map(\.contentType) == ["multipart/alternative", "text/plain", "text/html"])
            #expect(String(decoding: first.all[1].content, as: UTF8.self).contains("T-7"))
            // Both belong to the ticket's conversation, each with an id of its own that its delivery can be known by.
            for message in [first, try mail.mail(1)] {
                #expect(message.field("references") == "<ticket.\(ticket.text)@operator.example>")
                #expect(message.field("in-reply-to") == "<ticket.\(ticket.text)@operator.example>")
                #expect(message.field("auto-submitted") == "auto-generated")
                #expect(message.field("list-unsubscribe-post") == "List-Unsubscribe=One-Click")
            }
            let messageIds = try [first, mail.mail(1)].compactMap { $0.field("message-id") }
            #expect(Set(messageIds) == Set(ids.map { "<delivery.\($0)@operator.example>" }))
            #expect(Set(rows.compactMap { $0["providerMessageId"]?.stringValue }) == Set(messageIds))
            let envelope = mail.sink.messages[0]
            #expect(envelope.mail.hasPrefix("MAIL FROM:<bounces@operator.example>"))
            #expect(ids.contains { envelope.mail.contains("ENVID=\($0)") })
            let events = try await mail.desk.events("outbound_email.")
            #expect(events.map(\.name).sorted() == ["queued", "queued", "sent", "sent"].map { "outbound_email.\($0)" })
            #expect(Set(events.compactMap { $0.payload["messageId"]?.stringValue }) == Set(ids))
            #expect(Set(events.compactMap { $0.payload["ticketId"]?.uuidValue }) == [ticket])
            #expect(events.first { $0.name.hasSuffix("queued") }?.payload["from"] == "desk@operator.example")
        }
    }

    @Test func theTenantsSenderAndSignature() async throws {
        try await MailDesk.with { mail in
            let settings = try await mail.desk.ok(
                .post, "email_settings",
                [
                    "fromName": "Büro Acme", "fromAddress": "support@acme.example",
                    "replyToAddress": "answers@acme.example", "signatureText": "Acme\nStreet 1",
                    "signatureHtml": "<b>Acme</b><script>alert(1)</script>",
                ])
            #expect(settings["signatureHtml"] == "<b>Acme</b>")
            #expect(try await mail.desk.send(.post, "email_settings", [:]).status == 409)
            var keys: [String: String] = [:]
            for algorithm: JSON in ["rsa-sha256", "ed25519-sha256"] {
                let key = try await mail.desk.ok(
                    .post, "email_dkim_keys", ["domain": "ACME.example", "algorithm": algorithm, "isActive": true])
                #expect(key["domain"] == "acme.example")
                keys[try #require(key["dnsName"]?.stringValue)] = try #require(key["dnsRecord"]?.stringValue)
            }
            #expect(keys.count == 2)
            // One of another domain, and one that is not in use, sign nothing.
            _ = try await mail.desk.ok(.post, "email_dkim_keys", ["domain": "other.example", "isActive": true])
            _ = try await mail.desk.ok(.post, "email_dkim_keys", ["domain": "acme.example", "selector": "unused"])
            try await mail.tell()
            let message = try mail.mail()
            #expect(message.field("from") == "=?utf-8?Q?B=C3=BCro_Acme?= <support@acme.example>")
            #expect(message.field("reply-to") == "answers@acme.example")
            let text = String(decoding: message.all[1].content, as: UTF8.self)
            #expect(text.hasSuffix("\r\n-- \r\nAcme\r\nStreet 1\r\n"))
            #expect(String(decoding: message.all[2].content, as: UTF8.self).contains("<b>Acme</b>"))
            let read = try await PythonReader.read(["mail": mail.sink.messages[0].bytes], dns: keys)
            #expect(read["mail"]?["dkim"] == [true, true])
            #expect(read["mail"]?["standard"]?["from"] == [["Büro Acme", "support@acme.example"]])
        }
    }

    @Test(
        arguments: [
            (["fromAddress": "nobody"], "/fromAddress bad_format"),
            (["fromAddress": "a@b\r\nBcc: x@y"], "/fromAddress bad_format"),
            (["replyToAddress": "büro@acme.example"], "/replyToAddress bad_format"),
            (["fromAddress": "", "replyToAddress": "x"], "/fromAddress too_short,/replyToAddress too_short"),
        ] as [(JSON, String)]) func settingsThatAreRefused(body: JSON, faults: String) async throws
    {
        try await MailDesk.with { mail in
            let reply = try await mail.desk.send(.post, "email_settings", body)
            #expect(reply.status == 422)
            #expect(reply.faults.joined(separator: ",") == faults)
        }
    }

    /// The private half of a key is in no answer, no event and no audit row, and of no use in another place.
    @Test func privateKeysStayPrivate() async throws {
        try await MailDesk.with { mail in
            let desk = mail.desk
            let key = try await desk.ok(.post, "email_dkim_keys", ["domain": "acme.example"])
            let id = try #require(key["id"]?.uuidValue)
            let (sealed, everything) = try await desk.database.transaction(as: .admin, readOnly: true) { tx in
                let sealed = try await tx.first("SELECT sealed_key FROM email_dkim_keys WHERE id = \(id)")
                let told = try await tx.query(
                    "SELECT payload::text FROM events UNION ALL SELECT changes::text FROM audits")
                return (
                    try #require(try sealed?.get(0, as: String.self)),
                    try told.map { try $0.get(0, as: String.self) }.joined()
                )
            }
            #expect(everything.contains("acme.example"))
            for shown in [key.text, try await desk.ok(.get, "email_dkim_keys").text, everything] {
                #expect(!shown.contains(sealed))
                #expect(!shown.contains("sealedKey") && !shown.contains("sealed_key"))
            }
            let box = SecretKeys(MailDesk.secret).box(for: "email keys")
            let bytes = try #require(Base64URL.decode(sealed))
            let opened = try #require(box.open(bytes, at: desk.tenant.text, id.text))
            #expect(try DKIMKey(.rsa, privateBytes: opened).dnsRecord == key["dnsRecord"]?.stringValue)
            let patched = try await desk.send(.patch, "email_dkim_keys/\(id.text)", ["domain": "b.example"])
            #expect(patched.status == 422)
            #expect(try await desk.send(.post, "email_dkim_keys", ["domain": "a b"]).faults == ["/domain bad_format"])
        }
    }

    // MARK: Unsubscribing

    @Test func oneClickIsEnough() async throws {
        try await MailDesk.with { mail in
            try await mail.tell()
            let path = try mail.unsubscribePath()
            // Looking changes nothing.
            let page = try await mail.desk.send(.get, path)
            #expect(
                page.status == 200 && page.text.contains("ada@example.com")
                    && page.text.contains("<form method=\"post\">"))
            #expect(try await mail.suppressed().isEmpty)
            #expect(try await mail.post(form: "", to: path).status == 400)
            for _ in 0..<2 {
                let done = try await mail.post(form: "List-Unsubscribe=One-Click", to: path)
                #expect(done.status == 200 && done.headers[.contentType] == "text/html; charset=utf-8")
            }
            #expect(try await mail.suppressed() == ["ada@example.com unsubscribed"])
            let told = try await mail.desk.events("email.unsubscribed")
            #expect(told.map { $0.payload["recipientEmail"] } == ["ada@example.com"])
            try await mail.tell()
            #expect(mail.sink.messages.count == 1)
            // Except for what nobody can refuse, which has no such link.
            try await mail.tell(mandatory: true)
            #expect(mail.sink.messages.count == 2)
            #expect(try mail.mail(1).field("list-unsubscribe") == nil)
        }
    }

    @Test func forgedLinksAreNone() async throws {
        try await MailDesk.with { mail in
            try await mail.tell()
            let path = try mail.unsubscribePath()
            let other = UnsubscribeToken(tenantId: mail.desk.tenant, deliveryId: .v7(), address: "bob@example.com")
                .text(key: SecretKeys("another").keys(for: "unsubscribe links")[0])
            for forged in [
                path + "A", String(path.dropLast()), "/v1/unsubscribe/\(other)", "/v1/unsubscribe/x",
            ] {
                #expect(try await mail.desk.send(.get, forged).status == 404, "\(forged)")
                #expect(try await mail.post(form: "List-Unsubscribe=One-Click", to: forged).status == 404)
            }
            #expect(try await mail.suppressed().isEmpty)
        }
    }

    // MARK: Reports

    @Test("Who reports or unsubscribes while the database is away is told to come again, and then it counts")
    func databaseAway() async throws {
        try await MailDesk.with(configure: { $0.acquireTimeout = .seconds(1) }) { mail in
            try await mail.tell()
            let id = try #require(try await mail.desk.deliveries("channel=email").first?["id"]?.stringValue)
            let path = try mail.unsubscribePath()
            let bounce = Array(mail.bounce(id).replacing("\n", with: "\r\n").utf8)
            try await mail.desk.test.away {
                let report = try await mail.desk.send(
                    .post, "email_reports/message", bytes: bounce, headers: [.contentType: "message/rfc822"])
                let unsubscription = try await mail.post(form: "List-Unsubscribe=One-Click", to: path)
                for answer in [report, unsubscription] {
                    #expect(answer.status == 503 && answer.headers[.retryAfter] != nil, "\(answer.text)")
                }
            }
            try await eventually("it is back") {
                try await mail.post(form: "List-Unsubscribe=One-Click", to: path).status == 200
            }
            #expect(try await mail.report(mail.bounce(id))["reports"] == 1)
            #expect(try await mail.suppressed().contains("ada@example.com hard_bounce"))
        }
    }

    @Test(arguments: ["email_reports/message", "/v1/admin/email_reports/message"])
    func aHardBounceSuppresses(path: String) async throws {
        try await MailDesk.with { mail in
            try await mail.tell()
            let id = try #require(try await mail.desk.deliveries("channel=email").first?["id"]?.stringValue)
            for _ in 0..<2 { #expect(try await mail.report(mail.bounce(id), to: path)["reports"] == 1) }
            #expect(try await mail.suppressed() == ["ada@example.com hard_bounce"])
            let events = try await mail.desk.events("email.bounced")
            #expect(events.count == 1)
            #expect(events.first?.payload["bounceType"] == "hard" && events.first?.payload["smtpCode"] == 550)
            #expect(events.first?.payload["messageId"]?.stringValue == id)
            let row = try #require(try await mail.desk.deliveries("channel=email").first)
            #expect(row["state"] == "failed" && row["reason"] == "bounced")
            let kept = try await mail.desk.ok(.get, "email_reports")["data"]?.arrayValue ?? []
            #expect(kept.map { $0["kind"] } == ["bounce"])
            #expect(kept.first?["source"] == "mx.example.com")
        }
    }

    @Test func aSoftBounceDoesNot() async throws {
        try await MailDesk.with { mail in
            try await mail.tell()
            let id = try #require(try await mail.desk.deliveries("channel=email").first?["id"]?.stringValue)
            #expect(try await mail.report(mail.bounce(id, action: "delayed", status: "4.2.2"))["reports"] == 0)
            #expect(try await mail.report(mail.bounce(id, status: "5.2.2", code: "552"))["reports"] == 1)
            #expect(try await mail.suppressed().isEmpty)
            #expect(try await mail.desk.events("email.bounced").map { $0.payload["bounceType"] } == ["soft"])
        }
    }

    /// Who had unsubscribed still gets what nobody can refuse; an address that turns out to be nobody's gets nothing any more.
    @Test func aHardBounceIsStrongerThanAnUnsubscription() async throws {
        try await MailDesk.with { mail in
            try await mail.tell()
            let id = try #require(try await mail.desk.deliveries("channel=email").first?["id"]?.stringValue)
            let path = try mail.unsubscribePath()
            _ = try await mail.post(form: "List-Unsubscribe=One-Click", to: path)
            #expect(try await mail.suppressed() == ["ada@example.com unsubscribed"])
            #expect(try await mail.report(mail.bounce(id))["reports"] == 1)
            #expect(try await mail.suppressed() == ["ada@example.com hard_bounce"])
            try await mail.tell(mandatory: true)
            #expect(mail.sink.messages.count == 1)
            // And the other way round nothing changes.
            let another = try #require(mail.sink.messages.first)
            #expect(String(decoding: another.bytes, as: UTF8.self).contains(id))
            _ = try await mail.report(mail.complaint("<delivery.\(id)@operator.example>"))
            #expect(try await mail.suppressed() == ["ada@example.com hard_bounce"])
            #expect(try await mail.desk.events("notification_suppression.deleted").count == 1)
        }
    }

    /// What an agent wrote ends with the agent's signature and the organization's; what the platform says, with the organization's.
    @Test func agentsSignWhatTheyWrote() async throws {
        try await MailDesk.with { mail in
            let desk = mail.desk
            let (agent, other, customer) = (UUID.v7(), UUID.v7(), UUID.v7())
            try await desk.user(agent, ["agent"])
            try await desk.user(customer, ["requester"], ["email": "ada@example.com"])
            let own = desk.caller(["notifications.read"], id: agent)
            let made = try await desk.ok(
                .post, "email_signatures", ["text": "Grace\nSupport", "html": "<b>Grace</b><script>x</script>"], as: own
            )
            #expect(made["userId"] == .uuid(agent) && made["html"] == "<b>Grace</b>")
            #expect(try await desk.send(.post, "email_signatures", ["text": "x"], as: own).status == 409)
            let stranger = desk.caller(["notifications.read"], id: other)
            #expect(try await desk.ok(.get, "email_signatures", as: stranger)["data"] == [])
            let foreign = try await desk.send(.post, "email_signatures", ["userId": .uuid(agent)], as: stranger)
            #expect(foreign.status == 403)
            try await desk.ok(.post, "email_settings", ["signatureText": "Acme", "signatureHtml": "<i>Acme</i>"])

            let ticket = try await desk.ticket(.v7(), ["requesterId": .uuid(customer)])
            let snapshot: JSON = ["bodyText": "It works again.", "visibility": "public"]
            let reply: JSONObject = [
                "messageId": .uuid(.v7()), "visibility": "public", "authorType": "user", "authorId": .uuid(agent),
                "snapshot": snapshot,
            ]
            try await desk.give([desk.ticketEvent("ticket_message.added", ticket, reply, actor: .user(agent))])
            try await desk.deliver()
            let letters = try mail.sink.messages.map { try MIMEEntity($0.bytes) }
            let parts = letters.map { letter in letter.all.map { String(decoding: $0.content, as: UTF8.self) } }
            let answer = try #require(parts.first { $0[1].contains("It works again.") })
            #expect(answer[1].hasSuffix("\r\n-- \r\nGrace\r\nSupport\r\n\r\nAcme\r\n"), "\(answer[1])")
            #expect(answer[2].contains("<b>Grace</b>") && answer[2].contains("<i>Acme</i>"))
            let receipt = try #require(parts.first { !$0[1].contains("It works again.") })
            #expect(receipt[1].hasSuffix("\r\n-- \r\nAcme\r\n") && !receipt[2].contains("Grace"))
        }
    }

    @Test func complaintsAndDeliveries() async throws {
        try await MailDesk.with { mail in
            try await mail.tell()
            let row = try #require(try await mail.desk.deliveries("channel=email").first)
            let id = try #require(row["id"]?.stringValue)
            #expect(try await mail.report(mail.bounce(id, action: "delivered", status: "2.0.0"))["reports"] == 1)
            #expect(try await mail.desk.deliveries("channel=email").first?["state"] == "delivered")
            #expect(try await mail.desk.events("email.delivered").count == 1)
            let messageId = try #require(row["providerMessageId"]?.stringValue)
            #expect(try await mail.report(mail.complaint(messageId))["reports"] == 1)
            #expect(try await mail.suppressed() == ["ada@example.com complaint"])
            let complaint = try await mail.desk.events("email_complaint.received").first?.payload
            #expect(complaint?["provider"] == "Provider/1" && complaint?["complaintType"] == "abuse")
        }
    }

    /// Whatever a server says, the report is taken.
    @Test func reportsWithOddText() async throws {
        try await MailDesk.with { mail in
            try await mail.tell()
            let id = try #require(try await mail.desk.deliveries("channel=email").first?["id"]?.stringValue)
            let odd = "550 \u{0} e\(String(repeating: "\u{301}", count: 20_000))"
            #expect(try await mail.report(mail.bounce(id, code: odd))["reports"] == 1)
            let report = try #require(try await mail.desk.ok(.get, "email_reports")["data"]?.arrayValue?.first)
            let detail = try #require(report["detail"]?.stringValue)
            #expect(!detail.contains("\0") && detail.unicodeScalars.count <= 1_000)
            #expect(try await mail.suppressed() == ["ada@example.com hard_bounce"])
        }
    }

    @Test func reportsAsJSON() async throws {
        try await MailDesk.with { mail in
            try await mail.tell()
            let id = try #require(try await mail.desk.deliveries("channel=email").first?["id"])
            let bounce: JSON = ["kind": "bounce", "deliveryId": id, "code": 550, "status": "5.1.1"]
            #expect(try await mail.desk.ok(.post, "email_reports", bounce)["reports"] == 1)
            #expect(try await mail.suppressed() == ["ada@example.com hard_bounce"])
            let unknown: JSON = ["kind": "bounce", "deliveryId": .uuid(.v7())]
            #expect(try await mail.desk.send(.post, "email_reports", unknown).status == 404)
            let wrong: JSON = ["kind": "x", "code": 7]
            #expect(
                try await mail.desk.send(.post, "email_reports", wrong).faults
                    == ["/code out_of_range", "/deliveryId required", "/kind unknown_value"])
            let stranger = mail.desk.caller(["notifications.read"])
            #expect(try await mail.desk.send(.post, "email_reports", bounce, as: stranger).status == 403)
        }
    }

    /// What is about nobody's mail, or about another tenant's, has no effect.
    @Test func reportsAboutNothing() async throws {
        try await MailDesk.with { mail in
            try await mail.tell()
            for text in ["", "Subject: hello\n\nworld", mail.bounce("nonsense"), mail.bounce(UUID.v7().text)] {
                #expect(try await mail.report(text)["reports"] == 0)
            }
            let deep = String(repeating: "Content-Type: message/rfc822\n\n", count: 30)
            let reply = try await mail.desk.send(
                .post, "email_reports/message", bytes: Array(deep.utf8), headers: [.contentType: "message/rfc822"])
            #expect(reply.status == 422)
            let id = try #require(try await mail.desk.deliveries("channel=email").first?["id"]?.stringValue)
            let elsewhere = UUID.v7()
            let stranger = Caller(
                tenantId: elsewhere, actor: .user(.v7()), roles: [], permissions: ["*"], displayName: "eve")
            let other = try await mail.desk.send(
                .post, "/v1/tenants/\(elsewhere.text)/email_reports/message", bytes: Array(mail.bounce(id).utf8),
                as: stranger, headers: [.contentType: "message/rfc822"])
            #expect(other.json["reports"] == 0)
            #expect(try await mail.suppressed().isEmpty)
        }
    }

    // MARK: Failures

    @Test func whatTheServerRefusesForGoodFails() async throws {
        try await MailDesk.with(react: { moment, _ in moment.verb == "RCPT" ? .say("550 5.1.1 unknown") : .usual }) {
            mail in
            try await mail.tell()
            let row = try #require(try await mail.desk.deliveries("channel=email").first)
            #expect(row["state"] == "failed" && row["reason"] == "5.1.1")
            let told = try await mail.desk.events("outbound_email.failed").first?.payload
            #expect(told?["errorCode"] == "5.1.1" && told?["retryable"] == false)
            #expect(try await mail.suppressed() == ["ada@example.com hard_bounce"])
        }
    }

    @Test func whatTheServerRefusesForNowWaits() async throws {
        try await MailDesk.with(react: { moment, _ in moment.verb == "RCPT" ? .say("450 4.7.1 greylisted") : .usual }) {
            mail in
            try await mail.tell()
            let row = try #require(try await mail.desk.deliveries("channel=email").first)
            #expect(row["state"] == "queued" && row["reason"] == "4.7.1")
            #expect(try await mail.suppressed().isEmpty)
        }
    }
}

/// What needs no server.
@Suite struct EmailValueTests {
    private static let key = SecretKeys("secret").keys(for: "test")[0]

    static func outbound(address: String = "ada@example.com", mandatory: Bool = false, contextId: UUID? = nil)
        -> OutboundMessage
    {
        OutboundMessage(
            id: .v7(), tenantId: .v7(), notificationId: .v7(), type: "ticket_assigned", recipientId: nil,
            recipientName: nil, address: address, locale: "en", subject: "S", text: "T",
            html: "<html><body>T</body></html>",
            contextType: contextId == nil ? nil : "ticket", contextId: contextId, isMandatory: mandatory,
            queuedAt: .now,
            attempt: 1)
    }

    @Test(arguments: 0..<10) func tokensAreReadAsTheyWereMadeOrNotAtAll(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<200 {
            let token = UnsubscribeToken(
                tenantId: .v7(), deliveryId: .v7(), address: "a" + random.text(maxLength: 30))
            let text = token.text(key: Self.key)
            #expect(UnsubscribeToken(text, key: Self.key) == token)
            #expect(UnsubscribeToken(text, key: SecretKeys("secret").keys(for: "other")[0]) == nil)
            var characters = Array(text)
            let place = Int.random(in: 0..<characters.count, using: &random)
            characters[place] = characters[place] == "A" ? "B" : "A"
            #expect(UnsubscribeToken(String(characters), key: Self.key) == nil)
            #expect(UnsubscribeToken(random.text(maxLength: 200), key: Self.key) == nil)
        }
    }

    @Test func whatIsMandatoryHasNoWayOut() throws {
        let sender = EmailSender(from: Mailbox(name: "Desk", try EmailAddress("desk@operator.example")))
        let message = try EmailComposer.compose(
            Self.outbound(mandatory: true), from: sender, unsubscribeURL: nil, at: .now)
        let read = try MIMEEntity(message.composed())
        #expect(read.field("list-unsubscribe") == nil && read.field("list-id") == nil)
        #expect(read.field("references") == nil)
    }

    @Test(arguments: [
        ("T", [], "T"), ("T", ["S"], "T\n\n-- \nS\n"), ("T\n", ["S"], "T\n\n-- \nS\n"),
        ("T", ["A", "S"], "T\n\n-- \nA\n\nS\n"),
    ]) func signaturesOfText(text: String, signatures: [String], expected: String) {
        #expect(EmailComposer.text(text, signatures: signatures) == expected)
    }

    @Test(arguments: [
        ("<p>漢字 ÿ</p>", "<p>漢字 ÿ</p><div class=\"signature\"><br>S</div>"),
        ("<body>T</BODY></html>", "<body>T<div class=\"signature\"><br>S</div></BODY></html>"),
    ]) func signaturesOfHTML(html: String, expected: String) {
        #expect(EmailComposer.html(html, signatures: ["S"]) == expected)
    }

    @Test(arguments: [
        (
            SMTPError(.refused, .recipient, "", reply: SMTPReply(code: 550, lines: ["5.1.1 unknown"])),
            "permanent 5.1.1 true"
        ),
        (
            SMTPError(.refused, .recipient, "", reply: SMTPReply(code: 552, lines: ["5.2.2 full"])),
            "permanent 5.2.2 false"
        ),
        (SMTPError(.refused, .mail, "", reply: SMTPReply(code: 550, lines: ["no"])), "permanent 550 false"),
        (SMTPError(.refused, .recipient, "", reply: SMTPReply(code: 450, lines: ["4.2.0 later"])), "transient 4.2.0"),
        (SMTPError(.unknownOutcome, .content, ""), "transient unknown_outcome"),
        (SMTPError(.authentication, .authentication, "", reply: SMTPReply(code: 535, lines: ["no"])), "transient 535"),
        (SMTPError(.tls, .tls, ""), "transient tls"),
        (SMTPError(.unsupported, .mail, ""), "permanent unsupported false"),
    ]) func failures(error: SMTPError, expected: String) {
        switch DeliveryFailure(error) {
        case .transient(let code, _, _): #expect("transient \(code)" == expected)
        case .permanent(let code, _, let suppress): #expect("permanent \(code) \(suppress)" == expected)
        }
    }

    @Test func noServerNoMail() throws {
        let database = Database(DatabaseConfiguration(url: "postgresql://nobody@127.0.0.1:1/none", schema: "x"))
        #expect(try EmailFeature(database: database, server: nil, keys: SecretKeys("x")).channels.isEmpty)
    }

    @Test func deliveriesAreKnownByTheirMessageIds() throws {
        let id = UUID.v7()
        let messageId = try EmailThread.messageId(delivery: id, domain: DomainName("bücher.example"))
        #expect(messageId.text == "<delivery.\(id.text)@xn--bcher-kva.example>")
        #expect(EmailThread.delivery(of: messageId) == id)
        #expect(EmailThread.delivery(of: try MessageID("<ticket.\(id.text)@a.example>")) == nil)
    }
}
