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
    return page.locator("output.say").inner_text()


def places(page):
    marks = page.evaluate(f"{VIEW}.points.map(p => p.getAttribute('transform'))")
    return np.array([[*map(float, re.findall(r"-?[\d.]+", m))] for m in marks])


def circle(page, i):
    # In the page, points are in the order in which they are drawn.
    return page.evaluate_handle(f"{VIEW}.points[{i}].children[1]").as_element()


def layer(page, value):
    page.get_by_label("layer", exact=True).evaluate(
        "(e, v) => { e.value = v; e.dispatchEvent(new Event('input')) }", str(value)
    )


def cosines(page):
    shown = page.locator(".near-list .number").all_inner_texts()
    return [*map(float, shown)]


def test_places_are_the_points_of_each_layer_in_one_frame(open_page, view):
    page = open_page(view)
    scales = []
    for i in range(L):
        layer(page, i)
        drawn = places(page)
        svg = page.locator(".view svg").bounding_box()
        assert drawn.min() >= 0 and (drawn <= [svg["width"], svg["height"]]).all()
        drawn = (drawn - drawn.mean(0)) * [1, -1]
        points = DATA["points"][i] - DATA["points"][i].mean(0)
        # One scale for both axes and all layers.
        scales.append((drawn * points).sum() / (points * points).sum())
        np.testing.assert_allclose(drawn, points * scales[0], atol=0.02)
        shares = [f"{100 * x:.0f}%" for x in DATA["kept"][i]]
        assert " + ".join(shares) in page.locator(".note").inner_text()


@pytest.mark.parametrize("width", [1280, 390])
def test_an_attention_sink_leaves_room_for_the_other_points(open_page, width):
    # Like the states of SmolLM2: one norm is 150 times the others in the middle layers.
    rng = np.random.default_rng(1)
    x = rng.normal(size=(5, 16, 64)) + 3
    x[1:4, 0] = rng.normal(size=64) * 500
    names = [f"word{i}" for i in range(16)]
    page = open_page(embeddings(x, names, exclude=[0]), width=width)
    box = page.locator(".view svg").bounding_box()
    for i in range(5):
        layer(page, i)
        spread = np.ptp(places(page)[1:], axis=0)
        assert spread.min() > 0.4 * min(box["width"], box["height"])
        shown = page.locator(".point text[visibility=visible]").count()
        assert shown >= 14
    assert "fitted without \u2068word0" in page.locator(".note").inner_text()
    assert "Norm of" in said(page)


def test_points_glide_unless_motion_is_reduced(open_page, view):
    page = open_page(view)
    count = f"{VIEW}.points.flatMap(p => p.getAnimations()).length"
    layer(page, 1)
    assert page.evaluate(count) == T
    page.emulate_media(reduced_motion="reduce")
    page.evaluate(f"Promise.all({VIEW}.points[0].getAnimations().map(a => a.finished))")
    layer(page, 2)
    assert page.evaluate(count) == 0


def test_play_walks_through_the_layers_and_stops(open_page, view):
    page = open_page(view)
    # The test is the clock: Playwright's own would hold all pages of the context.
    page.evaluate(
        """() => {
            globalThis.setInterval = (step) => { globalThis.step = step; return 1; };
            globalThis.clearInterval = () => { globalThis.step = null; };
        }"""
    )

    def tick(times):
        for _ in range(times):
            page.evaluate("globalThis.step?.()")

    page.get_by_role("button", name="Play").click()
    assert page.evaluate(f"{VIEW}.layer") == 0  # from the last, it starts again
    tick(1)
    assert page.evaluate(f"{VIEW}.layer") == 1
    page.get_by_role("button", name="Pause").click()
    tick(2)
    assert page.evaluate(f"{VIEW}.layer") == 1
    page.get_by_role("button", name="Play").click()
    tick(10)
    assert page.evaluate(f"{VIEW}.layer") == L - 1
    assert page.get_by_role("button", name="Play").is_visible()
    assert page.get_by_label("layer", exact=True).input_value() == str(L - 1)


