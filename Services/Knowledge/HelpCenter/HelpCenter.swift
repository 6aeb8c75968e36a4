// The public help center: pages that are made on the server, for people, screen readers and search engines.
import Contracts
import Crypto
import Database
import HTTPTypes
import Markup
import Mustache
import Search
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// `/v1/help/{organization}/{locale}/…`. Pages show what is published for everybody, set no cookie, and run no script but
/// their own, without which they work too.
struct HelpCenter: Sendable {
    let database: Database
    let counts: ReaderCounts
    /// Where the gateway is reached, `https://help.example.com`, without a slash at the end; for addresses that must be whole.
    let baseURL: String
    /// Makes ids of visitors that nobody can make or read back.
    let visitorKey: SymmetricKey

    private static let root = "help/{organization}"

    var routes: [Route] {
        [
            page("", "The help center, in the reader's language") { request in
                let locales = try await request.site.locales(in: database)
                let accepted = request.call.headers[.acceptLanguage]
                return .redirect(to: request.root(HelpSite.locale(accepted: accepted, of: locales)))
            },
            page("{locale}", "What there is to read") { try await home($0) },
            page("{locale}/categories/{slug}", "A category") { try await category($0) },
            page("{locale}/sections/{slug}", "A section") { try await section($0) },
            page("{locale}/articles/{slug}", "An article", parameters: Self.articleParameters) {
                try await article($0)
            },
            page("{locale}/search", "Search", parameters: Self.searchParameters) { try await search($0) },
            page("{locale}/feed.atom", "New articles as an Atom feed", type: "application/atom+xml") {
                try await feed($0)
            },
            page("sitemap.xml", "Addresses of all articles", type: "application/xml") { try await sitemap($0) },
            feedback, asset("help.css", "text/css", HelpAssets.stylesheet),
            asset("help.js", "text/javascript", HelpAssets.script),
        ]
    }

    private static let articleParameters = [
        Parameter("thanks", .boolean), Parameter("q", .text(length: 0...300, format: nil), "The search that led here."),
    ]

    private static let searchParameters = [
        Parameter("q", .text(length: 0...300, format: nil)), Parameter("page", .integer(1...100)),
        Parameter("typing", .boolean, "Only the results, for a word that may be incomplete."),
    ]

    /// A request for a page, with what is known before its content is read.
    private struct PageRequest {
        var call: Call
        var site: HelpSite
        var locale: String
        var words: HelpWords

        /// Attributes of the pages' own words, where they are in another language than the page.
        var speech: String {
            guard words.language != HelpLanguage.language(of: locale) else { return "" }
            return " lang=\"\(words.language)\" dir=\"\(HelpLanguage.direction(of: words.language))\""
        }

        func root(_ locale: String) -> String { "/v1/help/\(site.slug)/\(locale)" }
        var root: String { root(locale) }
        func href(_ kind: String, _ slug: String, locale other: String? = nil) -> String {
            "\(root(other ?? locale))/\(kind)/\(slug.addingPathEscapes)"
        }
    }

    // MARK: Routes

    private func page(
        _ path: String, _ summary: String, type: String = "text/html", parameters: [Parameter] = [],
        _ make: @escaping @Sendable (PageRequest) async throws -> Answer
    ) -> Route {
        let path = path.isEmpty ? Self.root : "\(Self.root)/\(path)"
        return Route(
            .get, path, on: [.platform], access: .open, summary: summary, tag: "help", parameters: parameters,
            answers: [
                AnswerSpec(.ok, "The page.", schema: ["type": "string"], mediaType: type),
                AnswerSpec(.notFound, "A page that says so.", schema: ["type": "string"], mediaType: "text/html"),
                AnswerSpec(
                    .notFound, "There is no such help center.", schema: ["$ref": "#/components/schemas/Problem"],
                    mediaType: Problem.mediaType),
                AnswerSpec(.notModified, "What the reader has is what there is."),
                AnswerSpec(.movedPermanently, "It has another address now."),
                AnswerSpec(.found, "It is to be found elsewhere."),
            ]
        ) { call in
            guard let site = try await HelpSite.find(try call.parameter("organization"), in: database) else {
                throw Problem.notFound("There is no such help center.")
            }
            let locale = path.contains("{locale}") ? try Self.locale(call) : "en"
            let request = PageRequest(call: call, site: site, locale: locale, words: HelpWords.of(locale))
            return try await make(request).validated(against: call.headers[.ifNoneMatch])
        }
    }

