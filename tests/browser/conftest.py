"""A real browser, and pages that must neither complain nor reach out.

These tests stand apart from `tests`, which have to pass where no browser is.
"""

import functools
import http.server
import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from inside import PAGE, QUIET, ask, dial, load
from llama_checks import write_site
from visits import (  # noqa: F401 (fixtures)
    Quiet,
    make_folder,
    make_index,
    make_numbers,
    make_server,
    make_visits,
)
from watching import watch

from lmviz.models import _wheels
from lmviz.views import write_model_files

HTML = Path(__file__).parents[2] / "docs" / "_build" / "html"
# The first is the fastest: it has no window to draw.
NAMES = (
    *("chromium-headless-shell", "chromium", "chromium-browser"),
    *("google-chrome", "chrome"),
)


AXE = Path(__file__).with_name("axe.js").read_text(encoding="utf-8")
# Wait until each view has drawn; one whose script did not come never does.
DRAWN = """async () => {
    const drawn = async (element) => {
        await customElements.whenDefined(element.localName);
        await element.ready;
    };
    const late = (_, fail) => setTimeout(() => fail(Error("no view drawn")), 20000);
    const views = [...document.querySelectorAll("[data-title]")].map(drawn);
    await Promise.race([Promise.all(views), new Promise(late)]);
}"""
# Wait until nothing is in transition any more, nor in any view; at most a second, as a
# page in the background stands still.
SETTLED = """async () => {
    const views = [...document.querySelectorAll("*")].map((e) => e.shadowRoot);
    const running = [document, ...views].flatMap((root) => root?.getAnimations() ?? []);
    const moving = running.filter((each) => each instanceof CSSTransition);
    const settled = Promise.allSettled(moving.map((each) => each.finished));
    await Promise.race([settled, new Promise((done) => setTimeout(done, 1000))]);
}"""


class _Server(http.server.ThreadingHTTPServer):
    # A browser opens many connections at once, and drops what is not accepted.
    request_queue_size = 128


@pytest.fixture(scope="session")
def serve():
    """Serve a folder on localhost; returns its address."""
    servers = []

    def start(folder, handler=Quiet):
        handler = functools.partial(handler, directory=str(folder))
        server = _Server(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    # Each notices within half a second; there are a hundred of them.
    with ThreadPoolExecutor(max(1, len(servers))) as pool:
        list(pool.map(http.server.HTTPServer.shutdown, servers))
    for server in servers:
        server.server_close()


@pytest.fixture(scope="session")
def site(serve):
    """Serve the built book; returns its address."""
    if not (HTML / "index.html").is_file():
        if os.environ.get("CI"):
            pytest.fail("the book is not built; this run has to build it before")
        pytest.skip("the book is not built: nox -s docs")
    return serve(HTML)


@pytest.fixture(scope="session")
def model_files(made_once):
    """The files from which a page loads SmolLM2."""
    gguf_file = _wheels.smollm2_gguf()
    made = made_once("model-files", lambda folder: write_model_files(gguf_file, folder))
    return next(made.glob("[!.]*"))


@pytest.fixture(scope="module")
def model_site(tmp_path_factory, model_files):
    """A folder with the scripts, the files of the model and an empty page."""
    folder = tmp_path_factory.mktemp("site")
    write_site(folder, model_files)
    return folder


@pytest.fixture(scope="module")
def model_page(browser, serve, model_site):
    """A page in which the model is loaded once, for all tests of a module."""
    context, complaints = browser.new_context(), []
    page = context.new_page()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{serve(model_site)}/index.html")
    page.evaluate(
        """async () => {
            window.llama = await import("./run_llama.js");
            await llama.load("model/");
        }"""
    )
    yield page
    context.close()
    assert complaints == []


@pytest.fixture(scope="session")
def browser():
    from playwright.sync_api import sync_playwright

    path = os.environ.get("LMVIZ_BROWSER") or next(
        filter(None, map(shutil.which, NAMES)), None
    )
    if path is None:
        pytest.exit(
            "no browser found: install Debian's chromium-headless-shell or chromium, "
            "or name a Chromium's program in LMVIZ_BROWSER",
            returncode=2,
        )
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox"]
        )
        yield running
        running.close()


@pytest.fixture(scope="session")
def context(browser):
    """Give what all pages share: a new one for each would double their time."""
    running = browser.new_context(accept_downloads=True)
    yield running
    running.close()


@pytest.fixture
def open_page(context, tmp_path, serve):
    """Open views (or an address) in a page that is watched until the test is over.

    ``open_page(view, …)`` writes the views into one page, each with its own script.
    """
    opened, complaints = [], []

    def start(*views, url=None, width=1280, height=900, dark=False):
        if url is None:
            body = "".join(view._repr_html_() for view in views)
            page_file = tmp_path / "page.html"
            page_file.write_text(
                '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
                '<link rel="icon" href="data:,">'
                '<meta name="viewport" content="width=device-width">'
                '<meta name="color-scheme" content="light dark">'
                f"<title>views</title></head><body><main><h1>Views</h1>{body}</main>"
                "</body></html>",
                encoding="utf-8",
            )
            url = f"{serve(tmp_path)}/page.html"
        page = context.new_page()
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme="dark" if dark else "light")
        watch(page, "/".join(url.split("/")[:3]), complaints)
        opened.append(page)
        page.goto(url)
        page.evaluate(DRAWN)
        return page

    yield start
    for page in opened:
        page.evaluate("localStorage.clear()")
        page.close()
    context.clear_permissions()
    assert complaints == []


@pytest.fixture(scope="module")
def inside_running(context, site):
    """The page "Inside the model", with the model, once for a module."""
    complaints = []
    page = context.new_page()
    page.set_viewport_size({"width": 1280, "height": 900})
    watch(page, site, complaints)
    page.goto(f"{site}/{PAGE}")
    page.evaluate(QUIET)
    load(page)
    yield page, complaints
    page.close()


@pytest.fixture
def inside(inside_running, context):
    """The same page at its beginning."""
    page, complaints = inside_running
    page.evaluate("history.replaceState(null, '', location.pathname)")
    page.set_viewport_size({"width": 1280, "height": 900})
    page.emulate_media(color_scheme="light", reduced_motion="no-preference")
    ask(page, "(x.shadowRoot.querySelector('.lens').open = false)")
    ask(page, "(x.sweeps.clear(), x.use(x.engines[0]))")
    dial(page, {"temperature": 1, "top-k": 9, "top-p": 1})
    yield page
    context.clear_permissions()
    assert complaints == []


@pytest.fixture
def tap():
    """Touch a page at a place, as a finger does."""

    def touch(page, x, y):
        session = page.context.new_cdp_session(page)
        session.send("Emulation.setTouchEmulationEnabled", {"enabled": True})
        for kind, points in (("touchStart", [{"x": x, "y": y}]), ("touchEnd", [])):
            session.send(
                "Input.dispatchTouchEvent", {"type": kind, "touchPoints": points}
            )
        # What a tap does comes with the frames after it.
        page.evaluate("new Promise((done) => setTimeout(done, 100))")

    return touch


@pytest.fixture
def no_violations():
    """Assert that axe finds nothing on a page, or in one of its elements."""
    from axe_playwright_python.sync_playwright import Axe

    script = Axe().axe_script

    def check(page, selector=None, rules=None):
        # A colour on its way to another one may have too little contrast.
        page.evaluate(SETTLED)
        if not page.evaluate("'axe' in window"):
            page.evaluate(script)
        assert dict(page.evaluate(AXE, [selector, rules])) == {}

    return check
