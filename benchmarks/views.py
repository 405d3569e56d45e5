"""The attention view against BertViz: size, time to make and time to open.

Both show the same random causal attention of 12 layers with 12 heads. BertViz's page
loads scripts from a third party; here they come from npm packages on the disk. A page
is open once its figure is drawn: after the first frame with all its parts.
"""

import re
import tempfile
from functools import partial
from pathlib import Path

import torch

from lmviz import views

from . import tabs
from .measure import ROOT, interleaved, row, told

SIZE = (12, 12)
# A sentence and a paragraph; BertViz takes half a minute to draw the latter.
LENGTHS = {16: None, 128: 2}
LONG = 1024
PACKAGES = ROOT / "benchmarks" / "page" / "node_modules"
SCRIPTS = {
    "require.min.js": PACKAGES / "requirejs" / "require.js",
    "d3.min.js": PACKAGES / "d3" / "dist" / "d3.min.js",
    "jquery.min.js": PACKAGES / "jquery" / "dist" / "jquery.min.js",
}
OURS, NOTEBOOK = "views.attention", "views.attention in a notebook, with a picture"
BERTVIZ, READ = "BertViz: model_view", "BertViz's page, only read"
FLOOR = "floor: an empty page"
# The milliseconds since the page was asked for, after the frame in which it is drawn.
DRAWN = """() => new Promise((done) => requestAnimationFrame(() => setTimeout(() =>
  done(performance.now()))))"""
READY = "document.querySelector('lmviz-attention').ready"


def attention(n):
    """Return random causal attention weights for n tokens, shape (L, H, n, n)."""
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(*SIZE, n, n, generator=generator) * 2
    ahead = torch.ones(n, n, dtype=torch.bool).triu(1)
    return scores.masked_fill_(ahead, -torch.inf).softmax(-1)


def ours(weights, tokens):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "view.html")
        views.attention(weights, tokens).save(file)
        return file.read_text("utf-8")


def in_a_notebook(weights, tokens):
    return views.attention(weights, tokens)._repr_html_()


def bertviz(weights, tokens):
    from bertviz import model_view

    page = model_view([layer[None] for layer in weights], tokens, html_action="return")
    return page.data


def missing():
    """Say in a sentence what is not installed, or return None."""
    if gone := [str(path) for path in SCRIPTS.values() if not path.is_file()]:
        return f"BertViz's scripts are not installed from npm: {', '.join(gone)}"
    if tabs.program() is None:
        return "no Chromium is installed (LMVIZ_BROWSER can name its program)"
    return None


def of_attention(runs):
    """Measure the pages of both for texts of several lengths."""
    if reason := missing():
        print(f"skipping the views: {reason}")
        return []
    from playwright.sync_api import sync_playwright

    rows = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=tabs.program(), args=["--no-sandbox"]
        )
        for n, most in LENGTHS.items():
            rows += beside_bertviz(browser, n, min(runs, most or runs))
        rows.append(of_a_long_text(browser, runs))
        chromium = browser.version
        browser.close()
    rows[0]["programs"] = {"Chromium": chromium}
    return rows


def beside_bertviz(browser, n, runs):
    """Make and open the pages of both in turn."""
    weights, tokens = attention(n), [f"t{i}" for i in range(n)]
    makers = {OURS: ours, BERTVIZ: bertviz, NOTEBOOK: in_a_notebook}
    pages = {name: make(weights, tokens) for name, make in makers.items()}
    opened(browser, pages[OURS])  # starts the browser
    ways = {name: partial(make, weights, tokens) for name, make in makers.items()}
    made = interleaved(ways, runs=runs, warm=False)
    size = {name: [len(page.encode()) / 1e3] for name, page in pages.items()}
    ways = {
        OURS: partial(opened, browser, pages[OURS]),
        BERTVIZ: partial(opened, browser, pages[BERTVIZ], scripts=True),
        READ: partial(opened, browser, pages[BERTVIZ]),
        FLOOR: partial(opened, browser, ""),
    }
    took = told(ways, runs, warm=False)
    what = "{} an attention view of so many tokens".format
    # The script of a view does not grow with the text.
    small, few, read = (0.2, 0.5, {}) if n < 100 else (0.05, 0.2, {READ: 0.2})
    return [
        row(what("Page of"), "kB", size, limits={BERTVIZ: small}, at=n),
        row(what("Make"), "s", made, limits={BERTVIZ: few}, at=n),
        row(what("Open"), "s", took, limits={BERTVIZ: 0.2, **read}, at=n),
    ]


def of_a_long_text(browser, runs):
    """Open a page for which BertViz has no room."""
    html = ours(attention(LONG), [f"t{i}" for i in range(LONG)])
    found = {OURS: [opened(browser, html) for _ in range(min(runs, 3))]}
    return row("Open an attention view of so many tokens", "s", found, at=LONG)


def opened(browser, html, *, scripts=False):
    """Return the seconds until a page is drawn, or read if it can't be drawn."""

    def serve(route):
        file = SCRIPTS.get(route.request.url.rpartition("/")[2])
        route.fulfill(path=file) if file and scripts else route.abort()

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "page.html")
        file.write_text(f"<!DOCTYPE html><meta charset=utf-8>{html}", encoding="utf-8")
        page = browser.new_page()
        page.set_default_timeout(300_000)
        page.route(re.compile("^https?:"), serve)
        page.goto(file.as_uri(), wait_until="domcontentloaded")
        if "<lmviz-attention" in html:
            page.evaluate(READY)
        elif scripts:
            page.wait_for_selector("svg")
        took = page.evaluate(DRAWN) / 1000
        page.close()
    return took
