/// What the help center's pages are shown with. Both work without the other: pages are readable without style and complete
/// without script.
enum HelpAssets {
    /// Sides are those of the language (`inline-start`), so that a page reads from the right as well.
    static let stylesheet = """
        :root {
          color-scheme: light dark;
          --text: #1d2228; --quiet: #57606a; --ground: #fff; --soft: #f4f6f8; --line: #d9dee4; --edge: #78828d;
          --link: #0a58ca; --shade: #1d222826;
        }
        @media (prefers-color-scheme: dark) {
          :root {
            --text: #e6e9ed; --quiet: #a6b0bb; --ground: #14181d; --soft: #1d2329; --line: #343d47; --edge: #7f8b97;
            --link: #8ab8ff; --shade: #0009;
          }
        }
        * { box-sizing: border-box; }
        body {
          margin: 0; color: var(--text); background: var(--ground); font: 1.0625rem/1.65 system-ui, sans-serif;
          overflow-wrap: anywhere;
        }
        body > header { background: var(--soft); border-bottom: 1px solid var(--line); }
        .page { max-width: 48rem; margin-inline: auto; padding-inline: clamp(1rem, 4vw, 2rem); }
        header > .page { padding-block: 1rem 1.25rem; position: relative; }
        main.page { padding-block: 1.25rem 3rem; }
        body > footer { padding-block: 1rem; border-top: 1px solid var(--line); font-size: .95rem; }
        a { color: var(--link); text-underline-offset: .15em; }
        a:hover { text-decoration-thickness: 2px; }
        :focus-visible { outline: 3px solid var(--link); outline-offset: 2px; border-radius: .2rem; }
        main:focus { outline: none; }
        .skip, .unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
        .skip:focus {
          width: auto; height: auto; clip-path: none; z-index: 2; inset: .5rem auto auto .5rem; padding: .5rem 1rem;
          background: var(--ground);
        }
        .brand { font-weight: 600; margin: 0 0 .75rem; }
        .brand a { color: inherit; text-decoration: none; }
        .brand a:hover { text-decoration: underline; }
        form[role=search] { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: .35rem .5rem; }
        form[role=search] label { grid-column: 1 / -1; }
        input, button { font: inherit; border-radius: .5rem; min-height: 2.75rem; }
        input[type=checkbox] { min-height: 0; }
        input[type=search] {
          color: inherit; background: var(--ground); padding: .5rem .8rem; border: 1px solid var(--edge); min-width: 0;
        }
        button { color: var(--ground); background: var(--link); padding: .5rem 1.2rem; border: 0; cursor: pointer; }
        button:hover { filter: brightness(1.1); }
        #found:not(:empty) {
          position: absolute; z-index: 1; inset-inline: clamp(1rem, 4vw, 2rem); margin-top: .4rem; padding: .25rem 1rem;
          max-height: 70vh; overflow-y: auto; background: var(--ground); border: 1px solid var(--line);
          border-radius: .5rem; box-shadow: 0 .5rem 1.5rem var(--shade);
        }
        h1, h2, h3, h4, h5, h6 { line-height: 1.3; text-wrap: balance; margin: 2rem 0 .5rem; }
        h1 { font-size: clamp(1.6rem, 1.3rem + 1.4vw, 2.1rem); margin-top: 1rem; }
        h2 { font-size: 1.3rem; }
        h3 { font-size: 1.12rem; }
        h4, h5, h6 { font-size: 1rem; }
        p, ul, ol, dl, pre, .scroll, blockquote, figure, details { margin: 0 0 1rem; }
        ul, ol { padding-inline-start: 1.5rem; }
        li { margin-block: .25rem; }
        .crumbs, .languages, .articles, .results, .categories { list-style: none; padding: 0; }
        .crumbs, .languages { display: flex; flex-wrap: wrap; gap: .1rem 1rem; margin: 0; font-size: .95rem; }
        .crumbs { gap: .1rem .5rem; color: var(--quiet); }
        .crumbs li + li::before { content: "/"; margin-inline-end: .5rem; }
        .categories {
          display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 19rem), 1fr)); gap: 1rem; margin: 1.5rem 0;
        }
        .categories > li { margin: 0; padding: 1rem 1.25rem; border: 1px solid var(--line); border-radius: .75rem; }
        .categories h2 { margin-top: 0; font-size: 1.15rem; }
        .categories p { color: var(--quiet); margin-bottom: .5rem; }
        .categories ul { margin: 0; }
        .articles > li, .results > li { margin: 0; padding-block: .7rem; }
        .articles > li + li, .results > li + li { border-top: 1px solid var(--line); }
        .articles p, .results p { margin: .15rem 0 0; color: var(--quiet); }
        .lead { font-size: 1.15rem; color: var(--quiet); }
        .meta { color: var(--quiet); font-size: .95rem; }
        #feedback { margin-top: 2.5rem; padding: 1rem 1.25rem; background: var(--soft); border-radius: .75rem; }
        #feedback p { margin-bottom: .5rem; }
        #feedback p:last-child { margin: 0; }
        #feedback button { min-width: 5rem; margin-inline-end: .25rem; }
        main nav[aria-label] + h1 { margin-top: .75rem; }
        article + section ~ nav { margin-top: 1.5rem; }
        article img { max-width: 100%; height: auto; border-radius: .35rem; }
        .scroll, article pre { max-width: 100%; overflow-x: auto; }
        article pre, article code, article kbd, article samp {
          font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: .9em; direction: ltr; unicode-bidi: isolate;
        }
        article pre { background: var(--soft); padding: .9rem 1rem; border-radius: .5rem; text-align: left; line-height: 1.5; }
        article pre code { font-size: 1em; background: none; padding: 0; overflow-wrap: normal; }
        article code { background: var(--soft); padding: .1em .3em; border-radius: .25rem; }
        article kbd { border: 1px solid var(--edge); border-radius: .25rem; padding: .05em .4em; }
        article table { border-collapse: collapse; min-width: 100%; }
        article th, article td {
          border: 1px solid var(--line); padding: .4rem .7rem; text-align: start; vertical-align: top; overflow-wrap: normal;
        }
        article th { background: var(--soft); }
        article [align=right] { text-align: right; }
        article [align=center] { text-align: center; }
        article blockquote { margin-inline: 0; padding-inline-start: 1rem; border-inline-start: .25rem solid var(--line); }
        article hr { border: 0; border-top: 1px solid var(--line); margin-block: 2rem; }
        article summary { cursor: pointer; }
        article li > input { margin-inline-end: .35rem; }
        mark { background: #ffe08a; color: #1d2228; border-radius: .15rem; }
        """

