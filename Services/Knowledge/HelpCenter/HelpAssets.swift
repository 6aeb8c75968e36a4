/// What the help center's pages are shown with. Both work without the other: pages are readable without style and complete
/// without script.
enum HelpAssets {
    static let stylesheet = """
        :root { color-scheme: light dark; --text: #1d2228; --ground: #fff; --soft: #f2f4f7; --line: #c9cfd6; --link: #0a58ca; }
        @media (prefers-color-scheme: dark) {
          :root { --text: #e6e9ed; --ground: #14181d; --soft: #1f252c; --line: #46505b; --link: #8ab8ff; }
        }
        * { box-sizing: border-box; }
        body { margin: 0; color: var(--text); background: var(--ground); font: 1.0625rem/1.6 system-ui, sans-serif; overflow-wrap: break-word; }
        header, main { max-width: 46rem; margin: 0 auto; padding: 1rem; }
        a { color: var(--link); }
        a:focus-visible, button:focus-visible, input:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
        .skip { position: absolute; left: -100rem; }
        .skip:focus { left: 1rem; top: 1rem; padding: .5rem 1rem; background: var(--ground); }
        .brand { font-weight: 600; margin: 0 0 .75rem; }
        form[role=search] { display: grid; grid-template-columns: 1fr auto; gap: .5rem; }
        form[role=search] label { grid-column: 1 / -1; }
        input, button { font: inherit; border-radius: .4rem; }
        input[type=search] {
          color: inherit; background: var(--ground); padding: .6rem .8rem; border: 1px solid var(--line); min-width: 0;
        }
        button {
          color: var(--ground); background: var(--link); padding: .6rem 1.1rem; border: 0; cursor: pointer;
          min-height: 2.75rem;
        }
        h1 { font-size: 1.7rem; line-height: 1.25; }
        h2 { font-size: 1.25rem; }
        ul, ol { padding-left: 1.4rem; }
        .crumbs, .languages { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: .25rem 1rem; }
        .articles li, .results li { margin: .4rem 0; }
        .articles p, .results p { margin: .1rem 0 .6rem; }
        .meta { opacity: .8; font-size: .95rem; }
        #found:not(:empty) { border: 1px solid var(--line); border-radius: .4rem; margin-top: .5rem; padding: 0 1rem; background: var(--soft); }
        #feedback { margin-top: 2rem; padding: .5rem 1rem 1rem; background: var(--soft); border-radius: .4rem; }
        article img { max-width: 100%; height: auto; }
        article pre, article table { display: block; max-width: 100%; overflow-x: auto; }
        article pre { background: var(--soft); padding: .8rem; border-radius: .4rem; }
        article th, article td { border: 1px solid var(--line); padding: .3rem .6rem; text-align: left; }
        article blockquote { margin-left: 0; padding-left: 1rem; border-left: .25rem solid var(--line); }
        mark { background: #ffe08a; color: #1d2228; }
        """

    static let script = """
        (() => {
          const form = document.querySelector('form[role=search]');
          const input = document.getElementById('q');
          const found = document.getElementById('found');
          let timer, request;
          input.addEventListener('input', () => {
            clearTimeout(timer);
            timer = setTimeout(async () => {
              if (request) request.abort();
              const text = input.value.trim();
              if (text.length < 2) { found.replaceChildren(); return; }
              request = new AbortController();
              try {
                const address = form.action + '?typing=true&q=' + encodeURIComponent(text);
                const answer = await fetch(address, { signal: request.signal });
                if (!answer.ok) return;
                const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
                found.replaceChildren(...page.body.childNodes);
              } catch (error) {
                if (error.name !== 'AbortError') found.replaceChildren();
              }
            }, 200);
          });
          input.addEventListener('keydown', (event) => {
            if (event.key === 'Escape') found.replaceChildren();
          });
        })();
        """

    /// Nothing but our own files, and pictures from anywhere over HTTPS.
    static let contentSecurityPolicy =
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' https:; "
        + "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
}
