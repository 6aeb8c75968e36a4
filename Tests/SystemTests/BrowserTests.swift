import Contracts
import Foundation
import NIOHTTP1
import TestKit
import Testing

extension SystemTests {
    /// What people get to see, in a real browser: Chromium, led by the programs in Tests/clients.
    @Suite(.serialized) struct BrowserTests {
        /// Readers follow every link of a help center, at the width of a phone and of a desk, in the light and in the dark,
        /// with and without script. `DESKWIRE_SCREENSHOTS` names a directory for pictures of all of it.
        @Test(.timeLimit(.minutes(10))) func theHelpCenterIsForEverybody() async throws {
            let environment = try await Stack.shared.environment()
            let help = try await HelpCenterSite("read", named: "Analytical Engines & Sons", in: environment)
            let articles = try Corpora.articles()
            var ids: [String: String] = [:]
            var checks: [JSON] = []
            for article in articles {
                let section = try await help.section(article.section, of: "About \(article.section)")
                var body: JSONObject = [
                    "title": .string(article.title), "body": .string(try article.markdown),
                    "locale": .string(article.locale), "sectionId": .string(section),
                ]
                if let summary = article.summary { body["summary"] = .string(summary) }
                if let source = article.translationOf { body["translationOf"] = .string(ids[source] ?? "") }
                if article.file == "webhooks" {
                    body["attachments"] = [["name": "schemas.zip", "url": "https://files.example.com/schemas.zip"]]
                }
                let made = try await help.publish(body)
                ids[article.file] = made.id
                checks.append([
                    "address": .string("\(help.url)/\(article.locale)/articles/\(made.slug)"),
                    "html": .string(try article.html),
                ])
            }
            let printers = try await help.section("Printers", of: "Devices <old & new>")
            for number in 1...12 {
                _ = try await help.publish([
                    "title": .string("Printer \(number) is out of paper"), "sectionId": .string(printers),
                    "body": "Open the *tray* and fill in paper. Then press the green button of the printer.",
                ])
            }
            let voted = checks.prefix(2).compactMap { $0["address"] }
            let report = try await help.run(
                "browse_help.py",
                [
                    "start": .string(help.url), "articles": .array(checks), "voted": .array(voted),
                    "search": ["typed": "webh", "title": "Webhooks", "many": "printer", "misspelled": "prinetr"],
                ])
            #expect(report["faults"] == [], "\(report["faults"]?.prettyText ?? "")")
            #expect(report["pages"]?.intValue ?? 0 > 25, "\(report.text)")
            // Pictures come from where their writers keep them, and nothing else from anywhere.
            let loaded = report["loaded"]?.arrayValue?.compactMap(\.stringValue) ?? []
            #expect(!loaded.isEmpty && loaded.allSatisfy { $0.hasPrefix("https://images.example.com/") }, "\(loaded)")
            let id = try #require(ids["reset-password"])
            let figures = try await help.client.send(.GET, "\(help.path)/kb_articles/\(id)?expand=figures").json[
                "figures"]
            #expect(figures?["helpful"] == 1 && figures?["notHelpful"] == 0)
            print("browser: \(report["pages"]?.text ?? "") pages in \(report["seconds"]?.text ?? "") s")
        }