    static let script = """
        (() => {
          const form = document.querySelector('form[role=search]');
          const search = form.parentElement;
          const input = document.getElementById('q');
          const found = document.getElementById('found');
          const said = document.getElementById('said');
          let timer, request;

          const show = (...nodes) => {
            found.replaceChildren(...nodes);
            const count = found.querySelector('[role=status]');
            said.textContent = count ? count.textContent : '';
            if (count) count.removeAttribute('role');
          };
          const stop = () => {
            clearTimeout(timer);
            if (request) request.abort();
          };
          const look = async () => {
            const text = input.value.trim();
            if (text.length < 2) return show();
            request = new AbortController();
            try {
              const address = form.getAttribute('action') + '?typing=true&q=' + encodeURIComponent(text);
              const answer = await fetch(address, { signal: request.signal });
              if (!answer.ok) return show();
              const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
              show(...page.body.childNodes);
            } catch (error) {
              if (error.name !== 'AbortError') show();
            }
          };

          input.addEventListener('input', () => {
            stop();
            timer = setTimeout(look, 200);
          });
          // Arrows go from the field through what was found and back; Escape leaves it.
          search.addEventListener('keydown', (event) => {
            if (event.key === 'Escape') {
              stop();
              show();
              input.focus();
            }
            if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return;
            const places = [input, ...found.querySelectorAll('a')];
            const place = places.indexOf(document.activeElement);
            if (place < 0 || places.length < 2) return;
            event.preventDefault();
            const step = event.key === 'ArrowDown' ? 1 : places.length - 1;
            places[(place + step) % places.length].focus();
          });
          // What was found lies over the page: it goes when the reader does.
          search.addEventListener('focusout', (event) => {
            if (search.contains(event.relatedTarget)) return;
            stop();
            show();
          });
        })();
        """

    /// Nothing but our own files, and pictures from anywhere over HTTPS.
    static let contentSecurityPolicy =
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' https:; "
        + "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
}
