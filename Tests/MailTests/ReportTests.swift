import Contracts
import Foundation
import Mail
import TestKit
import Testing

/// Reports as mail systems write them, cut down to what matters.
enum Reports {
    static func lines(_ text: String) -> [UInt8] { Array(text.replacing("\n", with: "\r\n").utf8) }

    static let postfix = """
        Return-Path: <>
        From: MAILER-DAEMON@mx.example.net (Mail Delivery System)
        Subject: Undelivered Mail Returned to Sender
        To: bounces@acme.example
        Auto-Submitted: auto-replied
        MIME-Version: 1.0
        Content-Type: multipart/report; report-type=delivery-status;
            boundary="4A2.1/mx.example.net"

        This is a MIME-encapsulated message.

        --4A2.1/mx.example.net
        Content-Description: Notification
        Content-Type: text/plain; charset=us-ascii

        <ada@example.com>: host mx.example.com said: 550 5.1.1 unknown

        --4A2.1/mx.example.net
        Content-Description: Delivery report
        Content-Type: message/delivery-status

        Reporting-MTA: dns; mx.example.net
        Original-Envelope-Id: 0192+2Bid
        Arrival-Date: Sat, 21 Nov 2026 18:00:00 +0000 (UTC)

        Final-Recipient: rfc822; ada@example.com
        Original-Recipient: rfc822;ada+2Bx@example.com
        Action: failed
        Status: 5.1.1
        Remote-MTA: dns; mx.example.com
        Diagnostic-Code: smtp; 550 5.1.1 <ada@example.com>: Recipient address
            rejected: User unknown

        Final-Recipient: rfc822; bob@example.com
        Action: delayed
        Status: 4.2.2 (mailbox full)
        Will-Retry-Until: Thu, 26 Nov 2026 18:00:00 +0000 (UTC)

        --4A2.1/mx.example.net
        Content-Description: Undelivered Message
        Content-Type: message/rfc822

        From: support@acme.example
        To: ada@example.com
        Message-ID: <0192.m@acme.example>
        Subject: x

        body
        --4A2.1/mx.example.net--
        """

    static let headersOnly = """
        From: postmaster@example.com
        Content-Type: multipart/report; report-type="delivery-status"; boundary=b

        --b
        Content-Type: text/plain

        Sorry.
        --b
        Content-Type: message/delivery-status
        Content-Transfer-Encoding: quoted-printable

        Reporting-MTA: dns;example.com

        Final-Recipient: rfc822;eve@example.com
        Action: failed
        Status: 5.2.2
        Diagnostic-Code: X-Notes; over quota=20
        --b
        Content-Type: text/rfc822-headers

        Message-ID: <0193.m@acme.example>
        --b--
        """

    static let complaint = """
        From: <abusedesk@example.com>
        Subject: FW: Earn money
        MIME-Version: 1.0
        Content-Type: multipart/report; report-type=feedback-report;
            boundary="part1"

        --part1
        Content-Type: text/plain; charset="US-ASCII"

        This is an email abuse report.

        --part1
        Content-Type: message/feedback-report

        Feedback-Type: abuse
        User-Agent: SomeGenerator/1.0
        Version: 1
        Original-Rcpt-To: <ada@example.com>
        Arrival-Date: Sat, 21 Nov 2026 18:00:00 +0000

        --part1
        Content-Type: message/rfc822

        From: <support@acme.example>
        To: <hidden@example.com>
        Message-ID: <0192.m@acme.example>

        Spam!
        --part1--
        """
}

