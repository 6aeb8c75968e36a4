import Contracts
import Mail
import Synchronization
import TestKit
import Testing

extension SMTPSink {
    /// A message that must have come.
    func message(_ index: Int) throws -> Message {
        let messages = messages
        try #require(messages.count > index)
        return messages[index]
    }

    /// A client of this sink. Limits of time say "never", unless a test is about them.
    func client(_ configure: (inout SMTPConfiguration) -> Void = { _ in }) throws -> SMTPClient {
        var configuration = SMTPConfiguration(host: "127.0.0.1", port: port, encryption: .none)
        configure(&configuration)
        return try SMTPClient(configuration)
    }
}

extension SMTPEnvelope {
    static func to(_ addresses: String..., id: String? = nil) throws -> SMTPEnvelope {
        SMTPEnvelope(
            from: try EmailAddress("bounces@acme.example"), to: try addresses.map { try EmailAddress($0) }, id: id)
    }
}

extension SMTPClient {
    /// The error of a send that must fail.
    func failure(_ envelope: SMTPEnvelope, _ message: [UInt8]) async throws -> SMTPError {
        do {
            _ = try await send(envelope, message)
        } catch { return error }
        throw SMTPError(.closed, .idle, "it was sent")
    }
}

@Suite struct SMTPTests {
    private static let pipelined = SMTPSink.usualExtensions
    private static let plain = ["8BITMIME", "SMTPUTF8"]
    private static var message: [UInt8] { get throws { try Samples.message(text: "Hello\n.\n..\nworld\n").composed() } }

    @Test(arguments: [pipelined, plain, []]) func messagesArriveAsTheyAre(extensions: [String]) async throws {
        try await SMTPSink.with(extensions: extensions) { sink in
            let client = try sink.client()
            for size in [0, 1, 60_000, 65_536, 300_000] {
                let text = String(repeating: ".a line of text\n", count: size / 16)
                let message = try Samples.message(text: text).composed()
                let receipt = try await client.send(.to("ada@example.com"), message)
                #expect(receipt.accepted.map(\.text) == ["ada@example.com"])
                #expect(receipt.reply.text.contains("Taken as"))
                #expect(sink.messages.last?.bytes == message)
            }
            #expect(sink.connectionCount == 1)
            #expect(try sink.message(0).mail.hasPrefix("MAIL FROM:<bounces@acme.example>"))
            #expect(try sink.message(0).mail.contains("SIZE=") == extensions.contains { $0.hasPrefix("SIZE") })
            #expect(try sink.message(0).recipients == ["RCPT TO:<ada@example.com>"])
            client.close()
        }
    }

    /// A server from before RFC 1869 knows no EHLO.
    @Test func helloOfOld() async throws {
        try await SMTPSink.with(react: { moment, _ in moment.verb == "EHLO" ? .say("502 what?") : .usual }) { sink in
            _ = try await sink.client().send(.to("ada@example.com"), Self.message)
            #expect(sink.commands.prefix(2) == ["EHLO localhost", "HELO localhost"])
            #expect(sink.messages.count == 1)
        }
    }

    @Test func reportsAreAskedFor() async throws {
        try await SMTPSink.with(extensions: Self.pipelined + ["DSN"]) { sink in
            _ = try await sink.client().send(.to("ada@example.com", id: "a+b=c"), Self.message)
            #expect(try sink.message(0).mail.hasSuffix(" RET=HDRS ENVID=a+2Bb+3Dc"))
            #expect(try sink.message(0).recipients == ["RCPT TO:<ada@example.com> NOTIFY=FAILURE,DELAY"])
            let anonymous = SMTPEnvelope(from: nil, to: [try EmailAddress("ada@example.com")])
            _ = try await sink.client().send(anonymous, Self.message)
            #expect(try sink.message(1).mail.hasPrefix("MAIL FROM:<> SIZE="))
        }
    }

    @Test func addressesBeyondASCII() async throws {
        let message = try Samples.message(
            to: [Mailbox(try EmailAddress("用户@例子.example"))], subject: "x"
        ).composed()
        try await SMTPSink.with { sink in
            _ = try await sink.client().send(.to("用户@例子.example"), message)
            #expect(try sink.message(0).mail.hasSuffix(" BODY=8BITMIME SMTPUTF8"))
            #expect(try sink.message(0).recipients == ["RCPT TO:<用户@例子.example>"])
            #expect(try sink.message(0).bytes == message)
            // A domain alone needs nothing of the server.
            _ = try await sink.client().send(.to("ada@例子.example"), Self.message)
            #expect(try sink.message(1).recipients == ["RCPT TO:<ada@xn--fsqu00a.example>"])
        }
        try await SMTPSink.with(extensions: ["PIPELINING"]) { sink in
            let error = try await sink.client().failure(.to("用户@例子.example"), message)
            #expect(error.kind == .unsupported)
            #expect(error.isPermanent)
        }
    }

