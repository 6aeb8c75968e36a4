import Mustache

/// The help center's pages as templates. Everything that is not `{{{ }}}` is escaped; that is used for rendered articles and
/// highlights, which are safe already, and for `speech`: attributes that name the language of the pages' own words where it
/// is not the page's.
enum HelpTemplates {
    static let library: MustacheLibrary = {
        var library = MustacheLibrary()
        for (name, text) in [
            ("layout", layout), ("home", home), ("listing", listing), ("article", article), ("search", search),
            ("results", results), ("missing", missing), ("articles", articles), ("languages", languages),
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
        <html lang="{{locale}}" dir="{{direction}}">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>{{title}}</title>
        {{#description}}<meta name="description" content="{{description}}">{{/description}}
        {{#canonical}}<link rel="canonical" href="{{canonical}}">{{/canonical}}
        {{^canonical}}<meta name="robots" content="noindex">{{/canonical}}
        {{#alternates}}<link rel="alternate" hreflang="{{locale}}" href="{{href}}">
        {{/alternates}}
        <link rel="alternate" type="application/atom+xml" title="{{words.newest}}" href="{{root}}/feed.atom">
        <link rel="stylesheet" href="{{assets}}/help.css">
        <script src="{{assets}}/help.js" defer></script>
        </head>
        <body>
        <a class="skip" href="#content"{{{speech}}}>{{words.skip}}</a>
        <header>
        <div class="page">
        <p class="brand"><a href="{{root}}">{{organization}}</a></p>
        <form role="search" action="{{root}}/search" method="get">
        <label for="q"{{{speech}}}>{{words.search}}</label>
        <input id="q" name="q" type="search" value="{{query}}" maxlength="300" autocomplete="off" dir="auto">
        <button{{{speech}}}>{{words.find}}</button>
        </form>
        <div id="found" tabindex="-1"></div>
        <p id="said" class="unseen" role="status"></p>
        </div>
        </header>
        <main id="content" class="page" tabindex="-1">
        {{#crumbs}}<nav aria-label="{{words.path}}"><ol class="crumbs">{{#items}}<li><a href="{{href}}">{{name}}</a></li>{{/items}}</ol></nav>{{/crumbs}}
        {{{content}}}
        </main>
        <footer><p class="page"><a href="{{root}}/feed.atom"{{{speech}}}>{{words.newest}} (Atom)</a></p></footer>
        </body>
        </html>
        """

    private static let home = """
        <h1{{{speech}}}>{{words.help}}</h1>
        <ul class="categories">{{#categories}}
        <li>
        <h2><a href="{{href}}">{{name}}</a></h2>
        {{#description}}<p>{{description}}</p>{{/description}}
        <ul>{{#sections}}<li><a href="{{href}}">{{name}}</a></li>{{/sections}}</ul>
        </li>{{/categories}}
        </ul>
        {{^categories}}<p{{{speech}}}>{{words.nothing}}</p>{{/categories}}
        {{>languages}}
        """

    private static let languages = """
        {{#hasTranslations}}<nav aria-label="{{words.languages}}"><ul class="languages">{{#translations}}<li><a lang="{{locale}}" dir="{{direction}}" hreflang="{{locale}}" href="{{href}}">{{name}}</a></li>{{/translations}}</ul></nav>{{/hasTranslations}}
        """

    private static let articles = """
        <ul class="articles">{{#articles}}<li><a href="{{href}}">{{title}}</a>{{#summary}}<p>{{summary}}</p>{{/summary}}</li>{{/articles}}</ul>
        """

    private static let listing = """
        <h1>{{name}}</h1>
        {{#description}}<p class="lead">{{description}}</p>{{/description}}
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
        {{#summary}}<p class="lead">{{summary}}</p>{{/summary}}
        <p class="meta"{{{speech}}}>{{words.updated}} <time datetime="{{updatedAt}}">{{updatedOn}}</time></p>
        {{{body}}}
        {{#hasAttachments}}<div class="files"><h2{{{speech}}}>{{words.attachments}}</h2><ul>{{#attachments}}<li><a href="{{url}}" rel="nofollow noopener noreferrer">{{name}}</a></li>{{/attachments}}</ul></div>{{/hasAttachments}}
        </article>
        <section id="feedback" aria-label="{{words.helpful}}"{{{speech}}}>
        {{#thanks}}<p role="status">{{words.thanks}}</p>{{/thanks}}
        {{^thanks}}<form action="{{feedback}}" method="post">
        <p>{{words.helpful}}</p>
        <button name="helpful" value="yes">{{words.yes}}</button>
        <button name="helpful" value="no">{{words.no}}</button>
        </form>{{/thanks}}
        </section>
        {{>languages}}
        """

    private static let results = """
        {{#corrected}}<p><span{{{speech}}}>{{words.corrected}}</span> <strong>{{corrected}}</strong></p>{{/corrected}}
        <p role="status"{{{speech}}}>{{count}}</p>
        <ol class="results">{{#hits}}<li><a href="{{href}}">{{{title}}}</a><p>{{{snippet}}}</p></li>{{/hits}}</ol>
        {{#more}}<p><a rel="next" href="{{more}}"{{{speech}}}>{{words.more}}</a></p>{{/more}}
        """

    private static let search = """
        <h1{{{speech}}}>{{words.results}}</h1>
        {{#hasQuery}}{{>results}}{{/hasQuery}}
        """

    private static let missing = """
        <h1{{{speech}}}>{{words.missing}}</h1>
        <p{{{speech}}}>{{words.tryToSearch}}</p>
        """
}
