import Contracts
import Foundation
import TestKit
import Testing

@testable import Mail

/// Messages with a name, for other programs to read.
enum Samples {
    static let time = Timestamp(milliseconds: 1_795_284_611_000)

    static func message(
        from: String = "support@acme.example", fromName: String? = "Acme Support", to: [Mailbox]? = nil,
        subject: String = "Your ticket T-12", text: String = "Hello\nWorld\n", html: String? = nil
    ) throws -> MailMessage {
        MailMessage(
            from: Mailbox(name: fromName, try EmailAddress(from)),
            to: try to ?? [Mailbox(name: "Ada", try EmailAddress("ada@example.com"))], subject: subject, date: time,
            messageId: try MessageID("<0192.m@acme.example>"), text: text, html: html)
    }

    static let subjects: [String: String] = [
        "latin": "Réponse à votre demande: où est passé mon café crème brûlée? Naïve façade, élève, garçon",
        "greek": "Η απάντησή μας στο αίτημά σας για την επιστροφή των χρημάτων σας",
        "cyrillic": "Ваш запрос был получен и будет рассмотрен в ближайшее время нашими специалистами",
        "chinese": "您的工单已收到，我们会尽快回复您。感谢您的耐心等待，祝您生活愉快，工作顺利，万事如意，阖家幸福",
        "arabic": "تم استلام طلبك وسنقوم بالرد عليك في أقرب وقت ممكن",
        "emoji": "👩🏽‍🚀🚀 Done! 🎉🎉🎉 👨‍👩‍👧‍👦 and 🇩🇪🇯🇵 again and again and again 🏳️‍🌈",
        "longWord": String(repeating: "abcdefghij", count: 40),
        "longText": String(repeating: "word and more ", count: 60) + "end",
        "spaces": "two  spaces,   three",
        "looksEncoded": "=?utf-8?Q?not_encoded?= at all",
        "quotes": #"He said "no" \ and (left) <now>"#,
    ]

    /// Texts that need one encoding or the other.
    static let texts: [String: String] = [
        "plain": "Hello\r\nWorld\r\n",
        "dots": ".\n..\n.leading dot\nFrom me\nFrom \n>From you\n",
        "longLine": String(repeating: "A line of text that goes on. ", count: 100) + "\n",
        "trailing": "ends with spaces   \nand tabs\t\t\n",
        "mixed": "Grüße aus Köln = 100 % \u{1F389}\n\n\nTab\there, and an equals sign at the end=\n",
        "chinese": String(repeating: "您的工单已收到，我们会尽快回复您。\n", count: 40),
        "oneChineseLine": String(repeating: "您的工单已收到", count: 300),
        "noEnd": "no line end at the end",
        "controls": "bell \u{7} and escape \u{1B}[31m\n",
        "boundary": "--=_boundary\n--=_\n--\n",
    ]

    /// Anything that somebody may write, the same for the same seed. Readers take some separators for line ends: those are left out.
    static func anything(_ seed: UInt64) throws -> MailMessage {
        var random = SeededGenerator(seed: seed)
        func text(_ max: Int) -> String {
            String(
                random.text(maxLength: max).unicodeScalars.filter { scalar in
                    ![0x1, 0x7F, 0x85, 0x2028, 0xFFFF, 0x10FFFF].contains(scalar.value)
                }.map(Character.init))
        }
        var message = try Samples.message(
            fromName: text(60), subject: text(200), text: text(2_000) + "\n", html: text(500) + "\n")
        message.attachments = [
            MailAttachment(
                fileName: "a" + text(80), contentType: "application/x-any", bytes: random.bytes(maxLength: 2_000))
        ]
        return message
    }
}

@Suite struct ComposeTests {
    /// All samples, read once by the other programs.
    private static let read = Task<JSON, any Error> {
        var messages: [String: [UInt8]] = [:]
        for (name, subject) in Samples.subjects {
            messages["subject-\(name)"] = try Samples.message(subject: subject).composed()
        }
        for (name, text) in Samples.texts {
            messages["text-\(name)"] = try Samples.message(text: text).composed()
            messages["html-\(name)"] = try Samples.message(text: text, html: "<p>\(text)</p>").composed()
        }
        for (index, name) in displayNames.enumerated() {
            let to = [Mailbox(name: name, try EmailAddress("ada@example.com"))]
            messages["name-\(index)"] = try Samples.message(fromName: name, to: to).composed()
        }
        for seed in seeds { messages["any-\(seed)"] = try Samples.anything(seed).composed() }
        messages["many"] = try manyRecipients.composed()
        messages["attachments"] = try withAttachments.composed()
        messages["injection"] = try injection.composed()
        messages["reply"] = try reply.composed()
        messages["utf8"] = try withUTF8Addresses.composed()
        return try await PythonReader.read(messages)
    }

