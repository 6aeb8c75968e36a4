import Contracts
import Mail
import NIOCore
import NIOPosix

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// How many emails are composed, signed with RSA and ed25519 and handed to a server on this machine per second. Needs no stack; the
/// server, which takes everything, is part of the measure.
struct MailMeasure {
    var messages = 10_000

    func run(into table: inout ResultTable) async throws {
        let sink = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(MailTaker())
                }
            }
            .bind(host: "127.0.0.1", port: 0)
            .get()
        let client = try SMTPClient(
            SMTPConfiguration(host: "127.0.0.1", port: sink.localAddress?.port ?? 0, encryption: .none))
        let domain = try DomainName("acme.example")
        let signer = DKIMSigner(
            domain: domain,
            keys: try DKIMKey.Algorithm.allCases.map {
                try DKIMSigner.Selected(selector: $0 == .rsa ? "r" : "e", key: try DKIMKey.generate($0))
            })
        let from = Mailbox(name: "Acme Support", try EmailAddress("support@acme.example"))
        let text = String(
            repeating: "Your ticket has an answer. Sie haben eine Antwort erhalten: schöne Grüße.\n", count: 10)

        let clock = ContinuousClock()
        let began = clock.now
        try await withThrowingTaskGroup { group in
            for worker in 0..<client.configuration.connectionsMax {
                group.addTask {
                    for index in stride(from: worker, to: messages, by: client.configuration.connectionsMax) {
                        let address = try EmailAddress("recipient.\(index)@example.com")
                        var message = MailMessage(
                            from: from, to: [Mailbox(name: "Recipient \(index)", address)],
                            subject: "Ticket \(index): Grüße",
                            date: .now, messageId: try MessageID(left: "delivery.\(UUID.v7().text)", domain: domain),
                            text: text, html: "<p>\(text)</p>")
                        message.unsubscribe = try MailMessage.Unsubscribe(url: "https://acme.example/u/\(index)")
                        let bytes = try signer.signed(message.composed(), at: .now)
                        _ = try await client.send(SMTPEnvelope(from: from.address, to: [address]), bytes)
                    }
                }
            }
            try await group.waitForAll()
        }
        let taken = (clock.now - began) / .seconds(1)
        client.close()
        try await sink.close()
        table.add(
            "emails composed, signed twice and sent", "\(Int(Double(messages) / taken))/s", least: "167/s",
            aim: "1,000/s")
    }
}

/// A server that says yes to everything.
private final class MailTaker: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private var line: [UInt8] = []
    private var isContent = false

    func channelActive(context: ChannelHandlerContext) {
        context.writeAndFlush(NIOAny(ByteBuffer(string: "220 sink\r\n")), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        for byte in unwrapInboundIn(data).readableBytesView {
            line.append(byte)
            guard byte == 0x0A else { continue }
            if isContent {
                if line.count == 3, line[0] == 0x2E {
                    isContent = false
                    say("250 2.0.0 taken", context)
                }
            } else if line.starts(with: "EHLO".utf8) {
                say("250-sink\r\n250-PIPELINING\r\n250 8BITMIME", context)
            } else if line.starts(with: "DATA".utf8) {
                isContent = true
                say("354 go on", context)
            } else {
                say("250 2.0.0 yes", context)
            }
            line.removeAll(keepingCapacity: true)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) { context.flush() }

    private func say(_ text: String, _ context: ChannelHandlerContext) {
        context.write(NIOAny(ByteBuffer(string: text + "\r\n")), promise: nil)
    }
}
