import TestKit
import Testing

@testable import Mail

@Suite struct ReplyParserTests {
    /// However a server's bytes are cut on their way, the replies are the same.
    @Test(arguments: 0..<20) func cutsDoNotMatter(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var sent: [SMTPReply] = []
        var bytes: [UInt8] = []
        for _ in 0..<50 {
            let code = Int.random(in: 200...599, using: &random)
            let lines = (0...Int.random(in: 0...4, using: &random)).map { _ in
                String(random.text(maxLength: 40).unicodeScalars.filter { $0 != "\n" }.map(Character.init))
            }
            sent.append(SMTPReply(code: code, lines: lines))
            for (index, line) in lines.enumerated() {
                bytes += Array("\(code)\(index + 1 < lines.count ? "-" : " ")\(line)\r\n".utf8)
            }
        }
        var parser = SMTPReplyParser()
        var read: [SMTPReply] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = Int.random(in: 1...30, using: &random)
            read += try parser.feed(rest.prefix(count))
            rest = rest.dropFirst(count)
        }
        #expect(read == sent)
        #expect(parser.isEmpty)
    }

    /// Whatever a server sends, it is taken or refused, and what waits for its rest is bounded.
    @Test(arguments: 0..<20) func anythingIsTakenOrRefused(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var refusals = 0
        for _ in 0..<300 {
            var parser = SMTPReplyParser()
            var bytes = random.bytes(maxLength: 50)
            if Bool.random(using: &random) { bytes = Array("250-".utf8) + bytes + Array("\r\n250 x\r\n".utf8) }
            do {
                for reply in try parser.feed(bytes) { #expect((200...599).contains(reply.code)) }
            } catch { refusals += 1 }
        }
        #expect(refusals > 10)
        var parser = SMTPReplyParser()
        #expect(throws: MailFault.self) { try parser.feed(Array(repeating: UInt8(ascii: "2"), count: 3_000)) }
        var other = SMTPReplyParser()
        #expect(throws: MailFault.self) {
            for _ in 0..<1_000 { _ = try other.feed(Array("250-more\r\n".utf8)) }
        }
    }
}
