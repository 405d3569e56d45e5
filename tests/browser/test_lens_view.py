"""The view of the logit lens, in a browser."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import hostile
import numpy as np
import pytest
from reading import said
from screens import CROSSED

from lmviz.views import lens

HOSTILE = hostile.TEXT
L, T, V = 7, len(HOSTILE), 60
VIEW = "document.querySelector('lmviz-lens')"
rng = np.random.default_rng(1)
LOGITS = rng.normal(size=(L, T, V)) * np.linspace(1, 4, L)[:, None, None]
IDS = np.arange(T)
WORDS = hostile.vocabulary(V)
SHOWN = lens(LOGITS, IDS, HOSTILE, vocabulary=WORDS)
DATA = SHOWN.data


def shares(page):
    """Give the opacity of each cell: 0.06 for the lowest value, 1 for the highest."""
    return np.array(
        page.evaluate(
            f"{VIEW}.cells.map(row => row.map("
            "c => +c.firstChild.getAttribute('fill-opacity')))"
        )
    )


def by_rank(page):
    page.get_by_role("button", name="rank of the final prediction").click()


def test_colours_are_the_probabilities_and_the_ranks(open_page):
    page = open_page(SHOWN)
    want = 0.06 + 0.94 * DATA["probs"][..., 0]
    np.testing.assert_allclose(shares(page), want, atol=1e-3)
    by_rank(page)
    want = 0.06 + 0.94 * (1 - np.log(DATA["ranks"]) / np.log(V))
    np.testing.assert_allclose(shares(page), want, atol=1e-3)


@pytest.mark.parametrize("width", [1280, 900, 390, 320])
def test_the_legend_is_whole_at_every_width(open_page, width):
    page = open_page(SHOWN, width=width)
    for name, ends in (("probability", "01"), ("rank", f"{V}1")):
        if name == "rank":
            by_rank(page)
        legend = page.locator(".legend")
        assert name in legend.inner_text()
        assert "".join(legend.locator(".number").all_inner_texts()) == ends
        card = page.locator(".view").bounding_box()
        for part in legend.locator("span, svg").all():
            box = part.bounding_box()
            assert box["x"] >= card["x"]
            assert box["x"] + box["width"] <= card["x"] + card["width"]
        assert legend.evaluate("e => e.scrollWidth <= e.clientWidth")


def test_thirty_layers_fit_a_window_with_the_readout_in_sight(open_page):
    logits = np.random.default_rng(0).normal(size=(31, 5, 20))
    words = [f"w{i}" for i in range(20)]
    page = open_page(lens(logits, range(5), words[:5], vocabulary=words))
    card = page.locator("lmviz-lens").bounding_box()
    assert card["height"] <= 600
    grid = page.locator(".wide svg").first.bounding_box()
    assert grid["width"] > 0.95 * page.locator(".wide").bounding_box()["width"]
    said = page.locator("output.say").bounding_box()
    assert said["y"] + said["height"] <= grid["y"]
    assert page.locator(".wide").evaluate("e => e.scrollHeight <= e.clientHeight")


def test_the_final_prediction_is_bold(open_page):
    page = open_page(SHOWN)
    weights = page.evaluate(
        f"{VIEW}.cells.map(r => r.map(c => getComputedStyle(c.lastChild).fontWeight))"
    )
    np.testing.assert_array_equal(np.array(weights) == "600", DATA["ranks"] == 1)


def test_hovering_shows_the_numbers(open_page):
    page = open_page(SHOWN)
    for layer, i in [(0, 0), (3, 5), (L - 1, T - 1)]:
        box = page.evaluate(
            f"(([l, i]) => {{ const b = {VIEW}.cells[l][i].getBoundingClientRect();"
            "return [b.x + b.width / 2, b.y + b.height / 2] })",
            [layer, i],
        )
        page.mouse.move(*box)
        text = said(page)
        assert text.startswith(f"Layer {layer}, after")
        *top, rank, held = re.findall(r" (\d\.\d{3}|\d+)(?=, |\.| here)", text)[-7:]
        np.testing.assert_allclose(
            [*map(float, top)], DATA["probs"][layer, i], atol=1e-3
        )
        assert int(rank) == DATA["ranks"][layer, i]
        assert abs(float(held) - DATA["final_probs"][layer, i]) < 1e-3


def test_rows_have_the_depths_that_are_given(open_page):
    shown = lens(LOGITS[:2], IDS, HOSTILE, vocabulary=WORDS, depths=(5, 6))
    page = open_page(shown)
    assert said(page).startswith("Layer 6, after")
    labels = page.locator("lmviz-lens svg text.soft").all_text_contents()
    assert labels[:2] == ["5", "6"]


def test_last_layer_is_on_top(open_page):
    page = open_page(SHOWN)
    tops = page.evaluate(f"{VIEW}.cells.map(r => r[0].getBoundingClientRect().top)")
    assert tops == sorted(tops, reverse=True)


def test_next_tokens_are_underlined(open_page):
    logits = np.zeros((1, 3, 5))
    logits[0, [0, 1], [1, 3]] = 1
    page = open_page(lens(logits, [0, 1, 2], ["a"] * 3, vocabulary=["w"] * 5))
    lines = page.evaluate(
        f"{VIEW}.cells[0].map(c => c.lastChild.getAttribute('text-decoration'))"
    )
    assert lines == ["underline", None, None]


def test_keyboard_moves_and_stops_at_the_edges(open_page):
    page = open_page(SHOWN, width=390)
    page.locator(".wide").focus()
    for key, at in [("ArrowLeft", [L - 1, T - 2]), ("ArrowUp", [L - 1, T - 2]),
                    ("ArrowDown", [L - 2, T - 2]), ("Home", [L - 2, 0]),
                    ("ArrowLeft", [L - 2, 0]), ("End", [L - 2, T - 1])]:  # fmt: skip
        page.keyboard.press(key)
        assert page.evaluate(f"{VIEW}.at") == at
    assert said(page).startswith(f"Layer {L - 2}, after")
    assert page.locator(".wide").evaluate("e => e.scrollLeft") > 0


def test_svg_is_saved(open_page):
    page = open_page(SHOWN)
    page.get_by_label("Save or copy").click()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save as SVG").click()
    text = Path(saved.value.path()).read_text(encoding="utf-8")
    root = ET.fromstring(text)
    texts = [
        "".join(e.itertext()) for e in root.iter("{http://www.w3.org/2000/svg}text")
    ]
    assert any(HOSTILE[0] in t for t in texts)
    assert saved.value.suggested_filename == "lens.svg"


def test_two_views_on_a_page_are_independent(open_page):
    page = open_page(SHOWN, SHOWN)
    page.locator("lmviz-lens").nth(0).locator(".wide").focus()
    page.keyboard.press("ArrowDown")
    ats = page.evaluate(
        "[...document.querySelectorAll('lmviz-lens')].map(v => v.at[0])"
    )
    assert ats == [L - 2, L - 1]


@pytest.mark.parametrize(("width", "dark"), CROSSED)
def test_a_page_is_accessible(open_page, no_violations, width, dark):
    page = open_page(SHOWN, width=width, dark=dark)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    no_violations(page)


def test_hostile_tokens_are_text(open_page):
    page = open_page(SHOWN)
    heads = "".join(page.locator(".view svg svg:not(.cell) text").all_text_contents())
    for text in (HOSTILE[0], "⟨U+2028⟩", "◌", "⟨U+0000⟩", HOSTILE[5]):
        assert text in heads
    assert page.locator("img").count() == 0


@pytest.mark.parametrize("dark", [False, True])
def test_text_contrasts_with_every_colour(open_page, no_violations, dark):
    # Washes of all strengths, each with the ink chosen for it.
    logits = np.log(np.linspace(0.02, 0.98, 40))[:, None, None] * [1, 0]
    logits[..., 1] = np.log(1 - np.exp(logits[..., 0]))
    page = open_page(
        lens(logits, [0], ["a"], vocabulary=["high", "low"]), width=600, dark=dark
    )
    inks = page.evaluate(
        f"""{VIEW}.cells.flat().map((cell) => {{
          const [rect, text] = cell.children;
          const rgb = (e, name) =>
            getComputedStyle(e)[name].match(/[0-9.]+/g).map(Number);
          const card = rgb(cell.closest(".view"), "backgroundColor");
          const share = +rect.getAttribute("fill-opacity");
          const fill = rgb(rect, "fill").map((c, i) =>
            share * c + (1 - share) * card[i]);
          return [fill, rgb(text, "fill")];
        }})"""
    )
    linear = np.array(inks)[..., :3] / 255
    linear = np.where(
        linear <= 0.04045, linear / 12.92, ((linear + 0.055) / 1.055) ** 2.4
    )
    light = np.sort(linear @ [0.2126, 0.7152, 0.0722], axis=1)
    assert ((light[:, 1] + 0.05) / (light[:, 0] + 0.05)).min() >= 4.5
    no_violations(page)


def test_one_token_is_a_vocabulary(open_page):
    page = open_page(lens([[[0.0]]], [0], ["a"], vocabulary=["a"]))
    by_rank(page)
    assert shares(page).tolist() == [[1]]
