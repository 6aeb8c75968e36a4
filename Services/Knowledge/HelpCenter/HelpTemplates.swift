import Mustache

/// The help center's pages as templates. Everything that is not `{{{ }}}` is escaped; that is used for rendered articles and
/// highlights alone, which are safe already.
enum HelpTemplates {
    static let library: MustacheLibrary = {
        var library = MustacheLibrary()
        for (name, text) in [
            ("layout", layout), ("home", home), ("listing", listing), ("article", article), ("search", search),
            ("results", results), ("missing", missing), ("articles", articles),
        ] {
            do {
                try library.register(text, named: name)
            } catch {
                preconditionFailure("the template \(name) is not one: \(error)")
            }
        }
        return library
    }()

    private static let layout = """
        <!DOCTYPE html>
        <html lang="{{locale}}">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>{{title}}</title>
        {{#description}}<meta name="description" content="{{description}}">{{/description}}
        {{#canonical}}<link rel="canonical" href="{{canonical}}">{{/canonical}}
        {{#alternates}}<link rel="alternate" hreflang="{{locale}}" href="{{href}}">
        {{/alternates}}
        <link rel="alternate" type="application/atom+xml" title="{{words.newest}}" href="{{root}}/feed.atom">
        <link rel="stylesheet" href="{{assets}}/help.css">
        <script src="{{assets}}/help.js" defer></script>
        </head>
        <body>
        <a class="skip" href="#content">{{words.skip}}</a>
        <header>
        <p class="brand"><a href="{{root}}">{{organization}}</a></p>
        <form role="search" action="{{root}}/search" method="get">
        <label for="q">{{words.search}}</label>
        <input id="q" name="q" type="search" value="{{query}}" maxlength="300" autocomplete="off" aria-controls="found">
        <button>{{words.find}}</button>
        </form>
        <div id="found" aria-live="polite"></div>
        </header>
        <main id="content">
        {{#crumbs}}<nav aria-label="{{words.path}}"><ol class="crumbs">{{#items}}<li><a href="{{href}}">{{name}}</a></li>{{/items}}</ol></nav>{{/crumbs}}
        {{{content}}}
        </main>
        </body>
        </html>
        """

    private static let home = """
        <h1>{{words.help}}</h1>
        {{#categories}}
        <section>
        <h2><a href="{{href}}">{{name}}</a></h2>
        {{#description}}<p>{{description}}</p>{{/description}}
        <ul>{{#sections}}<li><a href="{{href}}">{{name}}</a></li>{{/sections}}</ul>
        </section>
        {{/categories}}
        {{^categories}}<p>{{words.nothing}}</p>{{/categories}}
        """

    private static let articles = """
        <ul class="articles">{{#articles}}<li><a href="{{href}}">{{title}}</a>{{#summary}}<p>{{summary}}</p>{{/summary}}</li>{{/articles}}</ul>
        """

    private static let listing = """
        <h1>{{name}}</h1>
        {{#description}}<p>{{description}}</p>{{/description}}
        {{#groups}}
        <section>
        <h2><a href="{{href}}">{{name}}</a></h2>
        {{>articles}}
        </section>
        {{/groups}}
        {{#hasArticles}}{{>articles}}{{/hasArticles}}
        """

    private static let article = """
        <article>
        <h1>{{title}}</h1>
        <p class="meta">{{words.updated}} <time datetime="{{updatedAt}}">{{updatedOn}}</time></p>
        {{{body}}}
        {{#hasAttachments}}<h2>{{words.attachments}}</h2><ul>{{#attachments}}<li><a href="{{url}}" rel="nofollow noopener noreferrer">{{name}}</a></li>{{/attachments}}</ul>{{/hasAttachments}}
        </article>
        <section id="feedback" aria-label="{{words.helpful}}">
        {{#thanks}}<p role="status">{{words.thanks}}</p>{{/thanks}}
        {{^thanks}}<form action="{{feedback}}" method="post">
        <p>{{words.helpful}}</p>
        <button name="helpful" value="yes">{{words.yes}}</button>
        <button name="helpful" value="no">{{words.no}}</button>
        </form>{{/thanks}}
        </section>
        {{#hasTranslations}}<nav aria-label="{{words.languages}}"><ul class="languages">{{#translations}}<li><a lang="{{locale}}" hreflang="{{locale}}" href="{{href}}">{{title}}</a></li>{{/translations}}</ul></nav>{{/hasTranslations}}
        """

    private static let results = """
        {{#corrected}}<p>{{words.corrected}} <strong>{{corrected}}</strong></p>{{/corrected}}
        <p role="status">{{count}}</p>
        <ol class="results">{{#hits}}<li><a href="{{href}}">{{{title}}}</a><p>{{{snippet}}}</p></li>{{/hits}}</ol>
        {{#more}}<p><a rel="next" href="{{more}}">{{words.more}}</a></p>{{/more}}
        """

    private static let search = """
        <h1>{{words.results}}</h1>
        {{#hasQuery}}{{>results}}{{/hasQuery}}
        """

    private static let missing = """
        <h1>{{words.missing}}</h1>
        <p>{{words.tryToSearch}}</p>
        """
}

/// The pages' own words.
enum HelpWords {
    static func of(_ locale: String) -> [String: String] {
        byLanguage[String(locale.prefix { $0 != "-" })] ?? english
    }

    private static let byLanguage = ["en": english, "de": german]

    private static let english = [
        "attachments": "Files", "corrected": "Nothing was found as you wrote it. Here is what was found for",
        "find": "Search", "help": "How can we help?", "helpful": "Did this help?", "languages": "Other languages",
        "missing": "This page is not here", "more": "More results", "newest": "New articles", "no": "No",
        "nothing": "There are no articles yet.", "path": "Where you are", "results": "Search results",
        "search": "Search for help", "skip": "Skip to the content", "thanks": "Thank you for telling us.",
        "tryToSearch": "It may have moved. Try to search for it.", "updated": "Updated", "yes": "Yes",
        "foundOne": "1 article", "found": "%d articles", "foundMany": "More than %d articles",
    ]

    private static let german = [
        "attachments": "Dateien", "corrected": "So geschrieben wurde nichts gefunden. Hier ist, was zu finden war für",
        "find": "Suchen", "help": "Wie können wir helfen?", "helpful": "Hat das geholfen?",
        "languages": "Andere Sprachen", "missing": "Diese Seite gibt es hier nicht", "more": "Weitere Treffer",
        "newest": "Neue Artikel", "no": "Nein", "nothing": "Es gibt noch keine Artikel.", "path": "Wo Sie sind",
        "results": "Suchergebnisse", "search": "Hilfe suchen", "skip": "Zum Inhalt",
        "thanks": "Danke für die Rückmeldung.", "tryToSearch": "Vielleicht ist sie umgezogen. Versuchen Sie die Suche.",
        "updated": "Stand", "yes": "Ja", "foundOne": "1 Artikel", "found": "%d Artikel",
        "foundMany": "Mehr als %d Artikel",
    ]
}