def test_hovering_shows_the_neighbours(open_page, view):
    page = open_page(view)
    for i in (2, 8):
        circle(page, i).dispatch_event("pointerenter")
        assert page.evaluate(f"{VIEW}.at") == i
        np.testing.assert_allclose(cosines(page), DATA["cosines"][-1, i], atol=6e-3)
        near = page.evaluate(f"{VIEW}.near.map(([j]) => j)")
        assert near == DATA["near"][-1, i].tolist()
        bright = page.evaluate(
            f"{VIEW}.points.flatMap((p, j) => p.matches('.near') ? [j] : [])"
        )
        assert bright == sorted(near)


def test_a_point_is_chosen_with_the_mouse(open_page, view):
    page = open_page(view)
    box = circle(page, 5).bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert "שלום" in said(page).split("closest to")[1]


def test_keys_move_between_points_and_layers(open_page, view):
    page = open_page(view)
    page.get_by_role("combobox").focus()
    page.keyboard.press("ArrowDown")
    assert page.evaluate(f"{VIEW}.at") == 1
    page.get_by_label("layer", exact=True).focus()
    page.keyboard.press("ArrowLeft")
    assert f"At layer {L - 2}" in said(page)
    np.testing.assert_allclose(cosines(page), DATA["cosines"][L - 2, 1], atol=6e-3)


def test_one_layer_has_no_slider(open_page):
    page = open_page(embeddings(VECTORS[0], HOSTILE))
    assert page.get_by_label("layer", exact=True).count() == 0
    assert "layer" not in said(page)


def test_arrows_on_the_drawing_lead_to_the_nearest_point(open_page, view):
    page = open_page(view)
    page.locator(".view svg").focus()
    assert page.evaluate(f"{VIEW}.shadowRoot.activeElement.localName") == "svg"
    drawn = places(page)
    ways = {"ArrowLeft": (-1, 0), "ArrowRight": (1, 0), "ArrowUp": (0, -1)}
    ways["ArrowDown"] = (0, 1)
    reached, at = {0}, 0
    for key in [*ways, *reversed(ways)] * 6:
        way = np.array(ways[key])
        off = drawn - drawn[at]
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
        page.get_by_role("combobox").select_option(index=at)
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
            f"[...{VIEW}.order.children].slice(-6).map(g => g.lastChild.textContent)"
        )
        assert front[-1] == f"\u2068word{at}\u2069"
        assert {int(name[5:-1]) for name in front} == marked


def test_svg_is_saved(open_page, view):
    page = open_page(view)
    page.get_by_label("Save or copy").click()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save as SVG").click()
    assert saved.value.suggested_filename == "embeddings.svg"
    root = ET.fromstring(Path(saved.value.path()).read_text(encoding="utf-8"))
    space = "{http://www.w3.org/2000/svg}"
    assert len(list(root.iter(f"{space}circle"))) == T
    assert any(HOSTILE[0] in (text.text or "") for text in root.iter(f"{space}text"))


def test_two_views_on_a_page_are_independent(open_page, view):
    page = open_page(view, view)
    page.get_by_role("combobox").first.select_option(index=3)
    ats = page.evaluate(
        "Array.from(document.querySelectorAll('lmviz-embeddings'), v => v.at)"
    )
    assert ats == [3, 0]


@pytest.mark.parametrize("dark", [False, True])
def test_a_narrow_page_is_accessible(open_page, no_violations, view, dark):
    page = open_page(view, width=390, dark=dark)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    no_violations(page)


def test_it_fits_a_window(open_page, view):
    page = open_page(view)
    assert page.locator("lmviz-embeddings").bounding_box()["height"] <= 600


def test_hostile_labels_are_text(open_page, view):
    page = open_page(view)
    texts = page.evaluate(f"{VIEW}.points.map((p) => p.textContent)")
    assert HOSTILE[0] in texts[0]
    assert "⟨U+2028⟩" in texts[3] and "◌" in texts[4] and "⟨U+0000⟩" in texts[6]
    picture = page.locator("img")  # the view's own, for where no script runs
    assert picture.get_attribute("src").startswith("data:image/png;base64,")


def test_data_is_what_went_in(open_page, view):
    page = open_page(view)
    got = page.evaluate(
        f"(d => [[...d.near.values], [...d.points.values]])({VIEW}.data)"
    )
    np.testing.assert_array_equal(np.reshape(got[0], (L, T, 5)), DATA["near"])
    np.testing.assert_array_equal(np.reshape(got[1], (L, T, 2)), DATA["points"])
