"""A model in a page: the view's own kernel against other ways to run SmolLM2 there.

All ways run in a worker, on one thread, on the weights of the same GGUF file.
"""

import base64
import contextlib
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from tqdm import tqdm

import lmviz
from lmviz import views
from lmviz.models import _wheels as wheels
from lmviz.prediction._stepping import cache_name
from lmviz.views._bundle import STATIC
from lmviz.views._view import LINKED

from . import tabs
from .measure import ROOT, row, timed, told
from .tracing import some_ids

PAGE = Path(__file__).with_name("page")
ORT = PAGE / "node_modules" / "onnxruntime-web"
OURS, TORCH = "llama.wasm", "torch, one thread: lm.trace"
FLOAT32, FOUR_BIT = "onnxruntime-web, float32", "onnxruntime-web, 4 bit"
WAYS = {OURS: "ours", FLOAT32: "float32", FOUR_BIT: "4bit", "plain JavaScript": "plain"}
TEXT = "The capital of France is"
LONGEST = "The cat sat on the mat. The dog ran home. " * 16  # more than fits
RATE = 50e6 / 8
VISITS = ("First visit", "Second visit")
SHORT, LONG = 10, 64
# A view whose text has the most tokens that fit, and the time between frames while the
# pointer is moved over its heads.
VIEW = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>View</title>
<link rel="icon" href="data:,"><link rel="stylesheet" href="/static/tokens.css"></head>
<body>{}<script type="module" src="/lmviz/lmviz.js"></script>
<script type="module" src="/page/view.js"></script></body></html>"""
READY = """() => {
  const view = document.querySelector("lmviz-model");
  return view.engine?.ready && view.seen && !view.busy;
}"""
FRAMES = """() => {
  globalThis.frames_ = [];
  const next = (now) => { frames_.push(now); requestAnimationFrame(next); };
  requestAnimationFrame(next);
}"""


def missing():
    """Say in a sentence what is not installed, or return None."""
    if not ORT.is_dir():
        return "onnxruntime-web is not installed, which needs Node.js and npm"
    if tabs.program() is None:
        return "no Chromium is installed (LMVIZ_BROWSER can name its program)"
    if sys.platform != "linux":
        return "the memory of a tab is measured on Linux only"
    return None


def prepare():
    """Write what the pages load into the user's cache, and return that folder."""
    import platformdirs

    from . import onnx_files

    gguf_file = gguf()
    folder = platformdirs.user_cache_path("lmviz-benchmarks", ensure_exists=True)
    model = views.write_model_files(gguf_file, folder)
    changed = Path(onnx_files.__file__).stat().st_mtime
    for name, quantized in (("float32", False), ("4bit", True)):
        path = folder / f"{name}.onnx"
        if not path.exists() or path.stat().st_mtime < changed:
            onnx_files.write(gguf_file, path, quantized=quantized)
    write_view(folder, model, {"The longest text": LONGEST})
    return folder, model


def gguf():
    return wheels._file_in_wheel(wheels.SMOLLM2_WHEEL, wheels.SMOLLM2_FILE)


def write_view(folder, model, examples):
    """Write a page with the view of the model, which loads it at once."""
    view = views.model(model, url="/model/", examples=examples)
    with mock.patch.dict(os.environ, {LINKED: "1"}):
        (folder / "view.html").write_text(VIEW.format(view._repr_html_()), "utf-8")


def folders(work, model):
    """Return the folders of a site with that page."""
    own = {"page": PAGE, "lmviz": STATIC, "static": ROOT / "docs" / "_static"}
    return own | {"model": model, "view": work}


def in_a_page(runs):
    if reason := missing():
        print(f"skipping the model in a page: {reason}")
        return []
    from playwright.sync_api import sync_playwright

    work, model = prepare()
    served = folders(work, model) | {"ort": ORT / "dist", "onnx": work}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with tabs.Site(served) as site, sync_playwright() as playwright:
            lm = lmviz.load("smollm2")
            rows = loads(site, lm, runs)
            rows += passes(playwright, site, lm, runs)
            rows += the_view(playwright, site, runs)
    finally:
        torch.set_num_threads(threads)
    return rows


def started(way):
    """Return the code that starts a way in the page, once its script is there."""
    return f"""async () => {{
      while (!globalThis.ways) await new Promise((done) => setTimeout(done, 1));
      globalThis.way = ways[{way!r}]();
      return navigator.userAgent;
    }}"""


def loads(site, lm, runs):
    """Measure two visits, their downloads and memory, and the first map."""
    ids = some_ids(SHORT).tolist()
    seconds, memory = ([{name: [] for name in WAYS} for _ in VISITS] for _ in "ab")
    sent, maps = {name: [] for name in WAYS}, []
    for _ in tqdm(range(min(runs, 3)), unit="run", leave=False):
        for name, way in WAYS.items():
            with a_profile() as profile:
                for visit in range(len(VISITS)):
                    site.sent = 0
                    with tabs.bare_tab(
                        site, asked(way, "load", ids), profile
                    ) as answer:
                        seconds[visit][name].append(answer["seconds"])
                        memory[visit][name].append(tabs.private_memory(profile))
                    if visit == 0:
                        sent[name].append(site.sent / 1e6)
        maps.append(first_map(site, lm.encode(TEXT).tolist()))
    rows = [row("Weights and code to download", "MB", sent, limits={FLOAT32: 0.2})]
    for visit, found, most in zip(VISITS, seconds, (None, 0.7), strict=True):
        rows.append(row(f"{visit}, until the first answer", "s", found, most=most))
    rows.append(row("First attention map at 50 Mbit/s", "s", {OURS: maps}, most=1.2))
    for visit, found in zip(VISITS, memory, strict=True):
        rows.append(row(f"{visit}, private memory of the tab", "MB", found, most=350))
    package = json.loads((PAGE / "package.json").read_text("utf-8"))
    chromium = answer["agent"].partition("Chrome/")[2].partition(" ")[0]
    onnx = {ORT.name: package["dependencies"][ORT.name]}
    rows[0]["programs"] = {"Chromium": chromium, **onnx}
    return rows


