"""The program that the view of a model copies prints the numbers of the page."""

import contextlib
import io
import json
import re

import pytest
from inside import QUIET, ask, switch, write, written_probabilities
from llama_checks import CAPITAL

import lmviz

pytestmark = pytest.mark.long("SmolLM2 in a page")


@pytest.fixture
def page(inside):
    return inside


@pytest.fixture
def lm(smollm2):
    return smollm2


@pytest.mark.parametrize(
    "text",
    [CAPITAL, '\'"\\\n""" \\n', "🙂 é\u2028\u00a0x\t$(a) `b` {c}", "cut " * 150],
)
def test_the_copied_program_prints_the_probabilities_of_the_page(page, lm, text):
    write(page, text)
    if text == CAPITAL:
        switch(page)
        page.locator(".token").nth(3).click()
    page.evaluate(QUIET)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_label("Save or copy").click()
    page.get_by_role("button", name="Copy as Python").click()
    page.get_by_text("Copied as Python.").wait_for()
    program = page.evaluate("navigator.clipboard.readText()")
    assert program.isascii()
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(printed):
        patch.setattr(lmviz, "load", lambda name: {"smollm2": lm}[name])
        exec(compile(program, "copied", "exec"), {})
    lines = printed.getvalue().splitlines()
    probs = [float(line.split()[0]) for line in lines[:8]]
    drawn = written_probabilities(page)
    if text == CAPITAL:  # some rows are those of the whole model
        drawn = sorted(drawn, reverse=True)[:3]
    for p, (width, *_) in zip(probs, drawn, strict=False):
        assert p == pytest.approx(width / 100, abs=1e-4)
    *row, _, direct, log, gap = lines[8:]
    number = re.compile(r"[+-]\d+\.\d{4}")
    shown = ask(page, "x.direct().layers[x.layer].heads[x.head]")
    assert float(number.search(direct)[0]) == pytest.approx(shown, abs=1e-3)
    if text == CAPITAL:
        for line, change in zip((log, gap), ask(page, "x.change()"), strict=True):
            assert float(number.search(line)[0]) == pytest.approx(change, abs=2e-4)
    row = "".join(row).removeprefix("tensor(").removesuffix(")")
    own = ask(page, "x.row(x.layer, x.head, x.q)")
    assert own == pytest.approx(json.loads(row)[: len(own)], abs=1e-4)
