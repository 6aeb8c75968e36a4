import Contracts
import TestKit
import Testing

@testable import Notifications

@Suite("Templates")
struct TemplateTagTests {
    private static let variables = ["ticket.key", "ticket.subject", "actor.name", "items", "items.subject", "count"]

    private static func faults(_ template: String, html: Bool = false) -> [String] {
        TemplateTags.faults(in: template, variables: variables, isHTML: html).map(\.code)
    }

    @Test(
        "that name what is there are accepted",
        arguments: [
            "", "plain } text { here", "{{ticket.key}}", "{{ ticket.key }}", "{{! anything at all {{ }}",
            "{{#actor.name}}by {{actor.name}}{{/actor.name}}", "{{^actor.name}}by nobody{{/actor.name}}",
            "{{#ticket}}{{key}} {{subject}}{{/ticket}}", "{{#items}}{{subject}}: {{count}} {{.}}{{/items}}",
            "{{&ticket.key}} {{{ticket.subject}}}",
        ])
    func accepted(template: String) { #expect(Self.faults(template) == []) }

    @Test(
        "that do not are refused, by what is wrong",
        arguments: [
            ("{{ticket.password}}", ["unknown_variable"]), ("{{subject}}", ["unknown_variable"]),
            ("{{#nobody}}x{{/nobody}}", ["unknown_variable"]),
            ("{{#ticket}}{{nothing}}{{/ticket}}", ["unknown_variable"]),
            ("{{ticket.key", ["syntax"]), ("{{}}", ["syntax"]), ("{{#items}}", ["syntax"]), ("{{/items}}", ["syntax"]),
            ("{{#items}}{{#ticket}}{{/items}}{{/ticket}}", ["syntax"]), ("{{> other}}", ["syntax"]),
            ("{{=<% %>=}}", ["syntax"]), ("{{% CONTENT_TYPE:TEXT}}", ["syntax"]), ("{{$block}}{{/block}}", ["syntax"]),
            ("{{uppercased(ticket.key)}}", ["unknown_variable"]), ("{{.}}", ["unknown_variable"]),
            (String(repeating: "{{#items}}", count: 11), ["too_deep"]),
            (String(repeating: "{{count}}", count: 501), ["too_long"]),
        ])
    func refused(template: String, codes: [String]) {
        #expect(Set(Self.faults(template)).isSuperset(of: codes), "\(Self.faults(template))")
    }

    @Test("show nothing unescaped in HTML", arguments: ["{{{ticket.subject}}}", "{{&ticket.subject}}"])
    func unescaped(template: String) { #expect(Self.faults(template, html: true) == ["unescaped"]) }

    @Test("are read to the end, whatever they are", arguments: 0..<60)
    func fuzz(seed: UInt64) {
        var dice = SeededGenerator(seed: seed)
        let parts = [
            "{{", "}}", "{{{", "}}}", "#", "^", "/", "&", "!", ">", "=", "%", "$", "<", "ticket.key", "items", ".", " ",
        ]
        for _ in 0..<100 {
            var template = ""
            for _ in 0..<Int.random(in: 0...30, using: &dice) {
                template +=
                    Int.random(in: 0..<4, using: &dice) == 0
                    ? dice.text(maxLength: 4) : parts.randomElement(using: &dice) ?? ""
            }
            let faults = TemplateTags.faults(in: template, variables: Self.variables, isHTML: false)
            guard faults.isEmpty, Renderer.isWellFormed(template) else { continue }
            var values = TemplateValues()
            values["ticket.key"] = "T-1"
            values.set("items", to: [["subject": "a"]])
            _ = Renderer.render(TemplateText(subject: template, text: template, html: template), values)
        }
    }

    @Test("escape values in HTML and nowhere else, and keep a subject on its line")
    func rendering() {
        var values = TemplateValues()
        values["ticket.subject"] = "<b>\"A\" & B</b>\r\nBcc: x@example.com {{ticket.key}}"
        values["ticket.key"] = "T-1"
        let template = TemplateText(
            subject: "{{ticket.subject}}", text: "{{ticket.subject}}{{#actor.name}}, {{actor.name}}{{/actor.name}}",
            html: "<p>{{ticket.subject}}</p>")
        let rendered = Renderer.render(template, values)
        #expect(rendered.subject == "<b>\"A\" & B</b>  Bcc: x@example.com {{ticket.key}}")
        #expect(rendered.text == "<b>\"A\" & B</b>\r\nBcc: x@example.com {{ticket.key}}")
        #expect(rendered.html?.contains("<b>") == false && rendered.html?.contains("&lt;b&gt;") == true)
        #expect(Renderer.html(showing: "<a>\nb\n\nc").contains("<p>&lt;a&gt;<br>\nb</p>\n<p>c</p>"))
    }

    @Test("that are shipped name only what is there, in both languages", arguments: NotificationType.all.map(\.name))
    func shipped(name: String) throws {
        let type = try #require(NotificationType.byName[name])
        #expect(Set(type.words.keys) == ["en", "de"])
        for words in type.words.values {
            for text in [words.subject, words.text] {
                #expect(TemplateCheck.faults(in: text, of: type, at: "/html") == [], "\(text)")
            }
        }
        #expect(type.event == nil || EventCatalog.contract(named: type.event ?? "")?.status == .emitted)
    }

    @Test(
        "are looked for from the recipient's language to English",
        arguments: [
            ("de-AT", "fr-CA", ["de-at", "de", "fr-ca", "fr", "en"]), (nil, nil, ["en"]),
            ("en-GB", "en", ["en-gb", "en"]),
            ("zh_Hant_TW", nil, ["zh-hant-tw", "zh-hant", "zh", "en"]), ("", "--", ["en"]),
        ] as [(String?, String?, [String])])
    func chain(locale: String?, tenant: String?, expected: [String]) {
        #expect(TemplateLocale.chain(locale, tenant: tenant) == expected)
    }

    @Test("call the platform's words what people call them")
    func labels() {
        #expect(Labels.language("de-AT", tenant: nil) == "de" && Labels.language("fr", tenant: "de") == "de")
        #expect(Labels.language("fr", tenant: nil) == "en")
        #expect(Labels.label(of: "in_progress", in: "de") == "in Arbeit")
        #expect(Labels.label(of: "in_progress", in: "en") == "in progress")
        #expect(Labels.label(of: "at_capacity", in: "de") == "at capacity")
    }

    @Test("are the tenant's before the shipped ones, and the channel's before all channels'")
    func choice() throws {
        let type = try #require(NotificationType.byName["ticket_assigned"])
        var book = try TemplateBook()
        func subject(_ channel: String, _ locale: String?, tenant: String? = nil) -> String {
            book.template(for: type, channel: channel, locale: locale, tenantLocale: tenant).text.subject
        }
        let shipped = subject("email", "de-AT")
        #expect(shipped == type.words["de"]?.subject)
        book.add(TemplateText(subject: "all en", text: ""), type: type.name, channel: "all", locale: "en")
        book.add(TemplateText(subject: "email de", text: ""), type: type.name, channel: "email", locale: "de")
        book.add(TemplateText(subject: "all fr", text: ""), type: type.name, channel: "all", locale: "fr")
        #expect(subject("email", "de-AT") == "email de")
        #expect(subject("sms", "de-AT") == shipped)
        #expect(subject("sms", "it") == "all en")
        #expect(subject("sms", "it", tenant: "fr-CA") == "all fr")
    }
}
