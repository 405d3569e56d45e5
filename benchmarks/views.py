"""The attention view against BertViz: size, time to create and time to open.

Run ``python -m benchmarks.views``. Both show the same random causal attention of 12
layers with 12 heads. The runs are interleaved; times are medians with their ranges.
BertViz's page loads scripts from a third party. They can be served from a folder with
require.min.js, d3.min.js (5.7.0) and jquery.min.js (2); without it the requests are
blocked, and its time to open is only that of reading the page: the real one is longer.
"""

import argparse
import json
import os
import platform
import re
import shutil
import statistics
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import torch
from tqdm import tqdm

from lmviz import views

SIZE = (12, 12)


def attention(n, dtype=torch.float32):
    """Return random causal attention weights for n tokens, shape (L, H, n, n)."""
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(*SIZE, n, n, generator=generator, dtype=dtype) * 2
    ahead = torch.ones(n, n, dtype=torch.bool).triu(1)
    return scores.masked_fill_(ahead, -torch.inf).softmax(-1)


def ours(weights, tokens):
    return views.attention(weights, tokens)._repr_html_()


def bertviz(weights, tokens):
    from bertviz import model_view

    page = model_view([layer[None] for layer in weights], tokens, html_action="return")
    return page.data


def opened(browser, html, scripts=None):
    """Return the seconds until a page is drawn, or read if it can't be drawn."""

    def serve(route):
        file = scripts and scripts / route.request.url.rpartition("/")[2]
        route.fulfill(path=file) if file and file.is_file() else route.abort()

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "page.html")
        file.write_text(f"<!DOCTYPE html><meta charset=utf-8>{html}", encoding="utf-8")
        page = browser.new_page()
        page.route(re.compile("^https?:"), serve)
        began = time.perf_counter()
        page.goto(file.as_uri(), wait_until="domcontentloaded", timeout=120_000)
        if "<lmviz-attention" in html:
            page.evaluate("document.querySelector('lmviz-attention').ready")
        elif scripts:
            page.wait_for_selector("svg", timeout=120_000)
        took = time.perf_counter() - began
        page.close()
    return took


def shown(values):
    return f"{statistics.median(values):.3g} ({min(values):.3g} to {max(values):.3g})"


def main():
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(prog="nox -s bench -- views", description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="default: %(default)s")
    parser.add_argument("--tokens", type=int, default=128, help="default: %(default)s")
    parser.add_argument("--long", type=int, default=1024, help="default: %(default)s")
    parser.add_argument("--scripts", type=Path, help="folder with BertViz's scripts")
    parser.add_argument("--out", type=Path, help="also save the rows as JSON")
    options = parser.parse_args()
    weights = attention(options.tokens)
    tokens = [f"t{i}" for i in range(options.tokens)]
    made = {ours: [], bertviz: []}
    read = {ours: [], bertviz: []}
    size = {}
    path = os.environ.get("LMVIZ_BROWSER") or shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox"]
        )
        for _ in tqdm(range(options.runs), unit="run"):
            for make in made:
                began = time.perf_counter()
                html = make(weights, tokens)
                made[make].append(time.perf_counter() - began)
                read[make].append(opened(browser, html, options.scripts))
                size[make] = [len(html.encode()) / 1e6]
        long = attention(options.long)
        html = ours(long, [f"t{i}" for i in range(options.long)])
        long_size, long_read = len(html.encode()) / 1e6, opened(browser, html)
        browser.close()
    rows = [
        {
            "what": what,
            "ours": shown(found[ours]),
            "BertViz": shown(found[bertviz]),
            "ratio": statistics.median(found[bertviz]) / statistics.median(found[ours]),
        }
        for what, found in (("MB", size), ("s to make", made), ("s to open", read))
    ]
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "bertviz"))
    print(f"{options.tokens} tokens of {SIZE[0]} x {SIZE[1]}, {options.runs} runs;")
    print(f"{versions}, Python {platform.python_version()}, {os.cpu_count()} cores")
    for row in rows:
        print(
            "{what:10} ours {ours:30} BertViz {BertViz:30} x {ratio:.1f}".format(**row)
        )
    print(f"{options.long} tokens, ours: {long_size:.1f} MB, open in {long_read:.1f} s")
    if options.out:
        options.out.write_text(json.dumps({"versions": versions, "rows": rows}))


if __name__ == "__main__":
    main()
