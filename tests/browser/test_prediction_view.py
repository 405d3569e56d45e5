"""The view of next-token probabilities, in a browser."""

import hostile
import numpy as np
import pytest
import torch

from lmviz.prediction import probabilities, top_k_filter, top_p_filter
from lmviz.views import prediction

HOSTILE = [*hostile.TOKENS, "<!--<script>", " the"]
T, V = len(HOSTILE), 3000
VIEW = "document.querySelector('lmviz-prediction')"


@pytest.fixture(scope="module")
def logits():
    # Like a model's: a few likely tokens and a long tail, flatter at some positions.
    rng = np.random.default_rng(0)
    steep = np.linspace(0.3, 2.5, T)[:, None]
    return (rng.gumbel(size=(T, V)) * steep - 30).astype(np.float32)


@pytest.fixture(scope="module")
def vocabulary():
    return [*HOSTILE, *(f" t{i}" for i in range(V - T))]


@pytest.fixture(scope="module")
def view(logits, vocabulary):
    return prediction(logits, HOSTILE, vocabulary=vocabulary)


def turn(page, label, value, nth=0):
    page.get_by_label(label).nth(nth).evaluate(
        "(e, v) => { e.value = v; e.dispatchEvent(new Event('input')) }", str(value)
    )


def shown(page):
    return page.evaluate(f"{VIEW}.shown")


def expected(row, temperature, k, p):
    left = probabilities(torch.tensor(row).double(), temperature=temperature).log()
    if k is not None:
        left = top_k_filter(left, k)
    return probabilities(top_p_filter(left, p)).numpy()


@pytest.mark.parametrize("at", [0, 4, T - 1])
def test_probs_are_those_of_the_sampler(open_page, view, logits, at):
    page = open_page(view)
    page.locator(".strip button").nth(at).click()
    stops = page.evaluate(f"{VIEW}.data.temperatures")
    ids = np.argsort(-logits[at], kind="stable")
    for temperature in (0.1, 0.5, 1.0, 1.7, 3.0):
        turn(page, "temperature", stops.index(temperature))
        for k in (None, 1, 5, 200):
            turn(page, "top-k", k or 201)
            for p in (0, 0.3, 0.9, 0.99, 1):
                turn(page, "top-p", p)
                want = expected(logits[at], temperature, k, p)[ids]
                got = shown(page)
                case = f"T={temperature} k={k} p={p}"
                np.testing.assert_allclose(
                    got["probs"][:200], want[:200], atol=1e-3, err_msg=case
                )
                np.testing.assert_allclose(
                    got["probs"][200], want[200:].sum(), atol=1e-3, err_msg=case
                )
                if temperature >= 0.5:  # below, probs sink under what floats can hold
                    stay = np.array(got["stay"][:200]) > 0
                    np.testing.assert_array_equal(stay, want[:200] > 0, case)
                assert abs(sum(got["probs"]) - 1) < 1e-9


def test_rows_print_what_is_computed(open_page, view, logits):
    page = open_page(view)
    turn(page, "top-k", 3)
    want = np.sort(expected(logits[-1], 1.0, 3, 1.0))[::-1]
    rows = page.locator(".view tbody tr")
    assert rows.count() == 16
    for i in range(3):
        text = rows.nth(i).locator("td").last.inner_text()
        assert abs(float(text) - want[i]) < 1e-3
        width = rows.nth(i).locator(".bar").evaluate("e => e.style.width")
        assert abs(float(width.rstrip("%")) / 100 - want[i]) < 1e-3
    assert rows.nth(3).inner_text().strip().endswith("removed")
    assert f"{V - 15} others, 0 kept" in rows.nth(15).inner_text()
    assert f"3 of {V} tokens are kept" in page.locator("output").first.inner_text()


def test_ties_are_all_kept(open_page):
    view = prediction(np.zeros((1, 8)), ["a"], vocabulary=list("abcdefgh"), keep=3)
    page = open_page(view)
    turn(page, "top-k", 2)
    np.testing.assert_allclose(shown(page)["probs"], [1 / 8] * 3 + [5 / 8])


def test_keys_move_along_the_text(open_page, view):
    page = open_page(view)
    page.locator(".strip button").last.focus()
    page.keyboard.press("ArrowLeft")
    assert page.evaluate(f"{VIEW}.at") == T - 2
    assert page.evaluate(f"{VIEW}.shadowRoot.activeElement.ariaPressed") == "true"
    assert page.locator(".strip [tabindex='0']").count() == 1
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.evaluate(f"{VIEW}.at") == T - 1
    page.keyboard.press("Home")
    assert page.evaluate(f"{VIEW}.at") == 0
    assert page.locator(".strip [aria-pressed='true']").count() == 1


