import Contracts
import Crypto
import Database
import Foundation
import HTTPTypes
import Outbound
import ServiceKit
import TestKit
import Testing
import Web

@testable import Notifications

private func message(
    to address: String, tenant: UUID = .v7(), subject: String = "", text: String = "hello", isMandatory: Bool = false
) -> OutboundMessage {
    OutboundMessage(
        id: .v7(), tenantId: tenant, notificationId: .v7(), type: "ticket_assigned", recipientId: .v7(),
        recipientName: "Ada",
        address: address, locale: "en", subject: subject, text: text, html: nil, contextType: "ticket",
        contextId: .v7(),
        isMandatory: isMandatory, queuedAt: .now, attempt: 1)
}

/// What a send came to, in short: `sent`, `transient code`, `permanent code suppress`.
private func outcome(of channel: any Channel, _ message: OutboundMessage) async -> String {
    do throws(DeliveryFailure) {
        _ = try await channel.send(message)
        return "sent"
    } catch {
        switch error {
        case .transient(let code, _, let retryAfter):
            return "transient \(code)" + (retryAfter.map { " after \($0.components.seconds)" } ?? "")
        case .permanent(let code, _, let suppress): return "permanent \(code)" + (suppress ? " suppress" : "")
        }
    }
}

@Suite("Text messages")
struct SMSChannelTests {
    private func channel(_ port: Int, sender: String = "+15005550006") throws -> SMSChannel {
        SMSChannel(
            client: localClient(),
            account: SMSChannel.Account(url: "http://127.0.0.1:\(port)", id: "AC123", token: "t0ken", sender: sender))
    }

    @Test("A text message is handed over as the provider wants it")
    func handsOver() async throws {
        let reply = TestHTTPServer.Reply.status(201, body: #"{"sid": "SM42", "status": "queued"}"#)
        try await TestHTTPServer.with(answer: { _ in reply }) { server, port in
            let message = message(to: "+4915112345678", text: "Grüße & ~100 % + *mehr*\n👩")
            let receipt = try await channel(port).send(message)
            #expect(receipt.providerMessageId == "SM42" && !receipt.isDelivered)
            _ = try await channel(port, sender: "MG7").send(message)
            let request = try #require(server.requests.first)
            #expect(request.method == "POST" && request.path == "/2010-04-01/Accounts/AC123/Messages.json")
            #expect(request.header("authorization") == "Basic QUMxMjM6dDBrZW4=")
            #expect(request.header("content-type") == "application/x-www-form-urlencoded")
            #expect(request.header("idempotency-key") == message.id.text)
            #expect(
                request.text
                    == "To=%2B4915112345678&From=%2B15005550006&Body=Gr%C3%BC%C3%9Fe+%26+%7E100+%25+%2B+*mehr*%0A%F0%9F%91%A9"
            )
            #expect(server.requests.last?.text.contains("&MessagingServiceSid=MG7&") == true)
        }
    }