    private static func locale(_ call: Call) throws(Problem) -> String {
        guard let locale = Locales.normalized(try call.parameter("locale")) else {
            throw .notFound("There is no such language.")
        }
        return locale
    }

    private func asset(_ name: String, _ type: String, _ text: String) -> Route {
        let answer = Answer.content(.bytes(Array(text.utf8)), type: "\(type); charset=utf-8")
            .with(.cacheControl, "public, max-age=3600")
        return Route(
            .get, "help-assets/\(name)", on: [.platform], access: .open, summary: "Part of the help center's pages",
            tag: "help",
            answers: [
                AnswerSpec(.ok, "The file.", schema: ["type": "string"], mediaType: type),
                AnswerSpec(.notModified, "What the reader has is what there is."),
            ]
        ) { call in
            answer.validated(against: call.headers[.ifNoneMatch])
        }
    }

    // MARK: Pages

    private func home(_ request: PageRequest) async throws -> Answer {
        let categories = try await read(request) { tx in
            try await HelpContent.categories(request.site, request.locale, in: tx)
        }
        let locales = try await request.site.locales(in: database)
        return page(
            request, "home", title: request.words["help"], path: "",
            alternates: locales.filter { $0 != request.locale }.map { ($0, request.root($0)) },
            [
                "hasTranslations": locales.contains { $0 != request.locale },
                "translations": locales.filter { $0 != request.locale }.map { locale in
                    translation(locale, HelpLanguage.name(of: locale), request.root(locale))
                },
                "categories": categories.map { category in
                    known([
                        "name": category.name, "href": request.href("categories", category.slug),
                        "description": category.description,
                        "sections": category.sections.map { section in
                            ["name": section.name, "href": request.href("sections", section.slug)]
                        },
                    ])
                },
            ])
    }

    private func category(_ request: PageRequest) async throws -> Answer {
        let slug = try request.call.parameter("slug")
        let (found, teasers) = try await read(request) { tx in
            let found = try await HelpContent.categories(request.site, request.locale, in: tx).first { $0.slug == slug }
            let ids = found?.sections.map(\.id) ?? []
            let teasers = try await HelpContent.teasers(
                request.site, where: "t.section_id = ANY(\(ids)) AND t.locale = \(request.locale)", limit: 500, in: tx)
            return (found, teasers)
        }
        guard let category = found else { return missing(request) }
        return page(
            request, "listing", title: category.name, path: "/categories/\(slug.addingPathEscapes)", crumbs: [],
            [
                "name": category.name, "description": category.description, "hasArticles": false,
                "groups": category.sections.map { section -> [String: Any] in
                    [
                        "name": section.name, "href": request.href("sections", section.slug),
                        "articles": rows(teasers.filter { $0.sectionId == section.id }, request),
                    ]
                },
            ])
    }

    private func section(_ request: PageRequest) async throws -> Answer {
        let slug = try request.call.parameter("slug")
        let (found, teasers) = try await read(request) { tx in
            let categories = try await HelpContent.categories(request.site, request.locale, in: tx)
            let found = categories.lazy.compactMap { category in
                category.sections.first { $0.slug == slug }.map { (category, $0) }
            }.first
            guard let found else {
                return (nil as (HelpContent.Category, HelpContent.Section)?, [HelpContent.Teaser]())
            }
            let teasers = try await HelpContent.teasers(
                request.site, where: "t.section_id = \(found.1.id) AND t.locale = \(request.locale)", limit: 500, in: tx
            )
            return (found, teasers)
        }
        guard let (category, section) = found else { return missing(request) }
        return page(
            request, "listing", title: section.name, path: "/sections/\(slug.addingPathEscapes)",
            crumbs: [(category.name, request.href("categories", category.slug))],
            [
                "name": section.name, "description": section.description, "groups": [String](),
                "hasArticles": !teasers.isEmpty, "articles": rows(teasers, request),
            ])
    }

