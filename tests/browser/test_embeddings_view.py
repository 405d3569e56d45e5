"""The view of embeddings, in a browser."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import hostile
import numpy as np
import pytest

from lmviz.views import embeddings

HOSTILE = [*hostile.TOKENS, "<!--<script>", " the"]
VIEW = "document.querySelector('lmviz-embeddings')"
L, T = 4, len(HOSTILE)
VECTORS = np.random.default_rng(0).normal(size=(L, T, 12)).cumsum(0)
DATA = embeddings(VECTORS, HOSTILE).data


@pytest.fixture(scope="module")
def view():
    return embeddings(VECTORS, HOSTILE)


def said(page):
    return page.locator("output").inner_text()


def layer(page, value):
    page.get_by_label("layer", exact=True).evaluate(
        "(e, v) => { e.value = v; e.dispatchEvent(new Event('input')) }", str(value)
    )


def cosines(page):
    return [float(x) for x in re.findall(r"-?\d\.\d{4}\b", said(page))]


def test_places_are_the_points_of_each_layer(open_page, view):
    page = open_page(view)
    for i in range(L):
        layer(page, i)
        marks = page.evaluate(f"{VIEW}.points.map(p => p.getAttribute('transform'))")
        drawn = np.array([[*map(float, re.findall(r"-?[\d.]+", m))] for m in marks])
        assert drawn.min() >= 0 and drawn.max() <= 400
        drawn = (drawn - drawn.mean(0)) * [1, -1]
        points = DATA["points"][i] - DATA["points"][i].mean(0)
        # One scale for both axes.
        scale = (drawn * points).sum() / (points * points).sum()
        np.testing.assert_allclose(drawn, points * scale, atol=0.02)
        text = page.locator(".view svg > text").first.text_content()
        assert (
            abs(float(re.search(r"[\d.]+", text)[0]) / 100 - DATA["kept"][i, 0]) < 1e-3
        )


def test_hovering_shows_the_neighbours(open_page, view):
    page = open_page(view)
    for i in (2, 8):
        page.locator(".point").nth(i).locator("circle").dispatch_event("pointerenter")
        assert page.evaluate(f"{VIEW}.at") == i
        np.testing.assert_allclose(cosines(page), DATA["cosines"][-1, i], atol=1e-3)
        near = page.evaluate(f"{VIEW}.near.map(([j]) => j)")
        assert near == DATA["near"][-1, i].tolist()
        fills = page.evaluate(
            f"{VIEW}.points.map(p => p.firstChild.getAttribute('fill'))"
        )
        bright = [j for j, fill in enumerate(fills) if fill == "#e69f00"]
        assert bright == sorted(near)


def test_a_point_is_chosen_with_the_mouse(open_page, view):
    page = open_page(view)
    box = page.locator(".point").nth(5).locator("circle").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert "שלום" in said(page).split("by cosine")[0]


def test_keys_move_between_points_and_layers(open_page, view):
    page = open_page(view)
    page.get_by_role("combobox").focus()
    page.keyboard.press("ArrowDown")
    assert page.evaluate(f"{VIEW}.at") == 1
    page.get_by_label("layer", exact=True).focus()
    page.keyboard.press("ArrowLeft")
    assert f"at layer {L - 2}" in said(page)
    np.testing.assert_allclose(cosines(page), DATA["cosines"][L - 2, 1], atol=1e-3)


def test_one_layer_has_no_slider(open_page):
    page = open_page(embeddings(VECTORS[0], HOSTILE))
    assert page.get_by_label("layer", exact=True).count() == 0
    assert "layer" not in said(page)


def test_arrows_on_the_drawing_lead_to_the_nearest_point(open_page, view):
    page = open_page(view)
    page.locator(".view svg").focus()
    assert page.evaluate(f"{VIEW}.shadowRoot.activeElement.localName") == "svg"
    places = np.array(page.evaluate(f"{VIEW}.places"))
    ways = {"ArrowLeft": (-1, 0), "ArrowRight": (1, 0), "ArrowUp": (0, -1)}
    ways["ArrowDown"] = (0, 1)
    reached, at = {0}, 0
    for key in [*ways, *reversed(ways)] * 6:
        way = np.array(ways[key])
        off = places - places[at]
        along, aside = off @ way, np.abs(off @ way[::-1])
        far = np.where((along > 0) & (along >= aside), np.hypot(along, aside), np.inf)
        at = int(far.argmin()) if np.isfinite(far).any() else at
        page.keyboard.press(key)
        assert page.evaluate(f"{VIEW}.at") == at
        reached.add(at)
    assert len(reached) > 3
    page.keyboard.press("Home")
    assert page.evaluate(f"{VIEW}.at") == at
    outline = page.locator(".view svg").evaluate(
        "e => getComputedStyle(e).outlineStyle"
    )
    assert outline == "solid"


@pytest.mark.parametrize("n", [40, 150])
def test_names_do_not_cover_each_other(open_page, n):
    x = np.random.default_rng(1).normal(size=(n, 5))
    page = open_page(embeddings(x, [f"word{i}" for i in range(n)]))
    for at in (0, 7):
        page.get_by_role("combobox").select_option(str(at))
        boxes = page.evaluate(
            f"""{VIEW}.points.map((p, i) => [i, p.lastChild]).filter(([, text]) =>
            getComputedStyle(text).visibility === "visible").map(([i, text]) => {{
              const {{ left, right, top, bottom }} = text.getBoundingClientRect();
              return [i, left, right, top, bottom];
            }})"""
        )
        marked = {at, *page.evaluate(f"{VIEW}.near.map(([i]) => i)")}
        assert marked <= {box[0] for box in boxes}
        assert len(boxes) > 12
        # A pixel of the line's height may touch; of two that matter, both are named.
        for i, left, right, top, bottom in boxes:
            for k, from_, to, over, under in boxes:
                if i < k and not {i, k} <= marked:
                    apart = left >= to or right <= from_
                    assert apart or top >= under - 4 or bottom <= over + 4, (i, k)
        front = page.evaluate(
            f"[...{VIEW}.front.children].map(g => g.lastChild.textContent)"
        )
        assert front[-1] == f"\u2068word{at}\u2069"
        assert {int(name[5:-1]) for name in front} == marked


def test_svg_is_saved(open_page, view):
    page = open_page(view)
    with page.expect_download() as saved:
        page.get_by_role("button", name="save as SVG").click()
    assert saved.value.suggested_filename == "embeddings.svg"
    root = ET.fromstring(Path(saved.value.path()).read_text(encoding="utf-8"))
    space = "{http://www.w3.org/2000/svg}"
    assert (
        len(list(root.iter(f"{space}circle"))) == T + 6
    )  # the chosen one and its neighbours once more, in front
    assert any(HOSTILE[0] in (text.text or "") for text in root.iter(f"{space}text"))


def test_two_views_on_a_page_are_independent(open_page, view):
    page = open_page(view, view)
    page.get_by_role("combobox").first.select_option("3")
    ats = page.evaluate(
        "Array.from(document.querySelectorAll('lmviz-embeddings'), v => v.at)"
    )
    assert ats == [3, 0]


@pytest.mark.parametrize("dark", [False, True])
def test_a_narrow_page_is_accessible(open_page, no_violations, view, dark):
    page = open_page(view, width=390, dark=dark)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    no_violations(page)


def test_hostile_labels_are_text(open_page, view):
    page = open_page(view)
    texts = page.locator(".point text").all_text_contents()
    assert HOSTILE[0] in texts[0]
    assert "⟨U+2028⟩" in texts[3] and "◌" in texts[4] and "⟨U+0000⟩" in texts[6]
    assert page.locator("img").count() == 0


def test_data_is_what_went_in(open_page, view):
    page = open_page(view)
    got = page.evaluate(
        f"(d => [[...d.near.values], [...d.points.values]])({VIEW}.data)"
    )
    np.testing.assert_array_equal(np.reshape(got[0], (L, T, 5)), DATA["near"])
    np.testing.assert_array_equal(np.reshape(got[1], (L, T, 2)), DATA["points"])
