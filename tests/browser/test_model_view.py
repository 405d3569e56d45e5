"""The view of a model, loaded: its numbers are those of lmviz, whatever is done."""

import contextlib
import io
import json
import re

import pytest
from inside import (
    QUIET,
    ask,
    bars,
    dial,
    percent,
    press,
    problem,
    switch,
    texts,
    until,
    write,
    written_probabilities,
)

import lmviz
from lmviz import attention, prediction

CAPITAL = "The capital of France is"
# Together, so that a module loads the model once.
pytestmark = pytest.mark.long("SmolLM2 in a page")
WRITTEN = [
    CAPITAL,
    "In 1969, 42 cafés   opened\n\tin Zürich: 日本語 and 🙂!",
    "def add(a, b):\n    return a +",
]


@pytest.fixture
def page(inside):
    return inside


@pytest.fixture
def lm(smollm2):
    return smollm2


def after(lm, text, off=()):
    """Return the logits after a text, with some heads ablated."""
    with attention.ablate_heads(lm, list(off)):
        return lm.trace(text).logits[-1]


def largest(lm, logits, n=8):
    probs, ids = logits.softmax(-1).topk(n)
    return dict(zip(lm.tokens(ids), map(percent, probs.tolist()), strict=True))


@pytest.mark.parametrize("text", WRITTEN)
def test_a_typed_text_has_the_tokens_and_the_probabilities_of_lmviz(page, lm, text):
    write(page, text)
    trace = lm.trace(text)
    assert ask(page, "x.tokens.map(({ id }) => id)") == trace.ids.tolist()
    assert len(texts(page, ".token")) == len(trace.ids)
    assert bars(page) == largest(lm, trace.logits[-1])
    logits = ask(page, "[...x.seen.logits]")
    assert logits == pytest.approx(trace.logits[-1].tolist(), abs=2e-4)
    logs = trace.logits.log_softmax(-1)
    told = ask(page, "x.found.surprisal.slice(1)")
    expected = [-logs[t, i].item() for t, i in enumerate(trace.ids[1:])]
    assert told == pytest.approx(expected, abs=1e-3)


def test_any_position_and_head_can_be_chosen(page, lm):
    trace = lm.trace(CAPITAL)
    page.locator(".token").nth(3).click()
    page.evaluate(QUIET)
    assert bars(page) == largest(lm, trace.logits[3])
    press(page, "Next layer")
    press(page, "Previous head")
    assert texts(page, ".head-card h2") == ["Layer 24, head 3"]
    for q in range(5):
        row = ask(page, f"x.row(24, 3, {q})")
        weights = trace.attentions[24, 3, q, : q + 1].tolist()
        assert row == pytest.approx(weights, abs=1e-5)
        # The other heads are drawn from two bytes.
        row = ask(page, f"x.row(23, 4, {q})")
        weights = trace.attentions[23, 4, q, : q + 1].tolist()
        assert row == pytest.approx(weights, abs=2e-5)


@pytest.mark.parametrize("text", ["", " \n\u00a0", "Paris \x04 is", "long " * 200])
def test_what_cannot_be_read_gives_one_sentence_and_no_stale_number(page, lm, text):
    write(page, text)
    said = problem(page)
    assert said.endswith(".")
    if not text.strip():
        assert said.startswith("Write a text")
        assert texts(page, ".token") == [] == texts(page, ".bars button")
        for part in (".says", ".big", ".rank:visible", ".rest", ".writes"):
            assert "".join(texts(page, f".body {part}")) == "", part
        assert ask(page, "x.map") is None
    elif "long" in text:
        assert said.startswith("The text is cut after 128 tokens")
        assert len(texts(page, ".token")) == 128
        assert (
            ask(page, "x.tokens.map(({ id }) => id)") == lm.encode(text)[:128].tolist()
        )
    else:
        assert "lacks a byte of “⟨U+0004⟩” (04)" in said
        assert bars(page) == largest(lm, after(lm, "Paris "))
    write(page, CAPITAL)
    assert problem(page) == ""
    assert bars(page) == largest(lm, after(lm, CAPITAL))