    private func article(_ request: PageRequest) async throws -> Answer {
        let slug = try request.call.parameter("slug")
        let (found, other) = try await read(request) { tx in
            let found = try await HelpContent.article(request.site, request.locale, slug, in: tx)
            guard found == nil else { return (found, nil as String?) }
            return (nil, try await HelpContent.redirect(request.site, request.locale, slug, in: tx))
        }
        guard let article = found else {
            return other.map { .redirect(to: request.href("articles", $0), .movedPermanently) } ?? missing(request)
        }
        counts.viewed(article.id, by: visitor(request), at: request.call.now, request.site.tenantId)
        if let query = request.call.arguments.string("q"), !SearchQuery(query).isEmpty {
            counts.clicked(query, locale: request.locale, at: request.call.now, request.site.tenantId)
        }
        let attachments = article.attachments.arrayValue ?? []
        return page(
            request, "article", title: article.title, description: article.summary,
            path: "/articles/\(article.slug.addingPathEscapes)",
            crumbs: [
                (article.category.name, request.href("categories", article.category.slug)),
                (article.section.name, request.href("sections", article.section.slug)),
            ],
            alternates: article.translations.map { ($0.locale, request.href("articles", $0.slug, locale: $0.locale)) },
            [
                "title": article.title, "summary": article.summary,
                "body": PageBody.html(
                    article.html, below: 1,
                    names: PageBody.Names(
                        table: request.words["table"], done: request.words["done"], open: request.words["open"])),
                "updatedAt": article.updatedAt.rfc3339,
                "updatedOn": String(article.updatedAt.rfc3339.prefix(10)),
                "feedback": request.href("articles", article.slug) + "/feedback",
                "thanks": request.call.arguments.bool("thanks") ?? false, "hasAttachments": !attachments.isEmpty,
                "attachments": attachments.compactMap { file -> [String: String]? in
                    guard let name = file["name"]?.stringValue, let url = file["url"]?.stringValue,
                        let safe = SafeAddress.link(url)
                    else { return nil }
                    return ["name": name, "url": safe]
                },
                "hasTranslations": !article.translations.isEmpty,
                "translations": article.translations.map { other in
                    translation(
                        other.locale, other.title, request.href("articles", other.slug, locale: other.locale))
                },
            ])
    }

    /// A way to a page in another language.
    private func translation(_ locale: String, _ name: String, _ href: String) -> [String: String] {
        ["locale": locale, "direction": HelpLanguage.direction(of: locale), "name": name, "href": href]
    }

    private func search(_ request: PageRequest) async throws -> Answer {
        let arguments = request.call.arguments
        let text = arguments.string("q") ?? ""
        let isTyping = arguments.bool("typing") ?? false
        var search = ArticleSearch(
            query: SearchQuery(text, isBeginning: isTyping), audience: .everybody, locale: request.locale)
        let page = arguments.int("page") ?? 1
        search.limit = isTyping ? 5 : 10
        search.offset = (page - 1) * search.limit
        let found = try await read(request) { [search] tx in try await search.run(request.site.tenantId, in: tx) }
        if !isTyping, page == 1, !search.query.isEmpty {
            let total = found.correctedQuery == nil ? found.total : 0
            counts.searched(text, locale: request.locale, found: total, at: request.call.now, request.site.tenantId)
        }
        // What was only typed halfway is not counted as a search, nor is what it led to.
        let origin = isTyping ? "" : "?q=\(text.addingPathEscapes)"
        let count = found.total == 1 ? "foundOne" : found.isTotalExact ? "found" : "foundMany"
        var content: [String: Any?] = [
            "words": request.words.byName, "speech": request.speech, "hasQuery": !search.query.isEmpty,
            "corrected": found.correctedQuery,
            "count": request.words[count].replacing("%d", with: "\(found.total)"),
            "hits": found.hits.map { hit in
                [
                    "href": request.href("articles", hit.slug) + origin, "title": hit.titleHTML,
                    "snippet": hit.snippetHTML,
                ]
            },
        ]
        if search.offset + Int64(found.hits.count) < found.total, page < 100, !isTyping {
            content["more"] = "\(request.root)/search?q=\(text.addingPathEscapes)&page=\(page + 1)"
        }
        if isTyping { return html(HelpTemplates.library.render(known(content), withTemplate: "results") ?? "") }
        return self.page(request, "search", title: request.words["results"], path: nil, query: text, content)
    }

    private func missing(_ request: PageRequest) -> Answer {
        var answer = page(request, "missing", title: request.words["missing"], path: nil, [:])
        answer.status = .notFound
        return answer
    }

    // MARK: What readers say