def a_profile():
    """Return a new folder; processes of a closed browser may still write there."""
    return tempfile.TemporaryDirectory(ignore_cleanup_errors=True)


def asked(way, measure, ids):
    """Return the path of the page that measures this once."""
    return f"/page/?way={way}&measure={measure}&ids={','.join(map(str, ids))}"


def first_map(site, ids):
    site.rate = RATE
    try:
        with (
            a_profile() as profile,
            tabs.bare_tab(site, asked("ours", "firstMap", ids), profile) as answer,
        ):
            return answer["seconds"]
    finally:
        site.rate = None


def passes(playwright, site, lm, runs):
    """Time passes in all tabs in turn, and compare their numbers with torch's."""
    short, long = some_ids(SHORT), some_ids(LONG)
    extra = int(some_ids(1, seed=1)[0])
    pages, rows = {}, []
    with contextlib.ExitStack() as stack:
        for name, way in WAYS.items():
            profile = stack.enter_context(a_profile())
            opened = tabs.tab(playwright, f"{site.address}/page/", profile)
            page = pages[name] = stack.enter_context(opened)
            page.evaluate(started(way))
            page.evaluate("(ids) => way.load(ids)", short.tolist())

        def in_turn(code, value, with_torch):
            ways = {
                name: lambda page=page: page.evaluate(code, value)
                for name, page in pages.items()
            }
            return told({**ways, TORCH: with_torch}, runs=runs)

        run = "(ids) => way.pass(ids)"
        for ids in (long, short):
            found = in_turn(run, ids.tolist(), lambda ids=ids: timed(lm.trace, ids))
            limits = {FOUR_BIT: 0.2, TORCH: 1} if ids is short else {}
            what = "Pass of so many tokens, all attentions kept"
            rows.insert(0, row(what, "s", found, limits=limits, at=len(ids)))
        found = in_turn("(id) => way.next(id)", extra, next_token(lm, short, extra))
        rows.append(row(f"One more token after {SHORT}, with the cache", "s", found))
        rows += differences(pages, lm.trace(short))
    return rows


def next_token(lm, ids, extra):
    name = cache_name(lm.module)
    with torch.no_grad():
        output = lm.module(input_ids=ids[None], use_cache=True)
    cache = getattr(output, name)

    def run():
        with torch.no_grad():
            lm.module(
                input_ids=torch.tensor([[extra]]),
                use_cache=True,
                output_attentions=True,
                **{name: cache},
            )

    def one():
        took = timed(run)
        cache.crop(-1)  # remove the token again
        return took

    return one


def differences(pages, trace):
    """Return rows with the largest differences from torch, in millionths."""
    n = len(trace.ids)
    logits, attentions = trace.logits.numpy(), trace.attentions.numpy()
    attentions = attentions.reshape(-1, n, n)
    lower = np.tril_indices(n)
    found = {"logits": {}, "attentions": {}}
    for name, page in pages.items():
        got = page.evaluate("() => way.numbers()")
        theirs = floats(got["logits"]).reshape(logits.shape)
        maps = floats(got["maps"])
        if maps.size == attentions.size:
            maps = maps.reshape(attentions.shape)[:, *lower]
        maps = maps.reshape(len(attentions), -1)
        ours = attentions[:, *lower]
        found["logits"][name] = [1e6 * float(abs(theirs - logits).max())]
        found["attentions"][name] = [1e6 * float(abs(maps - ours).max())]
    what = "Largest difference of {} from torch, 10 tokens".format
    return [row(what(kind), "× 10⁻⁶", values) for kind, values in found.items()]


def floats(texts):
    return np.frombuffer(b"".join(map(base64.b64decode, texts)), np.float32)


def the_view(playwright, site, runs):
    """Measure the view with its longest text: memory, and frames under a mouse."""
    memory, frames = [[] for _ in VISITS], []
    for _ in tqdm(range(min(runs, 3)), unit="run", leave=False):
        with a_profile() as profile:
            for visit in memory:
                with tabs.bare_tab(site, "/view/view.html?tell", profile):
                    visit.append(tabs.private_memory(profile))
            address = f"{site.address}/view/view.html"
            with tabs.tab(playwright, address, profile) as page:
                page.wait_for_function(READY)
                frames.append(between_frames(page))
    rows = [
        row(f"{visit}, the view with its longest text", "MB", {OURS: found}, most=350)
        for visit, found in zip(VISITS, memory, strict=True)
    ]
    what = "Between two frames while the pointer moves over heads"
    return [*rows, row(what, "s", {OURS: frames}, most=0.017)]


def between_frames(page, seconds=2):
    """Return the mean seconds between frames while the mouse moves over all heads."""
    box = page.locator("lmviz-model svg.all").bounding_box()
    page.evaluate(FRAMES)
    began, step = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        step += 1
        x, y = 0.05 + step * 0.0137 % 0.9, 0.03 + step * 0.0071 % 0.5
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
    times = page.evaluate("() => frames_")
    return (times[-1] - times[0]) / (len(times) - 1) / 1000
