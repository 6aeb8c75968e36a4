"""Reads a help center in a real browser as its readers do, and writes down what is wrong with it.

    browse_help.py JOB.json

The job: `start` (where the help center begins), `articles` (addresses, each with the HTML that its text has to be),
`search` (`typed`: the beginning of a word; `title`: what it leads to; `many`: a word with more than one page of results;
`misspelled`), `voted` (addresses of two articles) and `report` (the file that the answer is written to). Pictures of all
pages go to the directory named by DESKWIRE_SCREENSHOTS, if it is.
"""

import json
import os
import pathlib
import re
import sys
import time
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

from axe_playwright_python.sync_playwright import Axe
from browser import chromium, keep_at_home
from playwright.sync_api import Error

PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 900}
# WCAG 2.1, levels A and AA.
RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}}
CONTRAST = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
SERIOUS = ("serious", "critical")

# What a page says of itself.
FACTS = """() => {
  const all = (selector, read) => [...document.querySelectorAll(selector)].map(read);
  return {
    lang: document.documentElement.lang,
    dir: document.documentElement.dir,
    title: document.title,
    canonical: all('link[rel=canonical]', (link) => link.href),
    noindex: all('meta[name=robots]', (meta) => meta.content),
    viewport: all('meta[name=viewport]', (meta) => meta.content),
    landmarks: ['body > header', 'main', 'form[role=search]', 'body > footer'].filter(
      (selector) => document.querySelectorAll(selector).length !== 1),
    headings: all('h1, h2, h3, h4, h5, h6', (heading) => Number(heading.tagName[1])),
    odd: all('body *', (element) => element).filter((element) => !element.closest('article')
        && /^(nil|null|undefined|)$|Optional\\(/.test(element.textContent.trim()) && !element.children.length
        && !['INPUT', 'IMG'].includes(element.tagName) && !['found', 'said'].includes(element.id))
      .map((element) => element.outerHTML),
    nameless: all('h1, h2, h3, h4, h5, h6, a[href]', (element) => element)
      .filter((element) => !element.textContent.trim() && !element.querySelector('img[alt]:not([alt=""])'))
      .map((element) => element.outerHTML),
    ids: all('[id]', (element) => element.id),
    links: all('a[href], link[href], script[src], img[src], form', (element) => ({
      address: element.href || element.src || element.action,
      kind: element.tagName.toLowerCase(), method: element.method || 'get', rel: element.rel || '',
    })),
    wide: [...document.querySelectorAll('body *')].filter((element) =>
        element.getBoundingClientRect().right > innerWidth + 1 && !element.closest('.scroll, pre, .unseen'))
      .map((element) => element.outerHTML.slice(0, 120)).slice(0, 3),
    scrolls: document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth,
  };
}"""

# An article's elements and words, of the page and of the HTML that it was made from, in one form.
ARTICLE = """(html) => {
  const form = (root) => {
    root.querySelectorAll('div.scroll').forEach((box) => box.replaceWith(...box.childNodes));
    const names = [...root.querySelectorAll('*')].map((element) => element.tagName.replace(/^H[1-6]$/, 'HEADING'));
    return [names.join(' '), root.textContent.replace(/\\s+/g, ' ').trim()];
  };
  const shown = document.querySelector('article').cloneNode(true);
  shown.querySelectorAll(':scope > h1, :scope > .lead, :scope > .meta, :scope > .files').forEach((element) => element.remove());
  return { want: form(new DOMParser().parseFromString(html, 'text/html').body), have: form(shown) };
}"""