    @Test func whatCanNotBeSentIsNot() async throws {
        try await SMTPSink.with(extensions: ["SIZE 100"]) { sink in
            let client = try sink.client()
            #expect(try await client.failure(.to("ada@example.com"), Self.message).kind == .unsupported)
            for text in [
                "a\nb\r\n", "a\rb\r\n", "a\r\n.\nMAIL FROM:<x>\r\n", "a\r", String(repeating: "a", count: 999),
            ] {
                let error = try await client.failure(.to("ada@example.com"), Array(text.utf8))
                #expect(error.kind == .invalidMessage)
                #expect(error.isPermanent)
            }
            #expect(try await client.failure(.to(), Self.message).kind == .invalidMessage)
            #expect(sink.messages.isEmpty)
            // None of that cost the connection.
            _ = try await client.send(.to("ada@example.com"), Array("a: b\r\n\r\nc\r\n".utf8))
            #expect(sink.connectionCount == 1)
        }
    }

    // MARK: Refusals

    struct Refusal: Sendable, CustomTestStringConvertible {
        let at: String
        let reply: String
        let phase: SMTPError.Phase
        let isPermanent: Bool
        let bounce: BounceKind?
        var testDescription: String { "\(at): \(reply)" }
    }

    private static let allRefusals: [Refusal] = [
        .init(at: "MAIL", reply: "451 4.7.1 later", phase: .mail, isPermanent: false, bounce: nil),
        .init(at: "MAIL", reply: "550 5.7.1 not from you", phase: .mail, isPermanent: true, bounce: nil),
        .init(at: "RCPT", reply: "450 4.2.0 greylisted", phase: .recipient, isPermanent: false, bounce: nil),
        .init(at: "RCPT", reply: "550 5.1.1 User unknown", phase: .recipient, isPermanent: true, bounce: .hard),
        .init(at: "RCPT", reply: "550 No such user", phase: .recipient, isPermanent: true, bounce: .hard),
        .init(at: "RCPT", reply: "552 5.2.2 full", phase: .recipient, isPermanent: true, bounce: .soft),
        .init(
            at: "RCPT", reply: "554-5.7.1 blocked\r\n554 5.7.1 see our page", phase: .recipient, isPermanent: true,
            bounce: .soft),
        .init(at: "DATA", reply: "452 4.3.1 no space", phase: .data, isPermanent: false, bounce: nil),
        .init(at: "DATA", reply: "554 5.5.0 no", phase: .data, isPermanent: true, bounce: .soft),
        .init(at: ".", reply: "451 4.3.0 later", phase: .content, isPermanent: false, bounce: nil),
        .init(at: ".", reply: "550 5.1.1 unknown after all", phase: .content, isPermanent: true, bounce: .hard),
        .init(
            at: ".", reply: "554 looks like spam from an unknown source", phase: .content, isPermanent: true,
            bounce: .soft),
    ]

    /// A refusal is told for what it is, and the next message goes over the same connection.
    @Test(arguments: allRefusals, [pipelined, plain]) func refusals(refusal: Refusal, extensions: [String]) async throws
    {
        let refuses = Flag()
        try await SMTPSink.with(
            extensions: extensions,
            react: { moment, _ in
                let isNow = moment.verb == refusal.at || (moment == .message && refusal.at == ".")
                return isNow && !refuses.wasRaised() ? .say(refusal.reply) : .usual
            }
        ) { sink in
            let client = try sink.client()
            let error = try await client.failure(.to("ada@example.com"), Self.message)
            #expect(error.kind == .refused)
            #expect(error.phase == refusal.phase)
            #expect(error.isPermanent == refusal.isPermanent)
            #expect(error.bounce == refusal.bounce)
            #expect(error.reply?.code == Int(refusal.reply.prefix(3)))
            #expect(sink.messages.isEmpty)
            _ = try await client.send(.to("bob@example.com"), Self.message)
            #expect(sink.messages.map(\.recipients) == [["RCPT TO:<bob@example.com>"]])
            #expect(try sink.message(0).bytes == (try Self.message))
            #expect(sink.connectionCount == 1)
        }
    }

    @Test(arguments: [pipelined, plain]) func someRecipientsAreRefused(extensions: [String]) async throws {
        try await SMTPSink.with(
            extensions: extensions,
            react: { moment, _ in
                moment == .command("RCPT TO:<bad@example.com>") ? .say("550 5.1.1 unknown") : .usual
            }
        ) { sink in
            let receipt = try await sink.client().send(
                .to("a@example.com", "bad@example.com", "c@example.com"), Self.message)
            #expect(receipt.accepted.map(\.text) == ["a@example.com", "c@example.com"])
            #expect(receipt.refused.map(\.address.text) == ["bad@example.com"])
            #expect(sink.messages.count == 1)
        }
    }

    /// Greylisting: no at first, yes at the next try.
    @Test func greylisting() async throws {
        let wasAsked = Flag()
        try await SMTPSink.with(react: { moment, _ in
            moment.verb == "RCPT" && !wasAsked.wasRaised() ? .say("450 4.7.1 Come back later") : .usual
        }) { sink in
            let client = try sink.client()
            let error = try await client.failure(.to("ada@example.com"), Self.message)
            #expect(!error.isPermanent)
            _ = try await client.send(.to("ada@example.com"), Self.message)
            #expect(sink.messages.count == 1)
        }
    }

