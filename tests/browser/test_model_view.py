"""The view of a model, loaded: its numbers are those of lmviz, whatever is done."""

import pytest
from inside import (
    QUIET,
    after,
    ask,
    bars,
    largest,
    press,
    problem,
    texts,
    write,
)
from llama_checks import CAPITAL

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


def test_the_cells_of_a_map_are_drawn_again_only_if_they_change(page):
    cells = page.locator(".cells > *").element_handle()
    ask(page, "x.show()")
    page.evaluate(QUIET)
    assert cells.evaluate("(e) => e.isConnected")
    press(page, "Next layer")
    assert not cells.evaluate("(e) => e.isConnected")