@Suite struct ReportTests {
    @Test func aBounce() throws {
        let report = try #require(DeliveryReport(try MIMEEntity(Reports.lines(Reports.postfix))))
        #expect(report.messageId?.text == "<0192.m@acme.example>")
        #expect(report.envelopeId == "0192+id")
        #expect(report.reportingMTA == "mx.example.net")
        #expect(report.recipients.map(\.address.text) == ["ada+x@example.com", "bob@example.com"])
        #expect(report.recipients.map(\.action) == [.failed, .delayed])
        #expect(report.recipients.map(\.bounce) == [.hard, nil])
        #expect(report.recipients[0].status == EnhancedStatus(5, 1, 1))
        #expect(report.recipients[0].smtpCode == 550)
        #expect(
            report.recipients[0].diagnostic == "550 5.1.1 <ada@example.com>: Recipient address rejected: User unknown")
        #expect(report.recipients[1].status == EnhancedStatus(4, 2, 2))
    }

    /// Servers that end lines with LF alone, and return the header only.
    @Test func aBounceOfAFullMailbox() throws {
        let report = try #require(DeliveryReport(try MIMEEntity(Array(Reports.headersOnly.utf8))))
        #expect(report.messageId?.text == "<0193.m@acme.example>")
        #expect(report.recipients.map(\.bounce) == [.soft])
        #expect(report.recipients[0].diagnostic == "over quota")
        #expect(report.recipients[0].smtpCode == nil)
    }

    @Test func aComplaint() throws {
        let message = try MIMEEntity(Reports.lines(Reports.complaint))
        let report = try #require(ComplaintReport(message))
        #expect(report.type == "abuse")
        #expect(report.userAgent == "SomeGenerator/1.0")
        #expect(report.recipients.map(\.text) == ["ada@example.com"])
        #expect(report.messageId?.text == "<0192.m@acme.example>")
        #expect(DeliveryReport(message) == nil)
        let hidden = Reports.complaint.replacing("Original-Rcpt-To: <ada@example.com>\n", with: "")
        let other = try #require(ComplaintReport(try MIMEEntity(Reports.lines(hidden))))
        #expect(other.recipients.map(\.text) == ["hidden@example.com"])
    }

    @Test func whatIsNoReport() throws {
        let message = try MIMEEntity(try Samples.message(html: "<p>x</p>").composed())
        #expect(DeliveryReport(message) == nil)
        #expect(ComplaintReport(message) == nil)
    }

    @Test(
        arguments: [
            (550, "5.1.1", "", BounceKind.hard), (550, "5.1.10", "null MX", .hard), (550, "5.2.1", "", .hard),
            (552, "5.2.2", "user unknown", .soft), (554, "5.7.1", "no such luck", .soft),
            (450, "4.1.1", "unknown", .soft),
            (550, nil, "No such user here", .hard), (550, nil, "Blocked for spam", .soft), (421, nil, "unknown", .soft),
            (550, "5.0.0", "Mailbox does not exist", .hard), (550, "5.0.0", "Policy", .soft),
            (nil, nil, "user unknown", .soft),
            (553, nil, "sorry, unknown", .hard), (550, "5.1.8", "bad sender", .soft), (554, nil, "unknown", .soft),
        ] as [(Int?, String?, String, BounceKind)])
    func kinds(code: Int?, status: String?, text: String, kind: BounceKind) {
        #expect(BounceKind(code: code, status: status.flatMap { EnhancedStatus(prefixOf: $0) }, text: text) == kind)
    }

    @Test(arguments: [
        ("5.1.1", "5.1.1"), ("4.2.2 (full)", "4.2.2"), ("2.0.0 OK", "2.0.0"), ("5.100.999", "5.100.999"),
        ("3.1.1", nil),
        ("5.1", nil), ("5.1.x", nil), ("5.1.1000", nil), ("", nil), ("OK 5.1.1", nil), ("5..1", nil),
    ]) func statuses(text: String, expected: String?) {
        #expect(EnhancedStatus(prefixOf: text)?.description == expected)
    }

    /// A message of ours is read as it was meant.
    @Test func ownMessagesAreRead() throws {
        var message = try Samples.message(text: Samples.texts["mixed"]!, html: Samples.texts["chinese"]!)
        message.attachments = [MailAttachment(fileName: "a.bin", contentType: "image/png", bytes: Array(0...255))]
        let read = try MIMEEntity(message.composed())
        #expect(read.contentType == "multipart/mixed")
        #expect(
            read.all.map(\.contentType) == [
                "multipart/mixed", "multipart/alternative", "text/plain", "text/html", "image/png",
            ])
        #expect(read.all.last?.content == Array(0...255))
        #expect(
            String(decoding: read.all[2].content, as: UTF8.self)
                == Samples.texts["mixed"]!.replacing("\n", with: "\r\n"))
        #expect(read.field("message-id") == "<0192.m@acme.example>")
    }

    @Test func whatIsTooMuchIsRefused() {
        func code(_ text: String, _ limits: MIMEEntity.Limits = .init()) -> String? {
            do {
                _ = try MIMEEntity(Array(text.utf8), limits: limits)
                return nil
            } catch { return error.code }
        }
        var small = MIMEEntity.Limits()
        small.octets = 10
        #expect(code("01234567890", small) == "too_long")
        #expect(code(String(repeating: "a: b\n", count: 600)) == "too_many")
        #expect(code(String(repeating: "Content-Type: message/rfc822\n\n", count: 20)) == "too_deep")
        #expect(
            code("Content-Type: multipart/mixed; boundary=b\n\n" + String(repeating: "--b\n\nx\n", count: 300))
                == "too_many")
        let nested = (0..<30).map { "Content-Type: multipart/mixed; boundary=b\($0)\n\n--b\($0)\n" }.joined()
        #expect(code(nested) == "too_deep")
    }

    /// Whatever arrives, reading ends, and a report is one or none.
    @Test(arguments: 0..<20) func anythingIsReadOrRefused(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let samples =
            [Reports.postfix, Reports.headersOnly, Reports.complaint].map { Array($0.utf8) }
            + [try Samples.message(html: "<p>Grüße</p>").composed()]
        var reports = 0
        for _ in 0..<300 {
            var bytes = samples.randomElement(using: &random)!
            for _ in 0..<Int.random(in: 0...6, using: &random) {
                let from = Int.random(in: 0..<bytes.count, using: &random)
                let to = min(bytes.count, from + Int.random(in: 0...40, using: &random))
                switch Int.random(in: 0...3, using: &random) {
                case 0: bytes.removeSubrange(from..<to)
                case 1: bytes.insert(contentsOf: bytes[from..<to], at: Int.random(in: 0...bytes.count, using: &random))
                case 2: bytes.insert(contentsOf: random.bytes(maxLength: 8), at: from)
                default: bytes.insert(contentsOf: Array(random.text(maxLength: 8).utf8), at: from)
                }
                if bytes.isEmpty { bytes = [0x0A] }
            }
            guard let message = try? MIMEEntity(bytes) else { continue }
            for entity in message.all { #expect(entity.content.count <= bytes.count) }
            if let report = DeliveryReport(message) {
                reports += 1
                #expect(!report.recipients.isEmpty)
            }
            if ComplaintReport(message) != nil { reports += 1 }
        }
        #expect(reports > 10)
    }
}