    private var feedback: Route {
        Route(
            .post, "\(Self.root)/{locale}/articles/{slug}/feedback", on: [.platform], access: .open,
            summary: "Whether an article helped", tag: "help",
            body: .bytes(["application/x-www-form-urlencoded"], bytesMax: 1_000),
            answers: [AnswerSpec(.seeOther, "Back to the article.")]
        ) { call in
            guard let site = try await HelpSite.find(try call.parameter("organization"), in: database) else {
                throw Problem.notFound("There is no such help center.")
            }
            let locale = try Self.locale(call)
            let slug = try call.parameter("slug")
            let request = PageRequest(call: call, site: site, locale: locale, words: HelpWords.of(locale))
            let isHelpful: Bool? =
                switch String(decoding: call.bytes, as: UTF8.self) {
                case "helpful=yes": true
                case "helpful=no": false
                default: nil
                }
            guard let isHelpful else {
                throw Problem.badRequest(
                    "The form is not understood.",
                    errors: [Fault(.pointer("/helpful"), "unknown_value", "It is yes or no.", allowed: ["yes", "no"])])
            }
            try await vote(isHelpful, on: slug, request)
            return .redirect(to: request.href("articles", slug) + "?thanks=true#feedback", .seeOther)
        }
    }

    /// Keeps what a visitor says of an article's present text; a second word about the same text changes nothing.
    private func vote(_ isHelpful: Bool, on slug: String, _ request: PageRequest) async throws {
        let site = request.site
        let person = "visitor:" + visitor(request)
        do {
            try await database.transaction(as: .tenant(site.tenantId)) { tx in
                guard let article = try await HelpContent.article(site, request.locale, slug, in: tx) else {
                    throw Problem.notFound("There is no such article.")
                }
                let said = try await tx.first(
                    """
                    SELECT FROM kb_article_feedback AS f JOIN kb_articles AS t
                        ON t.tenant_id = f.tenant_id AND t.id = f.kb_article_id AND t.revision = f.revision
                    WHERE f.tenant_id = \(site.tenantId) AND f.kb_article_id = \(article.id) AND f.person = \(person)
                    """)
                guard said == nil else { return }
                let op = Operation(
                    tx: tx, tenantId: site.tenantId, actorName: "visitor", now: request.call.now,
                    requestId: request.call.requestId)
                _ = try await ResourceStore(Feedback()).create(
                    ["helpful": isHelpful, "person": person], parentId: article.id, in: op)
            }
        } catch let error as DatabaseError where error.constraint == "kb_article_feedback_person_key" {
            // Two at the same instant do not see each other; one of them was taken.
        }
    }

    /// Who reads, as far as that can be told without leaving anything with them: the same network address and browser are the
    /// same visitor for a day. The id says neither.
    private func visitor(_ request: PageRequest) -> String {
        let day = request.call.now.rfc3339.prefix(10)
        let parts = [
            request.site.tenantId.text, String(day), request.call.headers[.xForwardedFor] ?? "",
            request.call.headers[.userAgent] ?? "",
        ]
        let code = HMAC<SHA256>.authenticationCode(for: Array(parts.joined(separator: "\n").utf8), using: visitorKey)
        return code.prefix(12).hexadecimal
    }

    // MARK: Documents for machines

    private func feed(_ request: PageRequest) async throws -> Answer {
        let newest = try await read(request) { tx in
            try await HelpContent.teasers(
                request.site, where: "t.locale = \(request.locale)", order: "t.published_at DESC, t.id", limit: 50,
                in: tx)
        }
        let updated = newest.map(\.updatedAt).max() ?? Timestamp(milliseconds: 0)
        func element(_ name: String, _ text: String) -> String { "<\(name)>\(HTMLSanitizer.escape(text))</\(name)>" }
        var lines = [
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>",
            "<feed xmlns=\"http://www.w3.org/2005/Atom\" xml:lang=\"\(request.locale)\">",
            element("id", baseURL + request.root), element("title", request.site.name),
            element("updated", updated.rfc3339),
            "<link rel=\"self\" href=\"\(HTMLSanitizer.escape(baseURL + request.root))/feed.atom\"/>",
            "<author>\(element("name", request.site.name))</author>",
        ]
        for teaser in newest {
            lines += [
                "<entry>", element("id", "urn:uuid:\(teaser.id.text)"), element("title", teaser.title),
                element("updated", teaser.updatedAt.rfc3339), element("published", teaser.publishedAt.rfc3339),
                "<link href=\"\(HTMLSanitizer.escape(baseURL + request.href("articles", teaser.slug)))\"/>",
            ]
            if let summary = teaser.summary { lines.append(element("summary", summary)) }
            lines.append("</entry>")
        }
        return document(lines + ["</feed>"], type: "application/atom+xml")
    }