def test_a_token_is_chosen_by_click_and_not_by_pointing(open_page, view):
    page = open_page(view)
    button = page.locator(".strip button").nth(2)
    button.hover()
    assert page.evaluate(f"{VIEW}.at") == T - 1
    button.click()
    assert page.evaluate(f"{VIEW}.at") == 2
    page.get_by_role("button", name="Sample").click()
    button.focus()  # coming back changes nothing
    assert page.locator("tr.drawn").count() == 1


def test_temperature_moves_by_keyboard(open_page, view):
    page = open_page(view)
    before = shown(page)["probs"][0]
    page.get_by_label("temperature").focus()
    page.keyboard.press("ArrowLeft")
    assert "0.95" in page.locator("label", has_text="temperature").inner_text()
    assert shown(page)["probs"][0] > before


def test_draws_follow_the_seed_and_the_probs(open_page, view):
    page = open_page(view)
    turn(page, "top-k", 5)
    draw = (
        f"([n, seed]) => {{ const v = {VIEW}; v.change({{ seed, draws: 0 }});"
        "return Array.from({ length: n }, () => (v.sample(), v.drawn)); }"
    )
    first = page.evaluate(draw, [2000, 7])
    assert page.evaluate(draw, [2000, 7]) == first
    assert page.evaluate(draw, [2000, 8]) != first
    share = np.bincount(first, minlength=5) / 2000
    np.testing.assert_allclose(share, shown(page)["probs"][:5], atol=0.04)


def test_drawn_token_is_named(open_page, view):
    page = open_page(view)
    page.get_by_label("seed").fill("3")
    page.get_by_role("button", name="Sample").click()
    page.get_by_role("button", name="Sample").click()
    assert "Draw 2, seed 3" in page.locator("output").last.inner_text()
    assert page.locator("tr.drawn").count() == 1
    turn(page, "top-p", 0.5)
    assert page.locator("tr.drawn").count() == 0


def test_rare_tokens_are_drawn_as_one(open_page):
    view = prediction(np.zeros((1, 900)), ["a"], vocabulary=["x"] * 900, keep=1)
    page = open_page(view)
    page.get_by_role("button", name="Sample").click()
    assert "one of 899 rare tokens" in page.locator("output").last.inner_text()


def test_two_views_on_a_page_are_independent(open_page, view):
    page = open_page(view, view)
    turn(page, "temperature", 0)
    first, second = page.evaluate(
        "Array.from(document.querySelectorAll('lmviz-prediction'), v => v.shown)"
        ".map(shown => shown.probs[0])"
    )
    assert first > second


@pytest.mark.parametrize("dark", [False, True])
def test_a_narrow_page_is_accessible(open_page, no_violations, view, dark):
    page = open_page(view, width=390, dark=dark)
    turn(page, "top-k", 3)
    page.get_by_role("button", name="Sample").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    no_violations(page)


def test_hostile_tokens_are_text(open_page, view):
    page = open_page(view)
    texts = page.locator(".strip button").all_inner_texts()
    assert HOSTILE[0] in texts[0]
    assert "⟨U+2028⟩" in texts[3] and "◌" in texts[4] and "⟨U+0000⟩" in texts[6]
    assert page.locator("img").count() == 0


def test_data_is_what_went_in(open_page, view, logits):
    page = open_page(view)
    data = page.evaluate(
        f"(({{ids, logits}}) => [[...ids.values], [...logits.values]])({VIEW}.data)"
    )
    ids = np.reshape(data[0], (T, 200))
    np.testing.assert_array_equal(
        np.reshape(data[1], (T, 200)), np.take_along_axis(logits, ids, 1)
    )


def test_the_tail_has_its_exact_weight_when_few_tokens_are_kept(open_page):
    row = np.random.default_rng(2).normal(size=400) * 2
    page = open_page(prediction(row[None], ["a"], vocabulary=["w"] * 400, keep=2))
    for stop in range(0, 59, 7):
        turn(page, "temperature", stop)
        temperature = page.evaluate(f"{VIEW}.data.temperatures[{stop}]")
        want = np.sort(expected(row, temperature, None, 1.0))[::-1]
        want = [*want[:2], want[2:].sum()]
        np.testing.assert_allclose(shown(page)["probs"], want, atol=1e-6)
