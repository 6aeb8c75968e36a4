"""A headless Chromium for the programs beside this one. Nothing it is asked for leaves the machine."""

import base64
import contextlib
import shutil
from urllib.parse import urlsplit

from playwright.sync_api import sync_playwright

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@contextlib.contextmanager
def chromium():
    program = next(
        (found for name in ("chromium-headless-shell", "chromium") if (found := shutil.which(name))), None
    )
    if program is None:
        raise SystemExit("there is no Chromium: Debian's package is chromium-headless-shell")
    with sync_playwright() as playwright:
        # No sandbox: the tests run as root, where Chromium has none.
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


def keep_at_home(context, origin, asked):
    """Answers what goes to other origins: pictures with a picture, all else with nothing. `asked` gets (kind, address)."""

    def answer(route):
        request = route.request
        if request.url.startswith(origin + "/") or urlsplit(request.url).scheme not in ("http", "https"):
            return route.continue_()
        asked.append((request.resource_type, request.url))
        if request.resource_type == "image":
            return route.fulfill(body=PIXEL, content_type="image/png")
        return route.fulfill(status=204, body="")

    context.route(lambda url: not url.startswith(origin + "/"), answer)