    /// At most as many addresses as a sitemap may have (sitemaps.org), the newest.
    private func sitemap(_ request: PageRequest) async throws -> Answer {
        let articles = try await read(request) { tx in
            try await HelpContent.teasers(request.site, order: "t.published_at DESC, t.id", limit: 50_000, in: tx)
        }
        let lines = articles.map { teaser in
            let address = baseURL + request.href("articles", teaser.slug, locale: teaser.locale)
            return
                "<url><loc>\(HTMLSanitizer.escape(address))</loc><lastmod>\(teaser.updatedAt.rfc3339)</lastmod></url>"
        }
        return document(
            [
                "<?xml version=\"1.0\" encoding=\"utf-8\"?>",
                "<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">",
            ] + lines + ["</urlset>"], type: "application/xml")
    }

    // MARK: Writing

    private func read<R: Sendable>(_ request: PageRequest, _ body: (Transaction) async throws -> R) async throws -> R {
        try await database.transaction(as: .tenant(request.site.tenantId), readOnly: true, body)
    }

    private func rows(_ teasers: [HelpContent.Teaser], _ request: PageRequest) -> [[String: Any]] {
        teasers.map {
            known(["title": $0.title, "href": request.href("articles", $0.slug), "summary": $0.summary])
        }
    }

    /// What is there: to a template, an optional without a value is one too.
    private func known(_ members: [String: Any?]) -> [String: Any] { members.compactMapValues(\.self) }

    /// A whole page around a template's content.
    private func page(
        _ request: PageRequest, _ template: String, title: String, description: String? = nil, path: String?,
        crumbs: [(name: String, href: String)]? = nil, alternates: [(locale: String, href: String)] = [],
        query: String = "", _ content: [String: Any?]
    ) -> Answer {
        var content = known(content)
        content["words"] = request.words.byName
        content["speech"] = request.speech
        let home = (name: request.words["help"], href: request.root)
        let items = crumbs.map { [home] + $0 }?.map { ["name": $0.name, "href": $0.href] }
        let frame = known([
            "locale": request.locale, "direction": HelpLanguage.direction(of: request.locale),
            "speech": request.speech, "title": path == "" ? request.site.name : "\(title) – \(request.site.name)",
            "description": description, "canonical": path.map { baseURL + request.root + $0 },
            "alternates": alternates.map { ["locale": $0.locale, "href": baseURL + $0.href] },
            "organization": request.site.name, "root": request.root, "assets": "/v1/help-assets", "query": query,
            "words": request.words.byName,
            "crumbs": items.map { ["items": $0, "words": request.words.byName] as [String: Any] },
            "content": HelpTemplates.library.render(content, withTemplate: template) ?? "",
        ])
        return html(HelpTemplates.library.render(frame, withTemplate: "layout") ?? "")
    }

    private func html(_ text: String) -> Answer {
        Answer.content(.bytes(Array(text.utf8)), type: "text/html; charset=utf-8")
            .with(.cacheControl, "public, max-age=60")
            .with(.contentSecurityPolicy, HelpAssets.contentSecurityPolicy)
    }

    private func document(_ lines: [String], type: String) -> Answer {
        Answer.content(.bytes(Array(lines.joined(separator: "\n").utf8)), type: "\(type); charset=utf-8")
            .with(.cacheControl, "public, max-age=300")
    }
}

extension Answer {
    fileprivate static func redirect(to address: String, _ status: HTTPResponse.Status = .found) -> Answer {
        Answer(status, headers: [.location: address])
    }

    /// With an entity tag of its content; 304 for who has it (RFC 9110, section 13.1.2).
    fileprivate func validated(against ifNoneMatch: String?) -> Answer {
        guard status == .ok, case .bytes(let bytes) = content else { return self }
        let digest = SHA256.hash(data: bytes).prefix(12).map { String($0, radix: 36) }.joined()
        return tagged("\"\(digest)\"", ifNoneMatch: ifNoneMatch)
    }
}

extension String {
    /// With everything escaped that is not unreserved in an address (RFC 3986, section 2.3).
    fileprivate var addingPathEscapes: String {
        utf8.reduce(into: "") { text, byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E:
                text.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                text += byte < 16 ? "%0" : "%"
                text += String(byte, radix: 16, uppercase: true)
            }
        }
    }
}

extension HTTPField.Name {
    fileprivate static let xForwardedFor: HTTPField.Name = {
        guard let name = HTTPField.Name("X-Forwarded-For") else { preconditionFailure("a field name") }
        return name
    }()
}