class Reader:
    def __init__(self, browser, job):
        self.browser = browser
        self.job = job
        self.axe = Axe()
        parts = urlsplit(job["start"])
        self.origin = f"{parts.scheme}://{parts.netloc}"
        self.faults = []
        self.asked = []
        folder = os.environ.get("DESKWIRE_SCREENSHOTS")
        self.folder = pathlib.Path(folder) if folder else None
        if self.folder:
            self.folder.mkdir(parents=True, exist_ok=True)
        self.facts = {}
        self.checked = set()
        self.later = []

    def fault(self, place, text):
        self.faults.append(f"{place.removeprefix(self.origin)}: {text}")

    def context(self, **options):
        context = self.browser.new_context(viewport=PHONE, **options)
        keep_at_home(context, self.origin, self.asked)
        context.on("console", lambda message: self.said(message))
        context.on("weberror", lambda error: self.fault(error.page.url, f"script: {error.error}"))
        return context

    def said(self, message):
        # A page that is not there is meant to be a 404.
        if message.type in ("error", "warning") and "/nowhere" not in message.location.get("url", ""):
            self.fault(message.page.url if message.page else "?", f"console: {message.text}")

    def picture(self, page, name):
        if self.folder:
            page.screenshot(path=self.folder / f"{name}.png", full_page=True)

    def name(self, address):
        path = unquote(urlsplit(address).path + "?" + urlsplit(address).query)
        return re.sub(r"[^\w]+", "-", path.split("/help/", 1)[-1]).strip("-")[:80]

    # What holds for every page.

    def visit(self, page, address, status=200):
        answer = page.goto(address)
        if answer.status != status:
            self.fault(address, f"status {answer.status}")
        if not answer.headers.get("content-type", "").startswith("text/html"):
            self.fault(address, f"it is {answer.headers.get('content-type')}")
        if "default-src 'none'" not in answer.headers.get("content-security-policy", ""):
            self.fault(address, "it has no content security policy")
        if answer.headers.get("set-cookie"):
            self.fault(address, "it sets a cookie")
        facts = page.evaluate(FACTS)
        self.facts[urldefrag(page.url).url] = facts
        return facts

    def check(self, page, facts):
        place = page.url
        if not re.fullmatch(r"[a-z]{2,3}(-[a-z0-9]+)*", facts["lang"]):
            self.fault(place, f"lang is {facts['lang']!r}")
        if facts["dir"] != ("rtl" if facts["lang"] in ("ar", "he") else "ltr"):
            self.fault(place, f"dir is {facts['dir']!r} in {facts['lang']}")
        if not facts["title"].strip():
            self.fault(place, "it has no title")
        if facts["viewport"] != ["width=device-width, initial-scale=1"]:
            self.fault(place, f"viewport {facts['viewport']}")
        if facts["noindex"] == ["noindex"]:
            if facts["canonical"]:
                self.fault(place, "it is canonical and not to be indexed")
        elif facts["canonical"] != [urldefrag(place).url.split("?")[0]]:
            self.fault(place, f"canonical {facts['canonical']}")
        if facts["landmarks"]:
            self.fault(place, f"missing or twice: {facts['landmarks']}")
        if facts["odd"]:
            self.fault(place, f"odd text: {facts['odd'][:3]}")
        if facts["nameless"]:
            self.fault(place, f"without a name: {facts['nameless']}")
        levels = facts["headings"]
        if levels[:1] != [1] or levels.count(1) != 1:
            self.fault(place, f"headings {levels}")
        if any(later > earlier + 1 for earlier, later in zip(levels, levels[1:])):
            self.fault(place, f"headings skip a level: {levels}")
        if len(set(facts["ids"])) != len(facts["ids"]):
            self.fault(place, "an id is there twice")
        for scheme in ("light", "dark"):
            for width, size in (("phone", PHONE), ("desktop", DESKTOP)):
                page.emulate_media(color_scheme=scheme)
                page.set_viewport_size(size)
                fit = page.evaluate(FACTS)
                if fit["scrolls"] > 0 or fit["wide"]:
                    self.fault(place, f"{width}: it scrolls sideways by {fit['scrolls']} px: {fit['wide']}")
                # All rules once, and what can change with the colours and the width each time.
                options = RULES if (scheme, width) == ("light", "phone") else CONTRAST
                self.accessible(page, f"{scheme}, {width}", options)
                self.picture(page, f"{self.name(place)}.{width}.{scheme}")
        page.emulate_media(color_scheme="light")
        page.set_viewport_size(PHONE)

    def accessible(self, page, state, options):
        for violation in self.axe.run(page, options=options).response["violations"]:
            if violation["impact"] in SERIOUS or options is RULES and "best-practice" not in violation["tags"]:
                nodes = [node["html"][:200] for node in violation["nodes"]][:3]
                self.fault(page.url, f"{state}: {violation['id']} ({violation['impact']}): {nodes}")
        self.checked.add(page.url)

    # The tour.

    def crawl(self):
        """Every page that links lead to, and every address on them."""
        context = self.context()
        page = context.new_page()
        waiting, seen = [self.job["start"]], set()
        fetched, external = set(), set()
        while waiting:
            address = waiting.pop(0)
            if address in seen:
                continue
            seen.add(address)
            facts = self.visit(page, address)
            self.check(page, facts)
            seen.add(urldefrag(page.url).url)
            for link in facts["links"]:
                target, fragment = urldefrag(link["address"])
                if not target.startswith(self.origin + "/"):
                    external.add(target)
                elif link["method"] == "post" or "/search" in target and link["kind"] == "form":
                    continue
                elif link["kind"] == "a" and "/v1/help/" in target and not target.endswith(".atom"):
                    waiting.append(target)
                else:
                    fetched.add(target)
        for address, facts in list(self.facts.items()):
            for link in facts["links"]:
                target, fragment = urldefrag(link["address"])
                if fragment and target in self.facts and unquote(fragment) not in self.facts[target]["ids"]:
                    self.fault(address, f"there is no #{fragment} in {target}")
        fetched.add(urljoin(self.job["start"] + "/", "sitemap.xml"))
        documents = [address for address in fetched if address.endswith((".xml", ".atom"))]
        for address in sorted(fetched):
            answer = context.request.get(address)
            if answer.status != 200:
                self.fault(address, f"status {answer.status}")
            if address in documents:
                listed = re.findall(r'<loc>([^<]+)|href="([^"]+)"', answer.text())
                for target in {one or other for one, other in listed}:
                    if target not in self.facts and context.request.get(target).status != 200:
                        self.fault(address, f"it lists {target}, which is not there")
                if not listed:
                    self.fault(address, "it lists nothing")
        facts = self.visit(page, self.job["start"] + "/en/articles/nowhere", 404)
        self.check(page, facts)
        context.close()
        return len(seen), len(fetched), len(external)

    def articles(self):
        """Each text has in the page the elements and the words that it was rendered to."""
        context = self.context()
        page = context.new_page()
        for article in self.job["articles"]:
            self.visit(page, article["address"])
            found = page.evaluate(ARTICLE, article["html"])
            for want, have in zip(found["want"], found["have"]):
                if want != have:
                    self.fault(page.url, f"it is not what was written:\n{want}\n{have}")
        context.close()

    def without_script(self):
        """The same pages with the same links; searching and voting work."""
        context = self.context(java_script_enabled=False)
        page = context.new_page()
        for address, before in list(self.facts.items()):
            if "/nowhere" in address:
                continue
            facts = self.visit(page, address)
            if facts["links"] != before["links"] or facts["headings"] != before["headings"]:
                self.fault(address, "it is another page without script")

        search = self.job["search"]
        page.goto(self.job["start"] + "/en")
        page.get_by_role("searchbox").fill(search["many"])
        page.keyboard.press("Enter")
        page.wait_for_url("**/search?q=*")
        self.later.append(page.url)
        first = page.locator(".results a").all_text_contents()
        page.locator("a[rel=next]").click()
        page.wait_for_url("**page=2*")
        more = page.locator(".results a").all_text_contents()
        if len(first) != 10 or not more or set(first) & set(more):
            self.fault(page.url, f"pages of results: {first} {more}")
        page.get_by_role("searchbox").fill(search["misspelled"])
        page.get_by_role("button").first.click()
        page.wait_for_url(f"**q={search['misspelled']}*")
        if not page.locator(".results a").count():
            self.fault(page.url, "a misspelled word finds nothing")
        page.locator(".results a").first.click()
        page.wait_for_url("**/articles/**")

        for address, button in zip(self.job["voted"], (0, 1)):
            page.goto(address)
            page.locator("#feedback button").nth(button).click()
            page.wait_for_url("**thanks=true*")
            if not page.locator("#feedback [role=status]").is_visible():
                self.fault(address, "nobody says thanks")
            self.later.append(page.url)
        context.close()
        # The check itself is a script.
        context = self.context()
        page = context.new_page()
        for address in self.later:
            self.check(page, self.visit(page, address))
        context.close()

    def by_keyboard(self):
        """From the address bar to an article with keys alone, in both directions of writing."""
        search = self.job["search"]
        for locale in ("en", "ar"):
            context = self.context()
            page = context.new_page()
            page.goto(f"{self.job['start']}/{locale}")
            focused = "() => document.activeElement.className || document.activeElement.id"
            page.keyboard.press("Tab")
            if page.evaluate(focused) != "skip" or not page.locator(".skip").bounding_box()["width"] > 40:
                self.fault(page.url, "the first key does not show the way to the content")
            self.picture(page, f"skip.{locale}")
            page.keyboard.press("Enter")
            if page.evaluate("() => document.activeElement.id") != "content":
                self.fault(page.url, "the way to the content leads elsewhere")
            page.goto(f"{self.job['start']}/{locale}")
            for _ in range(3):
                page.keyboard.press("Tab")
            if page.evaluate(focused) != "q":
                self.fault(page.url, "the third key is not in the search field")
            if locale == "ar":
                context.close()
                continue
            page.keyboard.type(search["typed"], delay=20)
            page.locator("#found a").first.wait_for()
            said = page.locator("#said").text_content()
            if not re.search(r"\d", said):
                self.fault(page.url, f"a screen reader hears {said!r}")
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)
                self.accessible(page, f"typing, {scheme}", RULES)
                self.picture(page, f"typing.{scheme}")
            page.keyboard.press("Escape")
            page.locator("#found a").first.wait_for(state="detached")
            page.keyboard.press("Control+a")
            page.keyboard.type(search["typed"])
            page.locator("#found a").first.wait_for()
            page.keyboard.press("ArrowDown")
            page.keyboard.press("ArrowUp")
            if page.evaluate(focused) != "q":
                self.fault(page.url, "the arrows do not lead back")
            page.keyboard.press("ArrowDown")
            page.keyboard.press("Enter")
            page.wait_for_url("**/articles/**")
            if search["title"] not in page.title():
                self.fault(page.url, f"typing led to {page.title()!r}")
            page.go_back()
            page.keyboard.press("Tab")
            context.close()


def main():
    job = json.loads(pathlib.Path(sys.argv[1]).read_text())
    begun = time.monotonic()
    took = {}
    with chromium() as browser:
        reader = Reader(browser, job)
        pages, documents, external = reader.crawl()
        for part in (reader.articles, reader.without_script, reader.by_keyboard):
            took[part.__name__] = -time.monotonic()
            try:
                part()
            except Error as error:
                reader.fault(part.__name__, f"it ended early: {error}")
            took[part.__name__] += time.monotonic()
    report = {
        "faults": reader.faults, "pages": pages, "documents": documents, "external": external,
        "checked": len(reader.checked), "loaded": sorted({address for _, address in reader.asked}),
        "seconds": round(time.monotonic() - begun, 1), "parts": took,
    }
    pathlib.Path(job["report"]).write_text(json.dumps(report))


main()