    private static func sample(_ name: String) async throws -> JSON {
        try #require(try await read.value[name], "no such sample")
    }

    private static func standard(_ name: String) async throws -> JSON {
        try #require(try await sample(name)["standard"])
    }

    /// Every message keeps to the wire's limits, and no parser finds a fault.
    @Test func allAreWellFormed() async throws {
        let all = try #require(try await Self.read.value.objectValue)
        #expect(all.count > 40)
        for (name, found) in all {
            #expect((found["longestLine"]?.intValue ?? 999) <= 200, "\(name)")
            #expect(found["bareLineEnds"] == 0, "\(name)")
            #expect(found["eightBit"]?.boolValue == (name == "utf8"), "\(name)")
            // Python takes the octets of RFC 6532 for a defect, and reads them.
            if name != "utf8" { #expect(found["standard"]?["defects"] == .array([]), "\(name)") }
            #expect(found["mailParser"]?["defects"] == .array([]), "\(name)")
        }
    }

    @Test(arguments: Samples.subjects.keys.sorted()) func subjects(name: String) async throws {
        let meant = try #require(Samples.subjects[name])
        let found = try await Self.sample("subject-\(name)")
        #expect(found["standard"]?["subject"]?.stringValue == meant)
        // This one leaves the line ends of folding where they were.
        let unfolded = found["mailParser"]?["subject"]?.stringValue?.filter { !$0.isNewline }
        #expect(unfolded == meant)
        #expect(found["standard"]?["date"]?.doubleValue == Double(Samples.time.milliseconds / 1000))
    }

    @Test(arguments: Samples.texts.keys.sorted()) func texts(name: String) async throws {
        let text = try #require(Samples.texts[name])
        var meant = text.replacing("\r\n", with: "\n")
        if !meant.hasSuffix("\n") { meant += "\n" }
        #expect(try await Self.standard("text-\(name)")["text"]?.stringValue?.replacing("\r\n", with: "\n") == meant)
        let alternative = try await Self.sample("html-\(name)")
        #expect(alternative["standard"]?["type"] == "multipart/alternative")
        #expect(alternative["standard"]?["text"]?.stringValue?.replacing("\r\n", with: "\n") == meant)
        let html = alternative["standard"]?["html"]?.stringValue?.replacing("\r\n", with: "\n")
        #expect(html == "<p>\(text.replacing("\r\n", with: "\n"))</p>\n")
        let other = alternative["mailParser"]?["html"]?.stringValue
        #expect(other?.contains("<p>") == true)
    }

    private static let seeds: Range<UInt64> = 0..<40

    /// Whatever a message says, others read what was meant.
    @Test(arguments: seeds) func anythingIsReadAsItWasMeant(seed: UInt64) async throws {
        let meant = try Samples.anything(seed)
        let found = try await Self.standard("any-\(seed)")
        #expect(found["subject"]?.stringValue == HeaderText.cleaned(meant.subject))
        #expect(found["fromName"]?.stringValue == HeaderText.cleaned(meant.from.name ?? ""))
        #expect(found["text"]?.stringValue?.replacing("\r\n", with: "\n") == meant.text)
        #expect(found["html"]?.stringValue?.replacing("\r\n", with: "\n") == meant.html)
        let attachment = found["attachments"]?[0]
        #expect(attachment?["name"]?.stringValue == HeaderText.cleaned(meant.attachments[0].fileName))
        #expect(attachment?["bytes"]?.stringValue == Data(meant.attachments[0].bytes).base64EncodedString())
        // Our own reader agrees.
        let read = try MIMEEntity(meant.composed()).all
        #expect(read.last?.content == meant.attachments[0].bytes)
    }

    private static let displayNames = [
        "Ada", "Ada Lovelace", "Lovelace, Ada", #"Ada "the first" Lovelace \ Countess"#, "Ada (Countess)", "李小龙",
        "Анна Каренина", "Zoë 🎉", "support@acme.example", "a.b.c", String(repeating: "Long Name ", count: 19) + "End",
        "=?utf-8?Q?x?=",
    ]

    @Test(arguments: displayNames.indices) func names(index: Int) async throws {
        let found = try await Self.sample("name-\(index)")
        let name = Self.displayNames[index]
        #expect(found["standard"]?["from"] == [[.string(name), "support@acme.example"]])
        #expect(found["standard"]?["to"] == [[.string(name), "ada@example.com"]])
    }

    private static var manyRecipients: MailMessage {
        get throws {
            let boxes = try (0..<40).map { Mailbox(name: "Person \($0), Dr.", try EmailAddress("p\($0)@example.com")) }
            var message = try Samples.message(to: boxes)
            message.cc = [Mailbox(try EmailAddress("\"odd \\\"one\"@example.com"))]
            message.replyTo = [Mailbox(name: "Acme", try EmailAddress("reply+abc@acme.example"))]
            return message
        }
    }

    @Test func manyRecipients() async throws {
        let found = try await Self.standard("many")
        #expect(found["to"]?.arrayValue?.count == 40)
        #expect(found["to"]?[39] == ["Person 39, Dr.", "p39@example.com"])
        #expect(found["cc"] == [["", "\"odd \\\"one\"@example.com"]])
        #expect(found["replyTo"] == [["Acme", "reply+abc@acme.example"]])
    }

    private static let files: [MailAttachment] = [
        MailAttachment(
            fileName: "plain.txt", contentType: "text/plain", bytes: Array("a\nb\r\nc\rd".utf8)),
        MailAttachment(
            fileName: "Übersicht der Kosten für das erste Quartal und noch viel mehr 漢字 🎉.pdf",
            contentType: "application/pdf", bytes: (0..<5_000).map { UInt8(truncatingIfNeeded: $0 * 7) }),
        MailAttachment(fileName: #"a"b\c;d.bin"#, contentType: "not a type", bytes: [0, 255, 13, 10, 46, 13, 10]),
        MailAttachment(fileName: "mail.eml", contentType: "message/rfc822", bytes: Array("Subject: x\r\n\r\ny".utf8)),
        MailAttachment(fileName: "empty", contentType: "application/x-empty", bytes: []),
    ]

    private static var withAttachments: MailMessage {
        get throws {
            var message = try Samples.message(text: "see below\n", html: "<img src=\"cid:logo@acme.example\">")
            let logo = MailAttachment(
                fileName: "logo.png", contentType: "image/png", bytes: [137, 80, 78, 71],
                contentId: try MessageID("<logo@acme.example>"))
            message.attachments = [logo] + files
            return message
        }
    }

    @Test func attachmentsEqualWhatWasMeant() async throws {
        let found = try await Self.sample("attachments")
        #expect(found["standard"]?["type"] == "multipart/mixed")
        #expect(found["standard"]?["text"] == "see below\r\n")
        let read = try #require(found["standard"]?["attachments"]?.arrayValue)
        #expect(read.count == 6)
        #expect(read.first?["contentId"] == "<logo@acme.example>")
        for (attachment, meant) in zip(read.dropFirst(), Self.files) {
            #expect(attachment["name"]?.stringValue == meant.fileName)
            #expect(attachment["bytes"]?.stringValue == Data(meant.bytes).base64EncodedString())
        }
        let octets: JSON = "application/octet-stream"
        #expect(
            read.dropFirst().map { $0["type"] } == [
                "text/plain", "application/pdf", octets, octets, "application/x-empty",
            ])
        let others = (found["mailParser"]?["attachments"]?.arrayValue ?? []).compactMap(\.stringValue)
        #expect(others.contains(Self.files[1].fileName))
    }

    /// What ends a line in a header, in any of the forms that somebody could take for one.
    private static let ends = ["\r\n", "\n", "\r", "\r\n ", "\n\n", "\u{85}", "\u{2028}", "\u{2029}", "\u{0}", "\u{b}"]

    private static var injection: MailMessage {
        get throws {
            let evil = ends.map { "x\($0)Bcc: evil@example.com\($0)\($0)body" }.joined()
            var message = try Samples.message(
                fromName: evil, to: [Mailbox(name: evil, try EmailAddress("ada@example.com"))], subject: evil)
            message.fields = [try MailMessage.Field("X-Note", evil)]
            message.listId = MailMessage.ListID(name: evil, id: try DomainName("list.acme.example"))
            message.unsubscribe = try MailMessage.Unsubscribe(url: "https://acme.example/u?t=>\r\nBcc:%20evil")
            message.attachments = [MailAttachment(fileName: evil, contentType: "text/plain\r\nBcc: x", bytes: [1])]
            return message
        }
    }

    @Test func headersCanNotBeInjected() async throws {
        let headers = try #require(try await Self.standard("injection")["headers"]?.arrayValue)
        let names = headers.compactMap { $0[0]?.stringValue }
        #expect(
            Set(names) == [
                "Date", "From", "To", "Subject", "Message-ID", "Auto-Submitted", "List-Id", "List-Unsubscribe",
                "List-Unsubscribe-Post", "X-Note", "MIME-Version", "Content-Type",
            ])
        #expect(names.count == Set(names).count)
    }