def test_a_choice_made_while_the_page_computes_is_not_lost(page, lm):
    text = "The largest city of Germany is the capital of the country"
    page.get_by_role("textbox", name="Your text").fill(text)
    page.locator(".token").nth(8).click()
    ask(page, "x.choose(3, 2)")
    page.evaluate(QUIET)
    assert ask(page, "x.failure") == ""
    trace = lm.trace(text)
    assert bars(page) == largest(lm, trace.logits[8])
    for other in ("The sea", "The sea is deep", "The sea is"):
        page.get_by_role("textbox", name="Your text").fill(other)
    page.evaluate(QUIET)
    assert bars(page) == largest(lm, after(lm, "The sea is"))


def test_ablating_heads_equals_ablate_heads(page, lm):
    switch(page)
    whole = after(lm, CAPITAL).softmax(-1)
    for off in ([(23, 4)], [(23, 4), (22, 4)]):
        if len(off) == 2:
            ask(page, "x.choose(22, 4)")
            page.evaluate(QUIET)
            switch(page)
        logits = after(lm, CAPITAL, off)
        assert ask(page, "[...x.seen.logits]") == pytest.approx(
            logits.tolist(), abs=2e-4
        )
        probs = logits.softmax(-1)
        drawn = written_probabilities(page)
        names = lm.tokens(range(lm.card.vocabulary))
        for name, (filled, dashed, *_) in zip(bars(page), drawn, strict=True):
            i = names.index(name)
            assert filled == pytest.approx(100 * probs[i].item(), abs=0.01)
            assert dashed == pytest.approx(100 * whole[i].item(), abs=0.01)
        said = texts(page, ".next .says")[0]
        assert f"without {', '.join(f'{a}.{b}' for a, b in sorted(off))}" in said
    press(page, "Turn all heads on")
    assert bars(page) == largest(lm, whole.log())
    assert not page.get_by_role("button", name="Turn all heads on").is_visible()


def test_heads_stay_ablated_when_the_text_changes(page, lm):
    switch(page)
    text = "The capital of Italy is"
    write(page, text)
    assert "without 23.4" in texts(page, ".next .says")[0]
    logits = after(lm, text, [(23, 4)])
    assert ask(page, "[...x.seen.logits]") == pytest.approx(logits.tolist(), abs=2e-4)
    rome = int(after(lm, text).argmax())
    effect = (logits.log_softmax(-1) - after(lm, text).log_softmax(-1))[rome].item()
    assert texts(page, ".big .number") == [f"−{abs(effect):.2f}"]
    switch(page)
    assert bars(page) == largest(lm, after(lm, text))


def differences(lm, off, words, text=CAPITAL):
    """Return what ablating heads changes: log p of a word, and its logit difference."""
    before, now = after(lm, text), after(lm, text, off)
    logs = (now.log_softmax(-1) - before.log_softmax(-1))[words]
    gap = (now[words[0]] - now[words[1]]) - (before[words[0]] - before[words[1]])
    return [logs[0].item(), gap.item()]


def signed(x):
    return f"{x:+.2f}".replace("-", "−")


