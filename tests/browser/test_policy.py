"""Content-Security-Policy.

The pages work under theirs, in use as at rest, and what is put into them does not run.
"""

import re
from pathlib import Path

import pytest
from inside import LOADED
from playwright.sync_api import Error

HTML = Path(__file__).parents[2] / "docs" / "_build" / "html"
LESSON = "lessons/04_attention/04_attention_maps.html"
PAGES = (
    "index.html",
    LESSON,
    "book/explorer.html",
    "book/inside.html",
    "search.html",
    "exercises/01_tokenization.html",
    "book/glossary.html",
    "reference/tokenization.html",
    "404.html",
)
SOME = (LESSON, "book/explorer.html", "book/inside.html", "search.html?q=softmax")
# Of other files, the header counts for scripts of workers.
WITH_HEADER = re.compile(r"\.html|/worker\.js")
POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)"')


@pytest.fixture(scope="module")
def context(browser):
    """Record everything that the policy blocks on each page."""
    running = browser.new_context(accept_downloads=True)
    running.grant_permissions(["clipboard-read", "clipboard-write"])
    # Beside a picture that is opened alone, a browser looks for one.
    running.route("**/favicon.ico", lambda route: route.fulfill(status=204))
    running.refused = []
    running.expose_function("refuse", lambda *what: running.refused.append(what))
    running.add_init_script(
        """addEventListener("securitypolicyviolation", (event) =>
            refuse(event.effectiveDirective, event.blockedURI))"""
    )
    yield running
    running.close()


@pytest.fixture
def refused(context):
    """Return what was blocked since the start of the test, as (directive, URI)."""
    context.refused.clear()
    return context.refused


def use(page):
    """Use a page as readers do."""
    page.locator(".theme-toggle").click()
    for copy in page.locator(".copybtn").all()[:1]:
        copy.click()
    for menu in page.locator("[data-title] summary[aria-label]").all()[:1]:
        menu.click()
        with page.expect_download():
            page.get_by_role("button", name="Save as SVG").first.click()
    for words in page.locator("lmviz-explorer input[type=text]").all()[:1]:
        words.fill("the old dog sleeps")
        words.press("Enter")
    for go in page.locator("lmviz-model .go").all()[:1]:
        if page.url.startswith("http"):  # from a disk, the model can't run
            go.click()
            page.evaluate(LOADED)
    page.locator("#find").fill("softmax")
    page.keyboard.press("Enter")
    page.locator("ul.search li a").first.wait_for()
    page.wait_for_load_state("networkidle")


def test_every_page_has_the_same_policy(site):
    pages = [p for p in HTML.rglob("*.html") if "_static" not in p.parts]
    (policy,) = {POLICY.search(page.read_text("utf-8"))[1] for page in pages}
    scripts = policy.partition("script-src ")[2].partition(";")[0]
    assert "unsafe" not in scripts
    assert "http" not in policy


def test_no_page_has_other_pages_fetched_ahead(site):
    """Firefox fetches the next page, which the policy forbids, and logs an error."""
    pages = [p for p in HTML.rglob("*.html") if "_static" not in p.parts]
    ahead = re.compile(r"<link[^>]*rel=.?(next|prev|prefetch)")
    assert [p.name for p in pages if ahead.search(p.read_text("utf-8"))] == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_using_a_page_requests_nothing_that_the_policy_blocks(
    site, open_page, refused, name, dark
):
    page = open_page(url=f"{site}/{name}", dark=dark)
    use(page)
    assert refused == []


@pytest.mark.parametrize("name", SOME)
def test_a_page_served_with_the_header_works(site, open_page, context, refused, name):
    header = (HTML / "_headers").read_text("utf-8").splitlines()[1].partition(":")

    def with_header(route):
        answer = route.fetch()
        headers = {**answer.headers, header[0].strip(): header[2].strip()}
        route.fulfill(response=answer, headers=headers)

    context.route(WITH_HEADER, with_header)
    page = open_page(url=f"{site}/{name}")
    use(page)
    context.unroute(WITH_HEADER, with_header)
    assert refused == []


@pytest.mark.parametrize("name", SOME)
def test_a_page_opened_from_a_disk_works(context, refused, name):
    page = context.new_page()
    page.goto(f"{HTML.as_uri()}/{name}")
    use(page)
    page.close()
    assert refused == []


INJECTED = {
    "script": ("script-src-elem", "<script>{run}</script>"),
    "module": ("script-src-elem", "<script type=module>{run}</script>"),
    "script of another": ("script-src-elem", "<script src='{other}/x.js'></script>"),
    "script in data": ("script-src-elem", "<script src='data:,{run}'></script>"),
    "script in SVG": ("script-src-elem", "<svg><script>{run}</script></svg>"),
    "handler": ("script-src-attr", '<img src="data:," onerror="{run}">'),
    "handler of SVG": ("script-src-attr", '<svg onload="{run}"></svg>'),
    "link": ("script-src-elem", '<a id=press href="javascript:{run}">x</a>'),
    "frame": (
        "script-src-elem",
        "<iframe srcdoc='<script>parent.ran=1</script>'></iframe>",
    ),
    "frame of another": ("frame-src", "<iframe src='{other}/x.html'></iframe>"),
    "object": ("object-src", "<object data='{other}/x.svg'></object>"),
    "base": ("base-uri", "<base href='{other}/'>"),
    "form": (
        "form-action",
        "<form action='{other}/'><button id=press>x</button></form>",
    ),
    "image of another": ("img-src", "<img src='{other}/x.png'>"),
    "style of another": (
        "style-src-elem",
        "<link rel=stylesheet href='{other}/x.css'>",
    ),
    "font of another": (
        "font-src",
        "<style>@font-face {{ font-family: x; src: url({other}/x.woff2) }} "
        "p {{ font-family: x }}</style>",
    ),
}


@pytest.mark.parametrize("kind", INJECTED)
def test_code_injected_into_a_page_does_not_run(site, context, refused, kind):
    directive, markup = INJECTED[kind]
    text = (HTML / LESSON).read_text("utf-8")
    other = "http://other.invalid"
    markup = markup.format(run="window.ran=1", other=other)
    assert "<article" in text
    bad = re.sub("<article[^>]*>", lambda found: found[0] + markup, text, count=1)
    page = context.new_page()
    asked = []
    page.route(f"{other}/**", lambda route: asked.append(route.abort()))
    page.route(f"**/{LESSON}", lambda route: route.fulfill(body=bad))

    def visit():
        page.goto(f"{site}/{LESSON}")
        for button in page.locator("#press").all():
            button.click(no_wait_after=True)
        page.wait_for_timeout(100)
        try:
            return page.evaluate("window.ran")
        except Error:
            return "the page was left"

    assert visit() is None
    assert directive in [what for what, _ in refused], refused
    assert not asked

    bad = POLICY.sub('<meta content=""', bad)
    assert visit() is not None or asked, "no attack"
    page.close()