    private static var reply: MailMessage {
        get throws {
            var message = try Samples.message()
            let root = try MessageID("<root@acme.example>")
            let parent = try MessageID("<parent@example.com>")
            message.inReplyTo = [parent]
            message.references = MessageID.references(ofReplyTo: parent, whoseReferencesAre: [root])
            message.listId = MailMessage.ListID(name: "Tickets of Acme", id: try DomainName("tickets.acme.example"))
            message.unsubscribe = try MailMessage.Unsubscribe(
                url: "https://acme.example/unsubscribe/abc", mailto: try EmailAddress("u@acme.example"))
            return message
        }
    }

    /// RFC 5322, section 3.6.4; RFC 8058, section 3.1; RFC 3834, section 5.
    @Test func threadAndListFields() async throws {
        let headers = try #require(try await Self.standard("reply")["headers"]?.arrayValue)
        func value(_ name: String) -> String? {
            headers.first { $0[0]?.stringValue == name }?[1]?.stringValue
        }
        #expect(value("Message-ID") == "<0192.m@acme.example>")
        #expect(value("In-Reply-To") == "<parent@example.com>")
        #expect(value("References") == "<root@acme.example> <parent@example.com>")
        #expect(
            value("List-Unsubscribe")
                == "<https://acme.example/unsubscribe/abc>, <mailto:u@acme.example?subject=unsubscribe>")
        #expect(value("List-Unsubscribe-Post") == "List-Unsubscribe=One-Click")
        #expect(value("List-Id") == "Tickets of Acme <tickets.acme.example>")
        #expect(value("Auto-Submitted") == "auto-generated")
    }

    private static var withUTF8Addresses: MailMessage {
        get throws {
            try Samples.message(
                from: "büro@bücher.example", fromName: "Büro, \"Köln\"",
                to: [Mailbox(name: "李小龙", try EmailAddress("用户@例子.example"))], subject: "Grüße 漢字")
        }
    }

    @Test func utf8Headers() async throws {
        let found = try await Self.standard("utf8")
        #expect(found["subject"] == "Grüße 漢字")
        #expect(found["from"] == [["Büro, \"Köln\"", "büro@bücher.example"]])
        #expect(found["to"] == [["李小龙", "用户@例子.example"]])
    }

    /// The same message is the same octets at every try: a server may know it again.
    @Test func composingIsRepeatable() throws {
        #expect(try Self.withAttachments.composed() == Self.withAttachments.composed())
    }

    @Test func aLongThreadKeepsItsEnds() throws {
        let ids = try (0..<100).map { try MessageID("<\($0)@example.com>") }
        let parent = try MessageID("<parent@example.com>")
        let thread = MessageID.references(ofReplyTo: parent, whoseReferencesAre: ids + ids)
        #expect(thread.count == 20)
        #expect(thread.first == ids[0])
        #expect(thread.last == parent)
        #expect(thread.dropLast().last == ids.last)
    }

    @Test(arguments: [
        (0, "Thu, 01 Jan 1970 00:00:00 +0000"), (-1, "Wed, 31 Dec 1969 23:59:59 +0000"),
        (951_782_400_000, "Tue, 29 Feb 2000 00:00:00 +0000"), (1_795_284_611_999, "Sat, 21 Nov 2026 18:10:11 +0000"),
    ]) func dates(milliseconds: Int64, text: String) {
        #expect(Timestamp(milliseconds: milliseconds).mailDate == text)
    }
}
