"""The view of surprisal, in a browser."""

import re

import hostile
import numpy as np
import pytest
from reading import said
from screens import CROSSED

from lmviz.views import surprisal

HOSTILE = hostile.TEXT
T, V = len(HOSTILE), 40
VIEW = "document.querySelector('lmviz-surprisal')"
LOGITS = np.random.default_rng(1).normal(size=(T, V)) * 3
IDS = np.arange(T)
WORDS = hostile.vocabulary(V)
SHOWN = surprisal(LOGITS, IDS, HOSTILE, vocabulary=WORDS)
DATA = SHOWN.data


def test_lines_are_as_thick_as_the_surprisal(open_page):
    page = open_page(SHOWN)
    heights = page.evaluate(
        f"{VIEW}.buttons.slice(1).map((b) => parseFloat(getComputedStyle("
        "b.querySelector('.line')).height))"
    )
    want = 1.5 + 0.8 * np.minimum(DATA["nats"], 15)
    np.testing.assert_allclose(heights, want, atol=0.05)
    numbers = page.locator(".strip .number").all_inner_texts()
    np.testing.assert_allclose([*map(float, numbers)], DATA["nats"], atol=6e-3)
    assert page.locator(".strip button").first.locator(".line").count() == 0


def test_the_most_surprising_token_is_chosen_first(open_page):
    page = open_page(SHOWN)
    assert page.evaluate(f"{VIEW}.at") == 1 + DATA["nats"].argmax()


@pytest.mark.parametrize("i", [1, 4, T - 1])
def test_pointing_shows_the_numbers_and_the_alternatives(open_page, i):
    page = open_page(SHOWN)
    page.locator(".strip button").nth(i).hover()
    nats, rank = DATA["nats"][i - 1], DATA["ranks"][i - 1]
    prob, at, shown = re.search(
        r"probability ([\d.e-]+) and rank (\d+): surprisal ([\d.]+) nats", said(page)
    ).groups()
    assert abs(float(prob) / np.exp(-nats) - 1) < 0.05
    assert int(at) == rank and abs(float(shown) - nats) < 6e-3
    names = page.locator(".list > .word").all_text_contents()
    assert len(names) == 5 + (rank > 5)
    want = [DATA["names"][j] for j in DATA["which"][i - 1]]
    for name, token in zip(names, want, strict=False):
        assert token.strip("\0\u2028\u0301") in name
    assert page.locator(".list .own").count() == 1
    widths = page.evaluate(
        f"[...{VIEW}.list.querySelectorAll('.bar')]"
        ".map((bar) => parseFloat(bar.style.width))"
    )
    np.testing.assert_allclose(widths[:5], 100 * DATA["probs"][i - 1], atol=1e-3)


def test_the_first_token_has_no_surprisal(open_page):
    page = open_page(SHOWN)
    page.locator(".strip button").first.hover()
    assert "nothing predicts it" in said(page)


def test_keys_move_along_the_text(open_page):
    page = open_page(SHOWN)
    page.locator(".strip button").first.focus()
    for key, at in (("ArrowRight", 1), ("End", T - 1), ("ArrowLeft", T - 2)):
        page.keyboard.press(key)
        assert page.evaluate(f"{VIEW}.at") == at
        assert page.locator(".strip .at").count() == 1


def test_the_note_has_the_perplexity(open_page):
    note = open_page(SHOWN).locator(".note").inner_text()
    mean = DATA["nats"].mean()
    assert f"Mean {mean:.2f}, perplexity {np.exp(mean):.2f}." in note


def test_impossible_tokens_are_infinitely_surprising(open_page):
    logits = [[0.0, -np.inf], [0.0, 0.0]]
    page = open_page(surprisal(logits, [0, 1], ["a", "b"], vocabulary=["a", "b"]))
    assert page.locator(".strip .number").inner_text() == "∞"
    assert "probability 0 and rank 2: surprisal ∞ nats" in said(page)


def test_two_views_on_a_page_are_independent(open_page):
    page = open_page(SHOWN, SHOWN)
    page.locator(".strip").first.locator("button").first.hover()
    assert "nothing" in said(page) and "nothing" not in said(page, 1)


@pytest.mark.parametrize(("width", "dark"), CROSSED)
def test_a_page_is_accessible(open_page, no_violations, width, dark):
    page = open_page(SHOWN, width=width, dark=dark)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    if width == 1280:
        assert page.locator("lmviz-surprisal").bounding_box()["height"] <= 600
    no_violations(page)


def test_hostile_tokens_are_text(open_page):
    page = open_page(SHOWN)
    texts = page.locator(".strip button").all_text_contents()
    assert HOSTILE[0] in texts[0]
    assert "⟨U+2028⟩" in texts[3] and "◌" in texts[4] and "⟨U+0000⟩" in texts[6]
    assert page.locator("img").count() == 0
