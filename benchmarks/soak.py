"""Memory of the tab while a model is used in a page for long, without a pause."""

import itertools
import random
import sys
import tempfile
import time
from pathlib import Path

from tqdm import tqdm

from lmviz import views

from . import in_page, tabs
from .measure import row

# An hour of a reader's use has fewer inputs than some minutes of these.
SAMPLES, SECONDS = 8, 15
WARM = 2  # samples during which caches fill
SENTENCE = "The cat sat on a mat in Paris while 3 dogs ran home and Anna slept ."
READY = """async () => {
  const view = document.querySelector("lmviz-model");
  const frame = () => new Promise(requestAnimationFrame);
  for (let calm = 0; calm < 2; calm++) {
    await view.settled();
    await frame();
    if (!view.engine?.ready || !view.seen || view.busy || view.frame) calm = -1;
    if (view.failure) throw Error(view.failure);
  }
}"""


def of_a_page(runs):
    if reason := missing():
        print(f"skipping the memory of a page in use: {reason}")
        return []
    sizes, inputs = use(SAMPLES, SECONDS)
    print(f"{inputs:,} inputs")
    seconds = SAMPLES * SECONDS
    what = f"Private memory of a tab in {seconds // 60} minutes of use without a pause"
    half = len(sizes[WARM:]) // 2
    before = "in the middle, once caches are full"
    found = {"at the end": sizes[-half:], before: sizes[WARM:-half]}
    return [row(what, "MB", found, limits={before: 1.05})]


def missing():
    if tabs.program() is None:
        return "no Chromium is installed (LMVIZ_BROWSER can name its program)"
    if sys.platform != "linux":
        return "the memory of a tab is measured on Linux only"
    return None


def use(samples, seconds):
    """Use the view of SmolLM2 and measure its tab.

    Parameters
    ----------
    samples : int
    seconds : float
        Time between two samples.

    Returns
    -------
    list of float, int
        The private memory of the page and its worker in MB after each time, and the
        number of inputs.
    """
    from playwright.sync_api import sync_playwright

    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as work,
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile,
        sync_playwright() as playwright,
    ):
        model = views.write_model_files(in_page.gguf(), Path(work))
        in_page.write_view(Path(work), model, {"A text": "The capital of France is"})
        with (
            tabs.Site(in_page.folders(Path(work), model)) as site,
            tabs.tab(playwright, f"{site.address}/view/view.html", profile) as page,
        ):
            page.evaluate("() => customElements.whenDefined('lmviz-model')")
            page.evaluate(READY)
            reader = Reader(page)
            collect = page.context.new_cdp_session(page)
            sizes = []
            for _ in tqdm(range(samples), unit="sample", leave=False):
                end = time.perf_counter() + seconds
                while time.perf_counter() < end:
                    reader.use()
                collect.send("HeapProfiler.collectGarbage")
                sizes.append(tabs.private_memory(profile))
        return sizes, reader.inputs


class Reader:
    """Type, point, drag, ablate, compare, generate and undo, in turn, by chance."""

    def __init__(self, page):
        self.page, self.inputs = page, 0
        self.view = page.locator("lmviz-model")
        self.chance = random.Random(0)
        self.turns = itertools.cycle(
            (self.type, self.point, self.ablate, self.drag, self.generate, self.undo)
        )

    def use(self):
        next(self.turns)()
        self.page.evaluate(READY)

    def type(self):
        field = self.page.get_by_role("textbox", name="Your text")
        field.fill(
            " ".join(
                self.chance.choices(SENTENCE.split(), k=self.chance.randint(2, 12))
            )
        )
        for letter in " and so on":
            field.press_sequentially(letter)
        self.inputs += 11

    def point(self):
        for name in ("svg.all", ".map svg"):
            box = self.view.locator(name).first.bounding_box()
            for _ in range(20):
                x, y = self.chance.random(), self.chance.random()
                self.page.mouse.move(
                    box["x"] + x * box["width"], box["y"] + y * box["height"]
                )
            self.page.mouse.down()
            self.page.mouse.up()
            self.inputs += 21

    def ablate(self):
        for _ in range(2):
            self.page.get_by_role("switch").first.click()
            self.page.evaluate(READY)
            self.inputs += 1

    def drag(self):
        if not self.view.locator(".dials div").is_visible():
            self.view.locator(".dials summary").click()
        for name in ("temperature", "top-p"):
            dial = self.page.get_by_role("slider", name=name)
            for _ in range(5):
                dial.fill(f"{self.chance.randint(1, 10) / 10}")
                self.inputs += 1

    def generate(self):
        self.page.get_by_role("button", name="Continue", exact=True).click()
        time.sleep(0.5)
        stop = self.page.get_by_role("button", name="Stop", exact=True)
        if stop.is_visible():
            stop.click()
        self.inputs += 2

    def undo(self):
        for _ in range(2):
            button = self.page.get_by_role("button", name="Undo the last change")
            if button.is_enabled():
                button.click()
                self.page.evaluate(READY)
                self.inputs += 1