    @Test func aServerThatTakesNoRecipientAndStillWaits() async throws {
        try await SMTPSink.with(react: { moment, _ in
            switch moment.verb {
            case "RCPT": .say("550 5.1.1 unknown")
            case "DATA": .say("354 whatever")
            default: moment == .command(".") ? .say("554 5.5.1 nobody to give it to") : .usual
            }
        }) { sink in
            let client = try sink.client()
            #expect(try await client.failure(.to("ada@example.com"), Self.message).phase == .recipient)
            #expect(sink.commands.last == ".")
            #expect(try await client.failure(.to("ada@example.com"), Self.message).bounce == .hard)
            #expect(sink.connectionCount == 1)
        }
    }

    // MARK: Broken conversations

    @Test(arguments: ["EHLO", "MAIL", "RCPT", "DATA"], [pipelined, plain])
    func aConnectionThatBreaksBeforeTheEndIsSafeToTryAgain(verb: String, extensions: [String]) async throws {
        try await SMTPSink.with(
            extensions: extensions, react: { moment, _ in moment.verb == verb ? .hangUp : .usual }
        ) { sink in
            let client = try sink.client()
            let error = try await client.failure(.to("ada@example.com"), Self.message)
            #expect(error.kind == .connectionLost)
            #expect(!error.isPermanent)
            #expect(client.connectionCount == 0)
        }
    }

    @Test(arguments: [SMTPSink.Reaction.hangUp, .stall]) func afterTheEndNobodyKnows(reaction: SMTPSink.Reaction)
        async throws
    {
        try await SMTPSink.with(react: { moment, _ in moment == .message ? reaction : .usual }) { sink in
            let client = try sink.client { $0.timeouts.end = .milliseconds(200) }
            let error = try await client.failure(.to("ada@example.com"), Self.message)
            #expect(error.kind == .unknownOutcome)
            #expect(error.phase == .content)
            #expect(!error.isPermanent)
        }
    }

    @Test(arguments: ["EHLO", "MAIL", "DATA"]) func aServerThatSaysNothing(verb: String) async throws {
        try await SMTPSink.with(react: { moment, _ in moment.verb == verb ? .stall : .usual }) { sink in
            let client = try sink.client { $0.timeouts.command = .milliseconds(200) }
            let error = try await client.failure(.to("ada@example.com"), Self.message)
            #expect(error.kind == .timedOut)
            try await eventually("the connection is closed") { sink.openCount == 0 }
        }
    }

    @Test func aServerThatDoesNotGreet() async throws {
        try await SMTPSink.with(react: { moment, _ in moment == .connected ? .stall : .usual }) { sink in
            let client = try sink.client { $0.timeouts.greeting = .milliseconds(200) }
            let error = try await client.failure(.to("ada@example.com"), Self.message)
            #expect(error.kind == .timedOut)
            #expect(error.phase == .greeting)
        }
        try await SMTPSink.with(react: { moment, _ in moment == .connected ? .say("554 5.7.1 not you") : .usual }) {
            sink in
            let error = try await sink.client().failure(.to("ada@example.com"), Self.message)
            #expect(error.kind == .refused)
            // That is about us: the message stays in the queue.
            #expect(!error.isPermanent)
        }
    }

    @Test func nobodyListens() async throws {
        let port = try await SMTPSink.with { $0.port }
        let client = try SMTPClient(SMTPConfiguration(host: "127.0.0.1", port: port, encryption: .none))
        #expect(try await client.failure(.to("ada@example.com"), Self.message).kind == .notConnected)
        #expect(client.connectionCount == 0)
    }

    @Test(arguments: [
        "hello", "25 x", "999 x", "250", "220-a\r\n250 b", String(repeating: "220-x\r\n", count: 200) + "220 x",
        "220 " + String(repeating: "x", count: 5_000),
    ]) func nonsenseIsNotTaken(greeting: String) async throws {
        try await SMTPSink.with(react: { moment, _ in moment == .connected ? .say(greeting) : .usual }) { sink in
            let error = try await sink.client().failure(.to("ada@example.com"), Self.message)
            #expect(error.kind == (greeting == "250" ? .refused : .protocolViolation))
        }
    }

    /// A goodbye in the middle is the reason, not the broken connection after it.
    @Test(arguments: [pipelined, plain]) func goodbyes(extensions: [String]) async throws {
        try await SMTPSink.with(
            extensions: extensions,
            react: { moment, _ in moment.verb == "RCPT" ? .sayAndHangUp("421 4.3.2 shutting down") : .usual }
        ) { sink in
            let error = try await sink.client().failure(.to("ada@example.com"), Self.message)
            #expect(error.reply?.code == 421)
            #expect(!error.isPermanent)
        }
    }
}

/// Something that happens once.
final class Flag: Sendable {
    private let raised = Mutex(false)

    var isUp: Bool { raised.withLock { $0 } }

    /// Whether it was raised before; it is from now on.
    func wasRaised() -> Bool {
        raised.withLock { isRaised in
            defer { isRaised = true }
            return isRaised
        }
    }
}