        /// Attacks go in everywhere where people write; what comes out is shown to a browser that has no content security
        /// policy, and nothing happens.
        @Test(.timeLimit(.minutes(10))) func noAttackSurvives() async throws {
            let environment = try await Stack.shared.environment()
            let help = try await HelpCenterSite("attacked", named: "<script>xss()</script>", in: environment)
            let attacks = try Corpora.attacks()
            #expect(attacks.count >= 400)
            let lines = Self.joined(attacks)
            let sections = try await Self.all(lines.enumerated().map { $0 }) { number, line -> String in
                try await help.section(line, of: line, slug: "s\(number)", description: line)
            }
            // Titles and summaries are text: many attacks fit into one. A body is HTML, where one could hide another.
            let articles = try await Self.all(Array(attacks.enumerated())) { number, attack -> JSON? in
                let line = lines[number % lines.count]
                guard
                    let made = try await help.publishIfAccepted([
                        "title": .string(line), "slug": .string("a\(number)"), "summary": .string(line),
                        "body": .string(attack), "sectionId": .string(sections[number % sections.count]),
                    ])
                else { return nil }
                if number < lines.count {
                    _ = try await help.client.made(
                        "\(help.path)/kb_articles/\(made.id)/feedback", ["helpful": true, "comment": .string(line)])
                }
                return .string(made.id)
            }.compactMap(\.self)
            let ticketId =
                try await help.client.made("\(help.path)/tickets", ["subject": "Attacked"])["id"]?.stringValue ?? ""
            let messages = try await Self.all(attacks) { attack -> JSON? in
                try await help.client.send(
                    .POST, "\(help.path)/tickets/\(ticketId)/messages", json: ["bodyHtml": .string(attack)]
                ).json["bodyHtml"]
            }.compactMap(\.self)
            let tickets = try await Self.all(lines) { line -> JSON in
                try await help.client.made(
                    "\(help.path)/tickets", ["subject": .string(line), "description": .string(line)])
            }
            let emails = try await Self.emails(about: tickets, help)
            // What is refused has a NUL, which no text may have.
            let refused = attacks.filter { $0.contains("\0") }.count
            #expect(articles.count == attacks.count - refused && messages.count == attacks.count - refused)

            let first = "\(help.path)/kb_articles/\(articles[0].stringValue ?? "")"
            // A reader may ask for 600 pages a minute: some of each kind, and all bodies by themselves.
            let words = lines.map { $0.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "" }
            let pages =
                ["", "/en/articles/none"] + lines.indices.map { "/en/categories/s\($0)" }
                + stride(from: 0, to: lines.count, by: 5).map { "/en/sections/s\($0)" }
                + stride(from: 0, to: attacks.count, by: 4).map { "/en/articles/a\($0)" }
                + (1...10).map { "/en/search?q=xss&page=\($0)" }
                + stride(from: 0, to: lines.count, by: 4).map { "/en/search?q=\(words[$0])" }
            let report = try await help.run(
                "attack_browser.py",
                [
                    "origin": .string(help.client.url), "start": .string(help.url), "key": .string(help.client.key),
                    "raw": .array(attacks.map { .string($0) }),
                    "fragments": [
                        "article": .array(try await Self.bodies(help)),
                        "message": .array(messages),
                        "description": .array(tickets.compactMap { $0["description"] }),
                        "email": .array(emails),
                    ],
                    "pages": .array(pages.map { .string(help.url + $0) }),
                    "typed": ["xss", "<script>xss()", "onerror", "\"><img src=x onerror=xss()>", "javascrpit"],
                    "documents": .array(
                        [
                            "\(help.url)/en/feed.atom", "\(help.url)/sitemap.xml",
                            "\(help.client.url)\(first)?expand=bodyHtml", "\(help.client.url)\(first)/feedback",
                            "\(help.client.url)\(help.path)/kb/search?q=xss&limit=100",
                            "\(help.client.url)\(help.path)/tickets/\(ticketId)/messages?limit=200",
                        ].map { .string($0) }),
                ])
            #expect(report["faults"] == [], "\(report["faults"]?.prettyText ?? "")")
            // The attacks are some, and the program notices them.
            #expect(report["executed"]?.intValue ?? 0 > 100, "\(report.text)")
            #expect(report["noticed"]?.intValue ?? 0 > 250, "\(report.text)")
            print("browser: \(report.text)")
        }

        /// The rendered bodies of all articles.
        private static func bodies(_ help: HelpCenterSite) async throws -> [JSON] {
            var bodies: [JSON] = []
            while true {
                let page = try await help.client.send(
                    .GET, "\(help.path)/kb_articles?expand=bodyHtml&limit=200&offset=\(bodies.count)"
                ).json
                let found = page["data"]?.arrayValue?.compactMap { $0["bodyHtml"] } ?? []
                bodies += found
                if found.count < 200 { return bodies }
            }
        }

        /// What notifications about tickets look like: in the shipped words, and in HTML that an organization wrote.
        private static func emails(about tickets: [JSON], _ help: HelpCenterSite) async throws -> [JSON] {
            let ids = tickets.compactMap { $0["id"]?.stringValue }
            let last = try #require(ids.last)
            let address = "\(help.path)/notification_templates/preview"
            let html = """
                <p title="{{ticket.subject}}">{{ticket.subject}}</p><a href="https://example.com/?q={{ticket.subject}}">x</a>
                """
            try await eventually("notifications know the tickets", within: .seconds(60)) {
                try await help.client.send(
                    .POST, address, json: ["type": "ticket_assigned", "ticketId": .string(last)]
                ).isSuccess
            }
            return try await all(ids) { id -> [JSON] in
                var found: [JSON] = []
                for words in [[:], ["html": .string(html)]] as [JSONObject] {
                    var body = words
                    body["type"] = "ticket_assigned"
                    body["ticketId"] = .string(id)
                    if let html = try await help.client.made(address, .object(body))["html"] { found.append(html) }
                }
                return found
            }.flatMap(\.self)
        }

        /// The attacks without NULs, as few lines of at most so many characters.
        private static func joined(_ attacks: [String], lengthMax: Int = 190) -> [String] {
            var lines: [String] = []
            for attack in attacks where !attack.contains("\0") {
                let line = attack.replacing("\n", with: " ")
                if let last = lines.last, last.unicodeScalars.count + line.unicodeScalars.count < lengthMax {
                    lines[lines.count - 1] += " " + line
                } else {
                    lines.append(String(String.UnicodeScalarView(line.unicodeScalars.prefix(lengthMax))))
                }
            }
            return lines
        }

        /// What comes of each, in order, with a few under way at once.
        private static func all<Input: Sendable, Output: Sendable>(
            _ inputs: [Input], _ body: @escaping @Sendable (Input) async throws -> Output
        ) async throws -> [Output] {
            try await withThrowingTaskGroup(of: (Int, Output).self) { group in
                var outputs: [Int: Output] = [:]
                for (number, input) in inputs.enumerated() {
                    if number >= 8, let (done, output) = try await group.next() { outputs[done] = output }
                    group.addTask { (number, try await body(input)) }
                }
                while let (done, output) = try await group.next() { outputs[done] = output }
                return inputs.indices.compactMap { outputs[$0] }
            }
        }
    }
}
