"""Shows a real browser, without any content security policy, what became of attacks, and writes down what they did.

    attack_browser.py JOB.json

The job: `origin`; `key` (an API key for what is asked of it); `raw` (the attacks as they are, to see that this program
would notice them); `fragments` (lists of HTML by the name of where it is from); `pages` (addresses in the help center at
`start`), of which some are visited and all are shown in frames; `documents` (addresses of what is not HTML); `typed` (what
is searched for as a reader types); and `report`.
"""

import json
import pathlib
import sys
import time

from browser import chromium, keep_at_home

# Frames of one document, each with an attack in it.
FRAMES_MAX = 60

# In every frame, before anything else: attacks call xss().
CANARY = """
window.xss = () => { window.fired = true; return ''; };
window.alert = window.xss;
"""

# What is in a document that could do something, and whether anything has.
FINDINGS = """([kind]) => {
  const own = kind === 'page';
  const harmless = new Set(('A ABBR B BDI BDO BLOCKQUOTE BR CAPTION CITE CODE COL COLGROUP DD DEL DETAILS DFN DIV DL DT '
    + 'EM FIGCAPTION FIGURE H1 H2 H3 H4 H5 H6 HR I IMG INPUT INS KBD LI MARK OL P PRE Q RP RT RUBY S SAMP SMALL SPAN '
    + 'STRONG SUB SUMMARY SUP TABLE TBODY TD TFOOT TH THEAD TR U UL VAR WBR HTML HEAD BODY').split(' '));
  const ours = new Set('META TITLE LINK SCRIPT FORM LABEL BUTTON HEADER MAIN FOOTER NAV SECTION ARTICLE TIME'.split(' '));
  const schemes = new Set(['http:', 'https:', 'mailto:', 'tel:', 'cid:']);
  const faults = [];
  const see = (element, what) => faults.push(what + ': ' + element.outerHTML.slice(0, 200));
  for (const element of document.querySelectorAll('*')) {
    const name = element.tagName;
    if (element.namespaceURI !== 'http://www.w3.org/1999/xhtml') { see(element, 'foreign'); continue; }
    // What may be plain text has names in angle brackets, which browsers take for elements and do nothing with.
    const isNothing = kind === 'description' && element instanceof HTMLUnknownElement && !element.attributes.length;
    if (!harmless.has(name) && !isNothing && !(own && ours.has(name))) see(element, 'element');
    if (name === 'SCRIPT' && (element.textContent || element.getAttribute('src') !== '/v1/help-assets/help.js'))
      see(element, 'script');
    if (name === 'LINK' && !['canonical', 'alternate', 'stylesheet'].includes(element.rel)) see(element, 'link');
    if (name === 'META' && element.httpEquiv) see(element, 'meta');
    if (name === 'INPUT' && element.type !== 'checkbox' && element.id !== 'q') see(element, 'input');
    if (own && element.id && element.closest('article') && !element.id.startsWith('section-')) see(element, 'id');
    for (const attribute of element.attributes) {
      const key = attribute.name.toLowerCase();
      const value = attribute.value;
      if (key.startsWith('on')) see(element, 'handler');
      if (['srcdoc', 'formaction', 'srcset', 'ping', 'background', 'target', 'autofocus', 'contenteditable',
        'http-equiv', 'popover', 'usemap', 'form'].includes(key) || key.includes(':')) see(element, 'attribute');
      if (key === 'style' && !(kind === 'email' && name === 'BODY')) see(element, 'style');
      if (!own && (key === 'id' || key === 'name')) see(element, 'name');
      if (['href', 'src', 'action', 'cite', 'data', 'poster'].includes(key)) {
        let scheme = 'none';
        try { scheme = new URL(value, 'https://site.invalid/').protocol; } catch { continue; }
        if (!schemes.has(scheme)) see(element, 'address');
      }
    }
    // A handler that is no attribute any more would still hear of these.
    if (!element.closest('form')) {
      for (const event of ['mouseover', 'pointerenter', 'focus', 'toggle', 'error'])
        element.dispatchEvent(new Event(event));
    }
  }
  if (own && new Set([...document.querySelectorAll('[id]')].map((element) => element.id)).size
      !== document.querySelectorAll('[id]').length) faults.push('an id is there twice');
  if (window.fired) faults.push('it was executed');
  return faults;
}"""