    @Test(
        "What the provider says is understood",
        arguments: [
            (400, #"{"code": 21211, "message": "Invalid number"}"#, "permanent provider_21211 suppress"),
            (400, #"{"code": 21610, "message": "Unsubscribed"}"#, "permanent provider_21610 suppress"),
            (400, #"{"code": 21408, "message": "Region"}"#, "permanent status_400"),
            (400, #"{"code": 21611, "message": "Queue"}"#, "transient provider_21611"),
            (401, #"{"code": 20003, "message": "Authenticate"}"#, "transient provider_account"),
            (429, #"{"code": 20429}"#, "transient provider_20429 after 7"),
            (500, "oops", "transient status_500 after 7"),
            (503, "", "transient status_503 after 7"), (404, "[]", "permanent status_404"),
            (302, "", "permanent status_302"),
        ])
    func failures(status: Int, body: String, expected: String) async throws {
        let headers = status == 429 || status >= 500 ? [(name: "Retry-After", value: "7")] : []
        try await TestHTTPServer.with(answer: { _ in .status(status, headers: headers, body: body) }) { _, port in
            let channel = try channel(port)
            #expect(await outcome(of: channel, message(to: "+4915112345678")) == expected)
        }
    }

    @Test(
        "A number that is none goes nowhere",
        arguments: ["", "4915112345678", "+0123456789", "+49 151", "+1234567890123456", "+12\u{0}345678"])
    func numbers(number: String) async throws {
        try await TestHTTPServer.with { server, port in
            let channel = try channel(port)
            #expect(await outcome(of: channel, message(to: number)) == "permanent bad_number suppress")
            #expect(server.requests.isEmpty)
        }
    }

    @Test("A provider that drops the connection may get the message later")
    func dropped() async throws {
        try await TestHTTPServer.with(answer: { _ in .bytes("") }) { _, port in
            let channel = try channel(port)
            #expect(await outcome(of: channel, message(to: "+4915112345678")) == "transient connection_dropped")
        }
    }

    @Test("What is too long is cut between letters")
    func long() {
        #expect(SMSChannel.text(of: message(to: "", text: "short")) == "short")
        let cut = SMSChannel.text(of: message(to: "", text: String(repeating: "👨‍👩‍👧", count: 1_000)))
        #expect(cut.unicodeScalars.count <= 1_600 && cut.hasSuffix("👨‍👩‍👧…"))
    }
}

@Suite("Chats")
struct SlackChannelTests {
    private typealias Chat = ServiceUnderTest<PushService>

    /// Runs a body with a hook's id.
    private static func with(
        hook url: String, _ body: @escaping @Sendable (Chat, String) async throws -> Void
    ) async throws {
        try await Chat.with({ try! PushService($0) }) { chat in
            let made = try await chat.ok(.post, "slack_hooks", ["url": .string(url)])
            try await body(chat, try #require(made["id"]?.stringValue))
        }
    }

    @Test("A chat gets the message, and nothing in it is an instruction")
    func posts() async throws {
        try await TestHTTPServer.with(answer: { _ in .status(200, body: "ok") }) { server, port in
            try await Self.with(hook: "http://127.0.0.1:\(port)/services/T/B/x") { chat, id in
                let message = message(
                    to: id, tenant: chat.tenant, subject: "A <b> & c", text: "<!channel> & <@U1> > \"x\"\n&lt;")
                let receipt = try await chat.service.slack.send(message)
                #expect(receipt.isDelivered)
            }
            let request = try #require(server.requests.first)
            #expect(request.path == "/services/T/B/x" && request.header("content-type") == "application/json")
            #expect(
                request.json["text"]
                    == "*A &lt;b&gt; &amp; c*\n&lt;!channel&gt; &amp; &lt;@U1&gt; &gt; \"x\"\n&amp;lt;")
        }
    }

    @Test(
        "What a chat answers is understood",
        arguments: [
            (400, "permanent status_400"), (403, "permanent status_403"), (404, "permanent gone suppress"),
            (410, "permanent gone suppress"), (429, "transient status_429 after 30"),
            (500, "transient status_500 after 30"),
        ])
    func failures(status: Int, expected: String) async throws {
        let headers = status == 429 || status >= 500 ? [(name: "Retry-After", value: "30")] : []
        try await TestHTTPServer.with(answer: { _ in .status(status, headers: headers, body: "no_service") }) {
            _, port in
            try await Self.with(hook: "http://127.0.0.1:\(port)/") { chat, id in
                #expect(await outcome(of: chat.service.slack, message(to: id, tenant: chat.tenant)) == expected)
            }
        }
    }

    @Test(
        "An address inside is not written to, nor is a hook that is gone, another tenant's or sealed with another key")
    func refused() async throws {
        try await Self.with(hook: "http://127.0.0.1:9/") { chat, id in
            let outside = SlackChannel(
                database: chat.database, client: try OutboundClient(allowsPlain: true), box: PushService.slackBox)
            #expect(await outcome(of: outside, message(to: id, tenant: chat.tenant)) == "permanent refused_address")
            let rekeyed = SlackChannel(
                database: chat.database, client: localClient(), box: SecretKeys("other").box(for: "slack"))
            #expect(await outcome(of: rekeyed, message(to: id, tenant: chat.tenant)) == "transient sealed")
            #expect(await outcome(of: chat.service.slack, message(to: id)) == "permanent unsubscribed")
            try await chat.send(.delete, "slack_hooks/\(id)")
            #expect(
                await outcome(of: chat.service.slack, message(to: id, tenant: chat.tenant)) == "permanent unsubscribed")
        }
    }
}

/// The push and chat channels beside what they go to, as a service.
private struct PushService: Microservice {
    static let name = "notifications"
    static let summary = "Push and chats."
    static let pushBox = SecretKeys("secret").box(for: "push")
    static let slackBox = SecretKeys("secret").box(for: "slack")
    static let migrations = HTTPChannels.migrations
    static let identity = PushIdentity(
        privateKey: Base64URL.encode(Array(repeating: 7, count: 32)), subject: "mailto:ops@example.com")!

    let channel: WebPushChannel

    init(_ platform: Platform) throws { try self.init(platform.database) }

    init(_ database: Database) throws {
        channel = WebPushChannel(
            database: database, client: localClient(), identity: Self.identity, box: Self.pushBox)
        slack = SlackChannel(database: database, client: localClient(), box: Self.slackBox)
    }

    let slack: SlackChannel
    var resources: [any Resource] { [PushSubscriptions(), SlackHooks()] }
    var routes: [Route] {
        [
            PushSubscriptions.createRoute(Self.pushBox, channel.client), PushSubscriptions.keyRoute(channel.identity),
            SlackHooks.createRoute(Self.slackBox, channel.client),
        ]
    }
}

@Suite("Push messages")
struct WebPushChannelTests {
    private typealias Push = ServiceUnderTest<PushService>

    /// A browser's keys.
    private struct Browser {
        let key = P256.KeyAgreement.PrivateKey()
        let secret = (0..<16).map { _ in UInt8.random(in: 0...255) }

        var members: JSONObject {
            [
                "p256dh": .string(Base64URL.encode(Array(key.publicKey.x963Representation))),
                "auth": .string(Base64URL.encode(secret)),
            ]
        }

        /// What the browser reads, by a library that is not ours.
        func read(_ sealed: [UInt8]) async throws -> JSON {
            let python = try #require(
                ProcessInfo.processInfo.environment["DESKWIRE_TEST_PYTHON"],
                "DESKWIRE_TEST_PYTHON is not set: run deploy/test")
            let code = """
                import sys, base64, http_ece
                from cryptography.hazmat.primitives.asymmetric import ec
                sealed, key, secret = (base64.b64decode(text) for text in sys.argv[1:4])
                private = ec.derive_private_key(int.from_bytes(key, "big"), ec.SECP256R1())
                text = http_ece.decrypt(sealed, private_key=private, auth_secret=secret, version="aes128gcm")
                sys.stdout.write(text.decode())
                """
            let arguments = [Data(sealed), key.rawRepresentation, Data(secret)].map { $0.base64EncodedString() }
            return try JSON.parse(try await Shell.run([python, "-c", code] + arguments))
        }
    }

    private static func run(_ body: @escaping @Sendable (Push) async throws -> Void) async throws {
        try await Push.with({ try! PushService($0) }, body)
    }

    private static func subscribe(_ push: Push, _ browser: Browser, _ endpoint: String) async throws -> String {
        var members = browser.members
        members["endpoint"] = .string(endpoint)
        return try #require(try await push.ok(.post, "push_subscriptions", .object(members))["id"]?.stringValue)
    }

    @Test("The example of RFC 8291, section 5, comes out byte for byte")
    func vector() throws {
        let keys = try #require(
            PushKeys(
                p256dh: "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
                auth: "BTBZMqHH6r4Tts7J_aSIgg"))
        let own = try P256.KeyAgreement.PrivateKey(
            rawRepresentation: try #require(Base64URL.decode("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw")))
        let sealed = try WebPushEncryption.seal(
            Array("When I grow up, I want to be a watermelon".utf8), for: keys, with: own,
            salt: try #require(Base64URL.decode("DGv6ra1nlYgDCS1FRnbzlw")))
        #expect(
            Base64URL.encode(sealed)
                == "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
        )
    }

    @Test("A browser's push service gets what only the browser can read, under our name")
    func sends() async throws {
        try await TestHTTPServer.with(answer: { _ in .status(201, headers: [("Location", "https://push.example/m/1")]) }
        ) { server, port in
            try await Self.run { push in
                let browser = Browser()
                let id = try await Self.subscribe(push, browser, "http://127.0.0.1:\(port)/p/1")
                let long = message(
                    to: id, tenant: push.tenant, subject: "Ticket T-1", text: String(repeating: "ü\"\n", count: 3_000),
                    isMandatory: true)
                let receipt = try await push.service.channel.send(long)
                #expect(receipt.providerMessageId == "https://push.example/m/1")
                let request = try #require(server.requests.first)
                #expect(request.method == "POST" && request.path == "/p/1")
                #expect(request.header("content-encoding") == "aes128gcm" && request.header("urgency") == "high")
                #expect(request.header("ttl").flatMap { Int($0) } == 259_200)
                #expect(request.body.count <= WebPushEncryption.recordBytes)
                let read = try await browser.read(request.body)
                #expect(read["title"] == "Ticket T-1" && read["type"] == "ticket_assigned")
                #expect(read["body"]?.stringValue?.hasPrefix("ü\"\nü") == true)

                // RFC 8292, section 2 and 3.
                let field = try #require(request.header("authorization"))
                #expect(field.hasPrefix("vapid t=") && field.hasSuffix(", k=\(PushService.identity.publicKey)"))
                let token = field.dropFirst("vapid t=".count).prefix { $0 != "," }.split(separator: ".").map(
                    String.init)
                let claims = try JSON.parse(try #require(Base64URL.decode(token[1])))
                #expect(
                    claims["aud"] == .string("http://127.0.0.1:\(port)") && claims["sub"] == "mailto:ops@example.com")
                let left = try #require(claims["exp"]?.intValue) - Timestamp.now.milliseconds / 1_000
                #expect((0...86_400).contains(left))
                let signature = try P256.Signing.ECDSASignature(
                    rawRepresentation: try #require(Base64URL.decode(token[2])))
                let key = PushService.identity.key.publicKey
                #expect(key.isValidSignature(signature, for: Data("\(token[0]).\(token[1])".utf8)))
                #expect(try await push.ok(.get, "push_key")["publicKey"] == .string(PushService.identity.publicKey))
            }
        }
    }

    @Test(
        "What a push service answers is understood; a subscription that has ended is forgotten",
        arguments: [
            (404, "permanent unsubscribed", 0), (410, "permanent unsubscribed", 0), (413, "permanent status_413", 1),
            (429, "transient status_429 after 9", 1), (502, "transient status_502 after 9", 1),
            (403, "permanent status_403", 1),
        ])
    func failures(status: Int, expected: String, left: Int) async throws {
        let headers = status == 429 || status >= 500 ? [(name: "Retry-After", value: "9")] : []
        try await TestHTTPServer.with(answer: { _ in .status(status, headers: headers) }) { _, port in
            try await Self.run { push in
                let id = try await Self.subscribe(push, Browser(), "http://127.0.0.1:\(port)/p")
                #expect(await outcome(of: push.service.channel, message(to: id, tenant: push.tenant)) == expected)
                #expect(try await push.ok(.get, "push_subscriptions")["data"]?.arrayValue?.count == left)
                // Another tenant's messages don't find it.
                #expect(await outcome(of: push.service.channel, message(to: id)) == "permanent unsubscribed")
            }
        }
    }

    @Test("Everybody has their own browsers, and a browser is whose it was last")
    func own() async throws {
        try await Self.run { push in
            let browser = Browser()
            _ = try await Self.subscribe(push, browser, "https://push.example/1")
            let id = try await Self.subscribe(push, browser, "https://push.example/1")
            #expect(try await push.ok(.get, "push_subscriptions")["data"]?.arrayValue?.count == 1)
            let other = push.caller(["notifications.read"])
            #expect(try await push.ok(.get, "push_subscriptions", as: other)["data"] == [])
            #expect(try await push.send(.get, "push_subscriptions/\(id)", as: other).status == 404)
            #expect(try await push.send(.delete, "push_subscriptions/\(id)", as: other).status == 404)
            let found = try await push.database.transaction(as: .admin, readOnly: true) { tx in
                try await PushSubscriptions.addresses(
                    of: [push.supervisorId, push.agentId], tenantId: push.tenant, in: tx)
            }
            #expect(found == [push.supervisorId: [id]])
            let shown = try await push.ok(.get, "push_subscriptions/\(id)")
            #expect(shown["origin"] == "https://push.example")
            let kept = try await push.test.superuser("SELECT s::text FROM notifications.push_subscriptions AS s")
            let secret = Base64URL.encode(browser.secret)
            for text in [shown.text, kept[0][0] ?? secret] {
                #expect(!text.contains("push.example/1") && !text.contains(secret))
            }
            #expect(try await push.send(.delete, "push_subscriptions/\(id)").status == 204)
        }
    }

    @Test("Everybody has their own chats")
    func chats() async throws {
        try await Self.run { push in
            let url = "https://hooks.slack.com/services/T/B/x"
            let id = try #require(try await push.ok(.post, "slack_hooks", ["url": .string(url)])["id"]?.stringValue)
            #expect(try await push.send(.post, "slack_hooks", ["url": .string(url)]).status == 409)
            let inside = try await push.send(.post, "slack_hooks", ["url": "https://192.168.1.1/"])
            #expect(inside.status == 422 && inside.faults == ["/url private"])
            let other = push.caller(["notifications.read"])
            #expect(try await push.ok(.get, "slack_hooks", as: other)["data"] == [])
            #expect(try await push.send(.delete, "slack_hooks/\(id)", as: other).status == 404)
            let found = try await push.database.transaction(as: .admin, readOnly: true) { tx in
                try await SlackHooks.addresses(
                    of: [push.supervisorId, push.agentId], tenantId: push.tenant, in: tx)
            }
            #expect(found == [push.supervisorId: [id]])
            // Nobody sees the URL again, neither its owner nor who reads the database.
            let shown = try await push.ok(.get, "slack_hooks/\(id)")
            #expect(shown["origin"] == "https://hooks.slack.com")
            let kept = try await push.test.superuser(
                "SELECT h::text || coalesce(string_agg(a.changes::text, ''), '') FROM notifications.slack_hooks AS h, notifications.audits AS a GROUP BY h"
            )
            #expect(kept[0][0]?.contains("hooks.slack.com") == true)
            for text in [shown.text, kept[0][0] ?? ""] {
                #expect(!text.contains("services") && !text.contains("/T/B/x"))
            }
            #expect(try await push.send(.delete, "slack_hooks/\(id)").status == 204)
        }
    }

    @Test("What is no subscription is refused")
    func refused() async throws {
        try await Self.run { push in
            let good = Browser().members
            for (changes, fault) in [
                (["endpoint": "https://10.0.0.1/"], "/endpoint private"), (["endpoint": "x"], "/endpoint scheme"),
                (["endpoint": "https://push.example/", "auth": "AAAAAAAAAAAAAAAAAAAAAA=A"], "/p256dh bad_key"),
                (
                    ["endpoint": "https://push.example/", "p256dh": .string(String(repeating: "A", count: 87))],
                    "/p256dh bad_key"
                ),
            ] as [(JSONObject, String)] {
                var body = good
                for (key, value) in changes { body[key] = value }
                let reply = try await push.send(.post, "push_subscriptions", .object(body))
                #expect(reply.status == 422)
                #expect(reply.faults == [fault], "\(reply.text)")
            }
        }
    }
}
