"""The view of the logit lens, in a browser."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import hostile
import numpy as np
import pytest

from lmviz.views import lens

HOSTILE = [*hostile.TOKENS, "<!--<script>", " the"]
L, T, V = 7, len(HOSTILE), 60
VIEW = "document.querySelector('lmviz-lens')"
rng = np.random.default_rng(1)
LOGITS = rng.normal(size=(L, T, V)) * np.linspace(1, 4, L)[:, None, None]
IDS = np.arange(T)
WORDS = [*HOSTILE, *(f" w{i}" for i in range(V - T))]
DATA = lens(LOGITS, IDS, HOSTILE, vocabulary=WORDS).data


@pytest.fixture(scope="module")
def view():
    return lens(LOGITS, IDS, HOSTILE, vocabulary=WORDS)


def said(page):
    return page.locator("output").inner_text()


def fills(page):
    texts = page.evaluate(
        f"{VIEW}.cells.map(row => row.map(c => c.firstChild.getAttribute('fill')))"
    )
    return np.array(
        [[[*map(int, re.findall(r"\d+", t))] for t in row] for row in texts]
    )


def viridis(page, shares):
    return np.array(
        page.evaluate(
            """async shares => { const stops = ["440154", "472d7b", "3b528b", "2c728e",
            "21918c", "28ae80", "5ec962", "addc30", "fde725"].map(h => [0, 2, 4].map(
              i => parseInt(h.slice(i, i + 2), 16)));
            return shares.map(s => { const a = s * 8, i = Math.min(7, Math.floor(a));
              return stops[i].map((f, c) => f + (a - i) * (stops[i + 1][c] - f));
            }) }""",
            shares.ravel().astype(float).tolist(),
        )
    ).reshape(*shares.shape, 3)


def test_colours_are_the_probabilities_and_the_ranks(open_page, view):
    page = open_page(view)
    want = viridis(page, DATA["probs"][..., 0])
    assert abs(fills(page) - want).max() <= 1
    page.get_by_label("colour").select_option("rank of the final prediction")
    want = viridis(page, 1 - np.log(DATA["ranks"]) / np.log(V))
    assert abs(fills(page) - want).max() <= 1


def test_hovering_shows_the_numbers(open_page, view):
    page = open_page(view)
    for layer, i in [(0, 0), (3, 5), (L - 1, T - 1)]:
        box = page.evaluate(
            f"(([l, i]) => {{ const b = {VIEW}.cells[l][i].getBoundingClientRect();"
            "return [b.x + b.width / 2, b.y + b.height / 2] })",
            [layer, i],
        )
        page.mouse.move(*box)
        text = said(page)
        assert f"Layer {layer}, position {i}" in text
        *top, rank, held = re.findall(
            r"(?:\s|⁩ )(\d\.\d{4}|\d+)(?= and|, |\.| here)", text
        )[-7:]
        np.testing.assert_allclose(
            [*map(float, top)], DATA["probs"][layer, i], atol=1e-3
        )
        assert int(rank) == DATA["ranks"][layer, i]
        assert abs(float(held) - DATA["final_probs"][layer, i]) < 1e-3


def test_last_layer_is_on_top(open_page, view):
    page = open_page(view)
    tops = page.evaluate(f"{VIEW}.cells.map(r => r[0].getBoundingClientRect().top)")
    assert tops == sorted(tops, reverse=True)
    assert "last layer, 6, is on top" in page.locator(".note").inner_text()


def test_next_tokens_are_underlined(open_page):
    logits = np.zeros((1, 3, 5))
    logits[0, [0, 1], [1, 3]] = 1
    page = open_page(lens(logits, [0, 1, 2], ["a"] * 3, vocabulary=["w"] * 5))
    lines = page.evaluate(
        f"{VIEW}.cells[0].map(c => c.lastChild.getAttribute('text-decoration'))"
    )
    assert lines == ["underline", None, None]


def test_keyboard_moves_and_stops_at_the_edges(open_page, view):
    page = open_page(view, width=390)
    page.locator(".wide").focus()
    for key, at in [("ArrowLeft", [L - 1, T - 2]), ("ArrowUp", [L - 1, T - 2]),
                    ("ArrowDown", [L - 2, T - 2]), ("Home", [L - 2, 0]),
                    ("ArrowLeft", [L - 2, 0]), ("End", [L - 2, T - 1])]:  # fmt: skip
        page.keyboard.press(key)
        assert page.evaluate(f"{VIEW}.at") == at
    assert f"Layer {L - 2}, position {T - 1}" in said(page)
    assert page.locator(".wide").evaluate("e => e.scrollLeft") > 0


def test_svg_is_saved(open_page, view):
    page = open_page(view)
    with page.expect_download() as saved:
        page.get_by_role("button", name="save as SVG").click()
    text = Path(saved.value.path()).read_text(encoding="utf-8")
    root = ET.fromstring(text)
    texts = [
        "".join(e.itertext()) for e in root.iter("{http://www.w3.org/2000/svg}text")
    ]
    assert any(HOSTILE[0] in t for t in texts)
    assert saved.value.suggested_filename == "lens.svg"


def test_two_views_on_a_page_are_independent(open_page, view):
    page = open_page(view, view)
    page.locator("lmviz-lens").nth(0).locator(".wide").focus()
    page.keyboard.press("ArrowDown")
    ats = page.evaluate(
        "[...document.querySelectorAll('lmviz-lens')].map(v => v.at[0])"
    )
    assert ats == [L - 2, L - 1]


@pytest.mark.parametrize("dark", [False, True])
def test_a_narrow_page_is_accessible(open_page, no_violations, view, dark):
    page = open_page(view, width=390, dark=dark)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    no_violations(page)


def test_hostile_tokens_are_text(open_page, view):
    page = open_page(view)
    heads = "".join(page.locator(".view svg svg:not(.cell) text").all_text_contents())
    for text in (HOSTILE[0], "⟨U+2028⟩", "◌", "⟨U+0000⟩", HOSTILE[5]):
        assert text in heads
    assert page.locator("img").count() == 0


def test_text_contrasts_with_every_colour(open_page, view):
    page = open_page(view)
    inks = page.evaluate(f"{VIEW}.cells.map(r => r.map(c => c.lastChild.style.fill))")
    white = np.array(inks) == "rgb(255, 255, 255)"
    share = fills(page) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    bright = linear @ [0.2126, 0.7152, 0.0722]
    contrast = np.where(white, 1.05 / (bright + 0.05), (bright + 0.05) / 0.05)
    assert white.any() and not white.all() and contrast.min() >= 4.5


def test_one_token_is_a_vocabulary(open_page):
    page = open_page(lens([[[0.0]]], [0], ["a"], vocabulary=["a"]))
    page.get_by_label("colour").select_option("rank of the final prediction")
    assert fills(page).tolist() == [[[253, 231, 37]]]