def test_effects_on_log_p_and_on_the_logit_difference_equal_ablate_heads(page, lm):
    words = ask(page, "x.words")
    assert words == after(lm, CAPITAL).topk(2).indices.tolist()
    switch(page)
    expected = differences(lm, [(23, 4)], words)
    assert ask(page, "x.change()") == pytest.approx(expected, abs=1e-4)
    said = texts(page, ".big")[0]
    runner = lm.tokens(words)[1]
    assert signed(expected[0]) in said
    assert f"Its logit minus that of {runner} changes by {signed(expected[1])};" in said
    switch(page)
    ask(page, "x.choose(3, 2)")
    press(page, "Try all 270 heads")
    page.get_by_role("button", name="Measure again").wait_for(timeout=120_000)
    assert ask(page, "[x.layer, x.head]") == [23, 4]
    assert ask(page, "x.sweep.effects.flat(2).every(Number.isFinite)")
    for layer, head in [(23, 4), (0, 4), (11, 7), (29, 8)]:
        expected = differences(lm, [(layer, head)], words)
        found = ask(page, f"x.sweep.effects[{layer}][{head}]")
        assert found == pytest.approx(expected, abs=1e-4)
        ask(page, f"x.choose({layer}, {head})")
        page.evaluate(QUIET)
        assert texts(page, ".big .number") == [signed(expected[0])]
        assert f"changes by {signed(expected[1])}" in texts(page, ".big")[0]
    expected = differences(lm, [(23, 4)], words)
    assert texts(page, ".rank button")[0].split() == ["23.4", *map(signed, expected)]
    write(page, f"{CAPITAL} the")
    assert ask(page, "x.sweep") is None
    assert page.get_by_role("button", name="Try all 270 heads").is_enabled()


def test_trying_all_heads_can_be_stopped(page):
    stops = (
        lambda: press(page, "Stop"),
        lambda: page.locator(".token").nth(2).click(),
        lambda: write(page, "The sun is"),
    )
    for stop in stops:
        page.locator(".verdict .top button").click()
        page.locator(".rank button").first.wait_for()
        stop()
        until(page, "x.trying === ''")
    assert ask(page, "x.sweep") is None


def test_temperature_0_continues_as_greedy_does_until_stopped(page, lm):
    dial(page, {"temperature": 0})
    go = page.locator(".next .top button")
    go.click()
    page.locator(".token").nth(12).wait_for()
    assert go.inner_text() == "Stop"
    go.click()
    page.evaluate(QUIET)
    n = len(texts(page, ".token"))
    assert go.inner_text() == "Continue"
    written = page.get_by_role("textbox").input_value()
    steps = prediction.generate(lm, CAPITAL, n_tokens=n - 5)
    expected = lm.encode(CAPITAL).tolist() + [step.id for step in steps]
    assert ask(page, "x.tokens.map(({ id }) => id)") == expected
    assert written == lm.decode(expected)
    page.wait_for_timeout(200)
    assert len(texts(page, ".token")) == n
    press(page, "Undo the last change")
    assert page.get_by_role("textbox").input_value() == CAPITAL


def test_changing_the_text_ends_a_continuation(page, lm):
    dial(page, {"temperature": 0})
    go = page.locator(".next .top button")
    go.click()
    page.locator(".token").nth(7).wait_for()
    write(page, "The sun is")
    page.get_by_role("button", name="Continue").wait_for()
    dial(page, {"temperature": 1})
    assert bars(page) == largest(lm, after(lm, "The sun is"))


@pytest.mark.parametrize(("t", "k", "p"), [(0.7, 10, 1), (1.4, 10, 0.9), (1, 10, 0.3)])
def test_the_dials_are_the_filters_of_lmviz(page, lm, t, k, p):
    logits = after(lm, CAPITAL)
    kept = prediction.top_p_filter(prediction.top_k_filter(logits / t, k), p)
    probs = kept.softmax(-1)
    dial(page, {"temperature": t, "top-k": 4, "top-p": p})  # the fifth step is 10
    shown = bars(page)
    names = lm.tokens(range(lm.card.vocabulary))
    for name, (width, *_) in zip(shown, written_probabilities(page), strict=True):
        i = names.index(name)
        assert width == pytest.approx(100 * probs[i].item(), abs=0.01)
        assert shown[name] == (percent(probs[i].item()) if probs[i] else "removed")
    left = int((probs > 0).sum()) - sum(v != "removed" for v in shown.values())
    rest = texts(page, ".rest")[0]
    assert rest.startswith(f"{left} other") if left else rest == "No others are left."


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