class Range:
    def __init__(self, browser, job):
        self.job = job
        self.faults = []
        self.asked = []
        self.dialogs = []
        self.context = browser.new_context(
            bypass_csp=True, extra_http_headers={"Authorization": f"Bearer {job['key']}"}
        )
        self.context.add_init_script(CANARY)
        keep_at_home(self.context, job["origin"], self.asked)
        self.page = self.context.new_page()
        self.page.on("dialog", self.dismiss)
        self.context.on("page", lambda page: self.faults.append(f"it opened {page.url}"))

    def dismiss(self, dialog):
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def strays(self):
        """What was asked of other hosts since, beside pictures; and dialogs."""
        strays = [f"{kind} {address}" for kind, address in self.asked if kind != "image"] + self.dialogs
        self.asked.clear()
        self.dialogs.clear()
        return strays

    def frames(self, kind, fragments):
        """The faults of each fragment, in a frame of its own."""
        found = []
        for start in range(0, len(fragments), FRAMES_MAX):
            part = fragments[start : start + FRAMES_MAX]
            self.page.goto("about:blank")
            self.page.evaluate(
                """(fragments) => Promise.all(fragments.map((html) => new Promise((resolve) => {
                  const frame = document.createElement('iframe');
                  frame.onload = resolve;
                  setTimeout(resolve, 2000);
                  frame.srcdoc = html;
                  document.body.append(frame);
                })))""",
                part,
            )
            frames = self.page.main_frame.child_frames
            if len(frames) < len(part):
                self.faults.append(f"{kind}: {len(part)} fragments and {len(frames)} frames")
            for html, frame in zip(part, frames):
                moved = [] if frame.url == "about:srcdoc" else [f"it went to {frame.url}"]
                found.append((html, moved + frame.evaluate(FINDINGS, [kind])))
            strays = self.strays()
            if strays:
                found.append((f"fragments from {start} on", strays))
        return found

    def note(self, where, found):
        for html, faults in found:
            if faults:
                self.faults.append(f"{where}: {html[:300]!r}: {faults[:3]}")

    def fetch(self, addresses):
        """What the server says, asked for by a page of its own."""
        self.page.goto(self.job["start"] + "/en")
        found = self.page.evaluate(
            """(addresses) => Promise.all(addresses.map(async (address) => {
              let answer = await fetch(address);
              // So many at once may be too many for one reader.
              while (answer.status === 429) {
                const seconds = Number(answer.headers.get('retry-after')) || 1;
                await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
                answer = await fetch(address);
              }
              return [answer.status, answer.headers.get('content-type'), await answer.text()];
            }))""",
            addresses,
        )
        for address, (status, kind, _) in zip(addresses, found):
            # What is no text is refused, in JSON.
            if status not in (200, 400, 404) or status != 400 and not kind.startswith("text/html"):
                self.faults.append(f"{address}: {status} {kind}")
        return [html for status, _, html in found if status != 400]

    def visit(self, address):
        answer = self.page.goto(address)
        faults = self.page.evaluate(FINDINGS, ["page"]) + self.strays()
        if faults or answer.status not in (200, 400, 404):
            self.faults.append(f"{address}: {answer.status} {faults[:3]}")

    def show(self, address):
        """What is not HTML: nothing of it is executed either."""
        self.page.goto(address)
        if self.page.evaluate("() => window.fired === true") or self.strays():
            self.faults.append(f"{address}: it was executed")

    def type(self, texts):
        """Results that the page's own script puts into it."""
        self.page.goto(self.job["start"] + "/en")
        for text in texts:
            with self.page.expect_response("**typing=true**"):
                self.page.locator("#q").fill(text)
            self.page.wait_for_function("() => document.getElementById('said').textContent !== ''")
            faults = self.page.evaluate(FINDINGS, ["page"]) + self.strays()
            if faults:
                self.faults.append(f"typing {text!r}: {faults[:3]}")
            self.page.locator("#q").fill("")
            self.page.wait_for_function("() => document.getElementById('said').textContent === ''")


def main():
    job = json.loads(pathlib.Path(sys.argv[1]).read_text())
    begun = time.monotonic()
    took = {}
    with chromium() as browser:
        range = Range(browser, job)
        raw = range.frames("raw", job["raw"])
        executed = sum("it was executed" in faults for _, faults in raw)
        noticed = sum(bool(faults) for _, faults in raw)
        range.faults.clear()
        took["raw"] = time.monotonic() - begun
        # Another page: what the raw ones left running is none of what comes.
        range.context.close()
        range = Range(browser, job)
        for kind, fragments in job["fragments"].items():
            range.note(kind, range.frames(kind, fragments))
        took["fragments"] = time.monotonic() - begun
        range.note("page", range.frames("page", range.fetch(job["pages"])))
        took["pages"] = time.monotonic() - begun
        for address in job["pages"][:: max(1, len(job["pages"]) // 30)]:
            range.visit(address)
        took["visits"] = time.monotonic() - begun
        range.type(job["typed"])
        for address in job["documents"]:
            range.show(address)
    report = {
        "faults": range.faults, "raw": len(job["raw"]), "executed": executed, "noticed": noticed,
        "seconds": round(time.monotonic() - begun, 1), "took": took,
    }
    pathlib.Path(job["report"]).write_text(json.dumps(report))


main()
