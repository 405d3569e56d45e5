"""The view of next-token probabilities, in a browser."""

import hostile
import numpy as np
import pytest
import torch
from reading import said
from screens import CROSSED

from lmviz.prediction import probabilities, top_k_filter, top_p_filter
from lmviz.views import prediction

HOSTILE = hostile.TEXT
T, V = len(HOSTILE), 3000
VIEW = "document.querySelector('lmviz-prediction')"


@pytest.fixture(scope="module")
def logits():
    # Like a model's: a few likely tokens and a long tail, flatter at some positions.
    rng = np.random.default_rng(0)
    steep = np.linspace(0.3, 2.5, T)[:, None]
    return (rng.gumbel(size=(T, V)) * steep - 30).astype(np.float32)


@pytest.fixture(scope="module")
def view(logits):
    return prediction(logits, HOSTILE, vocabulary=hostile.vocabulary(V))


def turn(page, label, value, nth=0):
    page.get_by_label(label).nth(nth).evaluate(
        "(e, v) => { e.value = v; e.dispatchEvent(new Event('input')) }", str(value)
    )


def draw(page, n=1):
    page.get_by_role("button", name=f"Draw {n}", exact=True).click()


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
    assert rows.count() == 13
    end = float(page.locator(".view th span").inner_text())
    assert want[0] <= end <= 1.5 * want[0]
    for i in range(3):
        text = rows.nth(i).locator("td").nth(2).inner_text()
        assert abs(float(text) - want[i]) < 1e-3
        width = rows.nth(i).locator(".bar").evaluate("e => e.style.width")
        assert abs(float(width.rstrip("%")) / 100 * end - want[i]) < 1e-3
    assert "removed" in rows.nth(3).inner_text()
    assert f"{V - 12:,} others" in rows.nth(12).inner_text()
    assert f"3 of {V:,} tokens are kept" in said(page)


def test_the_axis_ends_near_the_largest_bar(open_page):
    for top in (0.9, 0.3, 0.021, 0.0007):
        probs = np.full(2000, (1 - top) / 1999)
        probs[0] = top
        page = open_page(
            prediction(np.log(probs)[None], ["a"], vocabulary=["w"] * 2000)
        )
        end = float(page.locator(".view th span").inner_text())
        assert top <= end <= 1.34 * top


def test_a_row_says_how_its_probability_came_about(open_page, view, logits):
    page = open_page(view)
    turn(page, "temperature", page.evaluate(f"{VIEW}.data.temperatures.indexOf(0.5)"))
    turn(page, "top-k", 5)
    turn(page, "top-p", 0.9)
    order = np.argsort(-logits[-1])
    softmax = expected(logits[-1], 0.5, None, 1.0)[order]
    final = expected(logits[-1], 0.5, 5, 0.9)[order]
    for i in range(7):
        page.locator(".view tbody tr").nth(i).hover()
        logit = logits[-1, order[i]]
        want = f"logit {logit:.2f} → divided by T = 0.50: {2 * logit:.2f} → softmax"
        assert want in said(page)
        number = float(said(page).split("softmax ")[1].split()[0])
        assert abs(number - softmax[i]) < 1e-3
        end = f"kept: probability {final[i]:.4f}" if final[i] else "removed by top-"
        assert end in said(page)
    assert "removed by top-k" in said(page)
    page.mouse.move(0, 0)
    assert "tokens are kept" in said(page)
    page.get_by_role("region").focus()
    for key, i in (("ArrowDown", 0), ("ArrowDown", 1), ("ArrowUp", 0)):
        page.keyboard.press(key)
        assert page.locator("tr.at").count() == 1
        assert "at" in page.locator(".view tbody tr").nth(i).get_attribute("class")
        assert f"→ softmax {softmax[i]:.4f}"[:-2] in said(page)


def test_a_tally_follows_the_bars(open_page, view):
    page = open_page(view)
    turn(page, "top-k", 4)
    assert page.locator(".tick:visible").count() == 0
    for n in (1, 10, 100, 100, 100):
        draw(page, n)
    rows = page.locator(".view tbody tr")
    times = [int(rows.nth(i).locator("td").last.inner_text()) for i in range(4)]
    assert sum(times) == 311
    end = float(page.locator(".view th span").inner_text())
    for i in range(4):
        left = rows.nth(i).locator(".tick").evaluate("e => parseFloat(e.style.left)")
        assert abs(left / 100 * end - min(end, times[i] / 311)) < 1e-3
    np.testing.assert_allclose(
        np.array(times) / 311, shown(page)["probs"][:4], atol=0.08
    )
    rows.first.hover()
    assert f"Drawn {times[0]} of 311 times" in said(page)
    page.get_by_role("button", name="Reset").click()
    assert page.locator(".tick:visible").count() == 0
    assert "Draw" not in said(page)


def test_the_drawn_token_follows_the_chosen_one(open_page, view):
    page = open_page(view)
    assert page.locator(".next").inner_text() == "?"
    draw(page)
    assert page.locator(".strip > *").last.get_attribute("class") == "next word"
    drawn = page.locator("tr.drawn .word").all_text_contents()
    if drawn:
        assert page.locator(".next").text_content() == drawn[0]
    page.locator(".strip button").nth(2).click()
    before = page.locator(".next").evaluate("e => e.previousSibling.textContent")
    assert before == page.locator(".strip button").nth(2).text_content()
    for n in (1, 10):
        draw(page, n)
    assert page.locator(".drawn-list .word").count() == 11


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
    draw(page)
    button.focus()  # coming back changes nothing
    assert page.locator(".next").inner_text() != "?"


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
    many = (
        f"([n, seed]) => {{ const v = {VIEW}; v.change({{ seed, draws: 0 }});"
        "return Array.from({ length: n }, () => (v.sample(), v.drawn)); }"
    )
    first = page.evaluate(many, [2000, 7])
    assert page.evaluate(many, [2000, 7]) == first
    assert page.evaluate(many, [2000, 8]) != first
    share = np.bincount(first, minlength=5) / 2000
    np.testing.assert_allclose(share, shown(page)["probs"][:5], atol=0.04)


def test_drawn_token_is_named(open_page, view):
    page = open_page(view)
    page.get_by_label("seed").fill("3")
    draw(page)
    draw(page)
    assert "Draw 2, seed 3" in said(page)
    turn(page, "top-p", 0.5)
    assert "Draw" not in said(page)
    assert page.locator("tr.drawn").count() == 0


def test_rare_tokens_are_drawn_as_one(open_page):
    view = prediction(np.zeros((1, 900)), ["a"], vocabulary=["x"] * 900, keep=1)
    page = open_page(view)
    draw(page)
    assert "one of 899 rare tokens" in said(page)


def test_two_views_on_a_page_are_independent(open_page, view):
    page = open_page(view, view)
    turn(page, "temperature", 0)
    first, second = page.evaluate(
        "Array.from(document.querySelectorAll('lmviz-prediction'), v => v.shown)"
        ".map(shown => shown.probs[0])"
    )
    assert first > second


@pytest.mark.parametrize(("width", "dark"), CROSSED)
def test_a_page_is_accessible(open_page, no_violations, view, width, dark):
    page = open_page(view, width=width, dark=dark)
    turn(page, "top-k", 3)
    draw(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    no_violations(page)


def test_it_fits_a_window(open_page, view):
    page = open_page(view)
    draw(page, 100)
    assert page.locator("lmviz-prediction").bounding_box()["height"] <= 600


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
