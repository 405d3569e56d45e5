"""The view of a model continues a text, with the dials of lmviz."""

import pytest
from inside import (
    QUIET,
    after,
    ask,
    bars,
    dial,
    largest,
    percent,
    press,
    texts,
    write,
    written_probabilities,
)
from llama_checks import CAPITAL

from lmviz import prediction

pytestmark = pytest.mark.long("SmolLM2 in a page")


@pytest.fixture
def page(inside):
    return inside


@pytest.fixture
def lm(smollm2):
    return smollm2


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
